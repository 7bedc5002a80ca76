//! What another user who may build gives: content, on the connection itself, and actions. All of it counts towards how
//! much that user may have in the store.

use std::io::{self, Cursor, Read};
use std::os::unix::net::UnixStream;

use stele::answers::Answer;
use stele::builds::ActionOfOther;
use stele::copies::{self, CopyAnswer};
use stele::failure::{Failure, Kind};
use stele::service::{self, Sink};
use stele::{Engine, Request};
use stele_remote::Keeping;
use stele_store::{Closure, Progress, SpendError, Store};

use super::rights::Rights;
use crate::protocol::{Frame, MAX_FRAME, receive};

/// How long a build of another user may take at most, in seconds.
const LONGEST: u64 = 24 * 3600;

/// The frames of bytes that follow a call on its connection, until an empty one.
struct Content<'a> {
    from: &'a UnixStream,
    /// What is left of the frame.
    frame: Cursor<Vec<u8>>,
    over: bool,
}

impl<'a> Content<'a> {
    fn of(from: &'a UnixStream) -> Self {
        Self { from, frame: Cursor::default(), over: false }
    }

    /// Reads the end, which is all that may come.
    fn end(mut self) -> io::Result<()> {
        match self.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(io::ErrorKind::InvalidData.into()),
            Err(e) => Err(e),
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.over || to.is_empty() {
            return Ok(0);
        }
        let read = self.frame.read(to)?;
        if read > 0 {
            return Ok(read);
        }
        match receive(&mut self.from, MAX_FRAME)? {
            Some(Frame::Bytes(bytes)) => {
                self.over = bytes.is_empty();
                self.frame = Cursor::new(bytes);
                self.frame.read(to)
            }
            Some(Frame::Json(_) | Frame::File { .. }) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "received a message instead of bytes"))
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Stores a bundle that follows on the connection, as far as the user may.
///
/// # Errors
/// When the user has given enough, the bundle is bad, or the store cannot take it. Then the rest of it is on the
/// connection still.
pub(super) fn take(
    store: &Store,
    from: &UnixStream,
    rights: Rights,
    quota: u64,
    keeping: &Keeping,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let mut content = Content::of(from);
    let received = match rights {
        Rights::Builder { user } => {
            let wanted = keeping.max_bytes.unwrap_or(u64::MAX);
            let granted = store.spend(user, wanted, quota).map_err(unspent)?;
            let bounded = Keeping { max_bytes: Some(granted), ..keeping.clone() };
            let received = copies::take(store, &mut content, &bounded, progress);
            let used = received.as_ref().map_or(0, |received| received.bytes);
            store.unspend(user, granted.saturating_sub(used))?;
            received.map_err(|failure| match granted < wanted {
                true => failure.or_hint("the owner of that store limits what a user may add in a day"),
                false => failure,
            })?
        }
        _ => copies::take(store, &mut content, keeping, progress)?,
    };
    if !received.cut {
        content.end().map_err(|e| Failure::io("the end of the bundle is missing", &e))?;
    }
    Ok(Answer::Copy(CopyAnswer::Received(received)))
}

/// Runs an action, and counts its outputs.
///
/// # Errors
/// When the user has given enough, or those of the request.
pub(super) fn perform(
    engine: &Engine,
    user: u32,
    quota: u64,
    ask: ActionOfOther,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let store = engine.store();
    // Before the work.
    store.spend(user, 0, quota).map_err(unspent)?;
    let timeout = Some(ask.timeout.unwrap_or(LONGEST).min(LONGEST));
    let ask = ActionOfOther { timeout, ..ask };
    let answer = service::run(engine, Request::Perform { ask }, sink, progress)?;
    if let Answer::Built(built) = &answer {
        let trees = built.goals.iter().flat_map(|goal| goal.outputs.values());
        let sizes = trees.map(|tree| store.closure(tree).map(|Closure { bytes, .. }| bytes));
        let bytes = sizes.sum::<Result<u64, _>>()?;
        store.spend(user, bytes, u64::MAX).map_err(unspent)?;
    }
    Ok(answer)
}

fn unspent(error: SpendError) -> Failure {
    match error {
        SpendError::Quota { .. } => Failure::new(Kind::Failed, error.to_string())
            .hint("it accepts more tomorrow, or when its daemon is run with a larger --quota"),
        SpendError::Db(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::protocol::send_bytes;

    fn frames(write: impl FnOnce(&mut UnixStream)) -> (UnixStream, UnixStream) {
        let (mut to, from) = UnixStream::pair().unwrap();
        write(&mut to);
        (to, from)
    }

    #[test]
    fn content_ends_with_an_empty_frame_and_what_follows_is_left() {
        let (_to, mut from) = frames(|to| {
            send_bytes(to, b"two ").unwrap();
            send_bytes(to, b"frames").unwrap();
            to.write_all(b"\0\0\0\0Bnext").unwrap();
        });
        let mut text = String::new();
        let mut content = Content::of(&from);
        content.read_to_string(&mut text).unwrap();
        assert_eq!(text, "two frames");
        content.end().unwrap();
        let mut next = [0; 4];
        from.read_exact(&mut next).unwrap();
        assert_eq!(&next, b"next");
    }

    #[test]
    fn other_frames_and_an_early_end_are_errors() {
        for (bytes, kind) in [
            (&b"\x01\0\0\0J{"[..], io::ErrorKind::InvalidData),
            (b"\xff\xff\xff\xffB", io::ErrorKind::InvalidData),
            (b"\x05\0\0\0Babc", io::ErrorKind::UnexpectedEof),
            (b"\x05\0", io::ErrorKind::UnexpectedEof),
            (b"", io::ErrorKind::UnexpectedEof),
        ] {
            let (to, from) = frames(|to| to.write_all(bytes).unwrap());
            drop(to);
            let error = Content::of(&from).read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), kind, "{bytes:?}");
        }
        let (to, from) = frames(|to| send_bytes(to, b"more").unwrap());
        drop(to);
        assert!(Content::of(&from).end().is_err());
    }
}
