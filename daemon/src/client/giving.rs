//! Sends a bundle on the connection itself.

use std::io::{self, Read};

use stele::answers::Answer;
use stele::copies::CopyRequest;
use stele::failure::Failure;
use stele::{Observer, Request};
use stele_remote::Keeping;

use super::{Connection, ended, ending, refused};
use crate::protocol::{Call, send_bytes, send_end, send_request};

impl Connection {
    /// Sends a bundle on the connection itself, for a daemon that may be another user's. `sent` is told of each part.
    ///
    /// # Errors
    /// The daemon's failure, or when the bundle cannot be read to its end: then what arrived is kept there.
    pub fn give(
        &mut self,
        keeping: &Keeping,
        mut bundle: impl Read,
        mut sent: impl FnMut(),
        observer: &mut dyn Observer,
    ) -> Result<Answer, Failure> {
        let ask = CopyRequest::Receive { from: None, keeping: keeping.clone() };
        let call = Call::Store { store: Request::Copy { ask }, opened: false };
        send_request(&mut self.stream, &call).map_err(refused)?;
        let mut part = vec![0; 256 << 10];
        let all = loop {
            match bundle.read(&mut part) {
                Ok(0) => break send_end(&mut self.stream),
                Ok(length) => {
                    sent();
                    if let Err(error) = send_bytes(&mut self.stream, &part[..length]) {
                        break Err(error);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let _ = self.stream.shutdown(std::net::Shutdown::Write);
                    return Err(Failure::io("the bundle cannot be read", &error));
                }
            }
        };
        // A daemon that refuses it says why, and does not read the rest.
        let answer = self.answer(observer).and_then(|answer| answer.ok_or_else(ending));
        match (all, answer) {
            (Err(error), Ok(_)) => Err(ended(error)),
            (_, answer) => answer,
        }
    }
}
