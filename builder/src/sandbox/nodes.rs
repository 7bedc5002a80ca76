//! Device nodes of one build's own, for builds of a daemon that runs as root; and a file that takes the place of those
//! with random numbers.
//!
//! A lock, a lease or a watch on a device is on its node's inode, and a bind mount of the machine's `/dev/null`
//! has the machine's inode. Unprivileged users cannot create nodes: their builds have the machine's.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, chmodat, makedev, mknodat, utimensat,
};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use super::answer::Device;
use super::beside::{Found, Mailbox};
use crate::profile;

/// A filesystem with a node for each device of the profile, not mounted yet. It has to be created outside of
/// all user namespaces: the kernel opens no device on one created inside.
///
/// # Errors
/// For a user who may not create nodes.
pub(super) fn own() -> io::Result<OwnedFd> {
    let system = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (option, value) in [("mode", "755"), ("size", "4096"), ("nr_inodes", "16")] {
        fsconfig_set_string(&system, option, value)?;
    }
    fsconfig_create(&system)?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let nodes = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    for (name, major, minor) in profile::DEVICES {
        let all = Mode::from_raw_mode(0o666);
        mknodat(&nodes, *name, FileType::CharacterDevice, all, makedev(*major, *minor))?;
        chmodat(&nodes, *name, all, AtFlags::empty())?;
        let time = Timespec { tv_sec: profile::MODIFIED.cast_signed(), tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(&nodes, *name, &times, AtFlags::empty())?;
    }
    Ok(nodes)
}

/// A file of random bytes in the place of two devices; it is not mounted at a path yet.
pub struct RandomFile {
    /// The FUSE device on which its bytes are asked for.
    pub device: OwnedFd,
    /// The mount.
    pub mount: OwnedFd,
}

impl RandomFile {
    /// Opens the device. To be called in the user namespace in which it is mounted, and by a user who may.
    ///
    /// # Errors
    /// Without that right.
    pub fn open() -> io::Result<OwnedFd> {
        Ok(rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Mounts it, as the root of that namespace.
    ///
    /// # Errors
    /// When the kernel mounts no FUSE there.
    pub fn mount(device: OwnedFd) -> io::Result<Self> {
        let system = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
        let fd = device.as_raw_fd().to_string();
        for (option, value) in [
            ("source", "stele"),
            ("subtype", "stele"),
            ("fd", fd.as_str()),
            // A regular file that all may read and write.
            ("rootmode", "100666"),
            ("user_id", "0"),
            ("group_id", "0"),
        ] {
            fsconfig_set_string(&system, option, value)?;
        }
        fsconfig_set_flag(&system, "allow_other")?;
        fsconfig_create(&system)?;
        let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC
            | MountAttrFlags::MOUNT_ATTR_NOATIME;
        let mount = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
        Ok(Self { device, mount })
    }
}

/// Serves the file of random bytes for as long as the sandbox has it.
pub(super) fn serve_random(device: OwnedFd, seed: &str, mailbox: Mailbox) -> io::Result<()> {
    let mut streams = Device::new(seed);
    let serve = move || {
        if let Err(error) = stele_fs::serve_endless(device, move || streams.open()) {
            mailbox.leave(Found::Failure(error));
        }
    };
    std::thread::Builder::new().name("random".to_owned()).spawn(serve).map(drop)
}
