//! Conversions from the store's errors to failures: the only place that gives hints for them.

use std::error::Error;

use stele_store::{
    CollectError, DbError, EvidenceError, ExportError, FileError, FolderError, FormatError, ImportError,
    OpenError, ReadError, RealiseError, RebuildError, RootError, Target, VerifyError, WriteError,
    is_no_space,
};

use stele_fs::attach::{AttachError, DetachError};

use crate::failure::{Failure, Kind};

/// What to do when a disk is full.
pub const FREE_SPACE: &str = "make room on that disk, or let `stele store gc` remove what no root keeps; nothing that \
     was acknowledged is lost";
/// The same, of a disk that is not the store's.
pub const ROOM_THERE: &str = "make room there, or export to another disk";
/// When it is the collection, or what any collection would begin with, that met the full disk.
const ROOM_FIRST: &str = "make some room on that disk, and try again; nothing that was acknowledged is lost";
const REBUILD: &str = "`stele store rebuild-index` makes a new database from what can be read of the old one";
const REPAIR: &str = "store the same content again to repair it (`stele store add`), and run `stele store verify` to \
     find other problems";

/// The messages of an error and its sources, joined.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // A level that already quotes its source is not repeated.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// Whether an error, or one of those that it comes from, says that a disk is full.
fn says_no_space(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let full =
            match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
                (Some(io), ..) => is_no_space(io),
                (_, Some(write), ..) => WriteError::is_no_space(write),
                (_, _, Some(file), _) => FileError::is_no_space(file),
                (.., Some(db)) => matches!(db, DbError::NoSpace { .. }),
                _ => false,
            };
        if full {
            return true;
        }
        next = error.source();
    }
    false
}

/// An error in its own words. A full disk is one by whichever way it was met.
pub(crate) fn plain(error: &(dyn Error + 'static)) -> Failure {
    match says_no_space(error) {
        true => Failure::new(Kind::NoSpace, words(error)).hint(FREE_SPACE),
        false => Failure::new(Kind::Failed, words(error)),
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        // After a failed write RocksDB may refuse writes until it is reopened; a row that cannot be read is no
        // reason to end other requests.
        let restart = error.is_of_write();
        let failure = match &error {
            DbError::NoSpace { .. } => Self::new(Kind::NoSpace, error.to_string()).hint(FREE_SPACE),
            DbError::Damaged { .. } | DbError::Row { .. } => {
                Self::new(Kind::Corrupt, error.to_string()).hint(REBUILD)
            }
            DbError::Locked { .. } | DbError::Other { .. } => plain(&error),
        };
        Self { restart, ..failure }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error.source.kind() {
            _ if error.is_no_space() => Self::new(Kind::NoSpace, error.to_string()).hint(FREE_SPACE),
            std::io::ErrorKind::ReadOnlyFilesystem => {
                plain(&error).hint("the disk is mounted read-only; reading commands still work on it")
            }
            std::io::ErrorKind::PermissionDenied => {
                plain(&error).hint("run the command as the user who owns that path")
            }
            _ => plain(&error),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let corrupt = match &error {
            ReadError::CorruptBlob { id, .. } | ReadError::Missing { id } => Some(Target::Blob(*id)),
            ReadError::CorruptTree { id, .. } => Some(Target::Tree(*id)),
            _ => None,
        };
        let failure = match error {
            ReadError::NoBlob { .. } | ReadError::NoTree { .. } => {
                Self::new(Kind::NotFound, error.to_string())
            }
            ReadError::Quarantined { .. }
            | ReadError::Missing { .. }
            | ReadError::CorruptBlob { .. }
            | ReadError::CorruptTree { .. }
            | ReadError::BadTree { .. } => Self::new(Kind::Corrupt, words(&error)).hint(REPAIR),
            ReadError::File(error) => error.into(),
            ReadError::Db(error) => error.into(),
        };
        Self { corrupt, ..failure }
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        let hint = match &error {
            FormatError::Version { .. } | FormatError::Features { .. } => {
                "use the version of stele that made this store, or a later one; nothing was changed"
            }
            FormatError::Foreign { .. } => "name another folder with --store; nothing was changed",
            FormatError::Read { .. } => REBUILD,
        };
        plain(&error).hint(hint)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let hint = match error {
            OpenError::Format(error) => return error.into(),
            // A collection would have to open it, too.
            OpenError::File(error) => return Self::from(error).instead_of_collection(),
            OpenError::Db(error) => return Self::from(error).instead_of_collection(),
            OpenError::Folder(FolderError::Shared { .. }) => {
                "if nobody else has put anything there, keep others out: `chmod go-w DIR`"
            }
            OpenError::Folder(_) => "make the store in a folder of your own, which nobody else writes to",
            OpenError::Absent { .. } => "name the store with --store or STELE_STORE",
            OpenError::Occupied { .. } => "name an empty or a new folder with --store or STELE_STORE",
            OpenError::Locked { .. } => {
                "`stele daemon status` shows which; wait for it, or run `stele daemon stop`"
            }
            OpenError::Mixed { .. } => "use the version of stele that wrote last; nothing was changed",
            OpenError::DatabaseMissing { .. } | OpenError::RebuildUnfinished { .. } => {
                let hint = "`stele store rebuild-index` recovers what the payload files hold; add `--from DIR` for \
                            each exported tree that you have";
                return Self::new(Kind::Corrupt, error.to_string()).hint(hint);
            }
        };
        let kind = if matches!(error, OpenError::Absent { .. }) { Kind::NotFound } else { Kind::Failed };
        Self::new(kind, error.to_string()).hint(hint)
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::CacheFull { .. } => {
                plain(&error).hint("`stele store gc` removes what nobody asked about of late")
            }
            WriteError::File(error) => error.into(),
            WriteError::Db(error) => error.into(),
            WriteError::ReadOnly => read_only(),
            WriteError::NoRoom(_) => Self::new(Kind::NoSpace, error.to_string()).hint(FREE_SPACE),
            WriteError::Incomplete { .. } => plain(&error).hint("store what it names first"),
            WriteError::Size { .. }
            | WriteError::Deep { .. }
            | WriteError::Large { .. }
            | WriteError::Poisoned { .. }
            | WriteError::Unstored { .. }
            | WriteError::NoResult { .. } => plain(&error),
        }
    }
}

impl From<RealiseError> for Failure {
    fn from(error: RealiseError) -> Self {
        match error {
            RealiseError::ReadOnly => read_only(),
            RealiseError::Db(error) => error.into(),
            RealiseError::Name { .. } => plain(&error),
        }
    }
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        match error {
            EvidenceError::ReadOnly => read_only(),
            EvidenceError::Db(error) => error.into(),
            EvidenceError::TooLarge { .. } => plain(&error),
        }
    }
}

fn read_only() -> Failure {
    Failure::new(Kind::Failed, "the store is open for reading only")
        .hint("its disk is mounted read-only: mount it for writing, or use another store")
}

/// The request was cancelled.
pub fn cancelled() -> Failure {
    Failure::new(Kind::Cancelled, "cancelled; what was acknowledged before stays")
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let hint = match error {
            ImportError::Write(error) => return error.into(),
            ImportError::Cancelled(_) => return cancelled(),
            ImportError::Source { ref source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => {
                    return Self::new(Kind::NotFound, words(&error));
                }
                std::io::ErrorKind::PermissionDenied => {
                    "run the command as a user who may read it, or leave it out"
                }
                _ => return plain(&error),
            },
            ImportError::Special { .. } => {
                "a tree holds directories, regular files and symbolic links only: remove the others, or import a copy \
                 without them"
            }
            ImportError::Changed { .. } => "stop what writes to it, and run the command again",
            ImportError::Made { .. } => "import a copy of it: `cat FILE >COPY`",
            ImportError::Shown { .. } => {
                "its content is in the store already: use its digest, as in `stele store root add NAME DIGEST`"
            }
            ImportError::ContainsStore { .. } => "import something that does not contain the store",
            ImportError::Deep { .. } => "paths cannot be this deep; move it up",
        };
        plain(&error).hint(hint)
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Exists { .. } => {
                plain(&error).hint("name a path that does not exist, or an empty folder")
            }
            ExportError::Read(error) => error.into(),
            ExportError::File(error) if error.is_no_space() => {
                Self::new(Kind::NoSpace, error.to_string()).hint(ROOM_THERE)
            }
            ExportError::File(error) => error.into(),
            ExportError::Deep => plain(&error),
            ExportError::Cancelled(_) => cancelled(),
        }
    }
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        match error {
            RootError::ReadOnly => read_only(),
            RootError::NoRoot { .. } => {
                Self::new(Kind::NotFound, error.to_string()).hint("`stele store root ls` lists the roots")
            }
            RootError::Read(error) => error.into(),
            RootError::Db(error) => error.into(),
        }
    }
}

impl Failure {
    /// What has just failed is not advised, nor what cannot work while this does not.
    fn instead_of_collection(self) -> Self {
        if self.kind == Kind::NoSpace { self.hint(ROOM_FIRST) } else { self }
    }
}

impl From<CollectError> for Failure {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::ReadOnly => read_only(),
            CollectError::Running => plain(&error).hint("wait for it to end"),
            CollectError::Unreadable { .. } => Self::new(Kind::Corrupt, words(&error)).hint(
                "run `stele store verify`; store that content again, or drop it: a root with `stele store root rm`, \
                 a lease with `--end-leases`",
            ),
            CollectError::Cancelled(_) => cancelled(),
            CollectError::File(error) => Self::from(error).instead_of_collection(),
            CollectError::Db(error) => Self::from(error).instead_of_collection(),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Cancelled(_) => cancelled(),
            VerifyError::File(error) => error.into(),
            VerifyError::Db(error) => error.into(),
        }
    }
}

impl From<RebuildError> for Failure {
    fn from(error: RebuildError) -> Self {
        let failure: Self = match error {
            RebuildError::Open(error) => error.into(),
            RebuildError::File(error) => error.into(),
            RebuildError::Db(error) => error.into(),
            RebuildError::Import(error) => error.into(),
            RebuildError::Write(error) => error.into(),
            RebuildError::Root(error) => error.into(),
            RebuildError::Cancelled(_) => cancelled(),
        };
        // There is no database yet to collect in.
        let failure = failure.instead_of_collection();
        match failure.hint {
            Some(_) => failure,
            None => failure.hint("run `stele store rebuild-index` again: it starts over and loses nothing"),
        }
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Self {
        let hint = match &error {
            AttachError::MountPoint { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "create the folder first: `mkdir -p`"
            }
            AttachError::MountPoint { .. } => {
                "name a folder, or leave it out for `mnt` in the store's folder"
            }
            AttachError::NoDevice { .. } => {
                "FUSE is missing or not accessible: `modprobe fuse` loads it; a container needs the device /dev/fuse"
            }
            AttachError::NotAllowed => {
                "install fusermount3 (Debian package `fuse3`), run this as root, or mount in a new namespace together \
                 with a command: `stele mount DIR -- sh`"
            }
            AttachError::Helper { .. } => {
                "the folder must belong to this user and must not be a mount point; see fusermount3(1)"
            }
            AttachError::Mount { .. } => "check that the kernel has FUSE: `grep fuse /proc/filesystems`",
        };
        plain(&error).hint(hint)
    }
}

impl From<DetachError> for Failure {
    fn from(error: DetachError) -> Self {
        match &error {
            DetachError::Busy { .. } => plain(&error).hint(
                "`fuser -vm DIR` shows the processes that use it; `stele umount --lazy DIR` detaches it now, and it \
                 ends with its last user",
            ),
            DetachError::Unmount { .. } => plain(&error),
        }
    }
}
