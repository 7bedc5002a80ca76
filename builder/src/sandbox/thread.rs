//! What proc(5) says of a thread that waits for an answer. The thread ID may have been reused, if its process was
//! killed meanwhile: then a note is wrong, or an answer that nobody waits for any more, and nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::answer::Caller;
use nix::libc;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// At most so many bytes of a command line are noted, and so many arguments.
const MAX_COMMAND_LINE: usize = 4096;
const MAX_ARGUMENTS: usize = 256;
/// What the kernel adds to the name of a file without one.
const DELETED: &[u8] = b" (deleted)";

/// A thread, as numbered in this process's namespace.
#[derive(Clone, Copy)]
pub(super) struct Thread(pub i32);

impl Thread {
    fn file(self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0)
    }

    fn target(self, name: &str) -> Option<Vec<u8>> {
        let target = std::fs::read_link(self.file(name)).ok()?.into_os_string().into_vec();
        Some(target.strip_suffix(DELETED).map(<[u8]>::to_vec).unwrap_or(target))
    }

    /// The path of a descriptor's link.
    pub fn link(self, fd: u64) -> String {
        self.file(&format!("fd/{}", fd & 0xffff_ffff))
    }

    /// The path in the sandbox, or the name of a pipe, of what a descriptor refers to.
    pub fn descriptor(self, fd: u64) -> Option<Vec<u8>> {
        self.target(&format!("fd/{}", fd & 0xffff_ffff))
    }

    /// Opens what a descriptor refers to, for reading.
    pub fn open(self, fd: u64) -> Option<File> {
        File::open(self.link(fd)).ok()
    }

    /// The working directory.
    pub fn directory(self) -> Vec<u8> {
        self.target("cwd").unwrap_or_default()
    }

    /// The command line, each argument with a NUL at its end.
    pub fn command_line(self) -> Vec<u8> {
        // A process that ends meanwhile has none.
        self.small("cmdline").unwrap_or_default()
    }

    /// Its process, and the parent of that.
    pub fn process(self) -> Option<(i32, i32)> {
        let status = self.small("status")?;
        let status = String::from_utf8_lossy(&status);
        let number = |field: &str| status.lines().find_map(|it| it.strip_prefix(field)?.trim().parse().ok());
        Some((number("Tgid:")?, number("PPid:")?))
    }

    /// When its process was created, in ticks since the machine was started; and where its stack began when it started
    /// its program (proc(5), `starttime` and `startstack`).
    pub fn created_and_stack(self) -> Option<(u64, u64)> {
        let text = self.small("stat")?;
        // The name of the program may have any bytes in it.
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let mut fields = std::str::from_utf8(&text[end + 1..]).ok()?.split_whitespace().skip(19);
        Some((fields.next()?.parse().ok()?, fields.nth(5)?.parse().ok()?))
    }

    /// The first of these.
    pub fn created(self) -> Option<u64> {
        self.created_and_stack().map(|(created, _)| created)
    }

    /// A small file, as one read(2) returns it: the kernel makes it at once.
    fn small(self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = vec![0; MAX_COMMAND_LINE];
        let read = File::open(self.file(name)).ok()?.read(&mut bytes).ok()?;
        bytes.truncate(read);
        Some(bytes)
    }

    /// A line of one of its files that begins with `field`, without that.
    pub fn field(self, file: &str, field: &str) -> Option<String> {
        let text = self.small(file)?;
        let text = String::from_utf8_lossy(&text);
        text.lines().find_map(|line| Some(line.strip_prefix(field)?.trim().to_owned()))
    }

    /// The clock of its timer with this number.
    pub fn clock_of_timer(self, timer: u64) -> Option<String> {
        let text = std::fs::read_to_string(self.file("timers")).ok()?;
        let mut lines = text.lines().skip_while(|line| *line != format!("ID: {timer}")).skip(1);
        lines.find_map(|line| Some(line.strip_prefix("ClockID: ")?.trim().to_owned()))
    }

    /// A path that it names, below a directory's descriptor, without links in its directories.
    pub fn path(self, directory: u64, path: &[u8]) -> Option<Vec<u8>> {
        let whole = if path.starts_with(b"/") {
            path.to_vec()
        } else {
            let is_here = directory & 0xffff_ffff == u64::from((libc::AT_FDCWD).cast_unsigned());
            let top = if is_here { Some(self.directory()) } else { self.descriptor(directory) };
            [&top?[..], b"/", path].concat()
        };
        let whole = PathBuf::from(OsString::from_vec(whole));
        // `..` at the end is a directory that exists: nothing makes it.
        let name = whole.file_name()?;
        let parent = whole.parent()?.strip_prefix("/").ok()?;
        let root = File::open(self.file("root")).ok()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = if parent == Path::new("") { Path::new(".") } else { parent };
        let parent = openat2(&root, parent, flags, Mode::empty(), ResolveFlags::IN_ROOT).ok()?;
        let parent = std::fs::read_link(format!("/proc/self/fd/{}", parent.as_raw_fd())).ok()?;
        Some(parent.join(name).into_os_string().into_vec())
    }
}

/// The arguments of a command line.
pub(super) fn arguments(command_line: &[u8]) -> Vec<String> {
    let text = command_line.strip_suffix(b"\0").unwrap_or(command_line);
    text.split(|byte| *byte == 0).map(|it| String::from_utf8_lossy(it).into_owned()).collect()
}

/// The arguments that a caller has at an address, as execve(2) takes them: pointers, with a null at their end.
pub(super) fn arguments_at(caller: &Caller<'_>, address: u64) -> Vec<String> {
    let pointers = caller.bytes(address, (MAX_ARGUMENTS * size_of::<u64>()) as u64);
    let mut left = MAX_COMMAND_LINE;
    let mut arguments = Vec::new();
    for pointer in pointers.as_chunks().0.iter().map(|it| u64::from_le_bytes(*it)) {
        if pointer == 0 || left == 0 {
            break;
        }
        let mut text = caller.text(pointer);
        text.truncate(left);
        left -= text.len();
        arguments.push(String::from_utf8_lossy(&text).into_owned());
    }
    arguments
}
