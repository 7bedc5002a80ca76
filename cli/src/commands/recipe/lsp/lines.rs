//! Positions in a text: bytes here, lines and UTF-16 units in an editor, lines and characters in an error.

use std::ops::Range;

use lsp_types::Position;

/// A text and where its lines begin.
#[derive(Clone, Debug)]
pub struct Lines {
    text: String,
    begins: Vec<usize>,
}

impl Lines {
    /// Of a text.
    pub fn new(text: String) -> Self {
        let begins = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, begins }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A line, counted from 0, without its end; empty after the last.
    fn line(&self, line: usize) -> (usize, &str) {
        let Some(&begin) = self.begins.get(line) else { return (self.text.len(), "") };
        let end = self.begins.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let text = &self.text[begin..end];
        (begin, text.strip_suffix('\r').unwrap_or(text))
    }

    /// The byte of an editor's position; one that the text does not have is moved back to the nearest.
    pub fn byte(&self, position: Position) -> usize {
        let (begin, line) = self.line(usize::try_from(position.line).unwrap_or(usize::MAX - 1));
        let mut units = usize::try_from(position.character).unwrap_or(usize::MAX);
        for (at, character) in line.char_indices() {
            if units < character.len_utf16() {
                return begin + at;
            }
            units -= character.len_utf16();
        }
        begin + line.len()
    }

    /// An editor's position of a byte; one within a character is that of the character.
    pub fn position(&self, byte: usize) -> Position {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let line = self.begins.partition_point(|begin| *begin <= byte).saturating_sub(1);
        let units = self.text[self.begins[line]..byte].encode_utf16().count();
        position(line, units)
    }

    /// An editor's range of bytes.
    pub fn range(&self, bytes: &Range<usize>) -> lsp_types::Range {
        lsp_types::Range::new(self.position(bytes.start), self.position(bytes.end))
    }

    /// An editor's position of a line and a column of characters, both counted from 1.
    pub fn of_column(&self, (line, column): (usize, usize)) -> Position {
        let (at, text) = self.line(line.saturating_sub(1));
        let before = text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(byte, _)| byte);
        self.position(at + before)
    }
}

fn position(line: usize, units: usize) -> Position {
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    Position::new(number(line), number(units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_bytes_and_characters_are_told_apart() {
        let lines = Lines::new("a\r\nü\u{1f980}x\n".to_owned());
        // ü: two bytes, one unit; the crab: four bytes, two units.
        for (line, unit, byte, column) in
            [(0, 0, 0, 1), (1, 0, 3, 1), (1, 1, 5, 2), (1, 3, 9, 3), (1, 4, 10, 4)]
        {
            assert_eq!(lines.byte(Position::new(line, unit)), byte);
            assert_eq!(lines.position(byte), Position::new(line, unit));
            assert_eq!(lines.of_column((line as usize + 1, column)), Position::new(line, unit));
        }
    }

    #[test]
    fn positions_outside_of_the_text_are_moved_into_it() {
        let lines = Lines::new("ab\nü".to_owned());
        assert_eq!(lines.byte(Position::new(0, 99)), 2);
        assert_eq!(lines.byte(Position::new(u32::MAX, u32::MAX)), 5);
        assert_eq!(lines.position(4), Position::new(1, 0));
        assert_eq!(lines.position(usize::MAX), Position::new(1, 1));
        assert_eq!(lines.of_column((0, 0)), Position::new(0, 0));
        assert_eq!(lines.of_column((9, 9)), Position::new(1, 1));
        assert_eq!(Lines::new(String::new()).byte(Position::new(3, 3)), 0);
    }
}
