//! The spacing between two tokens of one line.

use super::tokens::{Kind, Lexed};

/// The spacing between `before` and `token`, with `before_that` in front of both and `inside` the innermost bracket.
pub(super) fn space_between(
    before_that: Option<&Lexed<'_>>,
    before: &Lexed<'_>,
    token: &Lexed<'_>,
    inside: Option<Kind>,
) -> &'static str {
    let is_value = |kind: Kind| matches!(kind, Kind::Word | Kind::Close);
    match (before.kind, token.kind) {
        (_, Kind::Comment) => "  ",
        (Kind::Round | Kind::Square | Kind::Curly | Kind::Dot, _) => "",
        (_, Kind::Close | Kind::Comma | Kind::Semicolon | Kind::Dot) => "",
        // A slice has no spaces around its colons; what is inside of square brackets alone is one.
        (_, Kind::Colon) => "",
        (Kind::Colon, _) if inside == Some(Kind::Square) => "",
        // A call or an index.
        (kind, Kind::Round | Kind::Square) if is_value(kind) => "",
        (Kind::Keyword, Kind::Round) if before.text == "load" => "",
        // `lambda *x: …`, and a sign that is before a value.
        (Kind::Sign, _) if is_prefix(before_that) => "",
        _ => " ",
    }
}

/// Whether a sign after `before` belongs to what follows it.
fn is_prefix(before: Option<&Lexed<'_>>) -> bool {
    before.is_none_or(|before| !matches!(before.kind, Kind::Word | Kind::Close))
}
