//! A daemon that speaks the store daemon's protocol and answers as a test wants: to play a hostile substituter.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The answer to a request.
pub enum Reply {
    /// An answer of that kind.
    Answer(&'static str, Value),
    /// A failure: its kind, its message, and a hint.
    Failure(&'static str, String, String),
    /// Bytes, and the end.
    Bytes(Vec<u8>),
    /// Bytes without an end, until the client disconnects.
    Endless,
    /// These bytes in place of a frame.
    Raw(Vec<u8>),
    /// An endless message, in parts of permitted size.
    EndlessMessage,
    /// Endless progress, and no answer.
    EndlessProgress,
    /// A byte now and then.
    Trickle,
    /// Nothing, ever.
    Hang,
    /// The connection closes.
    HangUp,
    /// The daemon reports that it is shutting down.
    Going,
}

/// Nothing is known.
pub fn unknown() -> Reply {
    Reply::Failure("not-found", "nothing is known of it".to_owned(), String::new())
}

/// Outputs of an action, or under `tree` an unpacked source or a merge.
pub fn realised(outputs: &[(&str, &str)]) -> Reply {
    let outputs: serde_json::Map<String, Value> =
        outputs.iter().map(|(name, tree)| ((*name).to_owned(), json!(tree))).collect();
    Reply::Answer("realised", json!({ "outputs": outputs, "gone": false }))
}

/// A peer, until it is dropped.
pub struct Peer {
    folder: TempDir,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<Value>>,
    sent: AtomicU64,
    over: AtomicBool,
}

impl Peer {
    /// Answers each request of a store with `answer`.
    pub fn start(answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_silent(true, answer)
    }

    /// One that does not even greet.
    pub fn mute() -> Self {
        Self::start_silent(false, |_| Reply::Hang)
    }

    fn start_silent(greets: bool, answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("format"), "stele-store 1\nfeatures 0x0\n").expect("a file");
        let listener = UnixListener::bind(folder.path().join("socket")).expect("a socket");
        let state = Arc::<State>::default();
        let (of_thread, answer) = (Arc::clone(&state), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of_thread.over.load(Ordering::Relaxed) {
                    return;
                }
                let (state, answer) = (Arc::clone(&of_thread), Arc::clone(&answer));
                thread::spawn(move || converse(stream, &state, greets, &*answer));
            }
        });
        Self { folder, state }
    }

    /// The folder of its store.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Value> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of bytes that were read from it.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(self.socket());
    }
}

fn receive(stream: &mut UnixStream) -> io::Result<Value> {
    let mut message = Vec::new();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let begin = message.len();
        message.resize(begin + length, 0);
        stream.read_exact(&mut message[begin..])?;
        match head[4] {
            b'J' => return Ok(serde_json::from_slice(&message)?),
            // Content that follows a call is not looked at.
            b'B' => message.clear(),
            _ => {}
        }
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    [&length.to_le_bytes()[..], &[kind], payload].concat()
}

fn message(value: &Value) -> Vec<u8> {
    frame(b'J', value.to_string().as_bytes())
}

fn answer_of(kind: &str, value: &Value) -> Vec<u8> {
    message(&json!({ "reply": "answer", "value": { "answer": kind, "value": value } }))
}

fn converse(mut stream: UnixStream, state: &State, greets: bool, answer: &(dyn Fn(&Value) -> Reply + Sync)) {
    // A disconnect ends this.
    let _ = talk(&mut stream, state, greets, answer);
}

fn talk(
    stream: &mut UnixStream,
    state: &State,
    greets: bool,
    answer: &(dyn Fn(&Value) -> Reply + Sync),
) -> io::Result<()> {
    let hello = receive(stream)?;
    if !greets {
        return hang(stream);
    }
    // It claims the caller's build.
    let mut welcome = hello;
    welcome["pid"] = json!(std::process::id());
    welcome["working"] = json!(0);
    stream.write_all(&message(&welcome))?;
    loop {
        let asked = receive(stream)?;
        let reply = answer(&asked["store"]);
        state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        match reply {
            Reply::Answer(kind, value) => stream.write_all(&answer_of(kind, &value))?,
            Reply::Failure(kind, text, hint) => stream.write_all(&message(&json!({
                "reply": "failure", "value": { "kind": kind, "message": text, "hint": hint }
            })))?,
            Reply::Bytes(bytes) => {
                for part in bytes.chunks(1 << 20) {
                    stream.write_all(&frame(b'B', part))?;
                }
                stream.write_all(&answer_of("done", &json!({})))?;
            }
            Reply::Endless => pour(stream, state, &frame(b'B', &vec![b'x'; 1 << 20]), Duration::ZERO)?,
            Reply::Raw(bytes) => stream.write_all(&bytes)?,
            Reply::EndlessMessage => pour(stream, state, &frame(b'j', &vec![b' '; 1 << 20]), Duration::ZERO)?,
            Reply::EndlessProgress => {
                let progress = json!({ "items": 1, "bytes": 1, "total_items": 0, "total_bytes": 0 });
                let progress = message(&json!({ "reply": "progress", "value": progress }));
                pour(stream, state, &progress, Duration::from_millis(1))?;
            }
            Reply::Trickle => pour(stream, state, &frame(b'B', b"x"), Duration::from_millis(5))?,
            Reply::Hang => return hang(stream),
            Reply::HangUp => return Ok(()),
            Reply::Going => {
                stream.write_all(&message(&json!({ "reply": "going", "value": {} })))?;
                return Ok(());
            }
        }
    }
}

fn pour(stream: &mut UnixStream, state: &State, bytes: &[u8], pause: Duration) -> io::Result<()> {
    loop {
        stream.write_all(bytes)?;
        state.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        thread::sleep(pause);
    }
}

/// Sends nothing until the other side disconnects.
fn hang(stream: &mut UnixStream) -> io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte)? > 0 {}
    Ok(())
}
