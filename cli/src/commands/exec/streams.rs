//! The streams of a program in a sandbox: a terminal of its own, or three pipes. The user's own descriptors are not
//! handed over: a program could manipulate the terminal, or reopen a file.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use signal_hook::consts::{SIGHUP, SIGTERM, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use crate::relay::relay;

/// Whether stdin and stdout are terminals.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Our side of a program's streams.
pub enum Relay {
    /// A terminal.
    Terminal(Interactive),
    /// Three pipes.
    Pipes(Pipes),
}

impl Relay {
    /// The program starts: input goes to it from now on.
    ///
    /// # Errors
    /// When the terminal cannot be set, or a thread not started.
    pub fn begin(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(it) => it.begin(),
            Self::Pipes(it) => it.begin(),
        }
    }

    /// The program has ended: waits until all of its output is shown.
    pub fn finish(self) {
        match self {
            Self::Terminal(it) => it.finish(),
            Self::Pipes(it) => it.finish(),
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("relay".to_owned()).spawn(work)
}

/// This process's stdin, unbuffered: what is not read is left to the next reader.
fn own_stdin() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Our ends of three pipes.
pub struct Pipes {
    input: Option<OwnedFd>,
    outputs: Option<[OwnedFd; 2]>,
    showing: Vec<JoinHandle<()>>,
}

/// Three pipes: ours, and those for the program: input, output, errors.
///
/// # Errors
/// When there are no descriptors left.
pub fn pipes() -> io::Result<(Pipes, Vec<OwnedFd>)> {
    let (input, to) = pipe_with(PipeFlags::CLOEXEC)?;
    let (from, output) = pipe_with(PipeFlags::CLOEXEC)?;
    let (errors_from, errors) = pipe_with(PipeFlags::CLOEXEC)?;
    let ours = Pipes { input: Some(to), outputs: Some([from, errors_from]), showing: Vec::new() };
    Ok((ours, vec![input, output, errors]))
}

impl Pipes {
    fn begin(&mut self) -> io::Result<()> {
        if let Some(input) = self.input.take() {
            let stdin = own_stdin()?;
            // Not joined: stdin may never end.
            drop(spawn(move || relay(stdin, File::from(input)))?);
        }
        if let Some([output, errors]) = self.outputs.take() {
            self.showing.push(spawn(move || relay(File::from(output), io::stdout()))?);
            self.showing.push(spawn(move || relay(File::from(errors), io::stderr()))?);
        }
        Ok(())
    }

    fn finish(self) {
        for shown in self.showing {
            let _ = shown.join();
        }
    }
}

/// The saved settings of the user's terminal, to be restored exactly once.
struct Before(Mutex<Option<Termios>>);

impl Before {
    fn put_back(&self) {
        if let Some(before) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &before);
        }
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// Our side of a terminal that was made for the program.
pub struct Interactive {
    ours: Arc<OwnedFd>,
    before: Option<Arc<Before>>,
    signals: Option<Handle>,
    showing: Option<JoinHandle<()>>,
}

impl Interactive {
    /// A terminal: our side, and the program's.
    ///
    /// # Errors
    /// When there are no terminals left.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        unlockpt(&ours)?;
        let theirs =
            ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        // It starts with the settings of the user's own.
        if let Ok(like) = tcgetattr(io::stdin()) {
            let _ = tcsetattr(&theirs, OptionalActions::Now, &like);
        }
        resize(&ours);
        Ok((Self { ours: Arc::new(ours), before: None, signals: None, showing: None }, theirs))
    }

    fn begin(&mut self) -> io::Result<()> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        let before = Arc::new(Before(Mutex::new(Some(before))));
        self.before = Some(Arc::clone(&before));
        let mut signals = Signals::new([SIGWINCH, SIGTERM, SIGHUP])?;
        self.signals = Some(signals.handle());
        let ours = Arc::clone(&self.ours);
        drop(spawn(move || {
            for signal in &mut signals {
                if signal == SIGWINCH {
                    resize(&ours);
                    continue;
                }
                // The user must not be left with a terminal without echo.
                before.put_back();
                std::process::exit(128 + signal);
            }
        })?);
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        let (stdin, to) = (own_stdin()?, File::from(self.ours.try_clone()?));
        // Not joined: no more input is needed.
        drop(spawn(move || relay(stdin, to))?);
        let from = File::from(self.ours.try_clone()?);
        self.showing = Some(spawn(move || relay(from, io::stdout()))?);
        Ok(())
    }

    fn finish(self) {
        if let Some(showing) = self.showing {
            let _ = showing.join();
        }
        if let Some(signals) = self.signals {
            signals.close();
        }
        if let Some(before) = &self.before {
            before.put_back();
        }
    }
}

/// Gives the program's terminal the size of the user's.
fn resize(ours: &OwnedFd) {
    if let Ok(size) = tcgetwinsize(io::stdin()) {
        let _ = tcsetwinsize(ours, size);
    }
}
