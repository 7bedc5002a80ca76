//! How deeply a file nests, computed from its tokens before it is parsed.
//!
//! The parser, the compiler and the destructors walk expressions by recursion: an expression that nests as deeply as a
//! file can hold would end the stack, and the process with it.

use starlark::codemap::{CodeMap, Pos, Span as FileRange};
use starlark_syntax::lexer::{Lexer, Token};

use super::dialect;
use super::error::{EvalError, Label, What};
use super::spans;

/// The maximum number of tokens of one expression between two commas, those around it included: each can be one level.
const MAX_TOKENS: usize = 5_000;
/// The maximum number of nested blocks; every `elif` is one.
const MAX_BLOCKS: usize = 500;

/// Refuses a file that nests too deeply. Text that is not Starlark passes: the parser's error is better.
pub(super) fn check(file: &str, text: &str) -> Result<(), EvalError> {
    let map = CodeMap::new(file.to_owned(), text.to_owned());
    // Tokens since the last comma, for each bracket that is open.
    let mut open = vec![0_usize];
    let mut tokens = 0;
    let (mut blocks, mut elifs) = (0_usize, 0_usize);
    for lexeme in Lexer::new(text, &dialect(), map.clone()) {
        let Ok((begin, token, end)) = lexeme else { return Ok(()) };
        let innermost = open.len() - 1;
        match token {
            Token::Comment(_) => continue,
            Token::Newline | Token::Comma | Token::Semicolon => {
                tokens -= open[innermost];
                open[innermost] = 0;
            }
            Token::Indent => blocks += 1,
            Token::Dedent => blocks = blocks.saturating_sub(1),
            Token::Elif => elifs += 1,
            Token::OpeningRound | Token::OpeningSquare | Token::OpeningCurly => {
                (open[innermost], tokens) = (open[innermost] + 1, tokens + 1);
                open.push(0);
            }
            Token::ClosingRound | Token::ClosingSquare | Token::ClosingCurly if open.len() > 1 => {
                tokens -= open.pop().unwrap_or(0);
            }
            _ => (open[innermost], tokens) = (open[innermost] + 1, tokens + 1),
        }
        if tokens > MAX_TOKENS || blocks + elifs > MAX_BLOCKS {
            // A file has less than 4 GiB: its size was checked.
            let position = |at: usize| Pos::new(u32::try_from(at).unwrap_or(u32::MAX));
            let span = map.file_span(FileRange::new(position(begin), position(end.max(begin))));
            let label = Label::new(spans::of(&span), "here");
            return Err(EvalError::new(What::Deep { file: file.to_owned() }, vec![label]));
        }
    }
    Ok(())
}
