//! The command line's side: find the daemon, start it, replace it, ask it.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use stele_store::OpenError;

mod start;

use crate::mounts::{self, Record};
use crate::protocol::{ANSWER_MOST, Call, Frame, Hello, Reply, Welcome, receive, receive_message, send};
use crate::socket::{self, hung_up};
use stele::Request;
use stele::answers::{Answer, Mount};
use stele::engine::read_only;
use stele::failure::{Failure, Kind};
use stele::{Api, Engine, Observer, Program, Setup};

/// How long a daemon may take to start, or another one to end, before that is called a failure.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so long a wait the person is told what is waited for.
const SILENCE: Duration = Duration::from_millis(500);

/// So often another daemon is looked for when one is just ending.
const GOING_MOST: usize = 5;

pub use start::{Started, own_program, start};

/// A way to ask a store.
pub enum Client {
    /// Through the daemon of the store in that folder.
    Daemon(PathBuf, Connection),
    /// In this process, because the disk cannot be written.
    Here(Box<Engine>),
}

impl Api for Client {
    /// # Errors
    /// Also when the daemon ended meanwhile.
    fn ask(&mut self, request: Request, observer: &mut dyn Observer) -> Result<Answer, Failure> {
        match self {
            Self::Daemon(store, connection) => {
                let call = Call::Store { store: request };
                connection.insist(store, observer, |it, observer| it.call(&call, observer))
            }
            Self::Here(engine) => engine.ask(request, observer),
        }
    }
}

/// An open connection to a daemon of this version.
pub struct Connection {
    stream: UnixStream,
    /// What the daemon said of itself.
    pub welcome: Welcome,
    /// The most bytes of an answer.
    most: usize,
}

impl Client {
    /// Finds the daemon of `store` or starts one. With `existing`, does not make a store where none is.
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
                    // It is starting, or ends after what it works on.
                    Started::Busy => thread::sleep(Duration::from_millis(100)),
                    Started::Failed(failure) => return Err(failure),
                },
                Err(e) => return Err(Failure::io("the daemon does not answer", &e)),
            }
            let waited = begun.elapsed();
            if waited > PATIENCE {
                return Err(Failure::new(Kind::Failed, "another process owns the store and does not answer")
                    .hint("it may be a daemon that ends after a long request: wait, or see who has the file `lock` in \
                           the store's folder open"));
            }
            if waited > SILENCE && !told {
                observer.note("waiting for another daemon, which is starting or ends after what it works on");
                told = true;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the daemon hung up.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Daemon(_, connection) => hung_up(&connection.stream),
            Self::Here(_) => false,
        }
    }

    /// The line to the daemon, to hang up while an answer is waited for.
    pub fn line(&self) -> Option<UnixStream> {
        match self {
            Self::Daemon(_, connection) => connection.stream.try_clone().ok(),
            Self::Here(_) => None,
        }
    }

    /// The mounts of the store.
    ///
    /// # Errors
    /// When the daemon ended meanwhile.
    pub fn mounts(&mut self, observer: &mut dyn Observer) -> Result<Vec<Mount>, Failure> {
        let Self::Daemon(store, connection) = self else { return Ok(Vec::new()) };
        match connection.insist(store, observer, |it, observer| it.call(&Call::Mounts {}, observer))? {
            Answer::Mounts(mounts) => Ok(mounts),
            _ => Err(Failure::new(Kind::Failed, "the daemon answered something else than it was asked")),
        }
    }

    /// Has the daemon serve a mount that this process made.
    ///
    /// # Errors
    /// When there can be no daemon, or it cannot answer.
    pub fn mount(
        &mut self,
        record: &Record,
        device: BorrowedFd<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Answer, Failure> {
        let Self::Daemon(store, connection) = self else {
            return Err(Failure::new(
                Kind::Failed,
                "a store on a read-only disk has no daemon that could answer for a mount",
            )
            .hint("`stele store export` copies out of it"));
        };
        let call = Call::Mount { record: record.clone() };
        connection.insist(store, observer, |it, observer| {
            send(&mut it.stream, &call)
                .and_then(|()| mounts::send(&it.stream, &(), &[device]))
                .map_err(|e| Failure::io("the daemon does not take the mount", &e))?;
            it.answer(observer)
        })
    }
}

impl Client {
    /// Runs a program in the sandbox of a recipe, with these streams.
    ///
    /// # Errors
    /// The store's failure, or that the daemon ended meanwhile.
    pub fn visit(
        &mut self,
        call: &Call,
        streams: &[BorrowedFd<'_>],
        observer: &mut dyn Observer,
    ) -> Result<Answer, Failure> {
        let Self::Daemon(store, connection) = self else { return Err(read_only()) };
        connection.insist(store, observer, |it, observer| {
            send(&mut it.stream, call)
                .and_then(|()| mounts::send(&it.stream, &(), streams))
                .map_err(ended)?;
            it.answer(observer)
        })
    }
}

impl Connection {
    /// The same, for a daemon that is not trusted to answer in so many bytes.
    pub fn bounded(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// The line to the daemon, to hang up while an answer is waited for.
    pub fn line(&self) -> Option<UnixStream> {
        self.stream.try_clone().ok()
    }

    /// Makes one call. `None` when the daemon is ending and did nothing.
    ///
    /// # Errors
    /// The daemon's failure, or that it ended meanwhile.
    pub fn call(&mut self, call: &Call, observer: &mut dyn Observer) -> Result<Option<Answer>, Failure> {
        send(&mut self.stream, call).map_err(ended)?;
        self.answer(observer)
    }

    /// Calls until a daemon takes it: one that is just ending did nothing, and the next is asked.
    fn insist(
        &mut self,
        store: &Path,
        observer: &mut dyn Observer,
        call: impl Fn(&mut Self, &mut dyn Observer) -> Result<Option<Answer>, Failure>,
    ) -> Result<Answer, Failure> {
        for _ in 0..GOING_MOST {
            if let Some(answer) = call(self, observer)? {
                return Ok(answer);
            }
            if let Client::Daemon(_, other) = Client::connect(store, true, observer)? {
                *self = other;
            }
        }
        Err(Failure::new(Kind::Failed, "one daemon after the other ended before it did anything")
            .hint("`daemon.log` in the store's folder may say why"))
    }

    /// What is answered to a call.
    fn answer(&mut self, observer: &mut dyn Observer) -> Result<Option<Answer>, Failure> {
        let unheard = |e: io::Error| Failure::unwritten(&e);
        loop {
            match receive(&mut self.stream, self.most).map_err(ended)? {
                None => return Err(ended(io::ErrorKind::UnexpectedEof.into())),
                Some(Frame::Bytes(bytes)) => observer.bytes(&bytes).map_err(unheard)?,
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

fn ended(error: io::Error) -> Failure {
    Failure::new(Kind::Failed, format!("the daemon ended while it worked: {error}"))
        .hint("run the command again: it starts a new daemon, and nothing that was acknowledged is lost")
}

/// Connects to a daemon that is there and exchanges versions.
fn greet(store: &Path) -> io::Result<Connection> {
    let mut stream = socket::connect(store)?;
    // A daemon that hangs must not take its users with it.
    stream.set_read_timeout(Some(PATIENCE))?;
    send(&mut stream, &Hello::of_this_build())?;
    let welcome = receive_message(&mut stream)?;
    stream.set_read_timeout(None)?;
    Ok(Connection { stream, welcome, most: ANSWER_MOST })
}

/// Whether the error means that no daemon is there, or that it is just going.
fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe | UnexpectedEof)
}

/// The daemon of `store`, if one runs, whatever its version.
pub fn existing(store: &Path) -> Result<Option<Connection>, Failure> {
    match greet(store) {
        Ok(connection) => Ok(Some(connection)),
        Err(e) if is_nobody(&e) => Ok(None),
        Err(e) => Err(Failure::io("the daemon does not answer", &e)),
    }
}

/// Asks a daemon of another version to end, and waits until it did.
fn replace(connection: Connection, observer: &mut dyn Observer) -> Result<(), Failure> {
    let Connection { stream, welcome, .. } = connection;
    let work = match welcome.working {
        0 => String::new(),
        n => format!(", which works on {n} requests and will end after them"),
    };
    observer
        .note(&format!("replacing the daemon of stele {} (process {}){work}", welcome.stele, welcome.pid));
    stop(stream, false)
}

/// Asks a daemon to end and waits until it closes the connection, which is the last thing that it does but
/// one: its lock goes with its process.
pub fn stop(mut stream: UnixStream, now: bool) -> Result<(), Failure> {
    let _ = send(&mut stream, &Call::Stop { now });
    // Whatever it says is of its own version; what counts is that it hangs up.
    while let Ok(Some(_)) = receive(&mut stream, ANSWER_MOST) {}
    Ok(())
}

impl Connection {
    /// Ends the daemon; returns when its process is gone, so that it has nothing open any more on the store's disk.
    ///
    /// # Errors
    /// Never; the signature leaves room for a daemon that refuses.
    pub fn stop(self, now: bool) -> Result<(), Failure> {
        // Asked of the kernel: in another PID namespace the daemon's own number for itself means somebody else.
        let process = rustix::net::sockopt::socket_peercred(&self.stream)
            .and_then(|peer| pidfd_open(peer.pid, PidfdFlags::empty()));
        stop(self.stream, now)?;
        if let Ok(process) = process {
            let patience = Timespec::try_from(PATIENCE).ok();
            let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], patience.as_ref());
        }
        Ok(())
    }
}

/// The store belongs to one user: what another would write there, its owner could not change any more.
pub fn refuse_foreign(store: &Path) -> Result<(), Failure> {
    let Ok(meta) = std::fs::metadata(store) else { return Ok(()) };
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() == own {
        return Ok(());
    }
    let message =
        format!("the store in {} belongs to user {}, and this is user {own}", store.display(), meta.uid());
    Err(Failure::new(Kind::Failed, message)
        .hint("run the command as that user, or name a store of your own with --store"))
}

/// Whether the folder lies on a file system that is mounted read-only.
fn on_read_only_disk(store: &Path) -> bool {
    let flags = rustix::fs::statvfs(store).map(|disk| disk.f_flag);
    flags.is_ok_and(|flags| flags.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Waits until nobody holds the store's lock, for at most [`PATIENCE`].
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
