//! The frames of the socket's protocol. `docs/formats.md` has the bytes.
//!
//! A frame is a length (4 bytes, little-endian), a kind (1 byte: `J` JSON, `j` JSON that continues in the next
//! frame, `B` bytes, `D` descriptors, `F` a part of the file whose descriptor follows) and that many bytes. The
//! first frames in each direction, [`Hello`] and [`Welcome`], and the request to stop never change their format, so
//! that a command line of any version can replace a daemon of any other.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stele_fs::passing::{receive_with, send_with};

use crate::mounts::Record;
use stele::Request;
use stele::answers::{Answer, Entry, Progress};
use stele::builds::{Event, ExecRequest, Order};
use stele::failure::Failure;

/// The maximum size of a frame in bytes; larger frames are rejected.
pub(crate) const MAX_FRAME: usize = 1 << 20;
/// The maximum size of a request in bytes: it may carry evidence.
pub const MAX_REQUEST: usize = 64 << 20;
/// The maximum size of an answer in bytes: a verification of a badly damaged store has many findings.
pub const MAX_ANSWER: usize = 1 << 30;

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of the protocol: with another number, frames after the first two have other formats. Clients other than
/// this program check it.
pub const PROTOCOL: u32 = 2;
/// The build ID, a hash of this program's source code: two builds of one version have different ones.
pub const BUILD: &str = env!("STELE_BUILD_ID");

/// The client's first frame.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the client's program.
    pub stele: String,
    /// Its protocol version.
    #[serde(default)]
    pub protocol: u32,
    /// Its build ID.
    #[serde(default)]
    pub build: String,
}

impl Hello {
    /// The hello of this build.
    pub fn of_this_build() -> Self {
        Self { stele: VERSION.to_owned(), protocol: PROTOCOL, build: BUILD.to_owned() }
    }
}

/// The daemon's first frame.
#[derive(Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the daemon's program.
    pub stele: String,
    /// Its protocol version.
    #[serde(default)]
    pub protocol: u32,
    /// Its build ID.
    #[serde(default)]
    pub build: String,
    /// Its process ID.
    pub pid: u32,
    /// The number of its running requests.
    pub working: u64,
}

impl Welcome {
    /// Whether the daemon is of this same build. One of another build is replaced: it would keep running old code as
    /// long as it has a mount to serve.
    pub fn is_of_this_build(&self) -> bool {
        (&*self.stele, self.protocol, &*self.build) == (VERSION, PROTOCOL, BUILD)
    }
}

/// The client's further frames: calls, one at a time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Call {
    /// Stop the daemon. With `now`, running requests are cancelled; otherwise it waits for them. Every version
    /// understands this.
    Stop {
        /// Whether to cancel.
        #[serde(default)]
        now: bool,
    },
    /// Daemon status.
    Status {},
    /// List the mounts.
    Mounts {},
    /// Serve this mount; its device follows in a separate message.
    Mount {
        /// What it is.
        record: Record,
    },
    /// Run a program in the sandbox of a recipe; its streams follow in a separate message.
    Exec {
        /// The recipe tree, escaped; its descriptor comes last.
        tree: String,
        /// The recipe.
        recipe: String,
        /// How to build its inputs.
        order: Order,
        /// The command to run.
        exec: ExecRequest,
    },
    /// A request to the store.
    Store {
        /// The request.
        store: Request,
        /// Whether a message with descriptors follows, one for each path that the request names. Without, the daemon
        /// opens the paths itself.
        #[serde(default)]
        opened: bool,
    },
}

/// The daemon's further frames, replies: any number of the first three, then one of the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "kebab-case")]
pub enum Reply {
    /// Progress.
    Progress(Progress),
    /// Entries of a listing.
    Entries(Vec<Entry>),
    /// An event.
    Event(Event),
    /// The final answer.
    Answer(Answer),
    /// The failure, instead of an answer.
    Failure(Failure),
    /// The daemon is ending and did nothing: the client has to call another.
    Going {},
}

/// A frame that was read.
#[derive(Debug)]
pub enum Frame {
    /// A message.
    Json(Vec<u8>),
    /// Some bytes of a blob.
    Bytes(Vec<u8>),
    /// The next bytes of a blob are a part of a file, whose descriptor follows.
    File {
        /// The offset of the first byte in the file.
        offset: u64,
        /// The number of bytes.
        length: u64,
    },
}

/// Writes a message.
///
/// # Errors
/// When the other side has disconnected.
pub fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    send_json(to, &serde_json::to_vec(message)?)
}

/// Writes a request.
///
/// # Errors
/// When it is too large, and nothing was written; or when the other side has disconnected.
pub fn send_request(to: &mut impl Write, request: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(request)?;
    if json.len() > MAX_REQUEST {
        let message =
            format!("the request has {} bytes, and at most {MAX_REQUEST} are sent at once", json.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    send_json(to, &json)
}

fn send_json(to: &mut impl Write, json: &[u8]) -> io::Result<()> {
    let mut parts = json.chunks(MAX_FRAME).peekable();
    while let Some(part) = parts.next() {
        send_frame(to, if parts.peek().is_some() { b'j' } else { b'J' }, part)?;
    }
    Ok(())
}

/// Writes some bytes of a blob.
///
/// # Errors
/// When the other side has disconnected.
pub fn send_bytes(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    bytes.chunks(MAX_FRAME).try_for_each(|chunk| send_frame(to, b'B', chunk))
}

/// Writes the end of content, which is an empty frame of bytes.
///
/// # Errors
/// When the other side has disconnected.
pub fn send_end(to: &mut impl Write) -> io::Result<()> {
    send_frame(to, b'B', &[])
}

fn send_frame(to: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut head = [0; 5];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4] = kind;
    // One write for a small message: the reader wakes once.
    if payload.len() < 4096 {
        let mut frame = head.to_vec();
        frame.extend_from_slice(payload);
        return to.write_all(&frame);
    }
    to.write_all(&head)?;
    to.write_all(payload)
}

/// Reads a message of at most `max` bytes, or bytes of a blob. `None` at the end of the stream.
///
/// # Errors
/// When the stream ends within a frame, or a frame is malformed.
pub fn receive(from: &mut impl Read, max: usize) -> io::Result<Option<Frame>> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut message = Vec::new();
    loop {
        let mut head = [0; 5];
        match from.read(&mut head[..1])? {
            0 if message.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => from.read_exact(&mut head[1..])?,
        }
        let [a, b, c, d, kind] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_FRAME || message.len() + length > max {
            return Err(invalid("received a malformed frame"));
        }
        let begin = message.len();
        message.resize(begin + length, 0);
        from.read_exact(&mut message[begin..])?;
        match kind {
            b'j' if length > 0 => {}
            b'J' => return Ok(Some(Frame::Json(message))),
            b'B' if begin == 0 => return Ok(Some(Frame::Bytes(message))),
            b'F' if begin == 0 => {
                let numbers =
                    <[u8; 16]>::try_from(message).map_err(|_| invalid("received a malformed frame"))?;
                let [offset, length] =
                    [0, 8].map(|at| u64::from_le_bytes(std::array::from_fn(|byte| numbers[at + byte])));
                return Ok(Some(Frame::File { offset, length }));
            }
            _ => return Err(invalid("received a frame of unknown kind")),
        }
    }
}

/// Writes a part of a file, which the other side reads itself.
///
/// # Errors
/// When the other side has disconnected.
pub fn send_file(to: &UnixStream, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
    let mut part = [0; 16];
    part[..8].copy_from_slice(&offset.to_le_bytes());
    part[8..].copy_from_slice(&length.to_le_bytes());
    send_frame(&mut &*to, b'F', &part)?;
    send_descriptors(to, &[file])
}

/// Sends descriptors, in a frame without a payload.
///
/// # Errors
/// When the other side is gone, or there are too many.
pub fn send_descriptors(to: &UnixStream, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let head = [0, 0, 0, 0, b'D'];
    let sent = send_with(to, &[IoSlice::new(&head)], fds)?;
    (&*to).write_all(head.get(sent..).unwrap_or_default())
}

/// Receives descriptors, which are all that may come now. `None` at the end of the stream.
///
/// # Errors
/// When the stream ends within the frame, or another frame is received.
pub fn receive_descriptors(from: &UnixStream) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut head = [0; 5];
    let (read, fds) = receive_with(from, &mut head)?;
    if read == 0 {
        return Ok(None);
    }
    (&*from).read_exact(&mut head[read..])?;
    match head {
        [0, 0, 0, 0, b'D'] => Ok(Some(fds)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "received another frame instead of descriptors")),
    }
}

/// Reads a message.
///
/// # Errors
/// When the stream ends, or another message is received.
pub fn receive_message<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    match receive(from, MAX_REQUEST)? {
        Some(Frame::Json(bytes)) => Ok(serde_json::from_slice(&bytes)?),
        Some(Frame::Bytes(_) | Frame::File { .. }) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "received bytes instead of a message"))
        }
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
