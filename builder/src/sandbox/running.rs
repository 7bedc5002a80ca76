//! A build that runs, as whoever started it sees it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

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
    supervisor: Child,
    stream: UnixStream,
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
            let (stream, theirs) = UnixStream::pair()?;
            let supervisor = own_program(crate::SUPERVISE).stdin(OwnedFd::from(theirs)).spawn()?;
            let mut fds = vec![held.users(), held.mounts(), log.as_fd(), lock.as_fd()];
            fds.extend(streams);
            send(&stream, job, &fds)?;
            Ok(Self { supervisor, stream })
        };
        started().map_err(StartError::Supervisor)
    }

    /// What stops it.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn stopper(&self) -> io::Result<Stopper> {
        Ok(Stopper(self.stream.try_clone()?))
    }

    /// Waits until no process of the build is left.
    pub fn wait(&self, mut hear: impl FnMut(Said)) -> Ending {
        loop {
            match receive::<Said>(&self.stream) {
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

    fn close(mut self, told: Told) {
        let _ = send(&self.stream, &told, &[]);
        let _ = self.supervisor.wait();
    }
}

/// This very program, to run one of its hidden commands: nothing of this process reaches it but its stdin.
pub(crate) fn own_program(arguments: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(arguments).env_clear().current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
    command
}
