//! Applies set-up operations in order to this process.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, move_mount, unmount,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

use super::nodes::RandomFile;
use super::ops::{SetupOp, Source};
use super::{filter, sys};

/// What the set-up is given: descriptors opened before it, and what is different in this build.
#[derive(Default)]
pub struct Given {
    /// The folder of all builds.
    pub builds: Option<OwnedFd>,
    /// The FUSE device.
    pub device: Option<OwnedFd>,
    /// A filesystem with device nodes, not mounted yet.
    pub nodes: Option<OwnedFd>,
    /// The file of random bytes.
    pub random: Option<RandomFile>,
    /// The calls that the filter passes on.
    pub wanted: filter::Wanted,
}

/// An operation that failed.
#[derive(Debug)]
pub struct Undone {
    /// The operation.
    pub op: SetupOp,
    /// The cause.
    pub error: io::Error,
}

/// Applies all of `ops`; returns the filter's listener, if one of them installs it.
///
/// # Errors
/// The first that fails. Earlier ones stay applied: the process is unusable then.
pub fn apply(ops: &[SetupOp], given: &Given) -> Result<Option<OwnedFd>, Undone> {
    let mut listener = None;
    for op in ops {
        let done = match op {
            SetupOp::Filter {} => set_filter(given.wanted).map(|fd| listener = Some(fd)),
            op => one(op, given),
        };
        done.map_err(|error| Undone { op: op.clone(), error })?;
    }
    Ok(listener)
}

fn one(op: &SetupOp, given: &Given) -> io::Result<()> {
    match op {
        SetupOp::Private {} => {
            mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
        }
        SetupOp::Directory { path, mode } => {
            match std::fs::create_dir(path) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => std::fs::set_permissions(path, Permissions::from_mode(*mode))?,
            }
            old(path)?;
        }
        SetupOp::File { path, text } => {
            File::create_new(path)?.write_all(text.as_bytes())?;
            std::fs::set_permissions(path, Permissions::from_mode(0o444))?;
            old(path)?;
        }
        SetupOp::Symlink { path, target } => {
            std::os::unix::fs::symlink(target, path)?;
            old(path)?;
        }
        SetupOp::Memory { path, mode, size } => {
            let options = text(&format!("mode={mode:o},size={size},nr_inodes=1048576"))?;
            mount("tmpfs", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
        }
        SetupOp::Store { path } => attach_store(path, given)?,
        SetupOp::Inputs { tree, empty, path } => inputs(tree, empty, path)?,
        SetupOp::Nodes { path } => {
            if let Some(nodes) = &given.nodes {
                let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                move_mount(nodes, "", CWD, path.as_str(), flags)?;
            }
        }
        SetupOp::Device { from, to, major, minor } => device(from, to, *major, *minor)?,
        SetupOp::Random { path } => {
            let random = given.random.as_ref().ok_or(io::ErrorKind::NotFound)?;
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(&random.mount, "", CWD, path.as_str(), flags)?;
        }
        SetupOp::ReadOnly { path } => read_only(path, MountFlags::NODEV)?,
        SetupOp::OwnFormats { path } => own_formats(path)?,
        SetupOp::Share { name, max } => {
            std::fs::write(format!("/proc/sys/user/{name}"), max.to_string())?;
        }
        SetupOp::Bind { from, to, recursive, writable } => bind(from, to, *recursive, *writable, given)?,
        SetupOp::Processes { path } => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            mount("proc", path, "proc", flags, c"subset=pid")?;
        }
        SetupOp::Terminals { path, max } => {
            let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
            let options = text(&format!("newinstance,ptmxmode=0666,mode=0620,max={max}"))?;
            mount("devpts", path, "devpts", flags, options.as_c_str())?;
        }
        SetupOp::Pivot { path } => pivot(path)?,
        SetupOp::HostName { name } => rustix::system::sethostname(name.as_bytes())?,
        SetupOp::DomainName { name } => rustix::system::setdomainname(name.as_bytes())?,
        SetupOp::Loopback {} => sys::loopback_up()?,
        SetupOp::Limit { resource, soft, hard } => limit(resource, *soft, *hard)?,
        SetupOp::Umask { mask } => {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(*mask));
        }
        SetupOp::Signals {} => sys::reset_signals()?,
        SetupOp::FixedAddresses {} => sys::fix_addresses()?,
        SetupOp::Unseen {} => set_dumpable_behavior(DumpableBehavior::NotDumpable)?,
        SetupOp::NoCapabilities {} => drop_capabilities()?,
        SetupOp::NoNewPrivileges {} => set_no_new_privs(true)?,
        SetupOp::Filter {} => {}
    }
    Ok(())
}

fn text(text: &str) -> io::Result<std::ffi::CString> {
    std::ffi::CString::new(text).map_err(io::Error::other)
}

/// Sets the modification time of the store's files.
fn old(path: &str) -> io::Result<()> {
    let time = Timespec { tv_sec: crate::profile::MODIFIED.cast_signed(), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn attach_store(path: &str, given: &Given) -> io::Result<()> {
    let device = given.device.as_ref().ok_or(io::ErrorKind::NotFound)?;
    // The kernel checks the modes (default_permissions), for every user of the namespace (allow_other). The
    // source is a fixed word, because a build can read it.
    let options = format!(
        "fd={},rootmode=40555,user_id=0,group_id=0,default_permissions,allow_other",
        device.as_raw_fd()
    );
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    Ok(mount("stele", path, "fuse.stele", flags, text(&options)?.as_c_str())?)
}

fn bind(from: &Source, to: &str, recursive: bool, writable: bool, given: &Given) -> io::Result<()> {
    let from = match from {
        Source::Path(path) => path.clone(),
        Source::Builds => {
            let folder = given.builds.as_ref().ok_or(io::ErrorKind::NotFound)?;
            format!("/proc/self/fd/{}", folder.as_raw_fd())
        }
    };
    match recursive {
        true => mount_bind_recursive(&from, to)?,
        false => mount_bind(&from, to)?,
    }
    if writable { Ok(()) } else { read_only(to, MountFlags::NODEV) }
}

/// Makes the mount there read-only, and adds these flags.
fn read_only(path: &str, flags: MountFlags) -> io::Result<()> {
    // A namespace may add flags to an inherited mount, but not remove any.
    let has = rustix::fs::statvfs(path)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | flags;
    flags.set(MountFlags::NOEXEC, has.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    Ok(mount_remount(path, flags, c"")?)
}

fn inputs(tree: &str, empty: &str, path: &str) -> io::Result<()> {
    // Both layers are on one filesystem, so inode numbers are those of the store. `userxattr`: only root of the
    // machine can read the others. No file's attribute has a meaning to it, for the store shows none.
    let options = text(&format!("lowerdir={tree}:{empty},userxattr,xino=off,uuid=off"))?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    Ok(mount("stele", path, "overlay", flags, options.as_c_str())?)
}

/// A regular file in a device's place, as `cc -o /dev/null` run by root creates it, would make a file of the
/// machine writable. The bind mount is read-only: then its times and mode cannot change either, and the device
/// can still be written.
fn device(from: &str, to: &str, major: u32, minor: u32) -> io::Result<()> {
    mount_bind(from, to)?;
    let stat = rustix::fs::stat(to)?;
    let is_device = rustix::fs::FileType::from_raw_mode(stat.st_mode)
        == rustix::fs::FileType::CharacterDevice
        && stat.st_rdev == rustix::fs::makedev(major, minor);
    if !is_device {
        let why = format!("{from} is not the character device {major}, {minor}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    read_only(to, MountFlags::empty())
}

fn own_formats(path: &str) -> io::Result<()> {
    match mount("binfmt_misc", path, "binfmt_misc", MountFlags::empty(), c"") {
        Ok(()) => Ok(unmount(path, UnmountFlags::DETACH)?),
        // Kernels before 6.7 let only root of the machine mount it; a kernel without it runs no such formats.
        Err(Errno::PERM | Errno::NODEV) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Both roots at one path, so that the new one needs no directory for the old one (pivot_root(2), NOTES).
fn pivot(path: &str) -> io::Result<()> {
    std::env::set_current_dir(path)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

fn limit(resource: &str, soft: Option<u64>, hard: Option<u64>) -> io::Result<()> {
    let all = [
        ("as", Resource::As),
        ("core", Resource::Core),
        ("cpu", Resource::Cpu),
        ("data", Resource::Data),
        ("fsize", Resource::Fsize),
        ("locks", Resource::Locks),
        ("memlock", Resource::Memlock),
        ("msgqueue", Resource::Msgqueue),
        ("nice", Resource::Nice),
        ("nofile", Resource::Nofile),
        ("nproc", Resource::Nproc),
        ("rss", Resource::Rss),
        ("rtprio", Resource::Rtprio),
        ("rttime", Resource::Rttime),
        ("sigpending", Resource::Sigpending),
        ("stack", Resource::Stack),
    ];
    let which = all.iter().find(|(name, _)| *name == resource).map(|(_, it)| *it);
    let which = which.ok_or(io::ErrorKind::Unsupported)?;
    match setrlimit(which, Rlimit { current: soft, maximum: hard }) {
        Err(Errno::PERM) => {
            let has = rustix::process::getrlimit(which).maximum.unwrap_or_default();
            let why = format!("the daemon was started with a hard limit of {has}, and only root raises one");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
        }
        done => Ok(done?),
    }
}

fn drop_capabilities() -> io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    let last = std::fs::read_to_string(Path::new("/proc/sys/kernel/cap_last_cap"))
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .unwrap_or(40);
    // One past the last is refused: newer kernels may have more than this program knows.
    for number in 0..=last.max(63) {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match rustix::thread::remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            Err(Errno::INVAL) => break,
            Err(e) => return Err(e.into()),
        }
    }
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

fn set_filter(wanted: filter::Wanted) -> io::Result<OwnedFd> {
    for program in filter::denying().map_err(io::Error::other)? {
        seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    }
    sys::filter_with_listener(&mut filter::answering(wanted))
}
