//! A store on another machine: `stele serve --stdio` there, by way of ssh.

use std::env;
use std::io::{PipeReader, PipeWriter};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stele::failure::{Failure, Kind};
use stele_remote::exchange::{Asking, ExchangeError};
use stele_remote::{End, Found, Item, Keeping, Received, Wanted};

use super::location::Ssh;

/// Names the program that is run instead of `ssh`, with its options, as `GIT_SSH_COMMAND` does for git.
pub const SSH: &str = "STELE_SSH";
/// Names the program that is run there instead of `stele`.
pub const FAR_STELE: &str = "STELE_FAR";

/// How long it may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

type Line = Asking<ChildStdout, ChildStdin, fn(ExchangeError) -> Failure>;

/// A store on another machine.
pub struct Far {
    /// `None` only while it is dropped.
    asking: Option<Line>,
    child: Child,
}

impl Far {
    /// Connects to it.
    ///
    /// # Errors
    /// When ssh cannot be run, or what answers is no `stele serve --stdio` of this version.
    pub fn reach(to: &Ssh) -> Result<Self, Failure> {
        let mut child = begin(to, "serve --stdio", Stdio::piped(), Stdio::piped())?;
        let (Some(to_it), Some(from_it)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new(Kind::Failed, "ssh has no pipes"));
        };
        let failed: fn(ExchangeError) -> Failure = Failure::from;
        match Asking::new(from_it, to_it, failed) {
            Ok(asking) => Ok(Self { asking: Some(asking), child }),
            Err(failure) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failure)
            }
        }
    }

    fn asking(&mut self) -> Result<&mut Line, Failure> {
        self.asking.as_mut().ok_or_else(|| ExchangeError::Ended.into())
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // It ends when its stdin does, or is not waited for.
        self.asking = None;
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs a command of `stele` there, with these streams.
///
/// # Errors
/// When ssh cannot be run.
pub(super) fn begin(to: &Ssh, what: &str, stdin: Stdio, stdout: Stdio) -> Result<Child, Failure> {
    let mut command = command(to, what, env::var(SSH).ok().as_deref(), env::var(FAR_STELE).ok().as_deref());
    command.stdin(stdin).stdout(stdout).spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        Failure::io(&format!("{program} could not be run"), &error)
            .or_hint("install an ssh client (Debian: openssh-client), or name one with STELE_SSH")
    })
}

/// The command that runs `stele WHAT` there. Its last argument is for a shell there.
fn command(to: &Ssh, what: &str, ssh: Option<&str>, far: Option<&str>) -> Command {
    // A link that is dead is noticed after a minute.
    const PLAIN: &str = "ssh -o ServerAliveInterval=15 -o ServerAliveCountMax=4";
    let mut words = ssh.unwrap_or(PLAIN).split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("ssh"));
    command.args(words);
    if let Some(port) = to.port {
        command.arg("-p").arg(port.to_string());
    }
    // No terminal there, and nothing that waits for one here.
    command.arg("-T").arg("--").arg(&to.host);
    let mut line = quoted(far.unwrap_or("stele"));
    if let Some(folder) = &to.folder {
        line = format!("{line} --store {}", quoted(folder));
    }
    command.arg(format!("{line} {what}"));
    command
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl End<Failure> for Far {
    fn find(&mut self, reference: &str) -> Result<Found, Failure> {
        self.asking()?.find(reference)
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, Failure> {
        self.asking()?.lacking(items)
    }

    fn send(&mut self, wanted: &Wanted, to: PipeWriter) -> Result<(), Failure> {
        self.asking()?.send(wanted, to)
    }

    fn receive(&mut self, from: PipeReader, keeping: &Keeping) -> Result<Received, Failure> {
        self.asking()?.receive(from, keeping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(to: &Ssh, ssh: Option<&str>, far: Option<&str>) -> Vec<String> {
        let command = command(to, "serve --stdio", ssh, far);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_runs_there_is_quoted_for_its_shell() {
        let to = Ssh { host: "me@there".to_owned(), port: None, folder: Some("/a b/$(id)'s".to_owned()) };
        let quoted = r"'stele' --store '/a b/$(id)'\''s' serve --stdio";
        assert_eq!(line(&to, None, None)[5..], ["-T", "--", "me@there", quoted]);
        let to = Ssh { port: Some(22), folder: None, ..to };
        let words = ["ssh", "-F", "c", "-p", "22", "-T", "--", "me@there", "'/opt/s' serve --stdio"];
        assert_eq!(line(&to, Some("ssh -F c"), Some("/opt/s")), words);
    }
}
