//! Between calls that block and streams that do not.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Extensions, Status};

/// How many messages wait for a client.
const WAITING: usize = 2;

/// Does what blocks, on a thread for it.
///
/// # Errors
/// What it fails with; or when it panics.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Status::internal("internal error in the server (a bug)")))
}

/// The places of a connection for streams of answers. Each takes a thread for as long as its client reads, and so that
/// no client takes those of the others, they are counted for each connection.
#[derive(Clone)]
pub struct Streams(Arc<Semaphore>);

impl Streams {
    /// So many.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Takes a place of the connection that a call came by.
    ///
    /// # Errors
    /// When none is free for too long.
    pub async fn take(of: &Extensions, stall: Duration) -> Result<OwnedSemaphorePermit, Status> {
        let Some(Self(places)) = of.get::<Self>() else {
            return Err(Status::internal("a call without a connection (a bug)"));
        };
        let taken = tokio::time::timeout(stall, Arc::clone(places).acquire_owned()).await;
        taken
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| Status::unavailable("too many answers of this connection are not read"))
    }
}

/// Messages for a client that may not read them.
pub struct Client<T> {
    to: Sender<Result<T, Status>>,
    runtime: Handle,
    stall: Duration,
}

impl<T> Client<T> {
    /// Passes a message on, and waits while too many are unread.
    ///
    /// # Errors
    /// When the client is gone, or reads nothing for too long.
    pub fn give(&self, message: T) -> io::Result<()> {
        self.send(Ok(message))
    }

    /// Whether anybody still reads.
    ///
    /// # Errors
    /// When nobody does.
    pub fn check(&self) -> io::Result<()> {
        if self.to.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn send(&self, message: Result<T, Status>) -> io::Result<()> {
        let sent = self.runtime.block_on(tokio::time::timeout(self.stall, self.to.send(message)));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// A stream of what `work` gives, on a thread of its own. Its error is the stream's end.
pub fn streamed<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    stall: Duration,
    work: impl FnOnce(&Client<T>) -> Result<(), Status> + Send + 'static,
) -> ReceiverStream<Result<T, Status>> {
    let (to, messages) = channel(WAITING);
    let client = Client { to, runtime: Handle::current(), stall };
    tokio::task::spawn_blocking(move || {
        let _place = place;
        if let Err(status) = work(&client) {
            // It may be gone.
            let _ = client.send(Err(status));
        }
    });
    ReceiverStream::new(messages)
}
