//! Listening, and shutting down.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::connection::{Shared, respond};
use super::connections::{Connections, Slot};
use super::metrics::{Counted, Metrics};
use super::past::Past;
use super::{Images, Options};

/// The maximum size of a request's head in bytes, and of an answer's buffer.
const MAX_HEAD: usize = 16 << 10;
/// The maximum number of headers of a request.
const MAX_HEADERS: usize = 64;
/// The delay before accepting again when the machine has run out of descriptors.
const RETRY: Duration = Duration::from_millis(100);

/// An endpoint that listens and does not serve yet.
pub struct Bound {
    listener: StdListener,
    /// The address.
    pub at: SocketAddr,
}

/// Listens at `address`: `HOST:PORT`, where port 0 is any free one.
///
/// # Errors
/// When the address is invalid or in use.
pub fn bind(address: &str) -> io::Result<Bound> {
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    let listener = StdListener::bind(&addresses[..])?;
    listener.set_nonblocking(true)?;
    let at = listener.local_addr()?;
    Ok(Bound { listener, at })
}

impl Bound {
    /// Serves until SIGTERM or SIGINT. Then no new connection is accepted, and answers in progress are completed, or
    /// cut after the grace period or by a second signal.
    ///
    /// # Errors
    /// When the process gets no threads or signal handlers.
    pub fn run(self, images: Arc<dyn Images>, options: Options) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            // One that queries the store and one that makes a blob, for each connection.
            .max_blocking_threads(options.connections.saturating_mul(2).max(2))
            .build()?;
        let ended = runtime.block_on(self.serve(images, options));
        // Threads whose clients are gone notice that at their next send.
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended
    }

    async fn serve(self, images: Arc<dyn Images>, options: Options) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let metrics = Arc::new(Metrics::default());
        let shared = Arc::new(Shared { images, metrics, past: Past::default() });
        let (connections, graceful) = (Connections::new(options.connections), GracefulShutdown::new());
        let acceptor = options.tls.clone().map(TlsAcceptor::from);
        let accept = async {
            loop {
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        warn!("a connection could not be accepted: {error}");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                };
                // Further connections wait in the kernel's queue.
                let taken = connections.take().await;
                let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
                let (options, watcher) = (options.clone(), graceful.watcher());
                tokio::spawn(async move {
                    let _counted = Counted::new(&shared.metrics.connections);
                    let place = Arc::clone(taken.place());
                    let conversation = greet(stream, peer, shared, acceptor, &options, watcher, &place);
                    select! {
                        ended = conversation => if let Err(error) = ended {
                            debug!("{peer}: {error}");
                        },
                        () = place.unwanted() => debug!("{peer}: closed while idle, to make room"),
                    }
                    drop(taken);
                });
            }
        };
        select! {
            () = accept => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        drop(listener);
        info!("ending: {} connections are open", shared.metrics.connections.get());
        select! {
            () = graceful.shutdown() => {}
            () = tokio::time::sleep(options.grace) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
}

async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    options: &Options,
    watcher: Watcher,
    place: &Arc<Slot>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(options.stall));
    match acceptor {
        None => converse(Box::pin(stream), peer, shared, options, watcher, place).await,
        Some(acceptor) => {
            let shaken = acceptor.accept(Box::pin(stream));
            let stream = tokio::time::timeout(options.head, shaken)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            converse(stream, peer, shared, options, watcher, place).await
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    shared: Arc<Shared>,
    options: &Options,
    watcher: Watcher,
    place: &Arc<Slot>,
) -> io::Result<()> {
    let place = Arc::clone(place);
    let service = service_fn(move |request| {
        respond(Arc::clone(&shared), Arc::clone(&place), peer.to_string(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await.map_err(io::Error::other)
}
