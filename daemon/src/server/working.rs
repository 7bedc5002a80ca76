//! A request that is worked on, while its client is watched.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use stele_store::Progress;

use super::answering::Answering;
use crate::protocol::{Reply, send};
use crate::socket::{hung_up, takes_more};
use stele::Engine;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::service::Sink;

/// How often a working request says how far it is, and looks whether its client is still there.
const TICK: Duration = Duration::from_millis(100);
/// After so many ticks a cancelled request is hung up on.
const STUCK: u32 = 20;

/// Works on a request, tells how far it is, and cancels it when the client hangs up.
///
/// # Errors
/// With what the task says, or when its client is gone.
pub(super) fn work(
    stream: &UnixStream,
    engine: &Engine,
    cancelling: &AtomicBool,
    task: impl FnOnce(&Engine, &mut dyn Sink, &Progress) -> Result<Answer, Failure> + Send,
) -> Result<Answer, Failure> {
    let progress = Progress::default();
    let to = Mutex::new(stream);
    let (done, wait) = channel();
    // The channel's end belongs to the worker, so that a panic closes it.
    let (to, progress) = (&to, &progress);
    let worker = move || {
        let done = done;
        let mut sink = Answering::new(to);
        let outcome = task(engine, &mut sink, progress);
        let flushed = sink.flush();
        let _ = done.send(());
        match (outcome, flushed) {
            (Ok(_), Err(e)) => Err(Failure::io("the answer could not be sent", &e)),
            (outcome, _) => outcome,
        }
    };
    thread::scope(|scope| {
        let working = thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, worker);
        let working = working.map_err(|e| Failure::io("no thread could be had", &e))?;
        let mut cancelled = 0;
        while wait.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let told = match to.try_lock() {
                // A client that was stopped (Ctrl-Z) must not stop the one who watches it.
                Ok(_) if !takes_more(stream) => Ok(()),
                Ok(mut to) => send(&mut *to, &Reply::Progress(progress.snapshot().into())),
                Err(_) => Ok(()),
            };
            if told.is_err() || hung_up(stream) || cancelling.load(Ordering::SeqCst) {
                progress.cancel();
                cancelled += 1;
            }
            // The worker may be stuck in writing to a client that does not read, a pager say.
            if cancelled == STUCK {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
        working.join().unwrap_or_else(|_| {
            Err(Failure::new(Kind::Failed, "the daemon met a fault of its own while it worked")
                .hint("`daemon.log` in the store's folder has what it said; please report it"))
        })
    })
}
