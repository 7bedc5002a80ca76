//! Passing on what comes: between a program's streams and this process's, or a socket and the streams.

use std::io::{self, Read, Write};

/// Copies until the end of the input, or until the output is closed; a terminal whose other side is closed has ended.
/// Not by `io::copy`: it splices, and while splice(2) waits for a socket it holds the lock of the pipe, in which the
/// reader of that then hangs.
pub fn relay(mut from: impl Read, mut to: impl Write) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => {
                if to.write_all(&bytes[..count]).and_then(|()| to.flush()).is_err() {
                    return;
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
