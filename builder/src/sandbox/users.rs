//! Who a process is in a user namespace (user_namespaces(7)).

use std::io;

/// Maps this process's user and group of outside, `user` and `group`, to `inside`, in the namespace that it has just
/// made. Only its own may any process map.
pub(crate) fn map_own(inside: u32, user: u32, group: u32) -> io::Result<()> {
    // Without this no group can be mapped ("Defining user and group ID mappings").
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{inside} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{inside} {group} 1"))
}

/// Becomes user and group 0 of the namespace that this process is in.
pub(crate) fn become_root() -> io::Result<()> {
    // Who made the namespace without rights on the machine keeps the groups that it had: they may not be given up.
    let _ = nix::unistd::setgroups(&[]);
    let (user, group) = (nix::unistd::Uid::from_raw(0), nix::unistd::Gid::from_raw(0));
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)?;
    // Another user's process cannot be looked into, not even by itself in /proc, until it says that it can.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)?;
    Ok(())
}
