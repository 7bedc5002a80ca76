//! The mounts of a store: which there are, who answers, and who holds them while nobody does.
//!
//! A command makes a mount in its own process and hands the device to the daemon, which answers ([`list`]). A second
//! process, the keeper ([`keeper`]), holds the same descriptors and does nothing else: when the daemon is killed it
//! starts another, which gets them from it and goes on. Whoever reads from the mount meanwhile waits, and notices
//! nothing.

mod held;
pub mod keeper;
pub mod list;
mod written;

pub use stele_fs::passing::{receive, send};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use stele_fs::attach::{self, How};
use stele_fs::{Forgetting, FuserTransport};

use stele::reference::from_wire;

/// What is known of a mount, however many processes come and go.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Where it is, escaped.
    pub path: String,
    /// Whether mount(2) made it; otherwise `fusermount3` did.
    pub direct: bool,
    /// The mount namespace that it is in: the inode of `/proc/PID/ns/mnt`.
    pub namespace: u64,
    /// Whether every read is checked; otherwise the kernel reads payload files by itself where it can.
    #[serde(default)]
    pub checked: bool,
    /// Since when, in seconds since 1970-01-01 UTC.
    pub since: u64,
}

impl Record {
    /// How its questions come in.
    pub fn transport(&self) -> FuserTransport {
        FuserTransport { passthrough: !self.checked }
    }

    /// How the kernel is told what it may forget of it.
    fn forgetting(&self, store: &Path) -> Arc<dyn Forgetting> {
        Arc::new(Names { record: self.clone(), store: store.to_owned() })
    }

    /// How it has to be taken away.
    pub fn how(&self) -> How {
        how(self.direct)
    }
}

/// The names that the kernel remembers of a mount.
struct Names {
    record: Record,
    store: PathBuf,
}

impl Forgetting for Names {
    fn forget_unused(&self) -> bool {
        // What is in another namespace has no path here.
        self.record.namespace == own_namespace()
            && from_wire(&self.record.path).is_ok_and(|path| attach::forget_unused(&path, &self.store))
    }
}

/// How a mount has to be taken away that mount(2) made, or did not.
pub fn how(direct: bool) -> How {
    if direct { How::Direct } else { How::Helper }
}

/// Whether a mount of which nobody says how it was made is taken away without the helper.
pub fn by_itself() -> bool {
    rustix::process::geteuid().is_root()
}

/// The mount namespace of this process.
pub fn own_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/mnt").map_or(0, |meta| meta.ino())
}
