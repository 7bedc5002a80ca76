//! Nodes of devices that are one build's own, where root builds.
//!
//! A lock, a lease or a watch on a device is on its node's inode, and a bind of the machine's `/dev/null` is the
//! machine's inode. A user can make no nodes: a user's builds have the machine's own.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, Timespec, Timestamps, chmodat, makedev, mknodat, utimensat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

use crate::profile;

/// A file system with a node for each device of the profile, mounted nowhere yet. It has to be made outside of all user
/// namespaces: the kernel opens no device of one that was made inside.
///
/// # Errors
/// For whoever may make no nodes.
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
