//! Device nodes of one build's own, for builds of a daemon that runs as root.
//!
//! A lock, a lease or a watch on a device is on its node's inode, and a bind mount of the machine's `/dev/null`
//! has the machine's inode. Unprivileged users cannot create nodes: their builds have the machine's.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, Timespec, Timestamps, chmodat, makedev, mknodat, utimensat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

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
