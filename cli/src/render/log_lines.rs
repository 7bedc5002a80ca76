//! The lines of a log while it grows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How many bytes of a line without an end are kept before it is shown as it is.
const MAX_LINE: usize = 1 << 14;
/// How much of it is read at once.
const MAX_PART: u64 = 1 << 20;

/// A log that is being written.
pub struct LogLines {
    file: File,
    /// What has been read of a line whose end has not.
    begun: Vec<u8>,
}

impl LogLines {
    /// Opens the log at `path`. It can be read to its end when its name is gone.
    pub fn open(path: &Path) -> Option<Self> {
        Some(Self { file: File::open(path).ok()?, begun: Vec::new() })
    }

    /// The lines that have come since the last call, of at most a mebibyte; the next call has the rest.
    pub fn new_lines(&mut self) -> Vec<String> {
        // What was read before an error is shown, too.
        let _ = (&mut self.file).take(MAX_PART).read_to_end(&mut self.begun);
        let whole = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = self.begun.split_off(whole);
        let lines = std::mem::replace(&mut self.begun, rest);
        let mut lines: Vec<String> = lines.split_inclusive(|byte| *byte == b'\n').map(text).collect();
        if self.begun.len() > MAX_LINE {
            lines.push(text(&std::mem::take(&mut self.begun)));
        }
        lines
    }

    /// What is left when nothing more will be written.
    pub fn rest(mut self) -> Vec<String> {
        // A log has a limit, too.
        let parts = std::iter::from_fn(|| Some(self.new_lines()).filter(|lines| !lines.is_empty()));
        let mut lines: Vec<String> = parts.flatten().collect();
        if !self.begun.is_empty() {
            lines.push(text(&self.begun));
        }
        lines
    }
}

/// What a terminal would show of a line: a carriage return overwrites what is before it.
fn text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    text.rsplit('\r').next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_line_comes_once_and_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut lines = LogLines::open(file.path()).unwrap();
        assert!(lines.new_lines().is_empty());
        file.write_all(b"one\r\n10 %\r20 %\nha").unwrap();
        assert_eq!(lines.new_lines(), ["one", "20 %"]);
        file.write_all(b"lf\n\n").unwrap();
        assert_eq!(lines.new_lines(), ["half", ""]);
        file.write_all(&[b'x'; 40_000]).unwrap();
        assert!(lines.new_lines().iter().map(String::len).sum::<usize>() > 20_000);
        file.write_all(b"end").unwrap();
        let path = file.path().to_owned();
        file.close().unwrap();
        assert!(lines.rest().concat().ends_with("end"));
        assert!(LogLines::open(&path).is_none());
    }
}
