//! The tokens of a file as the layout sees them: where they are, and what kind.

use starlark::codemap::CodeMap;
use starlark_syntax::lexer::{Lexer, Token};

use super::super::dialect;

/// The properties of a token that decide its spacing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A name, a literal.
    Word,
    /// A keyword, which has spaces around it.
    Keyword,
    /// `lambda`, whose colon is its own.
    Lambda,
    /// `(`
    Round,
    /// `[`
    Square,
    /// `{`
    Curly,
    /// `)`, `]` or `}`
    Close,
    Comma,
    Colon,
    Semicolon,
    Dot,
    /// `-`, `+`, `~`, `*` or `**`: between two values, or before one.
    Sign,
    /// Any other operator.
    Operator,
    Comment,
}

impl Kind {
    pub(super) fn opens(self) -> bool {
        matches!(self, Self::Round | Self::Square | Self::Curly)
    }

    pub(super) fn closes(self) -> bool {
        self == Self::Close
    }
}

/// A token.
#[derive(Clone, Debug)]
pub(super) struct Lexed<'a> {
    pub(super) kind: Kind,
    /// Its text in the file.
    pub(super) text: &'a str,
    /// In bytes.
    pub(super) begin: usize,
    pub(super) end: usize,
    /// The column in which it begins, from 0.
    pub(super) column: usize,
    /// The number of enclosing blocks.
    pub(super) depth: usize,
}

impl Lexed<'_> {
    /// The properties that the layout must not change.
    pub(super) fn told(&self) -> (Kind, &str, usize) {
        let depth = if self.kind == Kind::Comment { 0 } else { self.depth };
        (self.kind, self.text.trim_end_matches(['\r', ' ', '\t']), depth)
    }
}

/// The tokens of a file that was parsed before, without those for line breaks.
pub(super) fn lex<'a>(file: &str, text: &'a str) -> Vec<Lexed<'a>> {
    let map = CodeMap::new(file.to_owned(), text.to_owned());
    let mut lexed = Vec::new();
    let mut depth = 0_usize;
    let mut format_string: Option<usize> = None;
    for (begin, token, end) in Lexer::new(text, &dialect(), map).filter_map(Result::ok) {
        match &token {
            Token::Indent => depth += 1,
            Token::Dedent => depth = depth.saturating_sub(1),
            Token::FStringStart(_) => format_string = Some(begin),
            _ => {}
        }
        let (begin, kind) = match (format_string, &token) {
            (Some(begin), Token::FStringEnd) => {
                format_string = None;
                (begin, Kind::Word)
            }
            (Some(_), _) | (_, Token::Indent | Token::Dedent | Token::Newline | Token::Tabs) => continue,
            (None, token) => (begin, kind(token)),
        };
        let line = text[..begin].rfind('\n').map_or(0, |at| at + 1);
        lexed.push(Lexed { kind, text: &text[begin..end], begin, end, column: begin - line, depth });
    }
    lexed
}

fn kind(token: &Token) -> Kind {
    match token {
        Token::Comment(_) => Kind::Comment,
        Token::OpeningRound => Kind::Round,
        Token::OpeningSquare => Kind::Square,
        Token::OpeningCurly => Kind::Curly,
        Token::ClosingRound | Token::ClosingSquare | Token::ClosingCurly => Kind::Close,
        Token::Comma => Kind::Comma,
        Token::Colon => Kind::Colon,
        Token::Semicolon => Kind::Semicolon,
        Token::Dot => Kind::Dot,
        Token::Minus | Token::Plus | Token::Tilde | Token::Star | Token::StarStar => Kind::Sign,
        Token::Lambda => Kind::Lambda,
        Token::And
        | Token::Break
        | Token::Continue
        | Token::Def
        | Token::Elif
        | Token::Else
        | Token::For
        | Token::If
        | Token::In
        | Token::Load
        | Token::Not
        | Token::Or
        | Token::Pass
        | Token::Return => Kind::Keyword,
        Token::Identifier(_)
        | Token::Int(_)
        | Token::Float(_)
        | Token::String(_)
        | Token::Bytes(_)
        | Token::Ellipsis => Kind::Word,
        _ => Kind::Operator,
    }
}
