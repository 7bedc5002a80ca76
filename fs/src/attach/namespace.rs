//! New user and mount namespaces, in which any user may mount (user_namespaces(7)).

use std::io;

use rustix::thread::UnshareFlags;

/// Moves this process into new namespaces in which it is root; outside it gains no rights. Requires a process with one
/// thread.
///
/// # Errors
/// When the kernel, or its administrator, does not permit user namespaces.
pub fn enter() -> io::Result<()> {
    let user = rustix::process::getuid().as_raw();
    let group = rustix::process::getgid().as_raw();
    super::sys::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
    // Without this no group can be mapped (user_namespaces(7), "Defining user and group ID mappings").
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}
