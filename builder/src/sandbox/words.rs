//! What a set-up operation does, in words: for the message when it could not be done.

use std::fmt;

use super::ops::SetupOp;

impl fmt::Display for SetupOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private {} => write!(f, "make the mounts private"),
            Self::Directory { path, .. } => write!(f, "make the directory {path}"),
            Self::File { path, .. } => write!(f, "write {path}"),
            Self::Symlink { path, .. } => write!(f, "make the symbolic link {path}"),
            Self::Memory { path, .. } => write!(f, "mount a tmpfs on {path}"),
            Self::Store { path } => write!(f, "mount the store on {path}"),
            Self::Inputs { path, .. } => write!(f, "mount the inputs on {path}"),
            Self::Nodes { path } => write!(f, "mount the devices on {path}"),
            Self::Device { to, .. } => write!(f, "make the device {to}"),
            Self::Random { path } => write!(f, "mount a file of random bytes on {path}"),
            Self::ReadOnly { path } => write!(f, "mount {path} read-only"),
            Self::OwnFormats { path } => write!(f, "mount a binfmt_misc on {path}"),
            Self::Share { name, max } => write!(f, "set {name} to {max}"),
            Self::Bind { to, .. } => write!(f, "mount what belongs on {to}"),
            Self::Processes { path } => write!(f, "mount a proc file system on {path}"),
            Self::Terminals { path, .. } => write!(f, "mount the terminals on {path}"),
            Self::Pivot { path } => write!(f, "make {path} the root"),
            Self::HostName { name } => write!(f, "set the host name to {name}"),
            Self::DomainName { name } => write!(f, "set the domain name to {name}"),
            Self::Loopback {} => write!(f, "bring up the loopback interface"),
            Self::Limit { resource, hard: Some(hard), .. } => write!(f, "set the limit {resource} to {hard}"),
            Self::Limit { resource, .. } => write!(f, "take the limit {resource} away"),
            Self::Umask { mask } => write!(f, "set the umask to {mask:03o}"),
            Self::Signals {} => write!(f, "reset the signals"),
            Self::FixedAddresses {} => write!(f, "turn off random addresses"),
            Self::Unseen {} => write!(f, "keep other processes from looking into this one"),
            Self::NoCapabilities {} => write!(f, "drop the capabilities"),
            Self::NoNewPrivileges {} => write!(f, "rule out new privileges"),
            Self::Filter {} => write!(f, "filter system calls"),
        }
    }
}
