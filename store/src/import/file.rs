//! Reading one regular file: both digests and the payload in one pass over its bytes.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FileType, SeekFrom, Stat};
use sha2::Digest as _;

use super::{ImportError, refuse};
use crate::model::{BlobId, Digest, Node, Sha256};
use crate::objects::Temp;
use crate::progress::Progress;
use crate::session::{Session, Staged};
use crate::store::Store;

/// Files up to this many bytes are read whole before anything is written.
const MAX_BUFFERED: u64 = 1 << 20;
/// The chunk size for larger ones, in bytes.
const STEP: usize = 1 << 20;
/// From this size on a second thread computes the SHA-256, the slower of the two.
const PARALLEL_FROM: u64 = 8 << 20;
/// The kernel is asked to begin writing back after so many bytes.
const WRITEBACK_EVERY: u64 = 16 << 20;
/// How often a file that changes is read again.
const TRIES: usize = 3;

/// The node of a file with several names, once it was read. Locked while the file is being read, so that a
/// thread that meets another of its names waits for the result.
type SharedInode = Arc<Mutex<Option<Node>>>;

/// Detects changes of a file: the kernel updates ctime with every write, and no call can prevent it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Version {
    size: i64,
    mtime: (i64, u64),
    ctime: (i64, u64),
}

impl Version {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    fn of(stat: &Stat) -> Self {
        // The types of these fields differ between architectures.
        Self {
            size: stat.st_size as i64,
            mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }
}

/// The files with several names, by device, inode and version: each is read once. An inode number that is
/// reused, or that exists twice on a filesystem of several disks, comes with another version.
#[derive(Default)]
pub(super) struct Links {
    seen: Mutex<HashMap<(u64, u64, Version), SharedInode>>,
}

impl Links {
    fn of(&self, file: &Stat) -> Option<SharedInode> {
        if file.st_nlink <= 1 {
            return None;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(seen.entry((file.st_dev, file.st_ino, Version::of(file))).or_default()))
    }
}

/// Reads files, one after the other, with one buffer.
pub(super) struct Reader<'a, 's> {
    session: &'a Session<'s>,
    links: &'a Links,
    progress: &'a Progress,
    buffer: Vec<u8>,
}

impl<'a, 's> Reader<'a, 's> {
    pub(super) fn new(session: &'a Session<'s>, links: &'a Links, progress: &'a Progress) -> Self {
        Self { session, links, progress, buffer: Vec::new() }
    }

    /// Stores the content of `file`. `path` is called only to report something.
    pub(super) fn import(&mut self, mut file: File, path: impl Fn() -> PathBuf) -> Result<Node, ImportError> {
        let mut before = stat(&file, &path)?;
        let kind = FileType::from_raw_mode(before.st_mode);
        if kind != FileType::RegularFile {
            return Err(refuse(&path(), kind));
        }
        let seen = self.links.of(&before);
        let mut seen = seen.as_ref().map(|seen| seen.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(node) = seen.as_ref().and_then(|seen| seen.as_ref()) {
            self.progress.add(1, node.size());
            return Ok(node.clone());
        }
        let first = Version::of(&before);
        for _ in 0..TRIES {
            let size = u64::try_from(before.st_size).unwrap_or(0);
            let executable = before.st_mode & 0o100 != 0;
            let read = if size <= MAX_BUFFERED {
                self.whole(&mut file, size, executable, &path)?
            } else {
                self.stream(&file, &before, size, &path)?
            };
            let after = stat(&file, &path)?;
            if let Some(blob) = read
                && Version::of(&before) == Version::of(&after)
            {
                let node = Node::File { blob, size, executable };
                // This is another version than the one that other threads wait for.
                if let Some(seen) = &mut seen
                    && Version::of(&before) == first
                {
                    **seen = Some(node.clone());
                }
                self.progress.add(1, 0);
                self.session.commit_if_full()?;
                return Ok(node);
            }
            rustix::fs::seek(&file, SeekFrom::Start(0))
                .map_err(|e| ImportError::source(path(), "read", e))?;
            before = after;
        }
        Err(ImportError::Changed { path: path() })
    }

    /// A file that fits the buffer. `None` when its length has changed.
    fn whole(
        &mut self,
        file: &mut File,
        size: u64,
        executable: bool,
        path: &impl Fn() -> PathBuf,
    ) -> Result<Option<BlobId>, ImportError> {
        self.progress.check()?;
        // At most MAX_BUFFERED, so the cast holds. One byte more than the size shows whether the file grew.
        #[allow(clippy::cast_possible_truncation)]
        let wanted = size as usize + 1;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let mut filled = 0;
        while filled < wanted {
            match rustix::io::read(&*file, &mut self.buffer[filled..wanted]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(ImportError::source(path(), "read", e)),
            }
            // A short read of a regular file is its end.
            if filled + 1 == wanted {
                break;
            }
        }
        if filled + 1 != wanted {
            return Ok(None);
        }
        self.progress.add(0, size);
        Ok(Some(self.session.add_blob(&self.buffer[..filled], executable)?))
    }

    /// A file of any size, read in chunks. `None` when its length has changed.
    fn stream(
        &mut self,
        file: &File,
        stat: &Stat,
        size: u64,
        path: &impl Fn() -> PathBuf,
    ) -> Result<Option<BlobId>, ImportError> {
        // A file with the exact size of a large blob is most likely that blob: hash it first, and write it only
        // if it is not, since writing takes the time.
        if size >= PARALLEL_FROM && self.session.store().may_have_size(size)? {
            let (blob, _, _) = match self.pass(file, stat, size, None, path)? {
                Some(hashed) => hashed,
                None => return Ok(None),
            };
            if self.session.add_known(blob, size)? {
                return Ok(Some(blob));
            }
        }
        let temp = self.session.store().objects.temp().map_err(|e| ImportError::Write(e.into()))?;
        let Some((blob, sha256, Some(mut temp))) = self.pass(file, stat, size, Some(temp), path)? else {
            return Ok(None);
        };
        temp.set_length(size).map_err(|e| ImportError::Write(e.into()))?;
        temp.close(size);
        self.session.add_staged(blob, Staged { temp, size, sha256 })?;
        Ok(Some(blob))
    }

    /// One pass over the bytes: both digests, and the payload into `temp` if given. `None` when the file's
    /// length has changed.
    #[allow(clippy::type_complexity)]
    fn pass(
        &mut self,
        file: &File,
        stat: &Stat,
        size: u64,
        temp: Option<Temp>,
        path: &impl Fn() -> PathBuf,
    ) -> Result<Option<(BlobId, Sha256, Option<Temp>)>, ImportError> {
        let mut copy = Copy { temp, blake3: blake3::Hasher::new(), done: 0, writeback: 0 };
        // st_blocks counts 512 bytes (stat(2)); a file that takes less space than its length has holes.
        let sparse = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512) < size;
        let holes = Holes { file, size, sparse };
        let read = |copy: &mut Copy, sha: &mut Sha<'_>| {
            copy.run(&holes, self.progress, self.session.store(), sha, path)
        };
        let sha256 = if size < PARALLEL_FROM {
            let mut hasher = sha2::Sha256::new();
            read(&mut copy, &mut Sha::Here(&mut hasher))?;
            hasher.finalize().into()
        } else {
            std::thread::scope(|scope| {
                let (full, take) = sync_channel::<Arc<Vec<u8>>>(4);
                let (give, free) = sync_channel(8);
                let worker = scope.spawn(move || hash_steps(&take, &give));
                let mut sha = Sha::There { full, free: &free };
                let read = read(&mut copy, &mut sha);
                drop(sha);
                // The worker ends when its channel does. If it panicked there is no digest.
                let digest = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                read.map(|()| digest)
            })?
        };
        let Copy { temp, blake3, done, .. } = copy;
        if done != size {
            return Ok(None);
        }
        let blob = BlobId(Digest::from_bytes(*blake3.finalize().as_bytes()));
        Ok(Some((blob, Sha256::from_bytes(sha256), temp)))
    }
}

fn stat(file: &File, path: &impl Fn() -> PathBuf) -> Result<Stat, ImportError> {
    rustix::fs::fstat(file).map_err(|e| ImportError::source(path(), "examined", e))
}

/// Where the SHA-256 is computed.
enum Sha<'a> {
    Here(&'a mut sha2::Sha256),
    There { full: SyncSender<Arc<Vec<u8>>>, free: &'a Receiver<Arc<Vec<u8>>> },
}

fn hash_steps(take: &Receiver<Arc<Vec<u8>>>, give: &SyncSender<Arc<Vec<u8>>>) -> [u8; 32] {
    let mut hasher = sha2::Sha256::new();
    while let Ok(step) = take.recv() {
        hasher.update(&*step);
        // A full channel only means that the buffer is not needed again.
        let _ = give.try_send(step);
    }
    hasher.finalize().into()
}

impl Sha<'_> {
    fn update(&mut self, step: &Arc<Vec<u8>>) {
        match self {
            Self::Here(hasher) => hasher.update(&**step),
            // The worker lives as long as this sender.
            Self::There { full, .. } => drop(full.send(Arc::clone(step))),
        }
    }

    /// A buffer of `length` bytes that no other thread uses; a used one if possible, for its pages are mapped.
    fn buffer(&mut self, used: &mut Option<Arc<Vec<u8>>>, length: usize) -> Vec<u8> {
        let mut buffer = match self {
            Self::Here(_) => used.take().and_then(|step| Arc::try_unwrap(step).ok()),
            Self::There { free, .. } => free.try_iter().find_map(|step| Arc::try_unwrap(step).ok()),
        }
        .unwrap_or_default();
        buffer.resize(length, 0);
        buffer
    }
}

/// A file's data and holes, in order.
struct Holes<'a> {
    file: &'a File,
    size: u64,
    sparse: bool,
}

impl Holes<'_> {
    /// The next extent from `at` on: whether it is a hole, and where it ends.
    fn stretch(&self, at: u64) -> rustix::io::Result<(bool, u64)> {
        if !self.sparse {
            return Ok((false, self.size));
        }
        match rustix::fs::seek(self.file, SeekFrom::Data(at)) {
            // ENXIO: only a hole up to the end (lseek(2)).
            Err(rustix::io::Errno::NXIO) => Ok((true, self.size)),
            Err(e) => Err(e),
            Ok(data) if data > at => Ok((true, data.min(self.size))),
            Ok(_) => Ok((false, rustix::fs::seek(self.file, SeekFrom::Hole(at))?.min(self.size))),
        }
    }
}

struct Copy {
    temp: Option<Temp>,
    blake3: blake3::Hasher,
    done: u64,
    writeback: u64,
}

impl Copy {
    fn run(
        &mut self,
        holes: &Holes<'_>,
        progress: &Progress,
        store: &Store,
        sha: &mut Sha<'_>,
        path: &impl Fn() -> PathBuf,
    ) -> Result<(), ImportError> {
        let failed = |e: rustix::io::Errno| ImportError::source(path(), "read", e);
        let mut used = None;
        let zeros = holes.sparse.then(|| Arc::new(vec![0; STEP]));
        while self.done < holes.size {
            let (hole, end) = holes.stretch(self.done).map_err(failed)?;
            if end <= self.done {
                break;
            }
            while self.done < end {
                progress.check()?;
                let length = usize::try_from(end - self.done).unwrap_or(STEP).min(STEP);
                let step = match &zeros {
                    Some(zeros) if hole && length == STEP => Arc::clone(zeros),
                    _ => {
                        let mut buffer = sha.buffer(&mut used, length);
                        if hole {
                            buffer.fill(0);
                        } else {
                            let n = read_full(holes.file, &mut buffer, self.done).map_err(failed)?;
                            buffer.truncate(n);
                        }
                        Arc::new(buffer)
                    }
                };
                if step.is_empty() {
                    // The file became shorter.
                    return Ok(());
                }
                sha.update(&step);
                self.take(&step, hole).map_err(|e| ImportError::Write(e.into()))?;
                if self.temp.is_some() && self.done.is_multiple_of(WRITEBACK_EVERY) {
                    store.require_room()?;
                }
                progress.add(0, step.len() as u64);
                used = Some(step);
            }
        }
        Ok(())
    }

    fn take(&mut self, step: &[u8], hole: bool) -> Result<(), crate::objects::FileError> {
        self.blake3.update(step);
        self.done += step.len() as u64;
        let Some(temp) = &mut self.temp else { return Ok(()) };
        if hole {
            temp.skip(step.len() as u64)?;
        } else {
            temp.write(step)?;
        }
        if self.done - self.writeback >= WRITEBACK_EVERY {
            temp.start_writeback(self.writeback, self.done - self.writeback);
            self.writeback = self.done;
        }
        Ok(())
    }
}

fn read_full(file: &File, buffer: &mut [u8], at: u64) -> rustix::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::pread(file, &mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_reuses_an_inode_number_is_not_taken_for_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let stat_now = |text: &str| {
            std::fs::write(&one, text).unwrap();
            let _ = std::fs::hard_link(&one, &two);
            rustix::fs::stat(&one).unwrap()
        };
        let links = Links::default();
        let first = links.of(&stat_now("ONE1")).unwrap();
        *first.lock().unwrap() =
            Some(Node::File { blob: BlobId(Digest::of(b"ONE1")), size: 4, executable: false });
        // The same device and inode number, as after the removal of the file whose number is reused: only the
        // rest differs.
        for _ in 0..2 {
            std::thread::sleep(std::time::Duration::from_millis(30));
            let other = links.of(&stat_now("NEW9")).unwrap();
            assert!(other.lock().unwrap().is_none());
            assert!(!Arc::ptr_eq(&first, &other));
        }
        // Another name of the same file is found.
        let again = links.of(&rustix::fs::stat(&two).unwrap()).unwrap();
        assert!(Arc::ptr_eq(&again, &links.of(&rustix::fs::stat(&one).unwrap()).unwrap()));
    }
}
