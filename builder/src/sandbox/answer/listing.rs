//! Lists directories that a build can write, sorted by name: a filesystem on disk has another order on every
//! machine, from names and a seed of its own.
//!
//! A listing is read as a whole when it begins and returned in parts. The reader's position is kept where the
//! kernel keeps it, as the offset of the open directory: so rewinddir(3), and duplicates of a descriptor, work
//! as they should. The offset counts entries. A reader whose listing was evicted, or that received the
//! directory from another process midway, continues with a new listing from the same offset.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::libc;
use rustix::fs::{FileType, RawDir, SeekFrom, fstat, fstatfs, seek};

use super::caller::Caller;
use super::files::Numbers;
use super::{Answer, Held};

/// At most so many listings, and so many bytes of them, are kept; a build that reads more directories at once
/// gets new ones.
const MAX_LISTINGS: usize = 256;
const KEPT_BYTES: usize = 64 << 20;
/// The maximum bytes of one listing: some four million names. The supervisor holds them.
const LISTED_BYTES: usize = 256 << 20;

/// The answer to a call.
enum Next {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The kernel's answer, which is sorted already.
    Kernel,
}

/// The reader of a listing: a process's descriptor, and its directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Reader {
    process: i32,
    fd: i32,
    directory: (u64, u64),
}

struct Entry {
    inode: u64,
    kind: u8,
    name: Vec<u8>,
}

impl Entry {
    /// Its approximate memory usage.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.capacity() + 16
    }
}

struct Listing {
    entries: Vec<Entry>,
    bytes: usize,
    /// When it was last read from, counted in calls.
    used: u64,
}

/// All listings in progress.
#[derive(Default)]
pub(super) struct Listings {
    kept: HashMap<Reader, Listing>,
    calls: u64,
    /// Whether they are in descending order, which only a check wants.
    backwards: bool,
    /// Their bytes, those of the one that is being read included.
    held: Arc<Held>,
}

impl Listings {
    /// None in progress yet; `held` states their bytes from now on.
    pub fn new(backwards: bool, held: Arc<Held>) -> Self {
        Self { backwards, held, ..Self::default() }
    }

    /// A directory's entries, sorted bytewise (getdents64(2)), with these inode numbers if there are any.
    pub fn answer(&mut self, caller: &Caller<'_>, numbers: Option<&mut Numbers>) -> Answer {
        let [fd, address, length, ..] = caller.call.arguments;
        let (Ok(fd), Ok(length)) = (i32::try_from(fd & 0xffff_ffff), usize::try_from(length & 0xffff_ffff))
        else {
            return Answer::Returns(Err(libc::EBADF));
        };
        let next = caller
            .descriptor(fd)
            .and_then(|(directory, process)| self.next(process, fd, &directory, length, numbers));
        self.held.bytes.store(self.bytes() as u64, Ordering::Relaxed);
        match next {
            Ok(Next::Bytes(bytes)) => {
                Answer::Returns(caller.put(address, &bytes).map(|()| i64::try_from(bytes.len()).unwrap_or(0)))
            }
            Ok(Next::Kernel) => Answer::Passes,
            Err(errno) => Answer::Returns(Err(errno)),
        }
    }

    /// Bytes of all listings that are kept.
    fn bytes(&self) -> usize {
        self.kept.values().map(|it| it.bytes).sum()
    }

    /// The next entries of a directory that a process has open as `fd`, in at most `max` bytes.
    ///
    /// # Errors
    /// With an errno.
    fn next(
        &mut self,
        process: i32,
        fd: i32,
        directory: &OwnedFd,
        max: usize,
        numbers: Option<&mut Numbers>,
    ) -> Result<Next, i32> {
        let errno = |e: rustix::io::Errno| e.raw_os_error();
        // The store's own mount is sorted, and /proc changes while it is read. From outside its namespace, the
        // former allows only this call.
        if is_of_the_kernel(directory) {
            return Ok(Next::Kernel);
        }
        // Only directories are touched: another process may rely on the offset of a file.
        let stat = fstat(directory).map_err(errno)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(libc::ENOTDIR);
        }
        let reader = Reader { process, fd, directory: (stat.st_dev, stat.st_ino) };
        let position = seek(directory, SeekFrom::Current(0)).map_err(errno)?;
        self.calls += 1;
        if position == 0 || !self.kept.contains_key(&reader) {
            self.kept.remove(&reader);
            let (mut entries, bytes) = list(directory, &self.held)?;
            // In ascending order, whatever is shown.
            if let Some(numbers) = numbers {
                entries.iter_mut().for_each(|it| it.inode = numbers.inode(stat.st_dev, it.inode));
            }
            if self.backwards {
                entries.reverse();
            }
            self.make_room(bytes);
            self.kept.insert(reader, Listing { entries, bytes, used: self.calls });
        }
        let entries = match self.kept.get_mut(&reader) {
            Some(listing) => {
                listing.used = self.calls;
                &listing.entries[..]
            }
            None => &[],
        };
        let begin = usize::try_from(position).unwrap_or(usize::MAX).min(entries.len());
        let (bytes, taken) = written(&entries[begin..], begin, max);
        if taken == 0 && begin < entries.len() {
            return Err(libc::EINVAL);
        }
        let end = begin + taken;
        if end == entries.len() && taken == 0 {
            self.kept.remove(&reader);
        }
        seek(directory, SeekFrom::Start(end as u64)).map_err(errno)?;
        Ok(Next::Bytes(bytes))
    }

    /// Evicts the least recently read listings: a process that stops reading leaves its listing behind.
    fn make_room(&mut self, bytes: usize) {
        let mut all = self.bytes();
        while self.kept.len() >= MAX_LISTINGS || (all + bytes > KEPT_BYTES && !self.kept.is_empty()) {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, it)| it.used).map(|(reader, _)| *reader)
            else {
                return;
            };
            all -= self.kept.remove(&oldest).map_or(0, |it| it.bytes);
        }
    }
}

/// proc(5), and the inputs, which overlayfs shows as FUSE has them: by the magic numbers of statfs(2).
fn is_of_the_kernel(directory: &OwnedFd) -> bool {
    const PROC: u32 = 0x9fa0;
    const FUSE: u32 = 0x6573_5546;
    const OVERLAY: u32 = 0x794c_7630;
    let kind = fstatfs(directory).map_or(0, |it| it.f_type);
    [PROC, FUSE, OVERLAY].iter().any(|it| i64::from(*it) == kind as i64)
}

/// All entries, sorted. They are read through the reader's own descriptor, whose offset is set afterwards: so
/// permission to reopen the directory does not matter. Their bytes count at once: a limit does not wait for the last.
fn list(directory: &OwnedFd, held: &Held) -> Result<(Vec<Entry>, usize), i32> {
    seek(directory, SeekFrom::Start(0)).map_err(|e| e.raw_os_error())?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    let mut buffer = vec![MaybeUninit::uninit(); 1 << 16];
    let mut raw = RawDir::new(directory, &mut buffer);
    while let Some(entry) = raw.next() {
        let entry = entry.map_err(|e| e.raw_os_error())?;
        let entry = Entry {
            inode: entry.ino(),
            kind: kind(entry.file_type()),
            name: entry.file_name().to_bytes().to_vec(),
        };
        bytes += entry.bytes();
        held.bytes.fetch_add(entry.bytes() as u64, Ordering::Relaxed);
        if bytes > LISTED_BYTES {
            return Err(libc::ENOMEM);
        }
        if held.over.load(Ordering::Relaxed) {
            return Err(libc::EINTR);
        }
        entries.push(entry);
    }
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok((entries, bytes))
}

/// `d_type` (readdir(3)).
fn kind(kind: rustix::fs::FileType) -> u8 {
    use rustix::fs::FileType;
    match kind {
        FileType::Fifo => libc::DT_FIFO,
        FileType::CharacterDevice => libc::DT_CHR,
        FileType::Directory => libc::DT_DIR,
        FileType::BlockDevice => libc::DT_BLK,
        FileType::RegularFile => libc::DT_REG,
        FileType::Symlink => libc::DT_LNK,
        FileType::Socket => libc::DT_SOCK,
        FileType::Unknown => libc::DT_UNKNOWN,
    }
}

/// struct linux_dirent64 for as many entries as fit into `max` bytes; the first has index `begin` in its
/// directory.
fn written(entries: &[Entry], begin: usize, max: usize) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    for (taken, entry) in entries.iter().enumerate() {
        // d_ino, d_off, d_reclen, d_type, the name and its NUL, padded to eight bytes.
        let length = (8 + 8 + 2 + 1 + entry.name.len() + 1).next_multiple_of(8);
        if bytes.len() + length > max {
            return (bytes, taken);
        }
        let end = bytes.len() + length;
        bytes.extend_from_slice(&entry.inode.to_le_bytes());
        bytes.extend_from_slice(&((begin + taken + 1) as u64).to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        bytes.push(entry.kind);
        bytes.extend_from_slice(&entry.name);
        bytes.resize(end, 0);
    }
    (bytes, entries.len())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use super::*;

    fn folder(names: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        (0..names).for_each(|it| drop(File::create(folder.path().join(format!("{it:04}"))).unwrap()));
        folder
    }

    /// The names that a build gets for this descriptor.
    fn next(listings: &mut Listings, directory: &File) -> Result<Vec<String>, i32> {
        let copy = OwnedFd::from(directory.try_clone().unwrap());
        let Next::Bytes(bytes) =
            listings.next(1, directory.as_raw_fd(), &copy, 256, Some(&mut Numbers::default()))?
        else {
            return Ok(Vec::new());
        };
        let (mut names, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let length = usize::from(u16::from_le_bytes([bytes[at + 16], bytes[at + 17]]));
            let name = &bytes[at + 19..at + length];
            names.push(String::from_utf8(name.split(|it| *it == 0).next().unwrap().to_vec()).unwrap());
            at += length;
        }
        Ok(names)
    }

    fn all(listings: &mut Listings, directory: &File) -> Vec<String> {
        let mut names = Vec::new();
        loop {
            match next(listings, directory).unwrap() {
                more if more.is_empty() => return names,
                more => names.extend(more),
            }
        }
    }

    #[test]
    fn a_descriptor_of_a_file_is_an_error_and_its_offset_stays() {
        let file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut &file, b"text").unwrap();
        let mut listings = Listings::default();
        assert_eq!(next(&mut listings, &file), Err(libc::ENOTDIR));
        assert_eq!(seek(&file, SeekFrom::Current(0)).unwrap(), 4);
    }

    #[test]
    fn a_reader_that_deletes_misses_nothing_however_many_others_never_finish() {
        let folder = folder(200);
        let directory = File::open(folder.path()).unwrap();
        let (mut listings, mut seen) = (Listings::default(), Vec::new());
        let mut others = Vec::new();
        loop {
            let names = next(&mut listings, &directory).unwrap();
            if names.is_empty() {
                break;
            }
            for name in names.iter().filter(|it| !it.starts_with('.')) {
                std::fs::remove_file(folder.path().join(name)).unwrap();
                seen.push(name.clone());
            }
            for _ in 0..20 {
                let other = File::open(Path::new("/usr/bin")).unwrap();
                next(&mut listings, &other).unwrap();
                others.push(other);
            }
        }
        assert!(others.len() > MAX_LISTINGS && listings.kept.len() <= MAX_LISTINGS);
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn a_listing_restarts_after_a_rewind_and_continues_on_a_duplicate_descriptor() {
        let folder = folder(60);
        let directory = File::open(folder.path()).unwrap();
        let mut listings = Listings::default();
        let first = all(&mut listings, &directory);
        assert!(first.is_sorted() && first.len() == 62, "{first:?}");
        File::create(folder.path().join("added")).unwrap();
        seek(&directory, SeekFrom::Start(0)).unwrap();
        let begun = next(&mut listings, &directory).unwrap();
        let copy = directory.try_clone().unwrap();
        let rest = all(&mut listings, &copy);
        assert_eq!(begun.len() + rest.len(), 63);
        assert!(listings.kept.len() <= 1, "a finished listing is evicted");
    }
}
