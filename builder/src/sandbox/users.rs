//! User and group IDs of a process in a user namespace (user_namespaces(7)).

use std::io;

/// Maps this process's outer user and group, `user` and `group`, to `inside`, in the namespace that it has just
/// created. An unprivileged process can map only its own IDs.
pub(crate) fn map_own(inside: u32, user: u32, group: u32) -> io::Result<()> {
    // Required to map a group ("Defining user and group ID mappings").
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{inside} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{inside} {group} 1"))
}

/// Becomes user and group 0 of the namespace that this process is in.
pub(crate) fn become_root() -> io::Result<()> {
    // A namespace created without privileges keeps the creator's groups: they cannot be dropped.
    let _ = nix::unistd::setgroups(&[]);
    let (user, group) = (nix::unistd::Uid::from_raw(0), nix::unistd::Gid::from_raw(0));
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)?;
    // The /proc files of a process with changed IDs belong to root until it is dumpable again, even for itself.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)?;
    Ok(())
}
