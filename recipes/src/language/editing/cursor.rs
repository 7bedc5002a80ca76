//! What is under the cursor. Tokens tell, so it works in a file that is being written and has no syntax yet.

use std::ops::Range;

use starlark::codemap::CodeMap;
use starlark_syntax::lexer::{Lexer, Token};

use super::super::dialect;

/// The cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// What is under it, or directly before it.
    pub item: CursorItem,
    /// The call whose arguments it is among, when one could begin there.
    pub call: Option<OpenCall>,
}

/// What is under the cursor; ranges are of bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CursorItem {
    /// A name.
    Name {
        /// It.
        name: String,
        /// Where it is.
        at: Range<usize>,
    },
    /// The name of an argument, with a `=` after it.
    Argument {
        /// The function that is called.
        function: String,
        /// The name.
        name: String,
        /// Where it is.
        at: Range<usize>,
    },
    /// The file in a `load`.
    LoadPath {
        /// It, as it is written so far.
        text: String,
        /// Where it is, without its quotes.
        at: Range<usize>,
    },
    /// A name in a `load`.
    LoadedName {
        /// The file.
        path: String,
        /// The name.
        name: String,
        /// Where it is, without its quotes.
        at: Range<usize>,
    },
    /// What follows a dot, other text, or a comment.
    Text,
    /// Nothing: here a name can begin.
    Nothing,
}

/// A call whose closing bracket is after the cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenCall {
    /// The name of the function.
    pub function: String,
    /// The arguments that it is given by name before the cursor.
    pub given: Vec<String>,
}

/// A bracket that is open.
#[derive(Default)]
struct Open {
    /// The function, if it is a call by a plain name.
    function: Option<String>,
    is_load: bool,
    /// The first string in it.
    path: Option<String>,
    given: Vec<String>,
    /// Whether a `=` came since the last comma.
    in_value: bool,
}

/// The end of the tokens before the cursor.
#[derive(Default)]
struct Before {
    name: Option<String>,
    /// Whether a dot precedes what comes next.
    dot: bool,
    load: bool,
    def: bool,
}

impl Cursor {
    /// What is under the cursor before the byte `at` of `text`.
    pub fn at(text: &str, at: usize) -> Self {
        let mut open: Vec<Open> = vec![Open::default()];
        let (mut before, mut end_of_last) = (Before::default(), 0);
        let map = CodeMap::new(String::new(), text.to_owned());
        let mut tokens = Lexer::new(text, &dialect(), map).peekable();
        let mut item = None;
        while let Some(lexeme) = tokens.next() {
            let Ok((begin, token, end)) = lexeme else {
                item = unfinished(text, end_of_last, at, open.last());
                break;
            };
            if begin > at {
                break;
            }
            if covers(&token, begin, at, end) {
                let is_argument = matches!(tokens.peek(), Some(Ok((_, Token::Equal, _))));
                item = Some(under(text, token, begin..end, is_argument, &before, open.last()));
                break;
            }
            if end > at {
                break;
            }
            advance(token, &mut before, &mut open);
            end_of_last = end;
        }
        let item = item.unwrap_or(if before.dot { CursorItem::Text } else { CursorItem::Nothing });
        let begins =
            matches!(item, CursorItem::Name { .. } | CursorItem::Argument { .. } | CursorItem::Nothing);
        let innermost = open.pop().filter(|it| begins && !it.in_value && !it.is_load);
        let call = innermost.and_then(|it| Some(OpenCall { function: it.function?, given: it.given }));
        Self { item, call }
    }
}

/// Whether the cursor is in a token, or directly after it where it can be continued.
fn covers(token: &Token, begin: usize, at: usize, end: usize) -> bool {
    match token {
        Token::Identifier(_) | Token::Reserved => begin <= at && at <= end,
        Token::Comment(_) => begin < at && at <= end,
        Token::String(_) | Token::Bytes(_) | Token::FStringText(_) => begin < at && at < end,
        _ => false,
    }
}

fn under(
    text: &str,
    token: Token,
    range: Range<usize>,
    is_argument: bool,
    before: &Before,
    open: Option<&Open>,
) -> CursorItem {
    match token {
        Token::Identifier(_) if before.dot => CursorItem::Text,
        Token::Identifier(name) => match open.and_then(|it| it.function.clone()) {
            Some(function) if is_argument => CursorItem::Argument { function, name, at: range },
            _ => CursorItem::Name { name, at: range },
        },
        Token::String(_) => {
            let inside = range.start + 1..range.end.saturating_sub(1).max(range.start + 1);
            within_load(text, inside, open)
        }
        _ => CursorItem::Text,
    }
}

/// The string at these bytes, if it is one of a `load`.
fn within_load(text: &str, at: Range<usize>, open: Option<&Open>) -> CursorItem {
    let Some(written) = text.get(at.clone()) else { return CursorItem::Text };
    match open {
        Some(Open { is_load: true, path: Some(path), .. }) => {
            CursorItem::LoadedName { path: path.clone(), name: written.to_owned(), at }
        }
        Some(Open { is_load: true, .. }) => CursorItem::LoadPath { text: written.to_owned(), at },
        _ => CursorItem::Text,
    }
}

/// What is under the cursor when the next token is not complete: a string that is being written, most of the time.
fn unfinished(text: &str, from: usize, at: usize, open: Option<&Open>) -> Option<CursorItem> {
    let written = text.get(from..at)?;
    let quote = written.find(['"', '\''])?;
    let inside = from + quote + 1..at;
    let on_its_line = !text.get(inside.clone())?.contains('\n');
    on_its_line.then(|| within_load(text, inside, open))
}

/// Goes past a token that ends before the cursor.
fn advance(token: Token, before: &mut Before, open: &mut Vec<Open>) {
    let was = std::mem::take(before);
    let innermost = open.len() - 1;
    match token {
        Token::Identifier(name) => {
            before.name = (!was.dot && !was.def).then_some(name);
        }
        Token::Dot => before.dot = true,
        Token::Load => before.load = true,
        Token::Def => before.def = true,
        Token::OpeningRound => {
            open.push(Open { function: was.name, is_load: was.load, ..Open::default() });
        }
        Token::OpeningSquare | Token::OpeningCurly => open.push(Open::default()),
        Token::ClosingRound | Token::ClosingSquare | Token::ClosingCurly if innermost > 0 => {
            open.pop();
        }
        Token::Equal => {
            open[innermost].in_value = true;
            open[innermost].given.extend(was.name);
        }
        Token::Comma => open[innermost].in_value = false,
        Token::String(text) if open[innermost].path.is_none() => open[innermost].path = Some(text),
        // No name goes from one statement into the next.
        Token::Newline => {}
        _ => {}
    }
}
