//! The daemon's server: it owns the store, serves connections, and ends when idle.

use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use stele_store::{OpenError, Progress};

mod accepting;
mod answering;
mod counting;
mod giving;
mod handed;
mod options;
mod readers;
mod rights;
mod status;
mod strays;
mod working;

use crate::client::Started;
use crate::mounts::list::List;
use crate::peer::Daemons;
use crate::process::{begin_anew, leave_terminal, log_to, raise_descriptor_limit, report, require_threads};
use crate::protocol::{
    BUILD, Call, Hello, Reply, VERSION, Welcome, receive_descriptors, receive_message, send,
};
use crate::socket;
pub use accepting::Door;
use accepting::{accept, open};
use counting::{Counted, Working};
use handed::Handed;
pub use options::Options;
use readers::{Readers, Reading};
use rights::Rights;
pub use rights::{Groups, group};
use stele::answers::Answer;
use stele::builds;
use stele::copies::CopyRequest;
use stele::failure::Failure;
use stele::service::{self, Sink};
use stele::{Engine, Program, Request, Setup};
use strays::clear_strays;

/// How long another user's client may ask nothing, or take nothing of an answer.
const STALL: Duration = Duration::from_secs(60);
/// How long a client may take to send its hello.
const GREETING: Duration = Duration::from_secs(10);

struct Server {
    engine: Engine,
    mounts: Arc<List>,
    begun: Instant,
    idle: Duration,
    working: AtomicU64,
    connections: AtomicU64,
    last_used: Mutex<Instant>,
    /// Whether new connections are refused.
    ending: AtomicBool,
    /// Whether running requests are cancelled.
    cancelling: AtomicBool,
    /// Writing to it wakes the accepting loop.
    wake: UnixStream,
    /// The other users who are connected.
    readers: Readers,
    groups: Groups,
    quota: u64,
}

/// Opens the store and serves it until a stop request, or until it has been idle for long enough.
///
/// # Errors
/// When the store cannot be opened, or the socket cannot be created.
pub fn run(path: &Path, options: &Options) -> Result<(), Failure> {
    let begun = if options.detach {
        begin_anew().and_then(|()| require_threads())
    } else {
        raise_descriptor_limit();
        require_threads()
    };
    if let Err(failure) = begun {
        if options.detach {
            report(&Started::Failed(failure));
            return Ok(());
        }
        return Err(failure);
    }
    // Started through /proc/self/exe, it would be named "exe" in process lists.
    let _ = rustix::thread::set_name(c"stele-daemon");
    let _ = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let store = match open(path, options.readers.is_some()) {
        Ok(store) => Arc::new(store),
        Err(OpenError::Locked { .. }) if options.detach => {
            report(&Started::Busy);
            return Ok(());
        }
        Err(error) => {
            let failure = Failure::from(error);
            if options.detach {
                report(&Started::Failed(failure));
                return Ok(());
            }
            return Err(failure);
        }
    };
    log_to(path, options.detach);
    let failed = |e| Failure::io("the daemon's socket could not be made", &e);
    let listener = match socket::listen_for_clients(path) {
        Ok(listener) => listener,
        Err(e) if options.detach => {
            report(&Started::Failed(failed(e)));
            return Ok(());
        }
        Err(e) => return Err(failed(e)),
    };
    let public = options.readers.as_ref().map(Door::listen).transpose();
    let public = public.map_err(|e| Failure::io("the socket for other users could not be made", &e))?;
    let own = socket::number(path, socket::NAME);
    let made = match &options.readers {
        Some(Door::Path(path)) => socket::number_at(path),
        Some(Door::Inherited) | None => None,
    };
    let (wake, woken) = UnixStream::pair().map_err(failed)?;
    // Before any client is served: a garbage collection has to know what the mounts use.
    let mounts = List::resume(&store);
    let setup = Setup {
        program: Program::this(),
        keep_spares: true,
        memory: Arc::clone(mounts.memory()),
        peers: Box::new(Daemons),
    };
    let engine = Engine::of(store, setup);
    let server = Arc::new(Server {
        engine,
        mounts,
        begun: Instant::now(),
        idle: options.idle,
        working: AtomicU64::new(0),
        connections: AtomicU64::new(0),
        last_used: Mutex::new(Instant::now()),
        ending: AtomicBool::new(false),
        cancelling: AtomicBool::new(false),
        wake,
        readers: Readers::default(),
        groups: options.groups,
        quota: options.quota,
    });
    server.watch_signals(&woken).map_err(failed)?;
    info!("stele {VERSION} (build {BUILD}) serves {} as process {}", path.display(), std::process::id());
    if options.detach {
        report(&Started::Ready);
        leave_terminal();
    }
    if server.engine.store().was_unclean() {
        clear_strays(&server);
    }
    accept(&server, &listener, public.as_ref(), &woken);
    socket::remove(path, socket::NAME, own);
    if let (Some(Door::Path(path)), Some(made)) = (&options.readers, made) {
        socket::remove_at(path, made);
    }
    end(&server, listener);
    Ok(())
}

/// Waits for running requests and closes the store.
fn end(server: &Server, listener: UnixListener) {
    // Clients whose connections are not accepted yet are disconnected, and start another daemon.
    drop(listener);
    while server.working.load(Ordering::SeqCst) > 0 {
        thread::sleep(Duration::from_millis(5));
    }
    server.engine.rest();
    // Requests to a mount from now on wait for the next daemon.
    server.mounts.pause();
    match server.engine.store().close() {
        Ok(()) => info!("ended"),
        Err(e) => warn!("ended without closing the store in good order: {e}"),
    }
}

impl Server {
    fn last_used(&self) -> MutexGuard<'_, Instant> {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until_idle(&self) -> Duration {
        if self.connections.load(Ordering::SeqCst) > 0 || self.mounts.count() > 0 {
            return self.idle.max(Duration::from_secs(1));
        }
        self.idle.saturating_sub(self.last_used().elapsed())
    }

    /// SIGTERM and SIGINT end the daemon: running requests are cancelled.
    fn watch_signals(self: &Arc<Self>, woken: &UnixStream) -> io::Result<()> {
        woken.set_nonblocking(true)?;
        // Never blocks: one pending wake-up is as good as a hundred.
        self.wake.set_nonblocking(true)?;
        let mut signals = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGHUP,
        ])?;
        let server = Arc::downgrade(self);
        thread::spawn(move || {
            for signal in &mut signals {
                let Some(server) = server.upgrade() else { return };
                info!("signal {signal}: ending");
                server.end(true);
            }
        });
        Ok(())
    }

    fn end(&self, now: bool) {
        self.cancelling.fetch_or(now, Ordering::SeqCst);
        self.ending.store(true, Ordering::SeqCst);
        let _ = (&self.wake).write_all(&[0]);
    }

    /// Serves a connection of the store's own user, or of another one.
    fn serve(self: &Arc<Self>, stream: UnixStream, rights: Rights, reading: Option<Reading>) {
        let server = Arc::clone(self);
        let counted = Counted::begin(&server);
        // A stack that is sufficient for trees of the maximum depth.
        let spawned = thread::Builder::new().stack_size(16 << 20).spawn(move || {
            let _counted = (counted, reading);
            match server.converse(stream, rights) {
                Err(e) if e.kind() == io::ErrorKind::InvalidData => warn!("a connection was dropped: {e}"),
                _ => {}
            }
        });
        if let Err(e) = spawned {
            warn!("no thread for a connection: {e}");
        }
    }

    fn converse(&self, mut stream: UnixStream, rights: Rights) -> io::Result<()> {
        stream.set_read_timeout(Some(GREETING))?;
        let hello: Hello = receive_message(&mut stream)?;
        let working = self.working.load(Ordering::SeqCst);
        let Hello { stele, protocol, build } = Hello::of_this_build();
        send(&mut stream, &Welcome { stele, protocol, build, pid: std::process::id(), working })?;
        let patience = (rights != Rights::Owner).then_some(STALL);
        stream.set_read_timeout(patience)?;
        stream.set_write_timeout(patience)?;
        loop {
            let call: Call = match receive_message(&mut stream) {
                Ok(call) => call,
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(e) => return Err(e),
            };
            if let Err(failure) = rights.check(&call) {
                // Its descriptors come in any case; what may follow them is not read.
                if matches!(call, Call::Store { opened: true, .. }) {
                    receive_descriptors(&stream)?;
                }
                return send(&mut stream, &Reply::Failure(failure));
            }
            match call {
                Call::Stop { now } => {
                    info!("stopped by a command line of version {}", hello.stele);
                    self.end(now);
                    while self.working.load(Ordering::SeqCst) > 0 {
                        thread::sleep(Duration::from_millis(5));
                    }
                    return Ok(());
                }
                Call::Mounts {} => send(&mut stream, &Reply::Answer(Answer::Mounts(self.mounts.answers())))?,
                Call::Mount { record } => {
                    let Some(fds) = receive_descriptors(&stream)? else { return Ok(()) };
                    let Some(device) = fds.into_iter().next() else {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "a mount request lacks its device",
                        ));
                    };
                    let reply = match self.unless_ending(|| self.mounts.add(device, record)) {
                        None => return send(&mut stream, &Reply::Going {}),
                        Some(Ok(mount)) => Reply::Answer(Answer::Mounts(vec![mount])),
                        Some(Err(failure)) => Reply::Failure(failure),
                    };
                    send(&mut stream, &reply)?;
                }
                Call::Status {} => send(&mut stream, &Reply::Answer(Answer::Status(self.status())))?,
                Call::Exec { mut tree, recipe, order, exec } => {
                    let Some(mut streams) = receive_descriptors(&stream)? else { return Ok(()) };
                    let wanted = if exec.terminal { 1 } else { 3 };
                    let handed = streams.pop().map(|fd| Handed::take_tree(&mut tree, fd)).transpose()?;
                    let handed = handed.unwrap_or_default();
                    if streams.len() != wanted {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "an exec request lacks its streams",
                        ));
                    }
                    let work = |engine: &Engine, sink: &mut dyn Sink, progress: &Progress| {
                        builds::exec(engine, (&tree, &recipe), &order, &exec, streams, sink, progress)
                    };
                    let outcome = self.unless_ending(|| self.work(&stream, &handed, rights, work));
                    if !self.reply(&mut stream, &handed, outcome)? {
                        return Ok(());
                    }
                }
                Call::Store { mut store, opened } => {
                    let handed = match opened {
                        true => {
                            let Some(fds) = receive_descriptors(&stream)? else { return Ok(()) };
                            Handed::take(&mut store, fds)?
                        }
                        false => Handed::default(),
                    };
                    // A write in the background failed, and nobody was told: the next daemon can collect.
                    if matches!(store, Request::Collect { .. }) && self.engine.store().is_stopped() {
                        self.end(false);
                    }
                    let follows =
                        matches!(store, Request::Copy { ask: CopyRequest::Receive { from: None, .. } });
                    let content = &stream;
                    let work =
                        |engine: &Engine, sink: &mut dyn Sink, progress: &Progress| match (store, rights) {
                            (Request::Copy { ask: CopyRequest::Receive { from: None, keeping } }, _) => {
                                giving::take(engine.store(), content, rights, self.quota, &keeping, progress)
                            }
                            (Request::Perform { ask }, Rights::Builder { user }) => {
                                giving::perform(engine, user, self.quota, ask, sink, progress)
                            }
                            (store, _) => service::run(engine, store, sink, progress),
                        };
                    let outcome = self.unless_ending(|| self.work(&stream, &handed, rights, work));
                    // The rest of content that was not taken is no call.
                    let is_left = follows && !matches!(outcome, Some(Ok(_)));
                    if !self.reply(&mut stream, &handed, outcome)? || is_left {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Sends the result of a request, or that it was not accepted. Whether the client may send more.
    fn reply(
        &self,
        stream: &mut UnixStream,
        handed: &Handed,
        outcome: Option<Result<Answer, Failure>>,
    ) -> io::Result<bool> {
        let Some(outcome) = outcome else {
            send(stream, &Reply::Going {})?;
            return Ok(false);
        };
        // A status request does not count as use: a monitoring client must not keep the daemon alive.
        *self.last_used() = Instant::now();
        let reply = match outcome {
            Ok(answer) => Reply::Answer(answer),
            Err(failure) => {
                warn!("{:.1000}", failure.message.escape_debug().to_string());
                // After some errors RocksDB refuses writes until it is reopened.
                if failure.restart || self.engine.store().is_stopped() {
                    self.end(false);
                }
                Reply::Failure(failure)
            }
        };
        answering::send_restored(stream, &reply, handed)?;
        Ok(true)
    }

    /// A daemon that is ending accepts no new requests: the client finds, or starts, another.
    fn unless_ending<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        // Incremented before the check, so that the thread that ends the daemon sees one or the other.
        let _working = Working::begin(&self.working);
        (!self.ending.load(Ordering::SeqCst)).then(work)
    }

    /// Works on a request with the daemon's [`working::work`].
    fn work(
        &self,
        stream: &UnixStream,
        handed: &Handed,
        rights: Rights,
        task: impl FnOnce(&Engine, &mut dyn Sink, &Progress) -> Result<Answer, Failure> + Send,
    ) -> Result<Answer, Failure> {
        let cancelling = match rights {
            Rights::Owner => &self.cancelling,
            // The owner's daemon does not wait for others.
            Rights::Builder { .. } | Rights::Reader | Rights::Stranger => &self.ending,
        };
        working::work(stream, &self.engine, handed, cancelling, task)
    }
}
