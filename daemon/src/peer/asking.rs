//! Requests to an untrusted daemon: a separate thread sends them, so that a daemon that is slow, hangs or sends without
//! end blocks no request. The waiting thread checks the time and whether the answer is still wanted, and disconnects.

use std::io::{self, PipeReader, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stele::Request;
use stele::answers::Answer;
use stele::{Api, Failure, Kind};
use stele_builder::realise::Unavailable;
use stele_remote::Keeping;

use super::forward::{Forward, Part};
use crate::client::{Client, Connection, at_socket, ending, existing, of_this_build, refuse_foreign};
use crate::protocol::Call;

/// How long another store may take to send [`SLOWEST`] bytes, or the whole of a shorter answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The number of bytes that it has to send in that time.
const SLOWEST: u64 = 64 << 10;
/// How often the waiting thread checks whether the answer is still wanted.
const TICK: Duration = Duration::from_millis(20);
/// The maximum size in bytes of an answer without content.
pub(super) const MAX_ANSWER: usize = 4 << 20;
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
    /// The store that is reached there; its answers may have `max` bytes, besides content.
    pub fn begin(access: Access, max: usize) -> io::Result<Self> {
        let (questions, receiver) = channel();
        let line = Arc::<Mutex<Option<UnixStream>>>::default();
        let of_thread = Arc::clone(&line);
        let thread = thread::Builder::new().name("substituter".to_owned());
        thread.spawn(move || serve(&access, max, &of_thread, &receiver))?;
        Ok(Self { gone: AtomicBool::new(false), asking: Mutex::new(Asking { questions, line }) })
    }

    /// Whether it stopped answering.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// It is not asked again.
    pub fn give_up(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Sends a request; without one, only connects. Accepts at most `max` bytes of content.
    pub fn ask<'a>(
        &'a self,
        request: Option<Request>,
        max: u64,
        progress: &'a stele_store::Progress,
    ) -> Result<Waiting<'a>, Unavailable> {
        let what = request.map_or(What::Connect, |request| What::Request(Box::new(request)));
        self.question(what, max, progress)
    }

    /// Sends a bundle. It may take long, as long as it goes on.
    pub fn give<'a>(
        &'a self,
        keeping: &Keeping,
        bundle: PipeReader,
        progress: &'a stele_store::Progress,
    ) -> Result<Waiting<'a>, Unavailable> {
        self.question(What::Bundle(keeping.clone(), bundle), 0, progress)
    }

    /// Sends a request that may take long, as long as progress is reported.
    pub fn ask_for_work<'a>(
        &'a self,
        request: Request,
        progress: &'a stele_store::Progress,
    ) -> Result<Waiting<'a>, Unavailable> {
        self.question(What::Work(Box::new(request)), 0, progress)
    }

    fn question<'a>(
        &'a self,
        what: What,
        max: u64,
        progress: &'a stele_store::Progress,
    ) -> Result<Waiting<'a>, Unavailable> {
        let asking = lock(&self.asking);
        if self.is_gone() {
            return Err("it does not answer".into());
        }
        let (to, parts) = sync_channel(MAX_WAITING);
        asking.questions.send(Question { what, max, to }).map_err(|_| "it no longer answers")?;
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

/// What to send.
enum What {
    /// Nothing: only connect.
    Connect,
    Request(Box<Request>),
    /// A request whose answer takes as long as it reports progress.
    Work(Box<Request>),
    Bundle(Keeping, PipeReader),
}

/// Something to send.
struct Question {
    what: What,
    /// The maximum number of bytes of content.
    max: u64,
    /// The receiver of the answer.
    to: SyncSender<Part>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the other store is.
#[derive(Clone)]
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
fn connect(access: &Access, max: usize, watcher: &mut Forward) -> Result<Way, Failure> {
    let folder = match access {
        Access::Folder(folder) => folder,
        Access::Socket(socket) => return Ok(Way::Daemon(at_socket(socket)?.bounded(max))),
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
        return Ok(Way::Daemon(connection.bounded(max)));
    }
    match Client::connect(folder, true, watcher)? {
        Client::Daemon(_, connection) | Client::Socket(connection) => {
            Ok(Way::Daemon(connection.bounded(max)))
        }
        here @ Client::Here(_) => Ok(Way::Here(here)),
    }
}

impl Way {
    fn ask(&mut self, request: Request, watcher: &mut Forward) -> Result<Answer, Failure> {
        match self {
            Self::Daemon(connection) => {
                connection.call(&Call::Store { store: request, opened: false }, watcher)?.ok_or_else(ending)
            }
            Self::Here(client) => client.ask(request, watcher),
        }
    }

    fn give(
        &mut self,
        keeping: &Keeping,
        from: PipeReader,
        watcher: &mut Forward,
    ) -> Result<Answer, Failure> {
        let Self::Daemon(connection) = self else { return Err(stele::engine::read_only()) };
        let to = watcher.to.clone();
        let sent = move || drop(to.try_send(Part::Works));
        connection.give(keeping, from, sent, watcher)
    }
}

/// Sends requests until no caller is left. A connection that returned something other than an answer, or nothing at
/// all, is not reused.
fn serve(
    access: &Access,
    max_answer: usize,
    line: &Mutex<Option<UnixStream>>,
    questions: &Receiver<Question>,
) {
    let mut way = None;
    while let Ok(Question { what, max, to }) = questions.recv() {
        let works = matches!(what, What::Work(_) | What::Bundle(..));
        let mut forward = Forward::new(to, max, works);
        let outcome = match way.take().map_or_else(|| connect(access, max_answer, &mut forward), Ok) {
            Err(failure) => Err(failure),
            Ok(mut it) => {
                if let Way::Daemon(connection) = &it {
                    *lock(line) = connection.line();
                }
                let outcome = match what {
                    What::Request(request) | What::Work(request) => it.ask(*request, &mut forward),
                    What::Bundle(keeping, bundle) => it.give(&keeping, bundle, &mut forward),
                    What::Connect => Ok(Answer::Done {}),
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
                    let is_alive = matches!(part, Part::Works | Part::Step(_));
                    if self.came >= SLOWEST || self.over || is_alive {
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

    /// The end of an answer to work, which may take `most`; `stepped` is told of the steps of a build.
    pub fn end_of_work(
        mut self,
        most: Option<Duration>,
        stepped: &dyn Fn(usize),
    ) -> Result<Result<Answer, Failure>, Unavailable> {
        let begun = Instant::now();
        loop {
            if most.is_some_and(|most| begun.elapsed() > most) {
                return Err("it has not ended long after the time limit".into());
            }
            match self.next()? {
                Part::End(outcome) => return Ok(outcome),
                Part::Step(step) => stepped(step),
                Part::Bytes(_) | Part::Works => {}
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
                Part::End(Ok(_)) | Part::Works | Part::Step(_) => {}
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
