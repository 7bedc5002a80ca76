//! A loopback HTTP server that behaves as badly as a test wants, and records its requests.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A client's request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`, or `CONNECT` for a proxy.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    /// The start of the requested range.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// The server's answer.
pub struct Reply {
    status: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    then: Then,
}

/// What happens after the body.
#[derive(Clone, Copy)]
enum Then {
    /// The connection closes.
    Close,
    /// Nothing more is sent.
    Stall,
    /// The body again, for ever, after pauses of so long.
    Again(Duration),
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: &str) -> Self {
        Self { status: status.to_owned(), headers: Vec::new(), body: Vec::new(), then: Then::Close }
            .header("Content-Length", "0")
    }

    /// All of it, whatever the request.
    pub fn whole(bytes: &[u8]) -> Self {
        let reply =
            Self { status: "200 OK".into(), headers: Vec::new(), body: bytes.to_vec(), then: Then::Close };
        reply.header("Content-Length", &bytes.len().to_string())
    }

    /// All of it, or the requested range.
    pub fn file(asked: &Asked, bytes: &[u8]) -> Self {
        match asked.from() {
            None => Self::whole(bytes),
            Some(from) if from >= bytes.len() => Self::status("416 Range Not Satisfiable"),
            Some(from) => {
                let reply = Self::whole(&bytes[from..]);
                let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                Self { status: "206 Partial Content".into(), ..reply }.header("Content-Range", &range)
            }
        }
    }

    /// Without a length: the end of the connection is the end.
    pub fn unbounded(bytes: &[u8]) -> Self {
        Self { status: "200 OK".into(), headers: Vec::new(), body: bytes.to_vec(), then: Then::Close }
    }

    /// With one more header, or another value of one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|it| it.0 != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Only so many bytes of the body, whatever the headers state.
    pub fn cut(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// After the body nothing is sent, and the connection stays open.
    pub fn then_stall(self) -> Self {
        Self { then: Then::Stall, ..self }
    }

    /// The body is repeated for ever.
    pub fn for_ever(self, pause: Duration) -> Self {
        Self { then: Then::Again(pause), ..self }
    }
}

/// A server on a free port.
pub struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers with what `answer` returns, each connection in its own thread.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, stopped, answer) = (asked.clone(), stop.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (log, stopped, answer) = (log.clone(), stopped.clone(), answer.clone());
                thread::spawn(move || {
                    let Ok(stream) = stream else { return };
                    let Some(question) = read(&stream) else { return };
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(question.clone());
                    let _ = write(stream, answer(&question), &stopped);
                });
            }
        });
        Self { port, asked, stop }
    }

    /// One file at every path, with ranges.
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self::start(move |asked| Reply::file(asked, &bytes))
    }

    /// The address of a file there.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// All requests up to now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // It checks for the end at each connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Asked { method, path, headers })
}

fn write(mut stream: TcpStream, reply: Reply, stop: &AtomicBool) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&reply.body)?;
    stream.flush()?;
    match reply.then {
        Then::Close => {}
        Then::Stall => {
            while !stop.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(20));
            }
        }
        Then::Again(pause) => {
            while !stop.load(Ordering::SeqCst) {
                thread::sleep(pause);
                stream.write_all(&reply.body)?;
            }
        }
    }
    Ok(())
}
