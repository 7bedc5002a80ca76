//! The process that supervises one build, from outside: it collects the log, ends the build at its limits or with the
//! daemon, and cleans up. Threads answer system calls that must return the same on every machine, and look at what the
//! build uses: neither holds up the clock.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, kill_process, pidfd_send_signal, set_parent_process_death_signal, waitpid,
};

use super::answer::{Answered, Answering, Vdso};
use super::beside::{Found, Letters, Mailbox, mailbox};
use super::folder;
use super::inside::{self, Handed};
use super::job::{Ending, Guarded, Inside, Job, Limit, Order, Report};
use super::limits::{Visible, Watch, Watching};
use super::nodes;
use super::note::Recorder;
use super::sys::{Forked, fork};
use crate::hold::build_uid;
use stele_fs::passing::{receive, send};

/// How long the supervisor reads what is left in a pipe after all processes have ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Supervises the build that arrives over `stdin`, a Unix socket. First comes its folder, which is removed if no
/// build follows; then the build, with its descriptors: the user and the mount namespace that builds start in,
/// the log, the lock on the build's folder, and the streams that the job names.
///
/// # Errors
/// When no valid job arrived.
pub fn supervise() -> io::Result<()> {
    let daemon = UnixStream::from(rustix::stdio::stdin().try_clone_to_owned()?);
    // The terminal's Ctrl-C is for the process that started this one.
    let _ = rustix::process::setsid();
    let _ = rustix::thread::set_name(c"stele-build");
    super::sys::usual_scheduling();
    let Some((guarded, _)) = receive::<Guarded>(&daemon)? else { return Ok(()) };
    let (job, fds) = match receive::<Job>(&daemon) {
        Ok(Some(received)) => received,
        none => {
            let removed = if guarded.kept { Ok(()) } else { folder::remove(&guarded.folder) };
            return none.map(drop).and(removed);
        }
    };
    let mut fds = fds.into_iter();
    let mut next = || fds.next().ok_or_else(|| io::Error::other("a descriptor is missing"));
    let (users, mounts, log, lock) = (next()?, next()?, next()?, next()?);
    let streams = (0..job.streams.count()).map(|_| next()).collect::<io::Result<Vec<_>>>()?;
    let kept = job.kept;
    let copy = lock.try_clone().ok();
    let watch = Watch::new(&job.limits, &job.folder, copy);
    let mut supervisor = Supervisor {
        recorder: job.notes.then(Recorder::default),
        vdso: None,
        job,
        daemon,
        log: File::from(log),
        written: 0,
        step: 1,
        entering: None,
        first: None,
        ending: None,
        kept,
        ends_at: None,
    };
    let ending = match supervisor.run(watch, users, mounts, streams) {
        Ok(ending) => ending,
        Err(error) => Ending::NotSetUp { doing: "supervise the build".to_owned(), error: error.to_string() },
    };
    let _ = supervisor.log.flush();
    supervisor.finish(ending);
    Ok(())
}

struct Supervisor {
    job: Job,
    daemon: UnixStream,
    log: File,
    written: u64,
    step: usize,
    /// The process that enters the namespaces, until it is reaped.
    entering: Option<Pid>,
    /// The sandbox's first process.
    first: Option<OwnedFd>,
    /// The result that the build reported, or why it was ended.
    ending: Option<Ending>,
    kept: bool,
    /// Notes what its processes write; the thread that answers has it meanwhile.
    recorder: Option<Recorder>,
    /// The kernel's vDSO, if it can be replaced in the build's processes.
    vdso: Option<Vdso>,
    /// When its time is over.
    ends_at: Option<Instant>,
}

/// The threads beside this one.
struct Threads {
    watching: Watching,
    answering: Option<Answering>,
    mailbox: Mailbox,
}

impl Supervisor {
    fn run(
        &mut self,
        mut watch: Watch,
        users: OwnedFd,
        mounts: OwnedFd,
        streams: Vec<OwnedFd>,
    ) -> io::Result<Ending> {
        let (ours, theirs) = UnixStream::pair()?;
        let (out, output) = self.log_pipe()?;
        let streams = match streams.is_empty() {
            true => vec![output],
            false => {
                drop(output);
                streams
            }
        };
        // Where notes are taken each start of a program comes here anyway.
        self.vdso = if self.job.notes { None } else { Vdso::here() };
        let holds_starts = self.vdso.is_none();
        let handed = Handed { users, mounts, tell: theirs, streams, holds_starts };
        watch.begin();
        self.ends_at = self.job.limits.seconds.map(|it| Instant::now() + Duration::from_secs(it));
        let entering = match fork()? {
            Forked::Child => {
                // If the parent is gone already, no signal arrives: the socket reports that.
                let _ = set_parent_process_death_signal(Some(Signal::KILL));
                watch.enter();
                inside::enter(&self.job, &handed)
            }
            Forked::Parent(entering) => entering,
        };
        drop(handed);
        self.entering = Some(entering);
        let followed = self.follow(watch, &ours, &out);
        if followed.is_err() {
            self.kill();
        }
        self.entering = None;
        let _ = waitpid(Some(entering), WaitOptions::empty());
        // If that process was killed, the first process may be about to be killed, too. It ends after all
        // others.
        if let Some(first) = &self.first {
            while let Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(first, PollFlags::IN)], None) {}
        }
        let Threads { watching, answering, .. } = followed?;
        let watch = watching.end()?;
        if self.job.notes
            && let Some(answering) = answering
        {
            self.recorder = answering.finish();
        }
        self.drain(out)?;
        let ending = self.ending.take();
        // Programs report an exhausted resource in many ways, perhaps before the supervisor sees it; a program
        // whose child the kernel killed or refused may even have continued without it.
        let spent = match &ending {
            Some(Ending::Limit { .. } | Ending::Stopped {}) => None,
            Some(Ending::Done {}) => watch.denied(),
            _ => watch.spent(),
        };
        if let Some(limit) = spent {
            return Ok(Ending::Limit { step: self.step, limit });
        }
        Ok(ending.unwrap_or_else(|| Ending::NotSetUp {
            doing: "run the first process".to_owned(),
            error: "it was killed".to_owned(),
        }))
    }

    /// The pipe to which the steps write their log. It belongs to the build's own user, so that a step can
    /// reopen `/dev/stdout` under any daemon. So a step can also open its reading end, and consume what poll(2)
    /// reported: this end never blocks.
    fn log_pipe(&self) -> io::Result<(OwnedFd, OwnedFd)> {
        let (out, output) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&out, true)?;
        if let Some(owner) = build_uid() {
            let (user, group) = (rustix::fs::Uid::from_raw(owner), rustix::fs::Gid::from_raw(owner));
            rustix::fs::fchown(&output, Some(user), Some(group))?;
        }
        Ok((out, output))
    }

    /// Runs until no process is left that could report anything. Returns the threads beside this one.
    fn follow(&mut self, watch: Watch, inside: &UnixStream, out: &OwnedFd) -> io::Result<Threads> {
        let (mailbox, letters) = mailbox()?;
        let mut threads = Threads { watching: watch.start(mailbox.clone())?, answering: None, mailbox };
        // The first process waits for this.
        let _ = (&*inside).write_all(&[0]);
        let mut out_open = true;
        let mut daemon_open = true;
        loop {
            let [from_inside, from_daemon, output, found] = {
                // A closed end stays readable forever: leave it out.
                let wanted = |open: bool| if open { PollFlags::IN } else { PollFlags::empty() };
                let mut fds = vec![
                    PollFd::new(inside, PollFlags::IN),
                    PollFd::new(&self.daemon, wanted(daemon_open)),
                    PollFd::from_borrowed_fd(letters.bell(), PollFlags::IN),
                ];
                if out_open {
                    fds.push(PollFd::new(out, PollFlags::IN));
                }
                match poll(&mut fds, self.left().as_ref()) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
                let output = fds.get(3).map_or(PollFlags::empty(), PollFd::revents);
                [fds[0].revents(), fds[1].revents(), output, fds[2].revents()]
            };
            if self.ends_at.is_some_and(|it| Instant::now() >= it) {
                self.ends_at = None;
                let seconds = self.job.limits.seconds.unwrap_or_default();
                self.end(Ending::Limit { step: self.step, limit: Limit::Time { seconds } });
            }
            if !found.is_empty() {
                self.read(&letters)?;
            }
            if !output.is_empty() {
                out_open = self.gather(out)?;
            }
            if !from_daemon.is_empty() {
                daemon_open = self.obey()?;
            }
            if !from_inside.is_empty() && !self.hear(inside, &mut threads)? {
                return Ok(threads);
            }
        }
    }

    /// The time that the build has left.
    fn left(&self) -> Option<Timespec> {
        let left = self.ends_at?.saturating_duration_since(Instant::now());
        Timespec::try_from(left).ok()
    }

    /// Reads what the threads have found.
    fn read(&mut self, letters: &Letters) -> io::Result<()> {
        for found in letters.take() {
            match found {
                Found::Limit(limit) => self.end(Ending::Limit { step: self.step, limit }),
                Found::Failure(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Handles a message of the sandbox's first process. Returns whether more may follow.
    fn hear(&mut self, inside: &UnixStream, threads: &mut Threads) -> io::Result<bool> {
        match receive::<Inside>(inside)? {
            None => return Ok(false),
            Some((Inside::Born {}, fds)) => {
                self.first = fds.into_iter().next();
                // The build may have been stopped before it was born.
                if self.ending.is_some() {
                    self.kill();
                }
            }
            Some((Inside::Filtered {}, fds)) => {
                let mut fds = fds.into_iter();
                let (listener, processes, memory) = (fds.next(), fds.next(), fds.next());
                if let Some((device, seed)) = fds.next().zip(self.job.seed.as_deref()) {
                    nodes::serve_random(device, seed, threads.mailbox.clone())?;
                }
                let copy = processes.as_ref().map(OwnedFd::try_clone).transpose()?;
                let Some(listener) = listener else { return Ok(true) };
                let answered = Answered {
                    listener,
                    processes: copy,
                    machine: self.job.machine.clone(),
                    date: self.job.date,
                    seed: self.job.seed.clone(),
                    folder: self.job.folder.clone(),
                    vdso: self.vdso.take(),
                };
                let answering = Answering::start(answered, self.recorder.take(), threads.mailbox.clone())?;
                if let Some((processes, memory)) = processes.zip(memory) {
                    threads.watching.see(Visible { processes, memory, held: answering.held() });
                }
                threads.answering = Some(answering);
            }
            Some((Inside::Step { step }, _)) => {
                self.step = step;
                let _ = send(&self.daemon, &Report::Step { step }, &[]);
            }
            Some((Inside::Over { ending }, _)) => {
                self.ending.get_or_insert(ending);
            }
        }
        Ok(true)
    }

    /// Obeys an order of the daemon. Returns whether more may follow.
    fn obey(&mut self) -> io::Result<bool> {
        let told = receive::<Order>(&self.daemon).ok().flatten().map(|(told, _)| told);
        if told == Some(Order::Keep {}) {
            self.kept = true;
        }
        self.end(Ending::Stopped {});
        Ok(told.is_some())
    }

    /// Ends the build, for this reason if there is none yet.
    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.kill();
    }

    fn kill(&self) {
        match (&self.first, self.entering) {
            (Some(first), _) => drop(pidfd_send_signal(first, Signal::KILL)),
            (None, Some(entering)) => drop(kill_process(entering, Signal::KILL)),
            (None, None) => {}
        }
    }

    /// Reads some of the build's output. Returns whether there may be more.
    fn gather(&mut self, out: &OwnedFd) -> io::Result<bool> {
        let mut bytes = [0; 1 << 16];
        let read = match rustix::io::read(out, &mut bytes) {
            Ok(0) => return Ok(false),
            Ok(read) => read,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(true),
            Err(e) => return Err(e.into()),
        };
        let max = self.job.limits.log;
        let room = usize::try_from(max.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let taken = read.min(room);
        self.written += taken as u64;
        // A full disk ends the build by its own limit; until then the log is incomplete.
        let _ = self.log.write_all(&bytes[..taken]);
        if taken < read {
            self.end(Ending::Limit { step: self.step, limit: Limit::Log { bytes: max } });
        }
        Ok(true)
    }

    /// Reads the rest when all processes have ended.
    fn drain(&mut self, out: OwnedFd) -> io::Result<()> {
        let begun = Instant::now();
        let mut file = File::from(out);
        let mut bytes = Vec::new();
        while begun.elapsed() < PATIENCE {
            match (&mut file).take(1 << 20).read_to_end(&mut bytes) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        let room = usize::try_from(self.job.limits.log.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let _ = self.log.write_all(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    /// Reports how the build ended, waits until its folder is no longer needed, and removes it.
    fn finish(mut self, ending: Ending) {
        if let Some(recorder) = self.recorder.take() {
            let notes = recorder.finish(&self.job.folder);
            // Without them, an explanation names no process.
            let text = serde_json::to_vec(&notes).unwrap_or_default();
            if let Err(e) = std::fs::write(self.job.folder.join(folder::NOTES), text) {
                tracing::warn!("the notes of a build could not be written: {e}");
            }
        }
        let told = send(&self.daemon, &Report::Ended { ending }, &[]);
        if told.is_ok() && !self.kept {
            loop {
                match receive::<Order>(&self.daemon) {
                    Ok(Some((Order::Keep {}, _))) => {
                        self.kept = true;
                        break;
                    }
                    // The order to stop came after the end.
                    Ok(Some((Order::Stop {}, _))) => {}
                    Ok(Some((Order::Clear {}, _)) | None) | Err(_) => break,
                }
            }
        }
        if !self.kept
            && let Err(e) = folder::remove(&self.job.folder)
        {
            tracing::warn!("{} could not be removed: {e}", self.job.folder.display());
        }
        // Closing the socket reports that the supervisor is done.
        let _ = self.daemon.as_fd();
    }
}
