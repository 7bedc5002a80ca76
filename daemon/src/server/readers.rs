//! What other users of the machine may ask: to read. They come by a socket of their own; who they are is the kernel's
//! word (unix(7), SO_PEERCRED).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stele::Request;
use stele::agreement::AgreementRequest;
use stele::copies::CopyRequest;
use stele::failure::{Failure, Kind};

use crate::protocol::Call;

/// How many connections a user may have at once.
const MAX_CONNECTIONS: u32 = 16;

/// Who a connection is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rights {
    /// The store's own user: everything.
    Owner,
    /// Another user: to read.
    Reader,
}

impl Rights {
    /// Checks a call before any of it is done.
    ///
    /// # Errors
    /// When it is not for these rights.
    pub(super) fn check(self, call: &Call) -> Result<(), Failure> {
        let is_allowed = match (self, call) {
            (Self::Owner, _) | (Self::Reader, Call::Status {}) => true,
            (Self::Reader, Call::Store { store, opened }) => {
                // A descriptor is not touched: whoever holds the other end of a pipe can hold up whoever uses this one.
                reads(store) && !opened
            }
            (Self::Reader, Call::Stop { .. } | Call::Mounts {} | Call::Mount { .. } | Call::Exec { .. }) => {
                false
            }
        };
        if is_allowed {
            return Ok(());
        }
        Err(Failure::new(Kind::Failed, "this store is another user's, who lets others only read it")
            .hint("build in a store of your own, with this one as --substituter"))
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

/// The connections of other users, by user.
#[derive(Clone, Default)]
pub(super) struct Readers(Arc<Mutex<HashMap<u32, u32>>>);

/// A connection of a user, which counts until it is dropped.
pub(super) struct Reading {
    readers: Readers,
    user: u32,
}

impl Readers {
    /// Counts a connection; `None` when the user has too many.
    pub(super) fn enter(&self, user: u32) -> Option<Reading> {
        let mut counts = self.counts();
        let count = counts.entry(user).or_default();
        if *count >= MAX_CONNECTIONS {
            return None;
        }
        *count += 1;
        Some(Reading { readers: self.clone(), user })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut counts = self.readers.counts();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use stele::caches::CacheRequest;
    use stele_remote::{Keeping, Wanted};

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
        let receive = CopyRequest::Receive { from: "/dev/stdin".to_owned(), keeping: Keeping::default() };
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
    fn a_user_has_so_many_connections_and_others_theirs() {
        let readers = Readers::default();
        let mut held: Vec<_> = (0..MAX_CONNECTIONS).map(|_| readers.enter(1000)).collect();
        assert!(held.iter().all(Option::is_some) && readers.enter(1000).is_none());
        assert!(readers.enter(1001).is_some());
        held.pop();
        assert!(readers.enter(1000).is_some());
    }
}
