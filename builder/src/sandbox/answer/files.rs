//! What stat(2), statx(2) and statfs(2) return to a build: times of its own clock, inode and device numbers in the
//! order in which it saw them, and nothing of the disk that its files are on. The layouts are the kernel's, of 64-bit
//! machines.

use std::collections::HashMap;

use nix::libc;

use super::super::ops::SMALL;
use super::clock::{Clock, Time};
use crate::profile::{self, BLOCK, BLOCKS};

/// At most so many inode numbers are replaced; further ones stay the disk's.
const MAX_INODES: usize = 1 << 20;
/// More devices than a sandbox has; further ones have one number.
const MAX_DEVICES: usize = 1024;
/// The first number that is given to an inode, and to a device (of major number 0, like all without a driver).
const FIRST_INODE: u64 = 16;
const FIRST_DEVICE: u64 = 32;

/// The numbers that a build sees, by those of the machine.
#[derive(Default)]
pub(super) struct Numbers {
    inodes: HashMap<(u64, u64), u64>,
    /// How many inodes of each device have a number: each counts for itself, so that the order in which the programs of
    /// a pipeline look at their pipes does not matter to files.
    counts: HashMap<u64, u64>,
    devices: HashMap<u64, u64>,
}

impl Numbers {
    /// Their approximate memory usage.
    pub fn bytes(&self) -> u64 {
        (self.inodes.len() * 2 * size_of::<((u64, u64), u64)>()) as u64
    }

    /// Of an inode on a device.
    pub fn inode(&mut self, device: u64, inode: u64) -> u64 {
        if self.inodes.len() >= MAX_INODES {
            return self.inodes.get(&(device, inode)).copied().unwrap_or(inode);
        }
        *self.inodes.entry((device, inode)).or_insert_with(|| {
            let count = self.counts.entry(device).or_insert(FIRST_INODE);
            *count += 1;
            *count - 1
        })
    }

    /// Of a device. Programs look at pipes and sockets in any order, so these have a fixed number, as the disk has.
    fn device(&mut self, device: u64, mode: u64, disk: u64) -> u64 {
        let kind = mode & u64::from(libc::S_IFMT);
        if device == disk {
            return FIRST_DEVICE;
        }
        if kind == u64::from(libc::S_IFIFO) {
            return FIRST_DEVICE + 1;
        }
        if kind == u64::from(libc::S_IFSOCK) {
            return FIRST_DEVICE + 2;
        }
        let next = FIRST_DEVICE + 3 + self.devices.len() as u64;
        if self.devices.len() >= MAX_DEVICES {
            return self.devices.get(&device).copied().unwrap_or(next);
        }
        *self.devices.entry(device).or_insert(next)
    }
}

/// What is known of a build for what it sees of files.
pub(super) struct Appearance {
    /// The device that the build's own folders are on.
    pub disk: u64,
    /// The user and group of this machine that its processes run as.
    pub owner: (u32, u32),
    /// The number that both have in the build.
    pub user: u32,
    /// Its clock.
    pub clock: Clock,
    pub numbers: Numbers,
}

/// A structure of numbers, little-endian as both processors have them.
struct Fields<'a>(&'a mut [u8]);

impl Fields<'_> {
    fn get(&self, at: usize, width: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(&self.0[at..at + width]);
        u64::from_le_bytes(bytes)
    }

    fn set(&mut self, at: usize, width: usize, value: u64) {
        self.0[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    fn time(&self, at: usize) -> Time {
        let nanoseconds = u32::try_from(self.get(at + 8, 4)).unwrap_or(0);
        Time { seconds: self.get(at, 8).cast_signed(), nanoseconds }
    }

    fn set_time(&mut self, at: usize, time: Time) {
        self.set(at, 8, time.seconds.cast_unsigned());
        self.set(at + 8, 4, time.nanoseconds.into());
    }
}

/// The size of struct stat.
#[cfg(target_arch = "x86_64")]
pub(super) const STAT: usize = 144;
#[cfg(target_arch = "aarch64")]
pub(super) const STAT: usize = 128;
/// Where struct stat has `st_uid`, before `st_gid`.
#[cfg(target_arch = "x86_64")]
pub(super) const STAT_OWNER: usize = 28;
#[cfg(target_arch = "aarch64")]
pub(super) const STAT_OWNER: usize = 24;
/// Where struct statx has `stx_uid`, before `stx_gid`.
pub(super) const STATX_OWNER: usize = 20;
/// The number of users and groups without one in a namespace (`/proc/sys/kernel/overflowuid`).
const OVERFLOW: u32 = 65_534;
/// The size of struct statx.
pub(super) const STATX: usize = 256;
/// The size of struct statfs.
pub(super) const STATFS: usize = 120;

/// Where struct stat has `st_nlink` and `st_mode`, and the width of the first and of `st_blksize`.
#[cfg(target_arch = "x86_64")]
const LINKS_MODE: (usize, usize, usize) = (16, 24, 8);
#[cfg(target_arch = "aarch64")]
const LINKS_MODE: (usize, usize, usize) = (20, 16, 4);

/// Where struct stat has `st_rdev`.
#[cfg(target_arch = "x86_64")]
const RDEV: usize = 40;
#[cfg(target_arch = "aarch64")]
const RDEV: usize = 32;

/// What `/dev/urandom` is.
const CHARACTER_DEVICE: u64 = 0o020_666;
const URANDOM: (u64, u64) = (1, 9);

impl Appearance {
    fn times(&self, fields: &mut Fields<'_>, places: &[usize]) {
        let now = Time::now();
        for at in places {
            fields.set_time(*at, self.clock.of_file(fields.time(*at), now));
        }
    }

    /// Whether a file is one of the inputs, of which all is the same everywhere but the device: nothing else can have
    /// that time of change.
    fn is_input(change: Time) -> bool {
        change == Time { seconds: profile::MODIFIED.cast_signed(), nanoseconds: 0 }
    }

    /// Whether it is the file of random numbers, which should look like the device: no input can be written.
    fn is_random(mode: u64, change: Time) -> bool {
        mode == u64::from(libc::S_IFREG) | 0o666 && Self::is_input(change)
    }

    /// struct stat.
    pub fn stat(&mut self, bytes: &mut [u8; STAT]) {
        let mut fields = Fields(bytes);
        let (links, mode, width) = LINKS_MODE;
        let (device, inode) = (fields.get(0, 8), fields.get(8, 8));
        if Self::is_random(fields.get(mode, 4), fields.time(104)) {
            fields.set(mode, 4, CHARACTER_DEVICE);
            fields.set(RDEV, 8, makedev(URANDOM.0, URANDOM.1));
        } else if Self::is_input(fields.time(104)) {
            return;
        }
        fields.set(8, 8, self.numbers.inode(device, inode));
        let number = self.numbers.device(device, fields.get(mode, 4), self.disk);
        fields.set(0, 8, number);
        self.times(&mut fields, &[72, 88, 104]);
        if is_directory(fields.get(mode, 4)) {
            // Not how many are in it: that of /proc counts processes of the machine.
            fields.set(links, width, 1);
        }
        if device != self.disk {
            return;
        }
        if is_directory(fields.get(mode, 4)) {
            fields.set(48, 8, BLOCK);
        }
        fields.set(56, width, BLOCK);
        let size = fields.get(48, 8);
        fields.set(64, 8, blocks(size, fields.get(mode, 4)));
    }

    /// struct statx: what every file system has, and nothing else.
    pub fn statx(&mut self, bytes: &mut [u8; STATX]) {
        let mut fields = Fields(bytes);
        let (major, minor) = (fields.get(136, 4), fields.get(140, 4));
        let device = makedev(major, minor);
        let (inode, mask) = (fields.get(32, 8), fields.get(0, 4));
        if Self::is_random(fields.get(28, 2), fields.time(96)) {
            fields.set(28, 2, CHARACTER_DEVICE);
            fields.set(128, 4, URANDOM.0);
            fields.set(132, 4, URANDOM.1);
        } else if Self::is_input(fields.time(96)) {
            return;
        }
        fields.set(32, 8, self.numbers.inode(device, inode));
        fields.set(136, 4, 0);
        let number = self.numbers.device(device, fields.get(28, 2), self.disk);
        fields.set(140, 4, number);
        // Without attributes, the time of birth, and whatever was added later.
        fields.set(0, 4, mask & u64::from(libc::STATX_BASIC_STATS));
        fields.set(8, 8, 0);
        fields.set(56, 8, 0);
        fields.0[80..96].fill(0);
        fields.0[144..].fill(0);
        self.times(&mut fields, &[64, 96, 112]);
        if is_directory(fields.get(28, 2)) {
            fields.set(16, 4, 1);
        }
        if device != self.disk {
            return;
        }
        if is_directory(fields.get(28, 2)) {
            fields.set(40, 8, BLOCK);
        }
        fields.set(4, 4, BLOCK);
        let size = fields.get(40, 8);
        fields.set(48, 8, blocks(size, fields.get(28, 2)));
    }

    /// The owner of a file, as this machine numbers users and groups, in struct stat or struct statx: only its own user
    /// has a number in its namespace.
    pub fn own(&self, bytes: &mut [u8], at: usize) {
        let mut fields = Fields(bytes);
        for (at, own) in [(at, self.owner.0), (at + 4, self.owner.1)] {
            let is_own = fields.get(at, 4) == u64::from(own);
            fields.set(at, 4, if is_own { self.user } else { OVERFLOW }.into());
        }
    }

    /// struct statfs: of the disk, a file system of the same kind and size everywhere. Others are the sandbox's own.
    pub fn statfs(bytes: &mut [u8; STATFS]) {
        let mut fields = Fields(bytes);
        // The number of a file system.
        fields.set(56, 8, 0);
        if is_own(&fields) {
            return;
        }
        // EXT4_SUPER_MAGIC, and then its size, what is free of it, and for whom.
        let inodes = BLOCKS / 4;
        for (at, value) in [
            (0, 0xef53),
            (8, BLOCK),
            (16, BLOCKS),
            (24, BLOCKS / 2),
            (32, BLOCKS / 2),
            (40, inodes),
            (48, inodes / 2),
            (64, 255),
            (72, BLOCK),
            // ST_RELATIME, and that the flags are valid.
            (80, 0x1020),
        ] {
            fields.set(at, 8, value);
        }
    }
}

/// Whether a file system is the sandbox's own, and the same everywhere: proc(5), devpts, pipes, a small tmpfs, or the
/// inputs, on which nothing is free.
fn is_own(fields: &Fields<'_>) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const FUSE_AND_OVERLAYFS: [u64; 2] = [0x6573_5546, 0x794c_7630];
    const OTHERS: [u64; 3] = [0x9fa0, 0x1cd1, 0x5049_5045];
    let size = fields.get(16, 8).saturating_mul(fields.get(8, 8));
    match fields.get(0, 8) {
        TMPFS => size <= SMALL || size == profile::SHARED_MEMORY,
        kind if FUSE_AND_OVERLAYFS.contains(&kind) => fields.get(24, 8) == 0,
        kind => OTHERS.contains(&kind),
    }
}

fn is_directory(mode: u64) -> bool {
    mode & u64::from(libc::S_IFMT) == u64::from(libc::S_IFDIR)
}

/// The units of 512 bytes that a file without holes takes; other things take none.
fn blocks(size: u64, mode: u64) -> u64 {
    let kind = mode & u64::from(libc::S_IFMT);
    let takes = kind == u64::from(libc::S_IFREG) || kind == u64::from(libc::S_IFDIR);
    if takes { size.div_ceil(BLOCK).saturating_mul(BLOCK / 512) } else { 0 }
}

/// makedev(3).
fn makedev(major: u64, minor: u64) -> u64 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::MetadataExt;

    /// What the kernel has of a file, in its own layout.
    fn of(metadata: &std::fs::Metadata) -> [u8; STAT] {
        let mut bytes = [0; STAT];
        let mut fields = Fields(&mut bytes);
        let (links, mode, width) = LINKS_MODE;
        for (at, wide, value) in [
            (0, 8, metadata.dev()),
            (8, 8, metadata.ino()),
            (links, width, metadata.nlink()),
            (mode, 4, metadata.mode().into()),
            (48, 8, metadata.size()),
            (64, 8, metadata.blocks()),
        ] {
            fields.set(at, wide, value);
        }
        let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap();
        for at in [72, 88, 104] {
            fields.set_time(at, Time { seconds: metadata.mtime(), nanoseconds });
        }
        bytes
    }

    #[test]
    fn files_of_the_disk_look_the_same_wherever_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = None;
        for name in ["one", "other"] {
            let mut here = Appearance {
                disk: folder.path().metadata().unwrap().dev(),
                owner: (7, 8),
                user: profile::ID,
                clock: Clock::begin(1000),
                numbers: Numbers::default(),
            };
            std::thread::sleep(std::time::Duration::from_millis(20));
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("file"), vec![0; 5000]).unwrap();
            let mut looks = [&path, &path.join("file")].map(|it| of(&it.metadata().unwrap()));
            for bytes in &mut looks {
                here.stat(bytes);
                // Within the second, times go on.
                let mut fields = Fields(bytes);
                for at in [72, 88, 104] {
                    let Time { seconds, .. } = fields.time(at);
                    assert_eq!(seconds, 1000);
                    fields.set_time(at, Time::default());
                }
            }
            assert_eq!((Fields(&mut looks[0]).get(48, 8), Fields(&mut looks[1]).get(64, 8)), (4096, 16));
            assert_eq!(*seen.get_or_insert(looks), looks);
        }
    }

    #[test]
    fn a_file_has_one_number_and_each_another() {
        let mut numbers = Numbers::default();
        let all = [(1, 7), (1, 9), (2, 7), (1, 7)].map(|(device, inode)| numbers.inode(device, inode));
        assert_eq!(all, [FIRST_INODE, FIRST_INODE + 1, FIRST_INODE, FIRST_INODE]);
    }

    #[test]
    fn only_a_builds_own_user_has_a_number() {
        let clock = Clock::begin(1000);
        let seen =
            Appearance { disk: 99, owner: (7, 8), user: profile::ID, clock, numbers: Numbers::default() };
        for (user, group, shown) in [(7, 8, (1000, 1000)), (0, 8, (65_534, 1000)), (7, 0, (1000, 65_534))] {
            let mut bytes = [0; STATX];
            Fields(&mut bytes).set(STATX_OWNER, 4, user);
            Fields(&mut bytes).set(STATX_OWNER + 4, 4, group);
            seen.own(&mut bytes, STATX_OWNER);
            let fields = Fields(&mut bytes);
            assert_eq!((fields.get(STATX_OWNER, 4), fields.get(STATX_OWNER + 4, 4)), shown);
        }
    }

    #[test]
    fn inputs_keep_their_inode_numbers() {
        let mut bytes = [0; STAT];
        let mut fields = Fields(&mut bytes);
        fields.set(8, 8, 1 << 60);
        let modified = Time { seconds: profile::MODIFIED.cast_signed(), nanoseconds: 0 };
        fields.set_time(104, modified);
        let mut seen = Appearance {
            disk: 99,
            owner: (7, 8),
            user: profile::ID,
            clock: Clock::begin(1000),
            numbers: Numbers::default(),
        };
        seen.stat(&mut bytes);
        assert_eq!(Fields(&mut bytes).get(8, 8), 1 << 60);
        assert_eq!(Fields(&mut bytes).time(104), modified);
    }

    #[test]
    fn a_device_number_is_put_together_as_by_the_c_library() {
        for (major, minor) in [(8, 1), (0, 0x1234), (259, 0x0fff_ff01), (0xfff_f000, 3)] {
            assert_eq!(
                makedev(major, minor),
                libc::makedev(u32::try_from(major).unwrap(), u32::try_from(minor).unwrap())
            );
        }
    }
}
