//! Counts that stay correct when a thread panics: of connections, and of running requests.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Server;

/// A connection that is being served, even by a thread that panics.
pub(super) struct Counted(Arc<Server>);

impl Counted {
    pub(super) fn begin(server: &Arc<Server>) -> Self {
        server.connections.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(server))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
        let _ = (&self.0.wake).write_all(&[0]);
    }
}

/// A running request: the daemon does not end before it.
pub(super) struct Working<'a>(&'a AtomicU64);

impl<'a> Working<'a> {
    pub(super) fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
