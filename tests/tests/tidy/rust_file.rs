//! A Rust file as the rules see it: its lines, its code as tokens without comments and literals, and which of its lines
//! are tests.
//!
//! This is not a parser. It knows enough of Rust's lexical structure never to mistake a comment or a string for code,
//! and enough of its items to find where one under `#[cfg(test)]` ends.

use std::iter::Peekable;
use std::str::CharIndices;

/// An identifier, `::`, or one other character of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// A module that a file declares with `mod name;`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) only_for_tests: bool,
}

/// The text of one file, and what the rules ask about it.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// For each line, whether it belongs to tests.
    pub(crate) in_tests: Vec<bool>,
}

/// Parses files that belong together, so that a file which its parent declares under `#[cfg(test)]` counts as tests.
pub(crate) fn parse_all(sources: impl IntoIterator<Item = (String, String)>) -> Vec<RustFile> {
    let mut files: Vec<RustFile> =
        sources.into_iter().map(|(path, text)| RustFile::parse(&path, &text)).collect();
    let mut test_modules = Vec::new();
    for file in &files {
        let folder = file.module_folder();
        let declared = file.declared_modules();
        test_modules.extend(
            declared.iter().filter(|m| m.only_for_tests).map(|module| format!("{folder}/{}", module.name)),
        );
    }
    for file in &mut files {
        let stem = file.path.trim_end_matches(".rs");
        if test_modules.iter().any(|module| stem == module || stem.starts_with(&format!("{module}/"))) {
            file.in_tests.fill(true);
        }
    }
    files
}

impl RustFile {
    /// Parses one file by itself.
    pub(crate) fn parse(path: &str, text: &str) -> RustFile {
        let tokens = tokens(&without_comments_and_literals(text));
        let mut in_tests = vec![false; text.lines().count()];
        let name = path.rsplit('/').next().unwrap_or(path);
        // The crate `tests`, the `tests` folder of a crate or module, and a module's `tests.rs`.
        if path.split('/').any(|part| part == "tests") || name == "tests.rs" {
            in_tests.fill(true);
        }
        for (first, last) in test_items(&tokens) {
            in_tests[tokens[first].line - 1..tokens[last].line].fill(true);
        }
        RustFile { path: path.to_owned(), text: text.to_owned(), tokens, in_tests }
    }

    /// The folder of the modules that this file declares.
    pub(crate) fn module_folder(&self) -> String {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        }
    }

    /// The modules that this file declares and other files hold.
    pub(crate) fn declared_modules(&self) -> Vec<Declared> {
        let tests = test_items(&self.tokens);
        let windows = self.tokens.windows(3).enumerate();
        windows
            .filter(|(_, window)| window[0].text == "mod" && window[2].text == ";")
            .map(|(at, window)| Declared {
                name: window[1].text.clone(),
                only_for_tests: tests.iter().any(|&(first, last)| (first..=last).contains(&at)),
            })
            .collect()
    }

    /// Whether a token is in a test.
    pub(crate) fn is_test(&self, token: &Token) -> bool {
        self.in_tests[token.line - 1]
    }
}

/// The first and last token of every item under an attribute like `#[cfg(test)]`, the attribute included.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut at = 0;
    while at < tokens.len() {
        let inner = text(at + 1) == "!";
        let bracket = at + 1 + usize::from(inner);
        if text(at) != "#" || text(bracket) != "[" {
            at += 1;
            continue;
        }
        let attribute_end = closing(tokens, bracket);
        let attribute = || (bracket + 1..attribute_end).map(text);
        let is_test = text(bracket + 1) == "cfg"
            && attribute().any(|t| t == "test")
            && !attribute().any(|t| t == "not");
        if !is_test {
            at = attribute_end + 1;
            continue;
        }
        let end = if inner { tokens.len() - 1 } else { item_end(tokens, attribute_end + 1) };
        found.push((at, end));
        at = end + 1;
    }
    found
}

/// The last token of the item that begins at `start`: its semicolon, or the brace that closes its body.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at,
            "{" => return closing(tokens, at),
            "(" | "[" => at = closing(tokens, at) + 1,
            // The end of the enclosing item: this was a field, not an item.
            ")" | "]" | "}" => return at - 1,
            _ => at += 1,
        }
    }
    tokens.len() - 1
}

/// The bracket that closes the one at `open`, or the last token when none does.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(Token { text: rest[..length].to_owned(), line: index + 1 });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// The same text with a space for every character of a comment, a string or a character literal; lines stay lines.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some(&(at, c)) = chars.peek() {
        let rest = &text[at..];
        let length = if is_word(c) {
            let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
            code.push_str(word);
            skip(&mut chars, at + word.len());
            // What follows tells whether the word was the prefix of a literal.
            match word {
                "r" | "br" | "cr" => raw_string(&text[at + word.len()..]),
                _ => 0,
            }
        } else {
            comment(rest).or_else(|| string(rest)).or_else(|| character(rest)).unwrap_or(0)
        };
        let end = chars.peek().map_or(text.len(), |&(at, _)| at) + length;
        match length {
            0 if is_word(c) => {}
            0 => code.extend(chars.next().map(|(_, c)| c)),
            _ => code.extend(skip(&mut chars, end).chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
    }
    code
}

/// Advances to the byte `end` and returns what was passed.
fn skip(chars: &mut Peekable<CharIndices<'_>>, end: usize) -> String {
    std::iter::from_fn(|| chars.next_if(|&(at, _)| at < end)).map(|(_, c)| c).collect()
}

/// The length of the comment that `rest` begins with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of the string, without its prefix, that `rest` begins with.
fn string(rest: &str) -> Option<usize> {
    rest.starts_with('"').then(|| quoted(rest, '"'))
}

/// The length of the character literal that `rest` begins with; a lifetime is not one.
fn character(rest: &str) -> Option<usize> {
    let mut after_quote = rest.strip_prefix('\'')?.chars();
    let is_literal = after_quote.next()? == '\\' || after_quote.next()? == '\'';
    is_literal.then(|| quoted(rest, '\''))
}

/// The length up to and with the second `quote` that no backslash escapes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

/// The length of the rest of a raw string, from its first `#` or quote; 0 when this is not one.
fn raw_string(rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if !rest[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", &rest[..hashes]);
    rest[hashes + 1..].find(&end).map_or(rest.len(), |at| hashes + 1 + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let file = RustFile::parse("store/src/a.rs", text);
        file.tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn test_lines(text: &str) -> Vec<usize> {
        let file = RustFile::parse("store/src/a.rs", text);
        (1..).zip(&file.in_tests).filter(|(_, in_tests)| **in_tests).map(|(line, _)| line).collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(words("a // b\n/* c /* d */ e */ f /// g\n//! h"), "a f");
    }

    #[test]
    fn literals_are_not_code() {
        assert_eq!(words(r##"a("b // \" c", 'd', '\'', "e\\", '"')"##), "a ( , , , , )");
        assert_eq!(
            words("r\"\\\" a r#\"b \" c\"# d br##\"e \"# f\"## g b\"h\" i b'j'"),
            "r a r d br g b i b"
        );
        assert_eq!(words("\"ü\" a 'ü' b \"two\nlines\" c"), "a b c");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(words("f<'a>(x: &'a str) 'y' r#type"), "f < ' a > ( x : & ' a str ) r # type");
    }

    #[test]
    fn lines_of_tests_end_with_their_item() {
        assert_eq!(test_lines("fn a() {}\n#[cfg(test)]\nmod tests {\n  { }\n}\nfn b() {}"), [2, 3, 4, 5]);
        assert_eq!(test_lines("#[cfg(test)]\n#[x([;])]\nfn a() -> [u8; 2] {\n}\nfn b() {}"), [1, 2, 3, 4]);
        assert_eq!(test_lines("#[cfg(all(test, unix))]\nuse a::b;\nuse c;"), [1, 2]);
        assert_eq!(test_lines("struct A {\n#[cfg(test)]\na: u8,\n}\nfn b() {}"), [2, 3]);
        assert_eq!(test_lines("#![cfg(test)]\nuse a::b;\nuse c;"), [1, 2, 3]);
    }

    #[test]
    fn code_without_tests_is_not_taken_for_tests() {
        assert_eq!(test_lines("#[cfg(not(test))]\nfn a() {}\n#[test_case]\nfn b() {}"), []);
    }

    #[test]
    fn a_file_declared_for_tests_is_tests() {
        let sources = [
            ("store/src/lib.rs", "#[cfg(test)]\nmod proofs;\nmod a;"),
            ("store/src/proofs.rs", "fn x() {}"),
            ("store/src/proofs/deep.rs", "fn x() {}"),
            ("store/src/a.rs", "fn x() {}"),
        ];
        let files = parse_all(sources.map(|(path, text)| (path.to_owned(), text.to_owned())));
        let first_lines: Vec<bool> = files.iter().map(|file| file.in_tests[0]).collect();
        assert_eq!(first_lines, [true, true, true, false]);
    }
}
