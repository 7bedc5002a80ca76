//! HTTP/1.1 on the connections of the endpoint.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use stele_listen::{Conversation, Counted, Options, Slot, Stream, Watcher};

use super::Images;
use super::connection::{Shared, respond};
use super::metrics::Metrics;
use super::past::Past;
use super::verified::Verified;

/// The maximum size of a request's head in bytes, and of an answer's buffer.
const MAX_HEAD: usize = 16 << 10;
/// The maximum number of headers of a request.
const MAX_HEADERS: usize = 64;

/// The endpoint.
#[derive(Clone)]
pub struct Talk(Arc<Shared>);

impl Talk {
    pub fn new(images: Arc<dyn Images>) -> Self {
        Self(Arc::new(Shared {
            images,
            metrics: Arc::new(Metrics::default()),
            past: Past::default(),
            verified: Verified::default(),
        }))
    }
}

impl Conversation for Talk {
    type Open = Counted;

    fn open(&self) -> Counted {
        Counted::new(&self.0.metrics.connections)
    }

    async fn converse(
        self,
        stream: impl Stream,
        peer: SocketAddr,
        options: &Options,
        watcher: Watcher,
        place: &Arc<Slot>,
    ) -> io::Result<()> {
        let place = Arc::clone(place);
        let service = service_fn(move |request| {
            respond(Arc::clone(&self.0), Arc::clone(&place), peer.to_string(), request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(options.head)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        watcher.watch(connection).await.map_err(io::Error::other)
    }
}
