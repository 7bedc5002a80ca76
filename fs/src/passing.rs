//! Messages with descriptors, over a Unix socket (unix(7), SCM_RIGHTS).
//!
//! A message is its length (4 bytes, little-endian) and so many bytes of JSON. Descriptors come with the length.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes of a message: the steps of an action may have 16 MiB, and be escaped.
const MAX: usize = 64 << 20;
/// The most descriptors that come with one: as many files as one command attaches to an image.
const FDS: usize = 64;

/// Sends a message with descriptors.
///
/// # Errors
/// When the other side is gone.
pub fn send(stream: &UnixStream, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?.to_le_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    // In one call, so that small messages of two processes that share a stream do not mix. A signal, or a full
    // buffer, may leave a rest of a large one.
    let slices = [IoSlice::new(&length), IoSlice::new(&json)];
    let sent = sendmsg(stream, &slices, &mut control, SendFlags::NOSIGNAL)?;
    let rest = sent.saturating_sub(length.len());
    (&*stream).write_all(length.get(sent..).unwrap_or_default())?;
    (&*stream).write_all(&json[rest..])
}

/// Receives a message with its descriptors. `None` at the end of the stream.
///
/// # Errors
/// When the stream ends within a message, or a message is malformed.
pub fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut head = [0; 4];
    let read =
        recvmsg(stream, &mut [IoSliceMut::new(&mut head)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    if read == 0 {
        return Ok(None);
    }
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    (&*stream).read_exact(&mut head[read..])?;
    let length = u32::from_le_bytes(head) as usize;
    if length > MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the other side sent something that is no message",
        ));
    }
    let mut json = vec![0; length];
    (&*stream).read_exact(&mut json)?;
    Ok(Some((serde_json::from_slice(&json)?, fds)))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_is_no_message_is_an_error_and_an_end_is_none() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&[0xff; 8]).unwrap();
        assert!(receive::<String>(&theirs).is_err());
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(receive::<String>(&theirs).unwrap().is_none());
    }

    #[test]
    fn messages_arrive_in_order_with_their_own_descriptors() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"here").unwrap();
        send(&ours, &"one", &[file.as_fd(), ours.as_fd()]).unwrap();
        send(&ours, &"two", &[]).unwrap();
        let (one, fds): (String, _) = receive(&theirs).unwrap().unwrap();
        assert_eq!((one.as_str(), fds.len()), ("one", 2));
        let mut file = std::fs::File::from(fds.into_iter().next().unwrap());
        file.rewind().unwrap();
        assert_eq!(std::io::read_to_string(file).unwrap(), "here");
        let (two, fds): (String, _) = receive(&theirs).unwrap().unwrap();
        assert_eq!((two.as_str(), fds.len()), ("two", 0));
    }
}
