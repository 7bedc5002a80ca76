//! Output for the user: answers on stdout, everything else on stderr.

mod answers;
mod board;
mod log_lines;
pub mod manner;
mod noted;
mod streamed;
pub mod transfer;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::builder::styling::Style;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::timeline::Timeline;
use stele::answers::{Entry, Progress};
use stele::builds::Event;
use stele::failure::{Failure, Kind};
use stele::service::Sink;
use stele::{Observer, UntrustedLines};

pub use answers::{
    added, collected, counts, info, mounts, past_roots, rebuilt, roots, status, usage, verified,
};
pub use board::Board;
use manner::{BAD, DIM, HINT, NOTE, PLAIN, Volume, paint};
pub use noted::Noted;
use streamed::Streamed;

/// How entries are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listing {
    /// Kind, size, the first digits, name.
    Short,
    /// Kind, whole digest, bytes, name.
    Long,
    /// Indented by depth.
    Tree,
}

/// The terminal: shows listings, bytes and progress.
pub struct Terminal {
    /// Whether answers are JSON.
    pub json: bool,
    listing: Listing,
    out: io::BufWriter<io::Stdout>,
    bar: Option<ProgressBar>,
    /// Whether bytes are flushed as they arrive.
    live: bool,
    /// Where bytes are shown as text that controls no terminal.
    shown: Option<Streamed>,
    /// Shows the events of builds.
    board: Board,
    /// Whether each parent directory has more entries: for the lines of a tree.
    open: Vec<bool>,
}

impl Terminal {
    pub fn new(json: bool) -> Self {
        let out = io::BufWriter::with_capacity(1 << 16, io::stdout());
        Self {
            json,
            listing: Listing::Short,
            out,
            bar: None,
            live: false,
            shown: None,
            board: Board::new(json),
            open: Vec::new(),
        }
    }

    /// Chooses how entries are shown.
    pub fn list(&mut self, listing: Listing) {
        self.listing = listing;
    }

    /// Bytes are the answer: they are written unchanged, without a progress bar.
    pub fn raw(&mut self) {
        self.bar = Some(ProgressBar::hidden());
    }

    /// Bytes are what a stranger wrote for people to read: on a terminal they control nothing.
    pub fn text(&mut self) {
        self.raw();
        self.shown = io::stdout().is_terminal().then(Streamed::default);
    }

    /// Bytes are flushed as they arrive, without buffering.
    pub fn live(&mut self) {
        self.live = true;
    }

    /// Prints a line to stderr if that is a terminal, or if more is to be told.
    pub fn narrate(&self, text: &str) {
        let volume = manner::volume();
        if volume == Volume::Verbose || (volume == Volume::Normal && io::stderr().is_terminal()) {
            tell(text);
        }
    }

    /// The output of builds is shown while they run.
    pub fn print_build_logs(&mut self) {
        self.board.print_build_logs();
    }

    /// The times of builds are noted.
    pub fn record(&mut self) {
        self.board.record();
    }

    /// The times of builds, if they were to be noted.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.board.timeline()
    }

    /// Sums up the result of a request to build, once it is over, and how many sources were fetched for it.
    pub fn summarise(&self, fetched: usize) {
        self.board.summarise(fetched);
    }

    /// The request is over.
    ///
    /// # Errors
    /// When its answer could not be written.
    pub fn finish(&mut self) -> Result<(), Failure> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.board.clear();
        self.out.flush().map_err(|e| Failure::unwritten(&e))
    }
}

/// Text for a terminal: control characters and those that change the direction of writing are shown by
/// number.
pub fn clean(text: &str) -> String {
    UntrustedLines(text).to_string()
}

impl Sink for Terminal {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        require_stdout()?;
        if self.json {
            serde_json::to_writer(&mut self.out, &entry)?;
            return self.out.write_all(b"\n");
        }
        let target = entry.target.as_ref().map(|target| format!(" -> {target}")).unwrap_or_default();
        let digest = entry.digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        match self.listing {
            Listing::Short => {
                let size = if entry.kind == 'd' { String::new() } else { HumanBytes(entry.size).to_string() };
                let digest = digest.get(..16).unwrap_or(&digest);
                writeln!(self.out, "{} {size:>11}  {digest:16}  {}{target}", entry.kind, entry.path)
            }
            Listing::Long => {
                writeln!(self.out, "{} {digest:64} {:>12} {}{target}", entry.kind, entry.size, entry.path)
            }
            Listing::Tree => {
                self.open.truncate(entry.depth);
                let before: String =
                    self.open.iter().map(|more| if *more { "│   " } else { "    " }).collect();
                self.open.push(!entry.last);
                let branch = if entry.last { "└── " } else { "├── " };
                let name = entry.path.rsplit('/').next().unwrap_or(&entry.path);
                let mark = match entry.kind {
                    'd' => "/",
                    'x' => "*",
                    _ => "",
                };
                writeln!(self.out, "{before}{branch}{name}{mark}{target}")
            }
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.board.show(event)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        require_stdout()?;
        match &mut self.shown {
            Some(shown) => self.out.write_all(shown.show(bytes).as_bytes())?,
            None => self.out.write_all(bytes)?,
        }
        if self.live { self.out.flush() } else { Ok(()) }
    }
}

impl Observer for Terminal {
    fn progress(&mut self, progress: Progress) {
        if self.board.is_used() {
            return self.board.look();
        }
        if manner::volume() == Volume::Quiet {
            return;
        }
        // indicatif draws nothing when stderr is not a terminal.
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(0);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        let style = if progress.total_bytes > 0 {
            "{spinner} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {msg}"
        } else {
            "{spinner} {bytes}, {bytes_per_sec}, {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} items", HumanCount(progress.items)));
    }

    fn note(&mut self, text: &str) {
        note(text);
    }
}

/// Prints a line to stderr for those who want all of them.
pub fn detail(text: &str) {
    if manner::volume() == Volume::Verbose {
        tell_in(&[(DIM, text)]);
    }
}

/// Prints a note to stderr.
pub fn note(text: &str) {
    tell_in(&[(NOTE, "note:"), (PLAIN, " "), (PLAIN, text)]);
}

/// Prints a line to stderr.
pub fn tell(text: &str) {
    tell_in(&[(PLAIN, text)]);
}

/// Prints a line to stderr, each part in its style.
pub fn tell_in(parts: &[(Style, &str)]) {
    let line: String = parts.iter().map(|(style, text)| paint(*style, &clean(text))).collect();
    let _ = writeln!(io::stderr(), "{line}");
}

/// Fails when stdout was closed: /dev/null stands in its place, and an answer would be lost without a word.
fn require_stdout() -> io::Result<()> {
    if crate::sys::stdout_was_closed() { Err(rustix::io::Errno::BADF.into()) } else { Ok(()) }
}

/// Writes an answer that a person reads to stdout. Whatever text is in it, of recipes, images or other stores, it
/// controls no terminal; only within a line a newline has to be escaped where it comes from.
pub fn out(text: &[u8]) -> Result<(), Failure> {
    exact(clean(&String::from_utf8_lossy(text)).as_bytes())
}

/// Writes bytes to stdout as they are: for programs, or of this program's own making.
pub fn exact(bytes: &[u8]) -> Result<(), Failure> {
    require_stdout().map_err(|e| Failure::unwritten(&e))?;
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| Failure::unwritten(&e))
}

/// Writes an answer to stdout as one line of JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(value).map_err(|e| Failure::new(Kind::Failed, e.to_string()))?;
    line.push(b'\n');
    exact(&line)
}

/// Prints the fact, then the hint, to stderr; with `json`, as one object. Nothing when the reader closed the pipe.
pub fn failure(failure: &Failure, json: bool) {
    if failure.message.is_empty() {
        return;
    }
    if json && let Ok(object) = serde_json::to_string(failure) {
        let _ = writeln!(io::stderr(), "{object}");
        return;
    }
    tell_in(&[(BAD, "error:"), (PLAIN, " "), (PLAIN, &failure.message)]);
    if let Some(hint) = &failure.hint {
        tell_in(&[(HINT, "hint:"), (PLAIN, " "), (PLAIN, hint)]);
    }
}
