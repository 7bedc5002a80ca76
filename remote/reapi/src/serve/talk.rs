//! One connection: who calls, which service answers, and for how long.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use stele_listen::{Conversation, Counted, Options, Slot, Stream, Watcher};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower_service::Service as _;
use tracing::{info, warn};

use super::STREAMS;
use super::metrics::Metrics;
use crate::access::Access;
use crate::cache::Cache;
use crate::services::{Shared, Streams, routes};

/// How many calls a connection makes at once.
const MAX_STREAMS: u32 = 100;
/// How many calls with whole messages are worked on at once; others wait. Each has one of up to 4 MiB in memory.
const MAX_WHOLE: usize = 32;
/// The maximum size of a call's headers in bytes.
const MAX_HEAD: usize = 16 << 10;
/// After this long without a sign of life a peer is asked for one.
const ALIVE: Duration = Duration::from_secs(60);

/// The server.
#[derive(Clone)]
pub struct Talk(Arc<Server>);

struct Server {
    shared: Shared,
    routes: Routes,
    access: Access,
    whole: Semaphore,
}

impl Talk {
    pub fn new(cache: Arc<dyn Cache>, access: Access, options: &Options) -> Self {
        let shared = Shared { cache, metrics: Arc::new(Metrics::default()), stall: options.stall };
        let routes = routes(&shared);
        Self(Arc::new(Server { shared, routes, access, whole: Semaphore::new(MAX_WHOLE) }))
    }
}

impl Conversation for Talk {
    type Open = Counted;

    fn open(&self) -> Counted {
        Counted::new(&self.0.shared.metrics.connections)
    }

    async fn converse(
        self,
        stream: impl Stream,
        peer: SocketAddr,
        options: &Options,
        watcher: Watcher,
        place: &Arc<Slot>,
    ) -> io::Result<()> {
        let (place, streams) = (Arc::clone(place), Streams::new(STREAMS));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(streams.clone());
            answer(Arc::clone(&self.0), Arc::clone(&place), peer, request)
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(options.head).max_buf_size(MAX_HEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(ALIVE);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        watcher.watch(connection).await.map_err(io::Error::other)
    }
}

async fn answer(
    server: Arc<Server>,
    place: Arc<Slot>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let working = place.work();
    let (begun, path) = (Instant::now(), request.uri().path().to_owned());
    let role = server.access.role(authorization(request.headers()));
    let response = match (role, path.as_str()) {
        (_, "/healthz") => health(&server).await,
        (None, "/metrics") => text(StatusCode::UNAUTHORIZED, "a token is needed\n".to_owned()),
        (Some(_), "/metrics") => metrics(&server).await,
        (None, _) => Status::unauthenticated(
            "this server needs a token, as `authorization: Bearer TOKEN`, and this one is not known to it",
        )
        .into_http(),
        (Some(role), _) => {
            request.extensions_mut().insert(role);
            call(&server, request).await
        }
    };
    if path.starts_with("/build.") || path.starts_with("/google.") {
        let code = code(response.headers());
        server.shared.metrics.answered(&path, code);
        let took = begun.elapsed().as_millis();
        info!("{peer} {}: {code} in {took} ms", path.escape_debug());
    }
    // The slot is busy until the last byte is sent.
    let under_way = move |frame| {
        let _ = &working;
        frame
    };
    Ok(response.map(|body| Body::new(body.map_frame(under_way))))
}

/// The one header of that name; two would be ambiguous.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let first = all.next()?;
    match all.next() {
        None => Some(first.to_str().unwrap_or_default()),
        Some(_) => Some(""),
    }
}

/// The code of an answer that is known at its beginning.
fn code(headers: &HeaderMap) -> i32 {
    let code = headers.get("grpc-status").and_then(|code| code.to_str().ok());
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Passes a call to its service.
async fn call(server: &Server, request: Request<Incoming>) -> Response<Body> {
    let mut routes = server.routes.clone();
    // Uploads come in pieces, and count theirs themselves.
    if request.uri().path().starts_with("/google.bytestream.ByteStream/") {
        return routes.call(request).await.unwrap_or_else(|never| match never {});
    }
    let answered = async {
        let _place = server.whole.acquire().await;
        routes.call(request).await.unwrap_or_else(|never| match never {})
    };
    let slow = |_| Status::deadline_exceeded("the call took too long").into_http();
    tokio::time::timeout(server.shared.stall, answered).await.unwrap_or_else(slow)
}

async fn total(server: &Server) -> Option<(u64, u64)> {
    let cache = Arc::clone(&server.shared.cache);
    tokio::task::spawn_blocking(move || cache.total().ok()).await.ok().flatten()
}

async fn metrics(server: &Server) -> Response<Body> {
    match total(server).await {
        Some(kept) => text(StatusCode::OK, server.shared.metrics.text(kept)),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n".to_owned()),
    }
}

async fn health(server: &Server) -> Response<Body> {
    match total(server).await {
        Some(_) => text(StatusCode::OK, "ok\n".to_owned()),
        None => {
            warn!("the store does not answer");
            text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n".to_owned())
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(bytes::Bytes::from(text))));
    *response.status_mut() = status;
    response
}
