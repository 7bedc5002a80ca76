//! Works on a request while watching its client's connection.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use stele_store::Progress;

use super::answering::Answering;
use super::handed::Handed;
use crate::protocol::{Reply, send};
use crate::socket::{hung_up, takes_more};
use stele::Engine;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::service::Sink;

/// How often a running request reports progress, and checks that its client is still connected.
const TICK: Duration = Duration::from_millis(100);
/// The number of ticks after which a cancelled request's connection is shut down.
const STUCK: u32 = 20;

/// Works on a request, reports its progress, and cancels it when the client disconnects.
///
/// # Errors
/// The task's failure, or when the client is gone.
pub(super) fn work(
    stream: &UnixStream,
    engine: &Engine,
    handed: &Handed,
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
        let mut sink = Answering::new(to, handed);
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
        let working = working.map_err(|e| Failure::io("no thread could be started", &e))?;
        let mut cancelled = 0;
        while wait.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let told = match to.try_lock() {
                // A stopped client (Ctrl-Z) must not block the thread that watches it.
                Ok(_) if !takes_more(stream) => Ok(()),
                Ok(mut to) => send(&mut *to, &Reply::Progress(progress.snapshot().into())),
                Err(_) => Ok(()),
            };
            if told.is_err() || hung_up(stream) || cancelling.load(Ordering::SeqCst) {
                progress.cancel();
                cancelled += 1;
            }
            // The worker may be blocked in writing to a client that does not read, such as a pager.
            if cancelled == STUCK {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
        working.join().unwrap_or_else(|_| {
            Err(Failure::new(Kind::Failed, "internal error in the daemon (a bug)")
                .hint("`daemon.log` in the store's folder has the details; please report it"))
        })
    })
}
