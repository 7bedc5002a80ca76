//! Listening, and shutting down.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::Options;
use super::connections::{Connections, Slot};

/// The delay before accepting again when the machine has run out of descriptors.
const RETRY: Duration = Duration::from_millis(100);

/// An endpoint that listens and does not serve yet.
pub struct Bound {
    listener: StdListener,
    /// The address.
    pub at: SocketAddr,
}

/// What a connection reads and writes, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for T {}

/// What an endpoint says on its connections.
pub trait Conversation: Clone + Send + Sync + 'static {
    /// A connection is open until this is dropped.
    type Open: Send;

    /// A connection was accepted.
    fn open(&self) -> Self::Open;

    /// Talks on a connection until its end. `place` is busy as long as it is told so.
    fn converse(
        self,
        stream: impl Stream,
        peer: SocketAddr,
        options: &Options,
        watcher: Watcher,
        place: &Arc<Slot>,
    ) -> impl Future<Output = io::Result<()>> + Send;
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
    pub fn run(self, conversation: &impl Conversation, options: Options) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(options.threads.max(2))
            .build()?;
        let ended = runtime.block_on(self.serve(conversation, options));
        // Threads whose clients are gone notice that at their next send.
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended
    }

    async fn serve(self, conversation: &impl Conversation, options: Options) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
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
                let (conversation, acceptor) = (conversation.clone(), acceptor.clone());
                let (options, watcher) = (options.clone(), graceful.watcher());
                tokio::spawn(async move {
                    let _open = conversation.open();
                    let place = Arc::clone(taken.place());
                    let talk = greet(stream, peer, conversation, acceptor, &options, watcher, &place);
                    select! {
                        ended = talk => if let Err(error) = ended {
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
        info!("ending: {} connections are open", connections.count());
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
    conversation: impl Conversation,
    acceptor: Option<TlsAcceptor>,
    options: &Options,
    watcher: Watcher,
    place: &Arc<Slot>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(options.stall));
    match acceptor {
        None => conversation.converse(Box::pin(stream), peer, options, watcher, place).await,
        Some(acceptor) => {
            let shaken = acceptor.accept(Box::pin(stream));
            let stream = tokio::time::timeout(options.head, shaken)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            conversation.converse(stream, peer, options, watcher, place).await
        }
    }
}
