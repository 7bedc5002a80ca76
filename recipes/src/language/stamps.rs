//! Whether the files of a recipe tree are still what they were when they were read, told by what the kernel says of
//! them.
//!
//! A stamp is taken by `fstat` of the very descriptor that is read, before it is read. To look again, the path is
//! resolved again in the same way, so that a symbolic link on the way that leads elsewhere now shows, too.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, openat2};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use stele_store::model::{escape, unescape};

/// How far a change has to lie back so that the next one cannot have the same time, in nanoseconds: the kernel's clock
/// for files may tick only every 10 ms.
const TICK: i128 = 20_000_000;
/// The same on a file system that writes whole seconds (ext3) or every second one (FAT).
const WHOLE_SECONDS: i128 = 2_000_000_000;

/// File systems whose times come from this machine's clock. What another machine serves has a clock of its own, and may
/// be cached: nothing there can be told by its times.
const LOCAL: [u32; 23] = [
    0x0000_ef53, // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0xca45_1a4e, // bcachefs
    0x0000_f15f, // eCryptfs
    0x7371_7368, // SquashFS
    0xe0f5_e1e2, // EROFS
    0x0000_9660, // ISO 9660
    0x1501_3346, // UDF
    0x0000_4d44, // FAT
    0x2011_bab0, // exFAT
    0x7366_746e, // NTFS
    0x3153_464a, // JFS
    0x5265_4973, // ReiserFS
    0x0000_3434, // NILFS
    0x0000_482b, // HFS+
    0x0000_4244, // HFS
    0x2405_1905, // UBIFS
];

/// What tells one state of a file from another. The kernel moves ctime with every change, and cannot be asked not to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamp {
    device: u64,
    inode: u64,
    mode: u32,
    size: i64,
    /// ctime in nanoseconds.
    changed: i128,
    /// mtime in nanoseconds.
    modified: i128,
}

/// What a path led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Resolution {
    There(Stamp),
    /// It could not be opened, with this error of the kernel.
    Not(i32),
}

/// A path from the top of a recipe tree, in raw bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Looked {
    pub path: Vec<u8>,
    /// Whether a symbolic link at its end is followed. Those on the way always are, inside the recipe tree.
    pub follow: bool,
}

/// The state of all that was looked at in a recipe tree.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Stamps {
    found: BTreeMap<Looked, Resolution>,
    /// Something was changed so shortly before it was looked at that the next change might not show, or between two
    /// looks.
    unsettled: bool,
}

/// [`Stamps`] between two processes: paths are escaped.
#[derive(Serialize, Deserialize)]
struct Written {
    found: Vec<(String, bool, Resolution)>,
    unsettled: bool,
}

impl From<Stamps> for Written {
    fn from(stamps: Stamps) -> Self {
        let row = |(looked, found): (Looked, Resolution)| {
            let mut path = String::new();
            escape(&looked.path, &mut path);
            (path, looked.follow, found)
        };
        Self { found: stamps.found.into_iter().map(row).collect(), unsettled: stamps.unsettled }
    }
}

impl TryFrom<Written> for Stamps {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let row = |(path, follow, found): (String, bool, Resolution)| {
            let path = unescape(path.as_bytes()).map_err(|e| e.to_string())?;
            Ok::<_, String>((Looked { path, follow }, found))
        };
        Ok(Self {
            found: written.found.into_iter().map(row).collect::<Result<_, _>>()?,
            unsettled: written.unsettled,
        })
    }
}

impl Stamp {
    fn of(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, rest: u64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            size: stat.st_size,
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        }
    }

    /// Whether a change at `now`, in nanoseconds since 1970, or later, must have another time.
    fn is_settled(&self, now: i128) -> bool {
        let grain = if self.changed % 1_000_000_000 == 0 { WHOLE_SECONDS } else { TICK };
        self.changed + grain < now
    }
}

impl Stamps {
    /// Whether every change since would show.
    pub fn are_settled(&self) -> bool {
        !self.unsettled
    }

    /// Notes what was found by a descriptor that is about to be read. `local` says whether its file system's times can
    /// be trusted.
    pub(super) fn note(&mut self, looked: Looked, stat: &Stat, local: bool) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_nanos());
        let stamp = Stamp::of(stat);
        self.unsettled |= !local || !stamp.is_settled(i128::try_from(now).unwrap_or(0));
        self.put(looked, Resolution::There(stamp));
    }

    /// Notes that nothing could be opened.
    pub(super) fn note_none(&mut self, looked: Looked, why: Errno) {
        self.put(looked, Resolution::Not(why.raw_os_error()));
    }

    fn put(&mut self, looked: Looked, found: Resolution) {
        // Of two states that were read, one alone cannot be held on to.
        self.unsettled |= self.found.insert(looked, found).is_some_and(|before| before != found);
    }

    /// Whether everything still is what it was.
    pub(super) fn hold(&self, top: impl AsFd + Sync) -> bool {
        let all: Vec<_> = self.found.iter().collect();
        let holds = |part: &[(&Looked, &Resolution)]| {
            part.iter().all(|(looked, found)| look(&top, looked) == **found)
        };
        // With 10,000 recipes this is most of what planning again takes.
        let (one, other) = all.split_at(all.len() / 2);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| holds(one));
            holds(other) && one.join().unwrap_or(false)
        })
    }
}

fn look(top: impl AsFd, looked: &Looked) -> Resolution {
    let fd = open_below(top, &looked.path, OFlags::PATH, looked.follow);
    match fd.and_then(|fd| rustix::fs::fstat(&fd)) {
        Ok(stat) => Resolution::There(Stamp::of(&stat)),
        Err(e) => Resolution::Not(e.raw_os_error()),
    }
}

/// Opens what lies at a path below `top`: neither `..` nor a symbolic link leads out of it.
pub(super) fn open_below(top: impl AsFd, path: &[u8], flags: OFlags, follow: bool) -> Result<OwnedFd, Errno> {
    /// A rename anywhere in the machine at that moment makes the kernel give up on a link with `..` in it.
    const TRIES: usize = 64;
    let follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 1..TRIES {
        match openat2(&top, path, flags | follow | OFlags::CLOEXEC, Mode::empty(), how) {
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    openat2(&top, path, flags | follow | OFlags::CLOEXEC, Mode::empty(), how)
}

/// Whether what is open lies on a file system of this machine.
pub(super) fn is_local(fd: impl AsFd) -> bool {
    // The number is 32 bits wide whatever the word of the machine.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
    let kind = rustix::fs::fstatfs(fd).map(|disk| disk.f_type as u32);
    kind.is_ok_and(|kind| LOCAL.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(changed: i128) -> Stamp {
        Stamp { device: 1, inode: 1, mode: 0, size: 0, changed, modified: 0 }
    }

    #[test]
    fn a_time_of_whole_seconds_is_not_trusted_before_two_have_passed() {
        let second = 1_000_000_000;
        assert!(!stamp(7 * second).is_settled(8 * second + 999));
        assert!(!stamp(7 * second).is_settled(9 * second));
        assert!(stamp(7 * second).is_settled(9 * second + 1));
        // The control: a fine time is trusted after two ticks, and not before.
        assert!(!stamp(7 * second + 1).is_settled(7 * second + TICK));
        assert!(stamp(7 * second + 1).is_settled(7 * second + TICK + 2));
        // A time that is still to come is not trusted at all.
        assert!(!stamp(20 * second + 1).is_settled(7 * second));
    }

    #[test]
    fn two_states_of_one_path_never_settle() {
        let looked = || Looked { path: b"x".to_vec(), follow: true };
        let mut stamps = Stamps::default();
        stamps.put(looked(), Resolution::There(stamp(1)));
        stamps.put(looked(), Resolution::There(stamp(1)));
        assert!(stamps.are_settled());
        stamps.put(looked(), Resolution::There(stamp(2)));
        assert!(!stamps.are_settled());
    }

    #[test]
    fn any_name_passes_from_one_process_to_another() {
        let mut stamps = Stamps::default();
        for path in [&b"with space"[..], b"back\\slash", b"\xff\xfe", "ä/ö".as_bytes(), b"a\nb"] {
            stamps.put(Looked { path: path.to_vec(), follow: false }, Resolution::Not(2));
            stamps.put(Looked { path: path.to_vec(), follow: true }, Resolution::There(stamp(-1)));
        }
        let text = serde_json::to_vec(&stamps).unwrap();
        assert_eq!(serde_json::from_slice::<Stamps>(&text).unwrap(), stamps);
    }
}
