//! Requests to an untrusted daemon: a separate thread sends them, so that a daemon that is slow, hangs or sends without
//! end blocks no request. The waiting thread checks the time and whether the answer is still wanted, and disconnects.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stele::Request;
use stele::answers::{Answer, Entry, Progress};
use stele::service::Sink;
use stele::{Api, Failure, Kind, Observer};
use stele_builder::realise::Unavailable;

use crate::client::{Client, Connection, at_socket, existing, of_this_build, refuse_foreign};
use crate::protocol::Call;

/// How long another store may take to send [`SLOWEST`] bytes, or the whole of a shorter answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The number of bytes that it has to send in that time.
const SLOWEST: u64 = 64 << 10;
/// How often the waiting thread checks whether the answer is still wanted.
const TICK: Duration = Duration::from_millis(20);
/// The maximum size in bytes of an answer without content.
const MAX_ANSWER: usize = 4 << 20;
/// The number of pieces of content, of at most 1 MiB, that wait for their reader.
const MAX_WAITING: usize = 2;
/// The maximum number of characters of another store's message that are shown.
const MAX_SHOWN: usize = 400;

/// Another store, which answers one request at a time.
pub(super) struct Asked {
    gone: AtomicBool,
    asking: Mutex<Asking>,
}

impl Asked {
    /// The store that is reached there.
    pub fn begin(access: Access) -> io::Result<Self> {
        let (questions, receiver) = channel();
        let line = Arc::<Mutex<Option<UnixStream>>>::default();
        let of_thread = Arc::clone(&line);
        let thread = thread::Builder::new().name("substituter".to_owned());
        thread.spawn(move || serve(&access, &of_thread, &receiver))?;
        Ok(Self { gone: AtomicBool::new(false), asking: Mutex::new(Asking { questions, line }) })
    }

    /// Whether it stopped answering.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Sends a request; without one, only connects. Accepts at most `max` bytes of content.
    pub fn ask<'a>(
        &'a self,
        request: Option<Request>,
        max: u64,
        progress: &'a stele_store::Progress,
    ) -> Result<Waiting<'a>, Unavailable> {
        let asking = lock(&self.asking);
        if self.is_gone() {
            return Err("it does not answer".into());
        }
        let (to, parts) = sync_channel(MAX_WAITING);
        asking.questions.send(Question { request, max, to }).map_err(|_| "it no longer answers")?;
        let bytes = (Vec::new(), 0);
        Ok(Waiting {
            asked: self,
            asking,
            parts,
            progress,
            waited: Duration::ZERO,
            came: 0,
            over: false,
            bytes,
        })
    }
}

/// The exclusive right to send a request.
struct Asking {
    questions: Sender<Question>,
    /// The connection to its daemon, to shut down.
    line: Arc<Mutex<Option<UnixStream>>>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl Asking {
    fn hang_up(&self) {
        if let Some(line) = lock(&self.line).take() {
            let _ = line.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// A request to send.
struct Question {
    /// `None` to only connect.
    request: Option<Request>,
    /// The maximum number of bytes of content.
    max: u64,
    /// The receiver of the answer.
    to: SyncSender<Part>,
}

/// Part of an answer.
enum Part {
    Bytes(Vec<u8>),
    End(Result<Answer, Failure>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes content on, as long as it is wanted.
struct Forward {
    to: SyncSender<Part>,
    left: u64,
}

impl Sink for Forward {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            // The client would report an error of this sink as one of its own stdout.
            let failure = Failure::new(Kind::Failed, "it sends more than was requested");
            let _ = self.to.send(Part::End(Err(failure)));
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        self.left = left;
        self.to.send(Part::Bytes(bytes.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Observer for Forward {
    fn progress(&mut self, _: Progress) {}

    fn note(&mut self, text: &str) {
        tracing::info!("{}", shown(text));
    }
}

/// Where the other store is.
pub(super) enum Access {
    /// Its folder: its daemon is started when none runs.
    Folder(PathBuf),
    /// A socket on which its daemon listens.
    Socket(PathBuf),
}

/// How the other store is reached.
enum Way {
    Daemon(Connection),
    /// Its disk cannot be written, and this process reads it.
    Here(Client),
}

/// Connects to the daemon of the other store.
fn connect(access: &Access, watcher: &mut Forward) -> Result<Way, Failure> {
    let folder = match access {
        Access::Folder(folder) => folder,
        Access::Socket(socket) => return Ok(Way::Daemon(at_socket(socket)?.bounded(MAX_ANSWER))),
    };
    refuse_foreign(folder)?;
    if !stele_store::Layout::new(folder).exists() {
        return Err(Failure::new(Kind::NotFound, format!("there is no store in {}", folder.display())));
    }
    if let Some(connection) = existing(folder)? {
        let connection = of_this_build(connection).map_err(|failure| {
            failure.hint(format!(
                "`stele --store {} daemon stop` ends it; the next command there starts another",
                folder.display()
            ))
        })?;
        return Ok(Way::Daemon(connection.bounded(MAX_ANSWER)));
    }
    match Client::connect(folder, true, watcher)? {
        Client::Daemon(_, connection) | Client::Socket(connection) => {
            Ok(Way::Daemon(connection.bounded(MAX_ANSWER)))
        }
        here @ Client::Here(_) => Ok(Way::Here(here)),
    }
}

impl Way {
    fn ask(&mut self, request: Request, watcher: &mut Forward) -> Result<Answer, Failure> {
        match self {
            Self::Daemon(connection) => connection
                .call(&Call::Store { store: request, opened: false }, watcher)?
                .ok_or_else(|| Failure::new(Kind::Failed, "its daemon is ending")),
            Self::Here(client) => client.ask(request, watcher),
        }
    }
}

/// Sends requests until no caller is left. A connection that returned something other than an answer, or nothing at
/// all, is not reused.
fn serve(access: &Access, line: &Mutex<Option<UnixStream>>, questions: &Receiver<Question>) {
    let mut way = None;
    while let Ok(Question { request, max, to }) = questions.recv() {
        let mut forward = Forward { to, left: max };
        let outcome = match way.take().map_or_else(|| connect(access, &mut forward), Ok) {
            Err(failure) => Err(failure),
            Ok(mut it) => {
                if let Way::Daemon(connection) = &it {
                    *lock(line) = connection.line();
                }
                let outcome = match request {
                    Some(request) => it.ask(request, &mut forward),
                    None => Ok(Answer::Done {}),
                };
                if matches!(&outcome, Ok(_) | Err(Failure { kind: Kind::NotFound, .. })) {
                    way = Some(it);
                }
                outcome
            }
        };
        let _ = forward.to.send(Part::End(outcome));
    }
}

/// An answer that is waited for.
pub(super) struct Waiting<'a> {
    asked: &'a Asked,
    asking: MutexGuard<'a, Asking>,
    parts: Receiver<Part>,
    progress: &'a stele_store::Progress,
    /// The time waited, and the bytes received, since the last sufficient progress.
    waited: Duration,
    came: u64,
    /// The answer is complete.
    over: bool,
    /// Bytes that were not read yet, and the position of the next one.
    bytes: (Vec<u8>, usize),
}

impl Waiting<'_> {
    /// The next part of the answer.
    fn next(&mut self) -> Result<Part, Unavailable> {
        loop {
            self.progress.check()?;
            let begun = Instant::now();
            let part = self.parts.recv_timeout(TICK);
            self.waited += begun.elapsed();
            match part {
                Ok(part) => {
                    if let Part::Bytes(bytes) = &part {
                        self.came += bytes.len() as u64;
                    }
                    self.over = matches!(part, Part::End(_));
                    if self.came >= SLOWEST || self.over {
                        (self.waited, self.came) = (Duration::ZERO, 0);
                    }
                    // A trickle must not continue for ever either.
                    if self.waited < PATIENCE {
                        return Ok(part);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err("it ended without an answer".into()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.waited >= PATIENCE {
                self.asked.gone.store(true, Ordering::Relaxed);
                return Err(format!("it does not answer for {} s", PATIENCE.as_secs()).into());
            }
        }
    }

    /// The end of an answer without content.
    pub fn end(mut self) -> Result<Result<Answer, Failure>, Unavailable> {
        loop {
            if let Part::End(outcome) = self.next()? {
                return Ok(outcome);
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // Anything else that it sends is useless.
        if !self.over {
            self.asking.hang_up();
        }
    }
}

impl Read for Waiting<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.bytes.1 == self.bytes.0.len() && !self.over {
            match self.next().map_err(io::Error::other)? {
                Part::Bytes(bytes) => self.bytes = (bytes, 0),
                Part::End(Ok(_)) => {}
                Part::End(Err(failure)) => return Err(io::Error::other(shown(&failure.message))),
            }
        }
        let left = &self.bytes.0[self.bytes.1..];
        let length = left.len().min(to.len());
        to[..length].copy_from_slice(&left[..length]);
        self.bytes.1 += length;
        Ok(length)
    }
}

/// Another store's message, as it is shown: on one line, bounded, and without terminal control characters.
pub(super) fn shown(text: &str) -> String {
    let is_plain = |c: char| {
        !(c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'))
    };
    let mut shown = String::new();
    for c in text.chars().take(MAX_SHOWN) {
        match c {
            '\n' => shown.push(' '),
            c if is_plain(c) => shown.push(c),
            c => shown.extend(c.escape_unicode()),
        }
    }
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_another_store_do_not_control_or_flood_the_terminal() {
        let said = shown("m \x1b[31mRED\x1b]0;title\x07\nerror: forged \u{202e}\u{9b}");
        assert!(said.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{said}");
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), MAX_SHOWN + 1);
    }
}
