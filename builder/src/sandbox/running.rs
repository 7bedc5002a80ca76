//! A build that runs, as whoever started it sees it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::job::{Ending, Job, Said, Told};
use crate::hold::Held;
use stele_fs::passing::{receive, send};

/// A build could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its supervisor.
    #[error("the process that supervises the build could not be started: {0}")]
    Supervisor(#[source] io::Error),
}

/// A build that runs, or has ended and whose folder is still there.
pub struct Running {
    supervisor: Supervisor,
}

/// A process that supervises a build, or waits for one: to start it takes longer than much that is built.
struct Supervisor {
    process: Child,
    stream: UnixStream,
}

impl Supervisor {
    fn start() -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        let process = own_program(crate::SUPERVISE).stdin(OwnedFd::from(theirs)).spawn()?;
        Ok(Self { process, stream })
    }

    /// Ends one that got no job, or waits for the end of one that was told what to do.
    fn end(mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = self.process.wait();
    }
}

/// So long after a build began the supervisor of the next is started: one that is over sooner has the processors for
/// itself.
const LATER: Duration = Duration::from_millis(20);

/// So many wait at most: a build that begins as soon as another has ended finds one, too.
const SPARES: usize = 2;

/// Supervisors that wait for their jobs.
#[derive(Default)]
pub(crate) struct Spare(Arc<Waiting>);

#[derive(Default)]
struct Waiting(Mutex<VecDeque<Supervisor>>);

impl Waiting {
    /// Has one more wait. Whether more are wanted.
    fn add(&self) -> bool {
        let mut spares = self.lock();
        if spares.len() < SPARES {
            let Ok(another) = Supervisor::start() else { return false };
            spares.push_back(another);
        }
        spares.len() < SPARES
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Supervisor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spare {
    /// The one that waits, if it still does, or a new one.
    fn take(&self) -> io::Result<Supervisor> {
        let mut spares = self.0.lock();
        while let Some(mut waiting) = spares.pop_front() {
            if matches!(waiting.process.try_wait(), Ok(None)) {
                return Ok(waiting);
            }
        }
        drop(spares);
        Supervisor::start()
    }

    /// Has some wait for the next builds, soon.
    fn refill(&self) {
        let waiting = Arc::downgrade(&self.0);
        // If there is no thread for it, the next build starts its own.
        let _ = thread::Builder::new().name("spare".to_owned()).spawn(move || {
            thread::sleep(LATER);
            let Some(waiting) = waiting.upgrade() else { return };
            // Let go of between two: somebody may want the first.
            while waiting.add() {}
        });
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.lock().drain(..).for_each(Supervisor::end);
    }
}

/// Stops a build from another thread.
pub struct Stopper(UnixStream);

impl Stopper {
    /// Ends all processes of the build, soon.
    pub fn stop(&self) {
        let _ = send(&self.0, &Told::Stop {}, &[]);
    }
}

impl Running {
    /// Starts `job`, in the namespaces that are held for builds. What it writes goes to `log`; or it gets `streams`, as
    /// many as it says. `lock` says that the folder is used: until the last of this process and the supervisor is gone.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        held: &Held,
        job: &Job,
        log: &File,
        lock: &File,
        streams: &[BorrowedFd<'_>],
    ) -> Result<Self, StartError> {
        let started = || -> io::Result<Self> {
            let supervisor = held.spare().take()?;
            let mut fds = vec![held.users(), held.mounts(), log.as_fd(), lock.as_fd()];
            fds.extend(streams);
            send(&supervisor.stream, job, &fds)?;
            held.spare().refill();
            Ok(Self { supervisor })
        };
        started().map_err(StartError::Supervisor)
    }

    /// What stops it.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn stopper(&self) -> io::Result<Stopper> {
        Ok(Stopper(self.supervisor.stream.try_clone()?))
    }

    /// Waits until no process of the build is left.
    pub fn wait(&self, mut hear: impl FnMut(Said)) -> Ending {
        loop {
            match receive::<Said>(&self.supervisor.stream) {
                Ok(Some((Said::Ended { ending }, _))) => return ending,
                Ok(Some((said, _))) => hear(said),
                Ok(None) | Err(_) => {
                    return Ending::NotSetUp {
                        doing: "supervise it".to_owned(),
                        error: "the process that did was killed".to_owned(),
                    };
                }
            }
        }
    }

    /// The folder is not needed any more; returns when it is gone.
    pub fn clear(self) {
        self.close(Told::Clear {});
    }

    /// The folder stays.
    pub fn keep(self) {
        self.close(Told::Keep {});
    }

    fn close(self, told: Told) {
        let _ = send(&self.supervisor.stream, &told, &[]);
        self.supervisor.end();
    }
}

/// This very program, to run one of its hidden commands: nothing of this process reaches it but its stdin.
pub(crate) fn own_program(arguments: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(arguments).env_clear().current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
    command
}
