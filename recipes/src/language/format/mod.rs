//! The one way in which recipes are laid out: `stele recipe fmt`.
//!
//! Only white space changes. Where lines are broken is the author's choice; how far they are indented, and what
//! stands between two tokens, is not. The result is read again, and has to have the same tokens.

mod spacing;
mod tokens;

use starlark::syntax::AstModule;

use super::error::EvalError;
use super::modules::language_error;
use super::{depth, dialect};
use spacing::space_between;
use tokens::{Kind, Lexed, lex};

/// The columns of one level.
const LEVEL: usize = 4;
/// The maximum number of consecutive empty lines.
const MAX_EMPTY: usize = 2;

/// `text`, the file `file`, laid out.
///
/// # Errors
/// When it is not Starlark.
pub fn format(file: &str, text: &str) -> Result<String, EvalError> {
    depth::check(file, text)?;
    let parse = |text: &str| {
        AstModule::parse(file, text.to_owned(), &dialect())
            .map_err(|error| language_error(&error, &file.into()))
    };
    parse(text)?;
    let laid_out = lay_out(text, &lex(file, text));
    // Never seen to fail; were it to, the author's own layout is better than a spoiled file.
    let same = parse(&laid_out).is_ok()
        && lex(file, &laid_out).iter().map(Lexed::told).eq(lex(file, text).iter().map(Lexed::told));
    Ok(if same { laid_out } else { text.to_owned() })
}

fn lay_out(text: &str, lexed: &[Lexed<'_>]) -> String {
    let mut out = String::with_capacity(text.len());
    // The line on which each open bracket was opened, counted in what is written.
    let mut open: Vec<(usize, Kind)> = Vec::new();
    let mut line = 0;
    let mut before: Option<&Lexed<'_>> = None;
    for (at, token) in lexed.iter().enumerate() {
        let breaks = before.map_or(0, |before| newlines(&text[before.end..token.begin]));
        if token.kind.closes() {
            open.pop();
        }
        let continued = before.is_some_and(|before| text[before.end..token.begin].contains('\\'));
        if let Some(before) = before {
            if breaks > 0 {
                let empty = if open.is_empty() && !token.kind.closes() { MAX_EMPTY } else { 1 };
                if continued {
                    out.push_str(" \\");
                }
                out.push_str(&"\n".repeat(breaks.min(empty + 1)));
                line += 1;
                // A line that begins with closing brackets is indented as for the last of them.
                let more = leading_closers(text, &lexed[at..]).saturating_sub(1);
                let brackets = levels(&open[..open.len().saturating_sub(more)]);
                let block = if token.kind == Kind::Comment && open.is_empty() {
                    comment_depth(lexed, at, before)
                } else {
                    token.depth
                };
                out.push_str(&" ".repeat((block + brackets + usize::from(continued)) * LEVEL));
            } else {
                let inside = open.last().map(|(_, kind)| *kind);
                let before_that = at.checked_sub(2).map(|at| &lexed[at]);
                out.push_str(space_between(before_that, before, token, inside));
            }
        }
        out.push_str(token.text.trim_end_matches(['\r', ' ', '\t']));
        line += newlines(token.text);
        if token.kind.opens() {
            open.push((line, token.kind));
        }
        before = Some(token);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// How many closing brackets stand at the beginning of the line that begins with these tokens.
fn leading_closers(text: &str, line: &[Lexed<'_>]) -> usize {
    let mut end = line.first().map_or(0, |token| token.begin);
    let on_this_line = line.iter().take_while(|token| {
        let same = newlines(&text[end..token.begin]) == 0;
        end = token.end;
        same && token.kind.closes()
    });
    on_this_line.count()
}

/// How many levels open brackets indent: brackets that were opened on one line indent once.
fn levels(open: &[(usize, Kind)]) -> usize {
    let mut lines: Vec<usize> = open.iter().map(|(line, _)| *line).collect();
    lines.dedup();
    lines.len()
}

/// The block that a comment on a line of its own belongs to: that of the next line, unless it stands further in.
fn comment_depth(lexed: &[Lexed<'_>], at: usize, before: &Lexed<'_>) -> usize {
    let next = lexed[at..].iter().find(|token| token.kind != Kind::Comment);
    match next {
        Some(next) if lexed[at].column > next.column => before.depth.max(next.depth),
        Some(next) => next.depth,
        None if lexed[at].column > 0 => before.depth,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        assert_eq!(format("a.star", text).unwrap(), expected);
        assert_eq!(format("a.star", expected).unwrap(), expected, "it is not the same a second time");
    }

    #[test]
    fn what_is_no_starlark_is_refused() {
        assert!(format("a.star", "x = (").is_err());
        assert!(format("a.star", &"(".repeat(100_000)).is_err());
    }

    #[test]
    fn spaces_are_where_they_belong() {
        becomes("x=1", "x = 1\n");
        becomes("x = f( a,b = 2 , *c,** d )", "x = f(a, b = 2, *c, **d)\n");
        becomes("x = [ 1,2 , ] + {  'a':1 }['a']", "x = [1, 2,] + {'a': 1}['a']\n");
        becomes("x = a [1 :2] [ : : -1]", "x = a[1:2][::-1]\n");
        becomes("x = -1 - -2*+3 if not a else b", "x = -1 - -2 * +3 if not a else b\n");
        becomes("x = [-a for a in b if a not in (1,)]", "x = [-a for a in b if a not in (1,)]\n");
        becomes("y = lambda x,*z:x+1", "y = lambda x, *z: x + 1\n");
        becomes("x.y . z(  )", "x.y.z()\n");
        becomes("x = f'{a} b'+'c'", "x = f'{a} b' + 'c'\n");
    }

    #[test]
    fn blocks_and_brackets_are_indented() {
        becomes(
            "def f(a,b:int=1)->str:\n  if a:\n        return 'x'\n  elif b :\n   pass\n  else:\n   pass\n",
            "def f(a, b: int = 1) -> str:\n    if a:\n        return 'x'\n    elif b:\n        pass\n    \
             else:\n        pass\n",
        );
        becomes(
            "x = recipe(\nname='a',\n  sources=[source(\n sha256 = 'b',\n      )],\n)",
            "x = recipe(\n    name = 'a',\n    sources = [source(\n        sha256 = 'b',\n    )],\n)\n",
        );
        becomes("x = f(a,\n  b)", "x = f(a,\n    b)\n");
    }

    #[test]
    fn texts_are_left_as_they_are() {
        becomes("x = \"\"\"a\n  b   \n\tc\"\"\"", "x = \"\"\"a\n  b   \n\tc\"\"\"\n");
        becomes("x = f(\n'''a\n b''',\n1)", "x = f(\n    '''a\n b''',\n    1)\n");
        becomes("x = r'\\d  '", "x = r'\\d  '\n");
    }

    #[test]
    fn comments_stay_with_what_they_are_about() {
        becomes("# a  \nx = 1# b\n", "# a\nx = 1  # b\n");
        becomes(
            "def f():\n  # one\n  x = 1\n  # two\n# three\ny = 2",
            "def f():\n    # one\n    x = 1\n    # two\n# three\ny = 2\n",
        );
        becomes("x = [\n# a\n1, # b\n]", "x = [\n    # a\n    1,  # b\n]\n");
        becomes("x = 1\n\n# the end", "x = 1\n\n# the end\n");
    }

    #[test]
    fn empty_lines_are_few() {
        becomes("\n\n\nx = 1\n\n\n\n\ny = 2\n\n\n", "x = 1\n\n\ny = 2\n");
        becomes("x = [\n\n\n1,\n\n\n2]", "x = [\n\n    1,\n\n    2]\n");
        becomes("", "");
        becomes("\r\nx = 1\r\ny = 2\r\n", "x = 1\ny = 2\n");
    }
}
