//! Whether files of a recipe tree are what they were, told by what the kernel says of them.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Stat};
use serde::{Deserialize, Serialize};

/// How close to now a change may be so that another could follow that shows no difference, in nanoseconds: the kernel's
/// clock for files may tick only every 10 ms.
const RACY: i128 = 20_000_000;

/// What tells one state of a file from another. The kernel moves ctime with every change, and cannot be asked not to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamp {
    device: u64,
    inode: u64,
    mode: u32,
    size: i64,
    /// ctime in nanoseconds.
    changed: i128,
}

/// The state of all that was looked at in a recipe tree, by its path from the top; nothing for what was not there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stamps(pub(super) BTreeMap<String, Option<Stamp>>);

impl Stamp {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            size: stat.st_size,
            changed: i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec),
        }
    }
}

impl Stamps {
    /// Whether nothing of it was changed so lately that the next change might not show. `now` is in nanoseconds
    /// since 1970.
    pub fn are_settled(&self, now: i128) -> bool {
        self.0.values().flatten().all(|stamp| stamp.changed + RACY < now)
    }

    /// Whether everything still is what it was.
    pub(super) fn hold(&self, top: impl AsFd + Sync) -> bool {
        let all: Vec<_> = self.0.iter().collect();
        let holds = |part: &[(&String, &Option<Stamp>)]| {
            part.iter().all(|(path, stamp)| {
                let found = rustix::fs::statat(&top, path.as_str(), AtFlags::SYMLINK_NOFOLLOW);
                found.ok().map(|stat| Stamp::of(&stat)) == **stamp
            })
        };
        // With 10,000 recipes this is most of what planning again takes.
        let (one, other) = all.split_at(all.len() / 2);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| holds(one));
            holds(other) && one.join().unwrap_or(false)
        })
    }
}
