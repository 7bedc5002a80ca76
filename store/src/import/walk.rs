//! The walk: directories and batches of files as tasks that a few threads take from one stack.
//!
//! Last in, first out: the walk is depth-first, which bounds the number of open directories by the depth of the
//! import, not by its breadth. A directory becomes a tree when its last part is done.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::file::{Links, Reader};
use super::shown::Others;
use super::{ImportError, MAX_REFUSED, kind_name};
use crate::model::{MAX_DEPTH, Name, Node, SymlinkTarget, Tree, TreeId};
use crate::progress::Progress;
use crate::session::Session;

/// So many files of a directory form one task: a directory of 100,000 files keeps all threads busy.
const HANDFUL: usize = 64;

/// A directory with parts that are not done yet.
struct Dir {
    parent: Option<(Arc<Dir>, Name)>,
    /// The user's path, in the topmost directory; below it, empty.
    top: PathBuf,
    depth: usize,
    entries: Mutex<Vec<(Name, Node)>>,
    parts_left: AtomicUsize,
}

enum Task {
    Directory { dir: Arc<Dir>, fd: Arc<OwnedFd>, name: Option<Name> },
    Files { dir: Arc<Dir>, fd: Arc<OwnedFd>, names: Vec<(Name, FileType)> },
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    busy: usize,
    error: Option<ImportError>,
    root: Option<TreeId>,
    refused: Vec<(PathBuf, &'static str)>,
    more_refused: bool,
}

struct Walk<'a, 's> {
    session: &'a Session<'s>,
    progress: &'a Progress,
    links: Links,
    /// Device and inode of the store's folder.
    store: (u64, u64),
    others: Others,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Imports the directory that is open as `fd`.
pub(super) fn import_tree(
    session: &Session<'_>,
    path: &Path,
    fd: OwnedFd,
    progress: &Progress,
) -> Result<TreeId, ImportError> {
    let store = session.store();
    let stat = rustix::fs::fstat(store.objects.folder())
        .map_err(|e| ImportError::source(store.path(), "examined", e))?;
    let dir = Arc::new(Dir {
        parent: None,
        top: path.to_owned(),
        depth: 0,
        entries: Mutex::default(),
        parts_left: AtomicUsize::new(0),
    });
    let walk = Walk {
        session,
        progress,
        links: Links::default(),
        store: (stat.st_dev, stat.st_ino),
        others: Others::default(),
        queue: Mutex::default(),
        changed: Condvar::new(),
    };
    walk.queue().tasks.push(Task::Directory { dir, fd: Arc::new(fd), name: None });
    // One more than there are processors: some thread is often waiting for the disk.
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get()) + 1;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| walk.work());
        }
    });
    let mut queue = walk.queue();
    if let Some(error) = queue.error.take() {
        return Err(error);
    }
    if !queue.refused.is_empty() {
        let refused = std::mem::take(&mut queue.refused);
        return Err(ImportError::Special { refused, more: queue.more_refused });
    }
    // Without an error the topmost directory was completed.
    queue.root.ok_or(ImportError::Changed { path: path.to_owned() })
}

impl Dir {
    fn path(&self) -> PathBuf {
        let mut names = Vec::new();
        let mut dir = self;
        while let Some((parent, name)) = &dir.parent {
            names.push(name);
            dir = parent;
        }
        let mut path = dir.top.clone();
        path.extend(names.iter().rev().map(|name| name.as_os_str()));
        path
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(Name, Node)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Walk<'_, '_> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut reader = Reader::new(self.session, &self.links, self.progress);
        while let Some(task) = self.next() {
            let outcome = self.run(task, &mut reader);
            let mut queue = self.queue();
            queue.busy -= 1;
            if let Err(error) = outcome {
                queue.error.get_or_insert(error);
            }
            if queue.error.is_some() || (queue.busy == 0 && queue.tasks.is_empty()) {
                self.changed.notify_all();
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut queue = self.queue();
        loop {
            if queue.error.is_some() {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.busy += 1;
                return Some(task);
            }
            if queue.busy == 0 {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, task: Task, reader: &mut Reader<'_, '_>) -> Result<(), ImportError> {
        self.progress.check()?;
        match task {
            Task::Directory { dir, fd, name: None } => self.directory(&dir, fd),
            Task::Directory { dir: parent, fd, name: Some(name) } => {
                let dir = Arc::new(Dir {
                    depth: parent.depth + 1,
                    parent: Some((parent, name)),
                    top: PathBuf::new(),
                    entries: Mutex::default(),
                    parts_left: AtomicUsize::new(0),
                });
                if dir.depth > MAX_DEPTH {
                    return Err(ImportError::Deep { path: dir.path() });
                }
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let name = dir.parent.as_ref().map(|(_, name)| name.as_os_str()).unwrap_or_default();
                let opened = rustix::fs::openat(&*fd, name, flags, Mode::empty());
                drop(fd);
                let fd = opened.map_err(|e| ImportError::source(dir.path(), "opened", e))?;
                self.directory(&dir, Arc::new(fd))
            }
            Task::Files { dir, fd, names } => {
                let mut done = Vec::with_capacity(names.len());
                for (name, kind) in names {
                    if let Some(node) = self.entry(&dir, &fd, &name, kind, reader)? {
                        done.push((name, node));
                    }
                }
                drop(fd);
                dir.entries().append(&mut done);
                self.part_done(dir)
            }
        }
    }

    /// Lists a directory and queues tasks for its entries.
    fn directory(&self, dir: &Arc<Dir>, fd: Arc<OwnedFd>) -> Result<(), ImportError> {
        let failed = |doing| move |e| ImportError::source(dir.path(), doing, e);
        let stat = rustix::fs::fstat(&*fd).map_err(failed("examined"))?;
        if (stat.st_dev, stat.st_ino) == self.store {
            return Err(ImportError::ContainsStore { path: dir.path() });
        }
        self.others.check(self.session.store(), fd.as_fd(), stat.st_dev, || dir.path())?;
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        for entry in rustix::fs::Dir::read_from(&*fd).map_err(failed("read"))? {
            let entry = entry.map_err(failed("read"))?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let name = Name::new(bytes).map_err(|e| {
                let source = std::io::Error::new(std::io::ErrorKind::InvalidData, e);
                ImportError::source(dir.path(), "read: a name in it is invalid", source)
            })?;
            let kind = match entry.file_type() {
                // Some filesystems omit the kind in the listing (readdir(3), DT_UNKNOWN).
                FileType::Unknown => rustix::fs::statat(&*fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map(|stat| FileType::from_raw_mode(stat.st_mode))
                    .map_err(failed("examined"))?,
                kind => kind,
            };
            match kind {
                FileType::Directory => directories.push(name),
                kind => files.push((name, kind)),
            }
        }
        let handfuls = files.len().div_ceil(HANDFUL);
        // One more part for this listing, so that the directory is not done before all its tasks are queued.
        dir.parts_left.store(directories.len() + handfuls + 1, Ordering::Release);
        {
            let mut queue = self.queue();
            for name in directories {
                let (dir, fd) = (Arc::clone(dir), Arc::clone(&fd));
                queue.tasks.push(Task::Directory { dir, fd, name: Some(name) });
            }
            let mut files = files.into_iter();
            for _ in 0..handfuls {
                let names = files.by_ref().take(HANDFUL).collect();
                queue.tasks.push(Task::Files { dir: Arc::clone(dir), fd: Arc::clone(&fd), names });
            }
            self.changed.notify_all();
        }
        drop(fd);
        self.part_done(Arc::clone(dir))
    }

    /// An entry that is not a directory. `None` when it is refused; the walk goes on, to name all refused ones.
    fn entry(
        &self,
        dir: &Dir,
        fd: &OwnedFd,
        name: &Name,
        kind: FileType,
        reader: &mut Reader<'_, '_>,
    ) -> Result<Option<Node>, ImportError> {
        let path = || dir.path().join(name.as_os_str());
        match kind {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(fd, name.as_os_str(), Vec::new())
                    .map_err(|e| ImportError::source(path(), "read", e))?;
                self.progress.add(1, 0);
                let target = SymlinkTarget::new(target.to_bytes()).map_err(|e| {
                    ImportError::source(
                        path(),
                        "read",
                        std::io::Error::new(std::io::ErrorKind::InvalidData, e),
                    )
                })?;
                Ok(Some(Node::Symlink { target }))
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = rustix::fs::openat(fd, name.as_os_str(), flags, Mode::empty())
                    .map_err(|e| ImportError::source(path(), "opened", e))?;
                reader.import(file.into(), path).map(Some)
            }
            kind => {
                self.refuse(path(), kind_name(kind));
                Ok(None)
            }
        }
    }

    fn refuse(&self, path: PathBuf, kind: &'static str) {
        let mut queue = self.queue();
        if queue.refused.len() < MAX_REFUSED {
            queue.refused.push((path, kind));
        } else {
            queue.more_refused = true;
        }
    }

    /// Counts a part of `dir` as done; with the last one the directory becomes a tree, and a part of its
    /// parent.
    fn part_done(&self, mut dir: Arc<Dir>) -> Result<(), ImportError> {
        while dir.parts_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let entries = std::mem::take(&mut *dir.entries());
            // A duplicate name in a listing means that the directory changed during the read.
            let tree = Tree::new(entries).map_err(|_| ImportError::Changed { path: dir.path() })?;
            let (id, size) = self.session.add_tree(&tree)?;
            self.progress.add(1, 0);
            self.session.commit_if_full()?;
            let Some((parent, name)) = &dir.parent else {
                self.queue().root = Some(id);
                return Ok(());
            };
            parent.entries().push((name.clone(), Node::Directory { tree: id, size }));
            dir = Arc::clone(parent);
        }
        Ok(())
    }
}
