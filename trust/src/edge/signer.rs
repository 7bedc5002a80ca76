//! Signing by an external program: for hardware keys and key management services.

use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::{PublicKey, SignError, Signer};

/// The most that a signer may answer.
const MAX_ANSWER: u64 = 4096;

/// A program that gets the bytes to be signed on its stdin, and writes the signature to its stdout: as bytes or in
/// base64, Ed25519's 64 or ECDSA's DER. What it answers is verified before it is used.
#[derive(Clone, Debug)]
pub struct ExternalSigner {
    program: String,
    arguments: Vec<String>,
    public: PublicKey,
}

impl ExternalSigner {
    /// A signer for this key. No shell is involved.
    pub fn new(program: String, arguments: Vec<String>, public: PublicKey) -> Self {
        Self { program, arguments, public }
    }

    fn run(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn()?;
        // A signer reads all before it answers, so the two pipes need no threads.
        let sent = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(message));
        let mut answer = Vec::new();
        let received = child.stdout.take().map_or(Ok(0), |it| it.take(MAX_ANSWER).read_to_end(&mut answer));
        let status = child.wait()?;
        if !status.success() {
            return Err(io::Error::other(status.to_string()));
        }
        sent?;
        received?;
        Ok(answer)
    }
}

impl Signer for ExternalSigner {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed =
            |e: io::Error| SignError::External { program: self.program.clone(), reason: e.to_string() };
        let answer = self.run(message).map_err(failed)?;
        let text = std::str::from_utf8(&answer).ok().and_then(|text| STANDARD.decode(text.trim()).ok());
        let found = [Some(answer), text].into_iter().flatten().find(|it| self.public.verifies(message, it));
        found.ok_or_else(|| SignError::WrongSignature { program: self.program.clone() })
    }
}
