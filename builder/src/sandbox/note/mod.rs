//! Notes which process of a build writes what, for an explanation ([`crate::notes`]). The filter passes on the calls
//! that read, write, create and rename; the kernel executes each of them afterwards.
//!
//! A call is noted before it is executed, so one that fails is noted as well. A file is known by its inode and its
//! birth time, and so also after it was renamed; it is hashed when another process reads it, and at the end.

mod calls;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use stele_store::model::{Digest, escape};

pub use self::calls::{CLONING, NOTED};
use self::calls::{Does, does};
use super::answer::Caller;
use super::folder::WRITABLE;
use super::thread::{self, Thread};
use crate::notes::{Content, Notes, Process, Version, Written};

/// At most so many processes, contents, versions of them, makers and reads are noted.
const MAX_NOTED: usize = 2_000_000;
/// At most so many bytes of a file are hashed, and of one write to a pipe.
const MAX_HASHED: u64 = 1 << 30;
const MAX_PIECE: u64 = 1 << 16;
/// What is hashed at once.
const CHUNK: usize = 1 << 20;

/// What a content is known by.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Its file system, inode number and birth time.
    File(u64, u64, i64, u32),
    Pipe(Vec<u8>),
}

/// A content in the making.
struct Making {
    index: usize,
    /// Whether its last version was written to since it was hashed.
    open: bool,
    /// The digest so far, of a pipe.
    so_far: Option<Digest>,
}

/// A program that a process is about to start.
struct Start {
    argv: Vec<String>,
    /// The command line before: if it stays, the program was not started.
    before: Vec<u8>,
}

/// Takes the notes of one build.
#[derive(Default)]
pub struct Recorder {
    notes: Notes,
    making: HashMap<Key, Making>,
    /// What runs, by process ID.
    runs: HashMap<i32, usize>,
    starts: HashMap<i32, Start>,
    /// Threads and their processes.
    threads: HashMap<i32, i32>,
    order: u64,
    noted: usize,
}

impl Recorder {
    /// Notes a call that is about to be executed.
    pub(super) fn note(&mut self, caller: &Caller<'_>) {
        let Some(does) = does(caller.call) else { return };
        let thread = Thread(caller.call.thread);
        match does {
            Does::Reads(from) => self.reads(thread, from),
            Does::Writes(to, bytes) => self.writes(thread, to, caller, bytes),
            Does::Copies(from, to) => {
                self.reads(thread, from);
                self.writes(thread, to, caller, None);
            }
            Does::Makes(directory, address) => {
                let path = thread.path(directory, &caller.text(address));
                self.makes(thread, path);
            }
            Does::Changes(fd) => self.makes(thread, thread.descriptor(fd)),
            Does::Starts(address) => {
                let Some((process, _)) = self.ids(thread) else { return };
                let (argv, before) = (thread::arguments_at(caller, address), thread.command_line());
                self.starts.insert(process, Start { argv, before });
            }
            Does::Ends => {
                self.threads.remove(&thread.0);
                self.runs.remove(&thread.0);
                self.starts.remove(&thread.0);
            }
        }
    }

    /// The process of a thread, and its parent if the thread is new.
    fn ids(&mut self, thread: Thread) -> Option<(i32, Option<i32>)> {
        if let Some(process) = self.threads.get(&thread.0) {
            return Some((*process, None));
        }
        let (process, parent) = thread.process()?;
        self.threads.insert(thread.0, process);
        Some((process, Some(parent)))
    }

    /// The process of a thread, with the program that it runs now. Programs may change what proc(5) shows of their
    /// arguments, so those count that they were started with.
    fn process(&mut self, thread: Thread) -> Option<usize> {
        let (process, parent) = self.ids(thread)?;
        let start = self.starts.remove(&process).filter(|it| it.before != thread.command_line());
        if start.is_none()
            && let Some(index) = self.runs.get(&process)
        {
            return Some(*index);
        }
        self.room()?;
        let parent = parent.and_then(|it| self.runs.get(&it)).map(|it| &self.notes.processes[*it]);
        let (argv, reads) = match (start, parent) {
            // Another program knows only what it is given.
            (Some(start), _) => (start.argv, BTreeSet::new()),
            // A copy of its parent knows what that has read.
            (None, Some(parent)) => (parent.argv.clone(), parent.reads.clone()),
            (None, None) => (thread::arguments(&thread.command_line()), BTreeSet::new()),
        };
        let index = self.notes.processes.len();
        self.notes.processes.push(Process { argv, directory: text(&thread.directory()), reads });
        self.runs.insert(process, index);
        Some(index)
    }

    /// Counts something that is noted, unless there is too much.
    fn room(&mut self) -> Option<()> {
        if self.noted >= MAX_NOTED {
            self.notes.left_out += 1;
            return None;
        }
        self.noted += 1;
        Some(())
    }

    fn reads(&mut self, thread: Thread, fd: u64) {
        let name = thread.descriptor(fd);
        let Some(key) = name.as_ref().and_then(|name| key(thread, fd, name)) else { return };
        if !self.making.contains_key(&key) {
            return;
        }
        let Some(process) = self.process(thread) else { return };
        let Some(making) = self.making.get_mut(&key) else { return };
        let content = &mut self.notes.contents[making.index];
        let Some(last) = content.versions.last_mut() else { return };
        if matches!(key, Key::File(..)) && making.open && last.writers != [process] {
            last.digest = thread.open(fd).and_then(hashed);
            making.open = false;
        }
        let version = Version { content: making.index, number: content.versions.len() - 1 };
        if !self.notes.processes[process].reads.contains(&version) && self.room().is_some() {
            self.notes.processes[process].reads.insert(version);
        }
    }

    fn writes(&mut self, thread: Thread, fd: u64, caller: &Caller<'_>, bytes: Option<(u64, u64)>) {
        let Some(name) = thread.descriptor(fd) else { return };
        let Some(key) = key(thread, fd, &name) else { return };
        let Some(process) = self.process(thread) else { return };
        if !self.making.contains_key(&key) {
            if self.room().is_none() {
                return;
            }
            let path = matches!(key, Key::File(..)).then(|| text(&name));
            self.notes.contents.push(Content { path, last: None, versions: Vec::new() });
            let making = Making { index: self.notes.contents.len() - 1, open: false, so_far: None };
            self.making.insert(key.clone(), making);
        }
        let Some(making) = self.making.get_mut(&key) else { return };
        let versions = &mut self.notes.contents[making.index].versions;
        self.order += 1;
        if !making.open {
            making.open = true;
            versions.push(Written {
                writers: Vec::new(),
                order: self.order,
                until: self.order,
                digest: None,
            });
        }
        let Some(last) = versions.last_mut() else { return };
        last.until = self.order;
        if last.writers.last() != Some(&process) {
            last.writers.retain(|it| *it != process);
            last.writers.push(process);
        }
        if let (Key::Pipe(_), Some((address, count))) = (&key, bytes) {
            let piece = caller.bytes(address, count.min(MAX_PIECE));
            let before = making.so_far.map(|it| *it.as_bytes()).unwrap_or_default();
            making.so_far = Some(Digest::of(&[&before[..], &piece].concat()));
            last.digest = making.so_far;
        }
    }

    fn makes(&mut self, thread: Thread, path: Option<Vec<u8>>) {
        let Some(path) = path.filter(|path| is_written_by_builds(path)) else { return };
        let Some(process) = self.process(thread) else { return };
        let path = text(&path);
        if self.notes.makers.contains_key(&path) || self.room().is_some() {
            self.notes.makers.insert(path, process);
        }
    }

    /// The notes, when no process of the build is left; `folder` is that of the build.
    pub fn finish(mut self, folder: &Path) -> Notes {
        for top in WRITABLE {
            let mut directories = vec![(folder.join(top), format!("/{top}").into_bytes())];
            while let Some((directory, name)) = directories.pop() {
                self.finish_directory(&directory, &name, &mut directories);
            }
        }
        self.notes
    }

    fn finish_directory(
        &mut self,
        directory: &Path,
        name: &[u8],
        below: &mut Vec<(std::path::PathBuf, Vec<u8>)>,
    ) {
        use std::os::unix::ffi::OsStrExt;
        // What cannot be read has no name in the notes.
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), [name, b"/", entry.file_name().as_bytes()].concat());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => below.push((path, name)),
                Ok(kind) if kind.is_file() => self.finish_file(&path, &name),
                _ => {}
            }
        }
    }

    fn finish_file(&mut self, path: &Path, name: &[u8]) {
        let Some(making) = of_path(path).and_then(|key| self.making.get_mut(&key)) else { return };
        let content = &mut self.notes.contents[making.index];
        content.last = Some(text(name));
        if making.open
            && let Some(last) = content.versions.last_mut()
        {
            last.digest = File::open(path).ok().and_then(hashed);
            making.open = false;
        }
    }
}

/// Spelled as in comparisons.
fn text(path: &[u8]) -> String {
    let mut text = String::new();
    escape(path, &mut text);
    text
}

/// Whether a path lies where builds can write.
fn is_written_by_builds(path: &[u8]) -> bool {
    [&b"/build/"[..], b"/out/", b"/tmp/", b"/dev/shm/", b"/dev/check-"]
        .iter()
        .any(|top| path.starts_with(top))
}

/// What a descriptor refers to. None if the build cannot have written it.
fn key(thread: Thread, fd: u64, name: &[u8]) -> Option<Key> {
    if name.starts_with(b"pipe:") {
        return Some(Key::Pipe(name.to_owned()));
    }
    is_written_by_builds(name).then(|| of_path(Path::new(&thread.link(fd)))).flatten()
}

/// The key of a regular file.
fn of_path(path: &Path) -> Option<Key> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let stat = statx(CWD, path, AtFlags::empty(), wanted).ok()?;
    let kind = rustix::fs::FileType::from_raw_mode(stat.stx_mode.into());
    let device = u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor);
    (kind == rustix::fs::FileType::RegularFile).then_some(Key::File(
        device,
        stat.stx_ino,
        stat.stx_btime.tv_sec,
        stat.stx_btime.tv_nsec,
    ))
}

/// The digest of a file's bytes, in pieces of the same size. None if it is very large, or cannot be read.
fn hashed(mut file: File) -> Option<Digest> {
    let mut left = file.metadata().ok().map(|it| it.len()).filter(|it| *it <= MAX_HASHED)?;
    let mut so_far = [0; 32];
    let mut chunk = Vec::with_capacity(CHUNK.min(usize::try_from(left).unwrap_or(CHUNK)));
    while left > 0 {
        chunk.clear();
        let read = (&mut file).take(left.min(CHUNK as u64)).read_to_end(&mut chunk).ok()?;
        if read == 0 {
            break;
        }
        left -= read as u64;
        so_far = *Digest::of(&[&so_far[..], &chunk].concat()).as_bytes();
    }
    Some(Digest::from_bytes(so_far))
}
