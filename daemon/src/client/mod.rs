//! The client: finds, starts and replaces the daemon, and sends it requests.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use stele_store::OpenError;

mod giving;
mod greeting;
mod opened;
mod start;

use crate::mounts::Record;
use greeting::{greet, is_nobody};

use crate::protocol::{
    Call, Frame, MAX_ANSWER, Reply, Welcome, receive, receive_descriptors, send, send_descriptors,
    send_request,
};
use crate::socket::hung_up;
use stele::Request;
use stele::answers::{Answer, Mount};
use stele::engine::read_only;
use stele::failure::{Failure, Kind};
use stele::{Api, Engine, Observer, Program, Setup};

/// How long a daemon may take to start, or another one to end, before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
/// After this long a wait, the user is told the reason.
const SILENCE: Duration = Duration::from_millis(500);

/// How many times another daemon is tried when one is just ending.
const MAX_SHOWN: usize = 5;

pub(crate) use greeting::of_this_build;
pub use greeting::{at_socket, existing};
pub use start::{Started, own_program, start};

/// A way to send requests to a store.
pub enum Client {
    /// Through the daemon of the store in that folder.
    Daemon(PathBuf, Connection),
    /// Through a socket that was named by itself: its daemon may be another user's, and is neither started nor
    /// replaced.
    Socket(Connection),
    /// In this process, because the disk cannot be written.
    Here(Box<Engine>),
}

impl Api for Client {
    /// # Errors
    /// Also when the daemon ended in the meantime.
    fn ask(&mut self, request: Request, observer: &mut dyn Observer) -> Result<Answer, Failure> {
        match self {
            Self::Daemon(store, connection) => {
                let (call, fds) = opened_call(request)?;
                connection
                    .insist(store, observer, |it, observer| it.call_with(&call, &borrowed(&fds), observer))
            }
            Self::Socket(connection) => {
                let (call, fds) = opened_call(request)?;
                connection.call_with(&call, &borrowed(&fds), observer)?.ok_or_else(ending)
            }
            Self::Here(engine) => engine.ask(request, observer),
        }
    }
}

/// The call of a request, and a descriptor for each path that it names.
fn opened_call(request: Request) -> Result<(Call, Vec<OwnedFd>), Failure> {
    let fds = opened::open_all(&request)?;
    Ok((Call::Store { store: request, opened: !fds.is_empty() }, fds))
}

fn borrowed(fds: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    fds.iter().map(OwnedFd::as_fd).collect()
}

/// An open connection to a daemon of this version.
pub struct Connection {
    stream: UnixStream,
    /// The daemon's first message.
    pub welcome: Welcome,
    /// The maximum size of an answer in bytes.
    max: usize,
}

impl Client {
    /// Finds the daemon of `store` or starts one. With `existing`, does not create a missing store.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn connect(store: &Path, existing: bool, observer: &mut dyn Observer) -> Result<Self, Failure> {
        refuse_foreign(store)?;
        if existing && !stele_store::Layout::new(store).exists() {
            return Err(OpenError::Absent { path: store.to_owned() }.into());
        }
        if on_read_only_disk(store) {
            return Ok(Self::Here(Box::new(Engine::open_read_only(store, Setup::new(Program::this()))?)));
        }
        let begun = Instant::now();
        let mut told = false;
        loop {
            match greet(store) {
                Ok(connection) if connection.welcome.is_of_this_build() => {
                    return Ok(Self::Daemon(store.to_owned(), connection));
                }
                Ok(connection) => replace(connection, observer)?,
                Err(e) if is_nobody(&e) => match start(store)? {
                    Started::Ready => {}
                    // It is starting, or ends after its current requests.
                    Started::Busy => thread::sleep(Duration::from_millis(100)),
                    Started::Failed(failure) => return Err(failure),
                },
                Err(e) => return Err(Failure::io("the daemon does not answer", &e)),
            }
            let waited = begun.elapsed();
            if waited > PATIENCE {
                return Err(Failure::new(Kind::Failed, "another process owns the store and does not answer")
                    .hint("it may be a daemon that ends after a long request: wait, or find the process that has the \
                           file `lock` in the store's folder open"));
            }
            if waited > SILENCE && !told {
                observer.note(
                    "waiting for another daemon, which is starting, or ends after its current requests",
                );
                told = true;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the daemon disconnected.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Daemon(_, connection) | Self::Socket(connection) => hung_up(&connection.stream),
            Self::Here(_) => false,
        }
    }

    /// The connection to the daemon, to shut down while waiting for an answer.
    pub fn line(&self) -> Option<UnixStream> {
        match self {
            Self::Daemon(_, connection) | Self::Socket(connection) => connection.stream.try_clone().ok(),
            Self::Here(_) => None,
        }
    }

    /// The mounts of the store.
    ///
    /// # Errors
    /// When the daemon ended in the meantime.
    pub fn mounts(&mut self, observer: &mut dyn Observer) -> Result<Vec<Mount>, Failure> {
        let Self::Daemon(store, connection) = self else { return Ok(Vec::new()) };
        match connection.insist(store, observer, |it, observer| it.call(&Call::Mounts {}, observer))? {
            Answer::Mounts(mounts) => Ok(mounts),
            _ => Err(stele::api::unexpected()),
        }
    }

    /// Hands a mount that this process made to the daemon, which serves it.
    ///
    /// # Errors
    /// When there can be no daemon, or it cannot serve the mount.
    pub fn mount(
        &mut self,
        record: &Record,
        device: BorrowedFd<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Answer, Failure> {
        let Self::Daemon(store, connection) = self else {
            return Err(Failure::new(
                Kind::Failed,
                "a store on a read-only disk has no daemon that could serve a mount",
            )
            .hint("`stele store export` copies from it"));
        };
        let call = Call::Mount { record: record.clone() };
        connection.insist(store, observer, |it, observer| {
            send(&mut it.stream, &call)
                .and_then(|()| send_descriptors(&it.stream, &[device]))
                .map_err(|e| Failure::io("the daemon did not accept the mount", &e))?;
            it.answer(observer)
        })
    }
}

impl Client {
    /// Runs a program in the sandbox of a recipe, with these streams.
    ///
    /// # Errors
    /// The store's failure, or when the daemon ended in the meantime.
    pub fn exec(
        &mut self,
        call: &Call,
        tree: &Path,
        streams: &[BorrowedFd<'_>],
        observer: &mut dyn Observer,
    ) -> Result<Answer, Failure> {
        let Self::Daemon(store, connection) = self else { return Err(read_only()) };
        let tree = opened::open_tree(tree)?;
        let fds: Vec<BorrowedFd<'_>> = streams.iter().copied().chain([tree.as_fd()]).collect();
        connection.insist(store, observer, |it, observer| it.call_with(call, &fds, observer))
    }
}

impl Connection {
    /// The same, for an untrusted daemon, whose answers are limited to `max` bytes.
    pub fn bounded(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// The connection to the daemon, to shut down while waiting for an answer.
    pub fn line(&self) -> Option<UnixStream> {
        self.stream.try_clone().ok()
    }

    /// Makes one call. `None` when the daemon is ending and did nothing.
    ///
    /// # Errors
    /// The daemon's failure, or when it ended in the meantime.
    pub fn call(&mut self, call: &Call, observer: &mut dyn Observer) -> Result<Option<Answer>, Failure> {
        send_request(&mut self.stream, call).map_err(refused)?;
        self.answer(observer)
    }

    /// Like [`Connection::call`], with descriptors.
    fn call_with(
        &mut self,
        call: &Call,
        fds: &[BorrowedFd<'_>],
        observer: &mut dyn Observer,
    ) -> Result<Option<Answer>, Failure> {
        send_request(&mut self.stream, call).map_err(refused)?;
        if !fds.is_empty() {
            send_descriptors(&self.stream, fds).map_err(ended)?;
        }
        self.answer(observer)
    }

    /// Calls until a daemon accepts the call: one that is just ending did nothing, so the next one is called.
    fn insist(
        &mut self,
        store: &Path,
        observer: &mut dyn Observer,
        call: impl Fn(&mut Self, &mut dyn Observer) -> Result<Option<Answer>, Failure>,
    ) -> Result<Answer, Failure> {
        for _ in 0..MAX_SHOWN {
            if let Some(answer) = call(self, observer)? {
                return Ok(answer);
            }
            if let Client::Daemon(_, other) = Client::connect(store, true, observer)? {
                *self = other;
            }
        }
        Err(Failure::new(Kind::Failed, "several daemons in a row ended before they did anything")
            .hint("see `daemon.log` in the store's folder"))
    }

    /// The reply to a call.
    fn answer(&mut self, observer: &mut dyn Observer) -> Result<Option<Answer>, Failure> {
        let unheard = |e: io::Error| Failure::unwritten(&e);
        loop {
            match receive(&mut self.stream, self.max).map_err(ended)? {
                None => return Err(ended(io::ErrorKind::UnexpectedEof.into())),
                Some(Frame::Bytes(bytes)) => observer.bytes(&bytes).map_err(unheard)?,
                Some(Frame::File { offset, length }) => {
                    let fds = receive_descriptors(&self.stream).map_err(ended)?.unwrap_or_default();
                    let file =
                        fds.into_iter().next().ok_or_else(|| ended(io::ErrorKind::InvalidData.into()))?;
                    observer.file(&file.into(), offset, length).map_err(unheard)?;
                }
                Some(Frame::Json(bytes)) => match serde_json::from_slice(&bytes)
                    .map_err(|e| ended(e.into()))?
                {
                    Reply::Progress(progress) => observer.progress(progress),
                    Reply::Entries(entries) => {
                        entries.into_iter().try_for_each(|entry| observer.entry(entry)).map_err(unheard)?;
                    }
                    Reply::Event(event) => observer.event(&event).map_err(unheard)?,
                    Reply::Answer(answer) => return Ok(Some(answer)),
                    Reply::Going {} => return Ok(None),
                    Reply::Failure(failure) => return Err(failure),
                },
            }
        }
    }
}

/// The failure to send a request: it is too large, or the daemon ended.
fn refused(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::FileTooLarge => {
            Failure::new(Kind::Usage, error.to_string()).hint("give it in parts: fewer files at a time")
        }
        _ => ended(error),
    }
}

/// The failure of a daemon that did nothing since it is ending, and that nobody here replaces.
pub(crate) fn ending() -> Failure {
    Failure::new(Kind::Failed, "its daemon is ending").hint("run the command again")
}

fn ended(error: io::Error) -> Failure {
    Failure::new(Kind::Failed, format!("the daemon ended during the request: {error}"))
        .hint("run the command again: it starts a new daemon, and nothing that was acknowledged is lost")
}

/// Asks a daemon of another version to end, and waits until it has.
fn replace(connection: Connection, observer: &mut dyn Observer) -> Result<(), Failure> {
    let Connection { stream, welcome, .. } = connection;
    let work = match welcome.working {
        0 => String::new(),
        n => format!(", which is working on {n} requests and will end after them"),
    };
    observer
        .note(&format!("replacing the daemon of stele {} (process {}){work}", welcome.stele, welcome.pid));
    stop(stream, false)
}

/// Asks a daemon to end and waits until it closes the connection. After that only its process ends, which
/// releases the lock.
pub fn stop(mut stream: UnixStream, now: bool) -> Result<(), Failure> {
    let _ = send(&mut stream, &Call::Stop { now });
    // Its replies are of its own version; only the disconnect counts.
    while let Ok(Some(_)) = receive(&mut stream, MAX_ANSWER) {}
    Ok(())
}

impl Connection {
    /// Ends the daemon, and waits until its process is gone, so that no file on the store's disk is open any more;
    /// false when that could not be seen. Another daemon, which somebody else has started meanwhile, is not waited for.
    ///
    /// # Errors
    /// Never; reserved for a daemon that refuses.
    pub fn stop(self, now: bool) -> Result<bool, Failure> {
        // From the kernel: in another PID namespace, the PID that the daemon reports belongs to another process.
        let process = rustix::net::sockopt::socket_peercred(&self.stream)
            .and_then(|peer| pidfd_open(peer.pid, PidfdFlags::empty()));
        stop(self.stream, now)?;
        let Ok(process) = process else { return Ok(false) };
        let patience = Timespec::try_from(PATIENCE).ok();
        Ok(matches!(poll(&mut [PollFd::new(&process, PollFlags::IN)], patience.as_ref()), Ok(1..)))
    }
}

/// Checks that this user owns the store: the owner could not change files that another user writes there.
pub fn refuse_foreign(store: &Path) -> Result<(), Failure> {
    let Ok(meta) = std::fs::metadata(store) else { return Ok(()) };
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() == own {
        return Ok(());
    }
    let message =
        format!("the store in {} belongs to user {}, and this is user {own}", store.display(), meta.uid());
    Err(Failure::new(Kind::Failed, message)
        .hint("run the command as that user, or use a store of your own with --store"))
}

/// Whether the folder lies on a file system that is mounted read-only.
fn on_read_only_disk(store: &Path) -> bool {
    let flags = rustix::fs::statvfs(store).map(|disk| disk.f_flag);
    flags.is_ok_and(|flags| flags.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Waits until no process holds the store's lock, for at most [`PATIENCE`].
pub fn wait_until_free(store: &Path) -> Result<(), Failure> {
    let begun = Instant::now();
    let lock: PathBuf = store.join("lock");
    loop {
        let Ok(file) = std::fs::File::open(&lock) else { return Ok(()) };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
            Ok(()) => return Ok(()),
            Err(_) if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(10)),
            Err(_) => return Err(OpenError::Locked { path: store.to_owned() }.into()),
        }
    }
}
