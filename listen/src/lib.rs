//! Listening on a network, for every endpoint of this program: bounds on connections and time, TLS, and an end in good
//! order. What is spoken on a connection is the endpoint's own: see [`Conversation`].

mod connections;
mod counted;
mod listener;
mod tls;

use std::sync::Arc;
use std::time::Duration;

pub use connections::{Slot, Working};
pub use counted::Counted;
pub use hyper_util::server::graceful::Watcher;
pub use listener::{Bound, Conversation, Stream, bind};
pub use tls::{TlsError, tls};

/// Limits and settings of an endpoint.
#[derive(Clone, Debug)]
pub struct Options {
    /// The maximum number of connections. Above it, idle ones are closed.
    pub connections: usize,
    /// The maximum number of threads that may block.
    pub threads: usize,
    /// How long a client may take to send the head of a request, and how long a connection may be idle.
    pub head: Duration,
    /// How long a client may read nothing of its answer.
    pub stall: Duration,
    /// How long answers in progress may go on during shutdown.
    pub grace: Duration,
    /// TLS, if enabled.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 128,
            threads: 256,
            head: Duration::from_secs(30),
            stall: Duration::from_secs(300),
            grace: Duration::from_secs(10),
            tls: None,
        }
    }
}
