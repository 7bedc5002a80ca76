//! The few requests of man(7) that the pages need.

use std::fmt::Write as _;

/// The part of a page that is written here.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// Begins a section.
    pub fn section(&mut self, name: &str) {
        self.line(&format!(".SH {name}"));
    }

    /// A term, and what it means.
    pub fn item(&mut self, term: &str, meaning: &str) {
        self.line(".TP");
        self.line(&format!("\\fB{}\\fR", text(term)));
        self.line(&text(meaning));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, words: &str) {
        self.line(".PP");
        self.line(&text(words));
    }

    /// A command, and what it is for.
    pub fn example(&mut self, what: &str, command: &str) {
        self.paragraph(what);
        self.line(".PP\n.RS 4\n.nf");
        self.line(&text(command));
        self.line(".fi\n.RE");
    }

    /// The text of all of it.
    pub fn text(self) -> String {
        self.0
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Text that requests nothing: groff_man(7), "Portability".
pub fn text(words: &str) -> String {
    let escaped = words.replace('\\', "\\e").replace('-', "\\-").replace('\n', " ");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
