//! The processes between the supervisor and a build's programs: one that enters the namespaces, and the first
//! process of the sandbox, which sets it up, runs the steps, and whose end ends everything in it.

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{Mode, OFlags};
use rustix::process::{
    DumpableBehavior, PidfdFlags, Signal, WaitOptions, pidfd_open, set_dumpable_behavior,
    set_parent_process_death_signal, wait, waitpid,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::execute::{Given, apply};
use super::job::{Ending, Inside, Job, Limit, Streams};
use super::nodes::RandomFile;
use super::sys::{self, Forked, fork};
use crate::profile;
use stele_fs::passing::send;

/// What is handed to the first processes of a sandbox.
pub(super) struct Handed {
    /// The user namespace that builds start in.
    pub users: OwnedFd,
    /// The mount namespace that builds start in.
    pub mounts: OwnedFd,
    /// The connection to the supervisor.
    pub tell: UnixStream,
    /// The output of the steps; or their terminal; or their input, output and errors.
    pub streams: Vec<OwnedFd>,
    /// Whether the supervisor holds programs at their start.
    pub holds_starts: bool,
}

/// The sandbox's own device nodes, and its random numbers, as far as it has them.
type Devices = (Option<OwnedFd>, Option<RandomFile>);

/// A failure of the set-up, as an [`Ending::NotSetUp`].
fn not_set_up(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Ending {
    let doing = doing.into();
    move |error| Ending::NotSetUp { doing, error: error.to_string() }
}

/// The process that enters the namespaces; it ends with the sandbox's first process, and never returns.
pub(super) fn enter(job: &Job, handed: &Handed) -> ! {
    let ending = match entered(job, handed) {
        Ok(never) => match never {},
        Err(ending) => ending,
    };
    let _ = send(&handed.tell, &Inside::Over { ending }, &[]);
    sys::exit(1)
}

fn entered(job: &Job, handed: &Handed) -> Result<std::convert::Infallible, Ending> {
    // Wait until its limits are set, so that they miss nothing, and /proc/self/cgroup starts here.
    (&handed.tell).read_exact(&mut [0]).map_err(not_set_up("wait for its limits"))?;
    std::fs::write("/proc/self/oom_score_adj", profile::FIRST_TO_GO.to_string())
        .map_err(not_set_up("raise its OOM score"))?;
    // Unprivileged users, and root in a container, cannot create nodes: they get the machine's.
    let nodes = super::nodes::own().ok();
    let into =
        |fd: &OwnedFd, kind| move_into_link_name_space(fd.as_fd(), Some(kind)).map_err(io::Error::from);
    into(&handed.users, LinkNameSpaceType::User).map_err(not_set_up("enter the user namespace"))?;
    let random = match job.seed.is_some() {
        true => Some(RandomFile::open().map_err(not_set_up("open /dev/fuse"))?),
        false => None,
    };
    into(&handed.mounts, LinkNameSpaceType::Mount).map_err(not_set_up("enter the mount namespace"))?;
    super::users::become_root().map_err(not_set_up("become the user of the namespace"))?;
    let random = random.map(RandomFile::mount).transpose();
    let random = random.map_err(not_set_up("make a file of random bytes"))?;
    sys::unshare(
        UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWCGROUP
            | UnshareFlags::NEWTIME,
    )
    .map_err(not_set_up("create namespaces"))?;
    super::users::map_own(job.machine.user, 0, 0).map_err(not_set_up("map the user"))?;
    fix_uptime(job.machine.uptime).map_err(not_set_up("set the uptime"))?;
    // Set only now, because a change of user resets it.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| not_set_up("tie the sandbox to its supervisor")(e.into()))?;
    let (ours, theirs) = UnixStream::pair().map_err(not_set_up("create a socket"))?;
    match fork().map_err(not_set_up("create the first process"))? {
        Forked::Child => {
            drop(ours);
            first(job, handed, (nodes, random), theirs)
        }
        Forked::Parent(first) => {
            drop(theirs);
            let born = || -> io::Result<()> {
                let descriptor = pidfd_open(first, PidfdFlags::empty())?;
                // After this read it ends with this process, after the message with the supervisor.
                (&ours).read_exact(&mut [0])?;
                send(&handed.tell, &Inside::Born {}, &[descriptor.as_fd()])?;
                (&ours).write_all(&[0])
            };
            // A failure ends it: it waits for the byte.
            let _ = born();
            drop(ours);
            let _ = waitpid(Some(first), WaitOptions::empty());
            sys::exit(0)
        }
    }
}

/// CLOCK_BOOTTIME and CLOCK_MONOTONIC start at this uptime (time_namespaces(7)).
fn fix_uptime(uptime: u64) -> io::Result<()> {
    use rustix::time::{ClockId, clock_gettime};
    let offset = |clock| i64::try_from(uptime).unwrap_or(0) - clock_gettime(clock).tv_sec;
    let text =
        format!("monotonic {} 0\nboottime {} 0\n", offset(ClockId::Monotonic), offset(ClockId::Boottime));
    std::fs::write("/proc/self/timens_offsets", text)
}

/// The sandbox's first process.
fn first(job: &Job, handed: &Handed, devices: Devices, parent: UnixStream) -> ! {
    let ending = tied(parent).and_then(|()| run(job, handed, devices)).unwrap_or_else(|ending| ending);
    let _ = send(&handed.tell, &Inside::Over { ending }, &[]);
    sys::exit(0)
}

/// Makes this process end with its parent. If the parent has ended already, no signal comes, but no answer
/// either.
fn tied(parent: UnixStream) -> Result<(), Ending> {
    let tied = || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        (&parent).write_all(&[0])?;
        (&parent).read_exact(&mut [0])
    };
    tied().map_err(not_set_up("tie the sandbox to its supervisor"))
}

fn run(job: &Job, handed: &Handed, devices: Devices) -> Result<Ending, Ending> {
    // A session of its own: no terminal of the machine controls this sandbox.
    let _ = rustix::process::setsid();
    let (filter, before): (Vec<_>, Vec<_>) =
        job.ops.iter().cloned().partition(|op| matches!(op, super::ops::SetupOp::Filter {}));
    let (nodes, random) = devices;
    let given = Given { nodes, random, wanted: job.wanted(handed.holds_starts), ..Given::default() };
    let applied = |ops: &[_]| {
        apply(ops, &given).map_err(|undone| Ending::NotSetUp {
            doing: undone.op.to_string(),
            error: undone.error.to_string(),
        })
    };
    applied(&before)?;
    for directory in &job.directories {
        std::fs::create_dir_all(directory).map_err(not_set_up(format!("create {directory}")))?;
    }
    let open = |path: &str| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map_err(|e| not_set_up(format!("open {path}"))(e.into()))
    };
    let (processes, memory) = (open(super::ops::PROCESSES)?, open("/dev/shm")?);
    // From here on, listing directories waits for the supervisor.
    if let Some(listener) = applied(&filter)? {
        let mut fds = vec![listener.as_fd(), processes.as_fd(), memory.as_fd()];
        fds.extend(given.random.as_ref().map(|it| it.device.as_fd()));
        send(&handed.tell, &Inside::Filtered {}, &fds).map_err(not_set_up("hand over the listener"))?;
    }
    drop((processes, memory, given));
    for (number, argv) in (1..).zip(&job.steps) {
        let _ = send(&handed.tell, &Inside::Step { step: number }, &[]);
        if let Some(ending) = step(job, handed, number, argv)? {
            return Ok(ending);
        }
    }
    Ok(Ending::Done {})
}

/// Runs a step, and kills its remaining processes.
fn step(job: &Job, handed: &Handed, number: usize, argv: &[String]) -> Result<Option<Ending>, Ending> {
    let (mut told, tell) = UnixStream::pair().map_err(not_set_up("create a socket"))?;
    let program = match fork().map_err(|e| Ending::Unstarted { step: number, error: e.to_string() })? {
        Forked::Child => {
            drop(told);
            let error = begin(job, handed, argv);
            let _ = (&tell).write_all(error.as_bytes());
            sys::exit(127)
        }
        Forked::Parent(program) => program,
    };
    drop(tell);
    // The socket closes without a message when the program starts.
    let mut error = String::new();
    let _ = told.read_to_string(&mut error);
    let status = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => break Some(status),
            // An orphan.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break None,
        }
    };
    // Programs report a lack of processes in many ways; the processes mostly still exist.
    let is_crowded = status.and_then(|it| it.exit_status()) != Some(0) && may_not_fork();
    // All but this process itself (kill(2)).
    let _ = kill_all();
    while !matches!(wait(WaitOptions::empty()), Err(rustix::io::Errno::CHILD)) {}
    if is_crowded {
        let limit = Limit::Processes { count: job.limits.processes };
        return Ok(Some(Ending::Limit { step: number, limit }));
    }
    if !error.is_empty() {
        return Ok(Some(Ending::Unstarted { step: number, error }));
    }
    let Some(status) = status else { return Ok(Some(Ending::Stopped {})) };
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => None,
        (_, Some(signal)) => Some(Ending::Signal { step: number, signal }),
        (status, None) => Some(Ending::Status { step: number, status: status.unwrap_or(-1) }),
    })
}

/// Whether hardly any process can be added: a program that has failed has made room for one or two. The ones
/// created for this test end with all others.
fn may_not_fork() -> bool {
    (0..8).any(|_| match fork() {
        Ok(Forked::Child) => loop {
            std::thread::park();
        },
        Ok(Forked::Parent(_)) => false,
        Err(e) => e.kind() == io::ErrorKind::WouldBlock,
    })
}

fn kill_all() -> nix::Result<()> {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(-1), nix::sys::signal::Signal::SIGKILL)
}

/// Becomes the program; returns the error if that fails.
fn begin(job: &Job, handed: &Handed, argv: &[String]) -> String {
    let began = || -> io::Result<std::convert::Infallible> {
        rustix::process::setsid()?;
        // A user's supervisor may hold it while it starts the program. No other process of the build exists.
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        take_streams(job.streams, &handed.streams)?;
        std::env::set_current_dir(&job.workdir).map_err(|e| in_words(&job.workdir, &e))?;
        let text = |text: &str| CString::new(text).map_err(io::Error::other);
        let argv: Vec<CString> = argv.iter().map(|it| text(it)).collect::<io::Result<_>>()?;
        let env: Vec<CString> = job
            .env
            .iter()
            .map(|(name, value)| text(&format!("{name}={value}")))
            .collect::<io::Result<_>>()?;
        let name = argv.first().ok_or(io::ErrorKind::InvalidInput)?;
        let name = name.to_str().map_err(io::Error::other)?;
        let mut failure = io::Error::from(nix::Error::ENOENT);
        for path in candidates(name, &job.env) {
            // The dummy end of the loop: execve(2) returns only when it fails.
            let Err(errno) = nix::unistd::execve(&text(&path)?, &argv, &env);
            if errno != nix::Error::ENOENT {
                failure = errno.into();
                break;
            }
        }
        Err(in_words(name, &failure))
    };
    match began() {
        Ok(never) => match never {},
        Err(error) => error.to_string(),
    }
}

fn in_words(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// The candidate paths of a program: a name without a slash is looked up as by a shell (execvp(3)).
fn candidates(name: &str, env: &[(String, String)]) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    let path = env.iter().find(|(variable, _)| variable == "PATH").map_or("", |(_, value)| value.as_str());
    path.split(':').filter(|folder| !folder.is_empty()).map(|folder| format!("{folder}/{name}")).collect()
}

/// Sets the first three descriptors; all others close when the program starts.
fn take_streams(kind: Streams, streams: &[OwnedFd]) -> io::Result<()> {
    let take = |input: BorrowedFd<'_>, output: BorrowedFd<'_>, errors: BorrowedFd<'_>| -> io::Result<()> {
        rustix::stdio::dup2_stdin(input)?;
        rustix::stdio::dup2_stdout(output)?;
        Ok(rustix::stdio::dup2_stderr(errors)?)
    };
    match (kind, streams) {
        (Streams::Log, [log]) => take(std::fs::File::open("/dev/null")?.as_fd(), log.as_fd(), log.as_fd()),
        (Streams::Terminal, [terminal]) => {
            take(terminal.as_fd(), terminal.as_fd(), terminal.as_fd())?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        }
        (Streams::Three, [input, output, errors]) => take(input.as_fd(), output.as_fd(), errors.as_fd()),
        _ => Err(io::Error::other("a stream is missing")),
    }
}
