//! A running build, as seen by the process that started it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;

use super::job::{Ending, Guarded, Job, Order, Report};
use crate::hold::Held;
use crate::program::{Program, Waits};
use stele_fs::passing::{receive, send};

/// A build could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No supervisor could be started.
    #[error("the process that supervises the build could not be started: {0}")]
    Supervisor(#[source] io::Error),
}

/// A build that runs, or that has ended with its folder still in place.
pub struct Running {
    supervisor: Supervisor,
}

/// A process that supervises a build, or waits for one.
pub(crate) struct Supervisor {
    process: Child,
    stream: UnixStream,
}

impl Waits for Supervisor {
    fn start(program: &Program) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        let process = program.helper(crate::SUPERVISE).stdin(OwnedFd::from(theirs)).spawn()?;
        Ok(Self { process, stream })
    }

    fn waits(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Closes the connection and waits for the process to exit.
    fn end(mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = self.process.wait();
    }
}

/// Stops a build from another thread.
pub struct Stopper(UnixStream);

impl Stopper {
    /// Kills all processes of the build, soon.
    pub fn stop(&self) {
        let _ = send(&self.0, &Order::Stop {}, &[]);
    }
}

/// A supervisor without its job yet. It removes the build's folder however this process ends, so it is told of
/// the folder before there is one.
pub struct Guard(Option<Supervisor>);

impl Guard {
    /// Guards `folder`, which need not exist yet. One that is to be `kept` stays where it is.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn of(held: &Held, folder: &Path, kept: bool) -> Result<Self, StartError> {
        let told = || -> io::Result<Self> {
            let supervisor = held.spares().take()?;
            send(&supervisor.stream, &Guarded { folder: folder.to_owned(), kept }, &[])?;
            Ok(Self(Some(supervisor)))
        };
        told().map_err(StartError::Supervisor)
    }

    /// Starts `job` in the namespaces that are held for builds. Its output goes to `log`; or it gets `streams`,
    /// as many as it states. `lock` marks the folder as used until both this process and the supervisor have
    /// exited.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        mut self,
        held: &Held,
        job: &Job,
        log: &File,
        lock: &File,
        streams: &[BorrowedFd<'_>],
    ) -> Result<Running, StartError> {
        let mut started = || -> io::Result<Running> {
            let supervisor = self.0.as_ref().ok_or(io::ErrorKind::NotFound)?;
            let mut fds = vec![held.users(), held.mounts(), log.as_fd(), lock.as_fd()];
            fds.extend(streams);
            send(&supervisor.stream, job, &fds)?;
            held.spares().refill();
            let supervisor = self.0.take().ok_or(io::ErrorKind::NotFound)?;
            Ok(Running { supervisor })
        };
        started().map_err(StartError::Supervisor)
    }
}

impl Drop for Guard {
    /// Without a job the supervisor removes the folder, and exits.
    fn drop(&mut self) {
        if let Some(supervisor) = self.0.take() {
            supervisor.end();
        }
    }
}

impl Running {
    /// A handle to stop it.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn stopper(&self) -> io::Result<Stopper> {
        Ok(Stopper(self.supervisor.stream.try_clone()?))
    }

    /// Waits until no process of the build is left.
    pub fn wait(&self, mut hear: impl FnMut(Report)) -> Ending {
        loop {
            match receive::<Report>(&self.supervisor.stream) {
                Ok(Some((Report::Ended { ending }, _))) => return ending,
                Ok(Some((said, _))) => hear(said),
                Ok(None) | Err(_) => {
                    return Ending::NotSetUp {
                        doing: "supervise the build".to_owned(),
                        error: "its supervisor was killed".to_owned(),
                    };
                }
            }
        }
    }

    /// Removes the folder; returns when it is gone.
    pub fn clear(self) {
        self.close(Order::Clear {});
    }

    /// Leaves the folder in place.
    pub fn keep(self) {
        self.close(Order::Keep {});
    }

    fn close(self, told: Order) {
        let _ = send(&self.supervisor.stream, &told, &[]);
        self.supervisor.end();
    }
}
