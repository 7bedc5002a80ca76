//! What other users of the machine may ask: to read, and some of them to build. They come by a socket of their own; who
//! they are is the kernel's word (unix(7), SO_PEERCRED; socket(7), SO_PEERGROUPS).

use std::io;
use std::os::unix::net::UnixStream;

use stele::Request;
use stele::agreement::AgreementRequest;
use stele::copies::CopyRequest;
use stele::failure::{Failure, Kind};

use crate::protocol::Call;
use crate::sys;

/// Who a connection is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rights {
    /// The store's own user: everything.
    Owner,
    /// Another user who may build: to read, to send what a build needs, and to have it run.
    Builder {
        /// The user.
        user: u32,
    },
    /// Another user: to read.
    Reader,
    /// Another user who is not in the group of those who may read.
    Stranger,
}

/// The groups of those who may use the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// Who may read it; all users of the machine without one.
    pub readers: Option<u32>,
    /// Who may also build in it; nobody without one.
    pub builders: Option<u32>,
}

impl Groups {
    /// What the other user of a connection may do.
    ///
    /// # Errors
    /// When the kernel does not say who it is.
    pub(super) fn rights(self, stream: &UnixStream) -> io::Result<Rights> {
        let peer = rustix::net::sockopt::socket_peercred(stream)?;
        let mut groups = sys::peer_groups(stream)?;
        groups.push(peer.gid.as_raw());
        Ok(self.rights_of(peer.uid.as_raw(), &groups))
    }

    fn rights_of(self, user: u32, groups: &[u32]) -> Rights {
        let is_in = |group: Option<u32>| group.is_some_and(|group| groups.contains(&group));
        match self {
            _ if is_in(self.builders) => Rights::Builder { user },
            Self { readers: None, .. } => Rights::Reader,
            _ if is_in(self.readers) => Rights::Reader,
            _ => Rights::Stranger,
        }
    }
}

/// The number of a group of this machine, by its name or its number.
///
/// # Errors
/// When no group has that name.
pub fn group(name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match nix::unistd::Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(format!("there is no group `{name}` on this machine; `groupadd {name}` makes one")),
        Err(error) => Err(format!("the groups of this machine cannot be read: {error}")),
    }
}

impl Rights {
    /// Checks a call before any of it is done.
    ///
    /// # Errors
    /// When it is not for these rights.
    pub(super) fn check(self, call: &Call) -> Result<(), Failure> {
        let is_allowed = match (self, call) {
            (Self::Owner, _) => true,
            (Self::Reader | Self::Builder { .. }, Call::Status {}) => true,
            // A descriptor is not touched: whoever holds the other end of a pipe can hold up whoever uses this one.
            (Self::Reader, Call::Store { store, opened: false }) => reads(store),
            (Self::Builder { .. }, Call::Store { store, opened: false }) => reads(store) || builds(store),
            _ => false,
        };
        if is_allowed {
            return Ok(());
        }
        let message = match self {
            Self::Stranger => "this store is another user's, and only members of a group may read it",
            Self::Builder { .. } => "this store is another user's, who lets you read it and build in it",
            Self::Reader | Self::Owner => "this store is another user's, who lets others only read it",
        };
        let hint = match self {
            Self::Stranger => "whoever owns it, or administers this machine, can add you to the group",
            Self::Builder { .. } => "keep roots in a store of your own, with this one as --builder",
            Self::Reader | Self::Owner => "build in a store of your own, with this one as --substituter",
        };
        Err(Failure::new(Kind::Failed, message).hint(hint))
    }
}

/// Whether a request only reads, and names no path, which would be opened with this process's rights. A request that is
/// added to the protocol is refused until it is named here.
fn reads(request: &Request) -> bool {
    match request {
        Request::List { .. }
        | Request::Cat { .. }
        | Request::Info { .. }
        | Request::RootList {}
        | Request::Realisation { .. } => true,
        Request::Copy { ask } => {
            let sends_here = matches!(ask, CopyRequest::Send { to: None, .. });
            sends_here || matches!(ask, CopyRequest::Find { .. } | CopyRequest::Lacking { .. })
        }
        Request::Agreement { ask } => matches!(ask, AgreementRequest::About { .. }),
        _ => false,
    }
}

/// Whether a request sends content that a lease keeps, or has an action run: all of that is pure data.
fn builds(request: &Request) -> bool {
    match request {
        Request::Perform { .. } => true,
        Request::Copy { ask: CopyRequest::Receive { from: None, keeping } } => {
            keeping.roots.is_empty() && !keeping.bundled && !keeping.replace
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use stele::builds::{ActionOfOther, Order};
    use stele::caches::CacheRequest;
    use stele_remote::{Item, Keeping, Rooted, Wanted};
    use stele_store::model::Digest;

    use super::*;

    fn store(store: Request, opened: bool) -> Call {
        Call::Store { store, opened }
    }

    fn send(to: Option<&str>) -> Request {
        Request::Copy { ask: CopyRequest::Send { wanted: Wanted::default(), to: to.map(str::to_owned) } }
    }

    #[test]
    fn others_read_and_nothing_else() {
        let reference = || "gcc".to_owned();
        for call in [
            Call::Status {},
            store(Request::RootList {}, false),
            store(Request::Cat { reference: reference() }, false),
            store(Request::Copy { ask: CopyRequest::Lacking { items: Vec::new() } }, false),
            store(send(None), false),
        ] {
            assert!(Rights::Reader.check(&call).is_ok(), "{call:?}");
        }
        let receive =
            CopyRequest::Receive { from: Some("/dev/stdin".to_owned()), keeping: Keeping::default() };
        for call in [
            Call::Stop { now: true },
            Call::Mounts {},
            store(send(None), true),
            store(send(Some("/dev/stdout")), true),
            store(send(Some("/dev/stdout")), false),
            store(Request::Copy { ask: receive }, true),
            store(Request::RootRemove { name: reference() }, false),
            store(Request::Cache { ask: CacheRequest::Total {} }, false),
            store(Request::Verify {}, false),
            store(Request::Add { path: "/etc/shadow".to_owned(), root: None, keep_seconds: 0 }, true),
            store(Request::Export { reference: reference(), to: "/tmp/x".to_owned(), umask: 0 }, true),
            store(Request::Plan { tree: "/tmp".to_owned(), goals: Vec::new() }, true),
        ] {
            assert!(Rights::Reader.check(&call).is_err(), "{call:?}");
            assert!(Rights::Owner.check(&call).is_ok(), "{call:?}");
        }
    }

    #[test]
    fn who_may_build_sends_content_and_actions_and_nothing_else() {
        let builder = Rights::Builder { user: 1000 };
        let root = || Rooted { name: "mine".to_owned(), item: Item::Blob(Digest::of(b"")) };
        let give = |from: Option<&str>, keeping| Request::Copy {
            ask: CopyRequest::Receive { from: from.map(str::to_owned), keeping },
        };
        let ask =
            ActionOfOther { recipe: "a".to_owned(), action: String::new(), timeout: None, memory: None };
        let perform = || Request::Perform { ask: ask.clone() };
        for call in [
            Call::Status {},
            store(Request::RootList {}, false),
            store(give(None, Keeping::default()), false),
            store(perform(), false),
        ] {
            assert!(builder.check(&call).is_ok(), "{call:?}");
            assert!(Rights::Stranger.check(&call).is_err(), "{call:?}");
        }
        assert!(Rights::Reader.check(&store(perform(), false)).is_err());
        assert!(Rights::Reader.check(&store(give(None, Keeping::default()), false)).is_err());
        for call in [
            Call::Stop { now: true },
            Call::Mounts {},
            store(perform(), true),
            store(give(Some("/dev/stdin"), Keeping::default()), true),
            store(give(Some("/dev/stdin"), Keeping::default()), false),
            store(give(None, Keeping { roots: vec![root()], ..Keeping::default() }), false),
            store(give(None, Keeping { bundled: true, ..Keeping::default() }), false),
            store(Request::RootRemove { name: "mine".to_owned() }, false),
            store(Request::Verify {}, false),
            store(
                Request::Build { tree: "/tmp".to_owned(), goals: Vec::new(), order: Order::default() },
                true,
            ),
        ] {
            assert!(builder.check(&call).is_err(), "{call:?}");
        }
    }

    #[test]
    fn groups_decide_who_may_do_what() {
        let (all, some) = (Groups::default(), Groups { readers: Some(7), builders: Some(8) });
        assert_eq!(all.rights_of(1000, &[7, 8]), Rights::Reader);
        assert_eq!(some.rights_of(1000, &[7, 9]), Rights::Reader);
        assert_eq!(some.rights_of(1000, &[8]), Rights::Builder { user: 1000 });
        assert_eq!(some.rights_of(1000, &[9]), Rights::Stranger);
        let builders = Groups { readers: None, builders: Some(0) };
        assert_eq!(builders.rights_of(1000, &[9]), Rights::Reader);
    }
}
