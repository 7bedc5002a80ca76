//! The mounts of a store: their list, the process that serves them, and the process that holds them in between.
//!
//! A command makes a mount in its own process and hands the device to the daemon, which serves it ([`list`]). A second
//! process, the keeper ([`keeper`]), holds the same descriptors and does nothing else: when the daemon is killed, it
//! starts another, which receives them and takes over. Readers of the mount wait in the meantime, and notice
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
use stele_fs::{Forgetting, FuserTransport, Opens};

use stele::reference::from_wire;

/// The description of a mount, which outlives the processes that serve it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The mount point, escaped.
    pub path: String,
    /// Whether mount(2) made it; otherwise `fusermount3` did.
    pub direct: bool,
    /// The mount namespace that it is in: the inode of `/proc/PID/ns/mnt`.
    pub namespace: u64,
    /// Whether every read is verified, and files are opened without a request; otherwise the kernel sends requests, and
    /// reads payload files directly where it can (passthrough).
    #[serde(default)]
    pub checked: bool,
    /// Since when, in seconds since 1970-01-01 UTC.
    pub since: u64,
}

impl Record {
    /// Whether the kernel is to send requests to open files. One that was begun by an earlier daemon goes on as it is.
    pub fn opens(&self) -> Opens {
        if self.checked { Opens::Unsent } else { Opens::Sent }
    }

    /// How its requests are received.
    pub fn transport(&self) -> FuserTransport {
        FuserTransport { passthrough: !self.checked, modified: stele_fs::MODIFIED }
    }

    /// How the kernel's caches of it are invalidated.
    fn forgetting(&self, store: &Path) -> Arc<dyn Forgetting> {
        Arc::new(Names { record: self.clone(), store: store.to_owned() })
    }

    /// How it has to be unmounted.
    pub fn how(&self) -> How {
        how(self.direct)
    }
}

/// The names of a mount in the kernel's cache.
struct Names {
    record: Record,
    store: PathBuf,
}

impl Forgetting for Names {
    fn forget_unused(&self) -> bool {
        // A mount in another namespace has no path here.
        self.record.namespace == own_namespace()
            && from_wire(&self.record.path).is_ok_and(|path| attach::forget_unused(&path, &self.store))
    }
}

/// How to unmount a mount that mount(2) made, or did not.
pub fn how(direct: bool) -> How {
    if direct { How::Direct } else { How::Helper }
}

/// Whether a mount of unknown origin is unmounted without the helper.
pub fn by_itself() -> bool {
    rustix::process::geteuid().is_root()
}

/// The mount namespace of this process.
pub fn own_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/mnt").map_or(0, |meta| meta.ino())
}
