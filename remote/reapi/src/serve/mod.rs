//! The services on a network: HTTP/2 as gRPC needs it, and HTTP/1.1 for `/metrics` and `/healthz`.

mod metrics;
mod talk;

use std::io;
use std::sync::Arc;

use stele_listen::{Bound, Options};

use crate::access::Access;
use crate::cache::Cache;
use talk::Talk;

pub use metrics::Metrics;

/// How many streams of answers a connection has at once; further ones wait.
const STREAMS: usize = 16;
/// How many threads may block besides: of calls, and of uploads.
const THREADS: usize = 256;

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may do what.
    pub access: Access,
    /// Of its connections.
    pub options: Options,
}

/// Serves a cache until the process is told to end.
///
/// # Errors
/// When the process gets no threads or signal handlers.
pub fn serve(bound: Bound, cache: Arc<dyn Cache>, settings: Settings) -> io::Result<()> {
    let Settings { access, options } = settings;
    let options = Options { threads: options.connections.saturating_mul(STREAMS) + THREADS, ..options };
    bound.run(&Talk::new(cache, access, &options), options)
}
