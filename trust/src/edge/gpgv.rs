//! Running `gpgv` on an inline-signed OpenPGP message.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The largest message that is looked at. Signatures of images have less than 1 KiB.
pub const MAX_MESSAGE: usize = 64 << 10;
/// The largest payload that is taken out of one: a compressed message can hold far more than it has bytes.
pub const MAX_PAYLOAD: u64 = 1 << 20;
/// The most status lines.
const MAX_STATUS: u64 = 1 << 20;

/// What `gpgv` found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The payload, whether or not a signature holds.
    pub payload: Vec<u8>,
    /// The status lines, for [`foreign::gpgv::read`](crate::foreign::gpgv::read).
    pub status: String,
}

/// Why it found nothing.
#[derive(Debug, thiserror::Error)]
pub enum GpgvError {
    /// The machine lacks the program.
    #[error("OpenPGP signatures cannot be verified: this machine has no `gpgv`")]
    NoGpgv,
    /// The program could not be run.
    #[error("OpenPGP signatures cannot be verified: {0}")]
    Run(io::Error),
    /// Too large.
    #[error("the message or its payload is larger than a signature of an image")]
    TooLarge,
}

/// Opens the inline-signed message in `file` with the keys of `keyring`, which are not in armour. `home` is an
/// empty folder for this alone.
pub fn open(file: &Path, keyring: &Path, home: &Path) -> Result<Opened, GpgvError> {
    let size = std::fs::metadata(file).map_err(GpgvError::Run)?.len();
    if size > MAX_MESSAGE as u64 {
        return Err(GpgvError::TooLarge);
    }
    // The shell's only task is a third descriptor: status lines must not share one with the payload, nor with
    // messages for people, in which a message can choose some of the words (CVE-2018-12020).
    let mut command = Command::new("sh");
    command.args(["-c", "exec gpgv \"$@\" 3>&2 2>/dev/null", "gpgv", "--status-fd", "3", "--output", "-"]);
    command.arg("--homedir").arg(home).arg("--keyring").arg(keyring).arg("--").arg(file);
    command.env("LC_ALL", "C").env_remove("GNUPGHOME");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(GpgvError::Run)?;
    let status = child.stderr.take().map(|pipe| thread::spawn(move || bounded(pipe, MAX_STATUS)));
    let payload = child.stdout.take().map(|pipe| bounded(pipe, MAX_PAYLOAD));
    let status = status.and_then(|thread| thread.join().ok());
    let too_large = [&payload, &status].into_iter().flatten().any(|it| matches!(it, Ok(None)));
    if too_large {
        // It may still be writing.
        let _ = child.kill();
    }
    let code = child.wait().map_err(GpgvError::Run)?.code();
    if too_large {
        return Err(GpgvError::TooLarge);
    }
    if code == Some(127) {
        return Err(GpgvError::NoGpgv);
    }
    let bytes = |read: Option<io::Result<Option<Vec<u8>>>>| {
        read.unwrap_or(Ok(None)).map(Option::unwrap_or_default).map_err(GpgvError::Run)
    };
    let status = String::from_utf8_lossy(&bytes(status)?).into_owned();
    Ok(Opened { payload: bytes(payload)?, status })
}

/// Keys without armour: as they are, or decoded from one or more blocks of it (RFC 9580 §6.2). `None` for anything
/// else.
pub fn unarmoured(bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
    // The first bit of every OpenPGP packet is set, and of no character of armour.
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return Some(bytes.to_vec());
    }
    let mut keys = Vec::new();
    let mut rest = std::str::from_utf8(bytes).ok()?;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (block, after) = block.split_once(END)?;
        rest = after;
        let body = block.lines().map(str::trim).skip_while(|line| line.is_empty() || line.contains(": "));
        let text: String = body.take_while(|line| !line.starts_with('=')).collect();
        keys.extend(STANDARD.decode(text).ok()?);
    }
    (!keys.is_empty()).then_some(keys)
}

/// All that comes; `None` when it is more than `max`, and then the pipe is closed.
fn bounded(pipe: impl Read, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    pipe.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused_and_blocks_of_armour_are_joined() {
        for text in [
            "",
            "a key",
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAA",
            "-----BEGIN PGP MESSAGE-----\n\nAA==\n",
        ] {
            assert_eq!(unarmoured(text.as_bytes()), None, "{text:?}");
        }
        let block = |text: &str| {
            format!(
                "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n{text}\n=abcd\n\
                 -----END PGP PUBLIC KEY BLOCK-----\n"
            )
        };
        assert_eq!(unarmoured((block("mQ==") + &block("mgI=")).as_bytes()), Some(vec![0x99, 0x9a, 2]));
        assert_eq!(unarmoured(&[0x99, 1]), Some(vec![0x99, 1]));
    }
}
