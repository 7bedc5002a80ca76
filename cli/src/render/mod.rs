//! Output for the user: answers on stdout, everything else on stderr.

mod board;
mod noted;
mod streamed;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use serde::Serialize;

use stele::answers::{
    Added, Collected, Counts, Entry, Info, Mount, Progress, Rebuilt, Root, Status, Verified, What,
};
use stele::builds::Event;
use stele::failure::{Failure, Kind};
use stele::service::Sink;
use stele::{Observer, UntrustedLines};

pub use board::Board;
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

    /// Prints a line to stderr if that is a terminal.
    pub fn narrate(&self, text: &str) {
        if io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{}", clean(text));
        }
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

/// Prints a note to stderr.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "note: {}", clean(text));
}

/// Prints a line to stderr.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{}", clean(text));
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
    let mut err = io::stderr().lock();
    if json && let Ok(object) = serde_json::to_string(failure) {
        let _ = writeln!(err, "{object}");
        return;
    }
    let _ = writeln!(err, "error: {}", clean(&failure.message));
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "hint: {}", clean(hint));
    }
}

fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// `n things`, with the right plural.
fn some(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Summary of an import, for stderr.
pub fn added(path: &Path, it: &Added) -> String {
    let kept = match (&it.root, it.leased_until) {
        (Some(root), _) => format!("kept by root {root}"),
        (None, Some(until)) => {
            let minutes = until.saturating_sub(stele_store::now()).div_ceil(60);
            format!(
                "kept for {}; `stele store root add NAME REF` keeps it permanently",
                some(minutes, "minute")
            )
        }
        (None, None) => "not kept: the next garbage collection removes it".to_owned(),
    };
    let (blobs, new) = (some(it.blobs, "file"), HumanCount(it.new_blobs));
    format!("{}: {blobs}, {}; {new} new, {}; {kept}", path.display(), bytes(it.bytes), bytes(it.new_bytes))
}

pub fn info(info: &Info) -> String {
    let kind = if info.kind == What::Tree { "tree" } else { "blob" };
    let mut lines = vec![("kind", kind.to_owned()), ("digest", info.digest.to_string())];
    lines.push(("size", format!("{} ({} bytes)", bytes(info.size), info.size)));
    lines.extend(info.sha256.map(|it| ("sha256", it.to_string())));
    lines.extend(info.placement.clone().map(|it| ("placement", it)));
    lines.extend(info.file.clone().map(|it| ("file", it)));
    lines.extend(info.entries.map(|it| ("entries", it.to_string())));
    if let Some(closure) = info.closure {
        let (trees, blobs) = (some(closure.trees, "tree"), some(closure.blobs, "blob"));
        lines.push(("closure", format!("{trees}, {blobs}, {}", bytes(closure.bytes))));
    }
    lines.push(("roots", if info.roots.is_empty() { "none".to_owned() } else { info.roots.join(" ") }));
    lines.iter().map(|(name, value)| format!("{name:10}{value}\n")).collect()
}

pub fn roots(roots: &[Root]) -> String {
    let kind = |root: &Root| if root.kind == What::Tree { 'd' } else { 'f' };
    roots.iter().map(|root| format!("{} {} {}\n", kind(root), root.digest, root.name)).collect()
}

pub fn collected(collected: &Collected) -> String {
    let it = &collected.counts;
    let verb = if collected.dry_run { "would remove" } else { "removed" };
    let (trees, blobs) = (some(it.removed_trees, "tree"), some(it.removed_blobs, "blob"));
    let mut text = format!("{verb} {trees} and {blobs}, {}\n", bytes(it.removed_bytes));
    if it.removed_strays > 0 {
        text += &format!("{verb} {} that the database does not list\n", some(it.removed_strays, "file"));
    }
    if it.freed_bytes > 0 {
        text += &format!("the disk got back {}\n", bytes(it.freed_bytes));
    }
    let (trees, blobs) = (some(it.live_trees, "tree"), some(it.live_blobs, "blob"));
    text += &format!("kept {trees} and {blobs}, {}\n", bytes(it.live_bytes));
    if it.leased_bytes > 0 {
        let (leases, held) = (some(it.leases, "lease"), bytes(it.leased_bytes));
        text += &format!("of those, {held} are kept only by {leases}; --end-leases ends temporary leases\n");
    }
    text
}

pub fn verified(it: &Verified) -> String {
    let (trees, blobs) = (some(it.trees, "tree"), some(it.blobs, "blob"));
    let mut text = format!("verified {trees} and {blobs}, {}\n", bytes(it.bytes));
    for finding in &it.findings {
        let kind = if finding.kind == What::Tree { "tree" } else { "blob" };
        text += &format!("{kind} {}: {}\n", finding.digest, finding.problem);
        if let Some(path) = &finding.moved_to {
            text += &format!("  moved to {path}\n");
        }
        for place in &finding.used_by {
            text += &format!("  used by {place}\n");
        }
    }
    match it.findings.len() as u64 {
        0 => text += "all content matches its digest\n",
        n => {
            text += &format!("{} found; storing the same content again repairs a blob\n", some(n, "problem"));
        }
    }
    text
}

pub fn counts(it: &Counts) -> String {
    let blobs = it.inline_blobs + it.file_blobs;
    let mut text = format!("store         {}\n", it.store);
    text += &format!("roots         {}, and {}\n", it.roots, some(it.leases, "lease"));
    text += &format!("trees         {}, {}\n", HumanCount(it.trees), bytes(it.tree_bytes));
    text += &format!("blobs         {}, {}\n", HumanCount(blobs), bytes(it.inline_bytes + it.file_bytes));
    text += &format!("  in database {}, {}\n", HumanCount(it.inline_blobs), bytes(it.inline_bytes));
    text += &format!("  in files    {}, {}\n", HumanCount(it.file_blobs), bytes(it.file_bytes));
    if it.quarantined_blobs > 0 {
        text += &format!("  quarantined {}\n", HumanCount(it.quarantined_blobs));
    }
    text += &format!("on disk       {}\n", bytes(it.disk_bytes));
    text += &format!("added         {} in all, ", bytes(it.added_bytes));
    text += &format!("{} of it deduplicated\n", bytes(it.deduplicated_bytes));
    text
}

pub fn status(it: &Status) -> String {
    if !it.running {
        return format!("no daemon runs for {}; the next command starts one\n", it.store);
    }
    let version = it.version.as_deref().unwrap_or("unknown");
    let mut text = format!("a daemon of stele {version} serves {}\n", it.store);
    text += &format!("process       {}\n", it.pid.unwrap_or(0));
    if let (Some(up), Some(idle)) = (it.up_seconds, it.idle_seconds) {
        text += &format!("up            {up} s\nidle limit    {idle} s\n");
    }
    if let Some(mounts) = it.mounts {
        text += &format!("mounts        {mounts}\n");
    }
    text + &format!("working on    {}\n", some(it.working.unwrap_or(0), "request"))
}

pub fn mounts(mounts: &[Mount]) -> String {
    let line = |it: &Mount| {
        let reads = if it.passthrough { "passthrough" } else { "checked" };
        let (files, nodes) = (some(it.open_files, "open file"), some(it.known_nodes, "cached node"));
        format!("{}  {reads}, {files}, {nodes}\n", it.path)
    };
    mounts.iter().map(line).collect()
}

pub fn rebuilt(it: &Rebuilt) -> String {
    let mut text = format!("recovered {}, ", some(it.files, "payload file"));
    text += &format!("{} and {}\n", some(it.inline_blobs, "small blob"), some(it.trees, "tree"));
    if it.quarantined > 0 {
        text += &format!("{} were corrupt and moved to quarantine\n", some(it.quarantined, "payload file"));
    }
    if it.incomplete_trees > 0 {
        text += &format!("dropped {}: each has lost content\n", some(it.incomplete_trees, "tree"));
    }
    text += &format!("restored {}\n", some(it.roots, "root"));
    for root in &it.lost_roots {
        text += &format!("root {} is lost for now: {} is incomplete\n", root.name, root.digest);
    }
    if !it.lost_roots.is_empty() {
        text += "importing the same content again, or another rebuild with --from, restores such a root\n";
    }
    for path in &it.old_database {
        text += &format!("the old database could only be read in part; it is kept in {path}\n");
    }
    text
}
