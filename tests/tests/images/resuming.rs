//! A registry like the large ones: it uses tokens which expire, and resumes interrupted uploads. Debian's
//! docker-registry does neither.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::serving::{of_size, sha256};
use super::*;

/// The number of bytes of a `PATCH` that arrive before it breaks.
const PIECE: usize = 6 << 20;

/// The faults that the registry is to show, and its content.
#[derive(Default)]
struct State {
    /// The number of pieces of uploads that still break.
    breaks: usize,
    /// The number of queries about an upload that are still answered with 503.
    sick: usize,
    /// The number of requests that a token is good for.
    token_serves: usize,
    uploads: HashMap<String, Vec<u8>>,
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, Vec<u8>>,
    /// For each token, in order of issue: the number of requests left.
    tokens: Vec<usize>,
    /// The requests of begun uploads: the method, and the bytes that had arrived.
    log: Vec<(String, usize)>,
}

/// One on the loopback interface. It ends with the test process.
struct Resuming {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct Asked {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Resuming {
    fn new(breaks: usize, sick: usize, token_serves: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { breaks, sick, token_serves, ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut from = BufReader::new(stream.try_clone().unwrap());
                    let Some(asked) = read(&mut from) else { return };
                    let Some(answer) = answer(port, &state, &asked, &mut from) else { return };
                    let _ = write(stream, &asked, answer);
                });
            }
        });
        Self { port, state }
    }

    fn manifest(&self) -> String {
        let state = self.state.lock().unwrap();
        digest_of(&state.manifests["/v2/box/manifests/1"])
    }
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

fn read(from: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Some(Asked { method, path, query, headers })
}

fn write(mut to: TcpStream, asked: &Asked, answer: Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", answer.status);
    if asked.method != "HEAD" && answer.status != 204 {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    to.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.method == "HEAD" { Ok(()) } else { to.write_all(&answer.body) }
}

/// `None` when the connection breaks instead.
fn answer(port: u16, state: &Mutex<State>, asked: &Asked, from: &mut impl Read) -> Option<Answer> {
    let auth = asked.headers.get("authorization").cloned().unwrap_or_default();
    if asked.path == "/token" {
        // user:secret
        if auth != "Basic dXNlcjpzZWNyZXQ=" || !asked.query.contains("service=here") {
            return Some(Answer::status(401));
        }
        let mut state = state.lock().unwrap();
        let serves = state.token_serves;
        state.tokens.push(serves);
        let body = format!("{{\"token\": \"secret-{}\"}}", state.tokens.len()).into_bytes();
        return Some(Answer { body, ..Answer::status(200) });
    }
    {
        let mut state = state.lock().unwrap();
        let number = auth.strip_prefix("Bearer secret-").and_then(|it| it.parse::<usize>().ok());
        let left = number.and_then(|number| state.tokens.get_mut(number.checked_sub(1)?));
        if let Some(left @ 1..) = left {
            *left -= 1;
        } else {
            let way = format!(
                "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"here\",\
                 scope=\"repository:box:pull,push\""
            );
            return Some(Answer::status(401).with("WWW-Authenticate", way));
        }
    }
    let place = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let length = asked.headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(u64::MAX);
    if asked.method == "PATCH" {
        return patch(state, asked, from.take(length)).map(|answer| match answer {
            Ok(has) => Answer::status(202).with("Location", place(&asked.path)).with("Range", range(has)),
            Err(status) => Answer::status(status),
        });
    }
    let mut body = Vec::new();
    if matches!(asked.method.as_str(), "PUT" | "POST") && length != u64::MAX {
        from.take(length).read_to_end(&mut body).ok()?;
    }
    let mut guard = state.lock().unwrap();
    let state = &mut *guard;
    let last = asked.path.rsplit('/').next().unwrap();
    Some(match (asked.method.as_str(), asked.path.as_str()) {
        ("GET" | "HEAD", "/v2/") => Answer::status(200),
        ("POST", "/v2/box/blobs/uploads/") => {
            let path = format!("/v2/box/blobs/uploads/{}", state.uploads.len());
            state.uploads.insert(path.clone(), Vec::new());
            Answer::status(202).with("Location", path)
        }
        ("GET", path) if state.uploads.contains_key(path) => {
            let has = state.uploads[path].len();
            let is_sick = state.sick > 0;
            state.sick -= usize::from(is_sick);
            state.log.push((if is_sick { "sick" } else { "GET" }.to_owned(), has));
            if is_sick {
                return Some(Answer::status(503));
            }
            Answer::status(204).with("Location", place(path)).with("Range", range(has))
        }
        ("PUT", path) if state.uploads.contains_key(path) => {
            let mut blob = state.uploads.remove(path).unwrap();
            blob.extend(body);
            let digest = digest_of(&blob);
            if !asked.query.contains(&digest.replace(':', "%3A")) && !asked.query.contains(&digest) {
                return Some(Answer::status(400));
            }
            state.blobs.insert(digest, blob);
            Answer::status(201).with("Location", "/".to_owned())
        }
        ("HEAD", path) if path.contains("/blobs/") => {
            Answer::status(if state.blobs.contains_key(last) { 200 } else { 404 })
        }
        ("PUT", path) if path.contains("/manifests/") => {
            state.manifests.insert(path.to_owned(), body);
            Answer::status(201).with("Location", "/".to_owned())
        }
        ("HEAD" | "GET", path) if path.contains("/manifests/") => {
            Answer::status(if state.manifests.contains_key(path) { 200 } else { 404 })
        }
        _ => Answer::status(404),
    })
}

/// The range header of an upload of so many bytes.
fn range(has: usize) -> String {
    format!("0-{}", has.saturating_sub(1))
}

/// Takes a piece of an upload; the new length, or a status. `None` when the connection breaks in the middle.
fn patch(state: &Mutex<State>, asked: &Asked, mut from: impl Read) -> Option<Result<usize, u16>> {
    let breaks = {
        let mut state = state.lock().unwrap();
        let Some(has) = state.uploads.get(&asked.path).map(Vec::len) else { return Some(Err(404)) };
        state.log.push(("PATCH".to_owned(), has));
        // A client that sends no range streams all of it, from the beginning.
        let begins = asked.headers.get("content-range").and_then(|it| it.split('-').next()?.parse().ok());
        if begins.unwrap_or(0) != has {
            return Some(Err(416));
        }
        let breaks = state.breaks > 0;
        state.breaks -= usize::from(breaks);
        breaks
    };
    let mut piece = Vec::new();
    if breaks {
        from.take(PIECE as u64).read_to_end(&mut piece).ok()?;
    } else if asked.headers.get("transfer-encoding").is_some_and(|it| it == "chunked") {
        piece = unchunked(from)?;
    } else {
        from.read_to_end(&mut piece).ok()?;
    }
    let mut state = state.lock().unwrap();
    let upload = state.uploads.get_mut(&asked.path)?;
    upload.extend(piece);
    (!breaks).then_some(Ok(upload.len()))
}

/// A chunked body, as skopeo sends it (RFC 9112, section 7.1).
fn unchunked(from: impl Read) -> Option<Vec<u8>> {
    let (mut from, mut body) = (BufReader::new(from), Vec::new());
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let size = u64::from_str_radix(line.trim_end(), 16).ok()?;
        from.by_ref().take(size).read_to_end(&mut body).ok()?;
        from.read_line(&mut String::new()).ok()?;
        if size == 0 {
            return Some(body);
        }
    }
}

/// Pushes `large-image` with the credentials of `user`; the output, with its exit code.
fn push(images: &Images, registry: &Resuming, password: &str) -> (Option<i32>, String) {
    let auth = peer(
        "/usr/bin/python3",
        &["-c", &format!("import base64; print(base64.b64encode(b'user:{password}').decode())")],
    );
    let file = images.scratch("auth.json");
    let host = format!("127.0.0.1:{}", registry.port);
    fs::write(&file, format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}")).unwrap();
    let to = format!("{host}/box:1");
    let mut command = images.shop.stele.command(&["--json", "image", "push", "large-image", &to]);
    let output = command.env("REGISTRY_AUTH_FILE", &file).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("secret") && !said.contains(&auth), "{said}");
    (output.status.code(), said)
}

#[test]
fn an_upload_is_resumed_and_expired_tokens_are_renewed() {
    let (images, digest) = of_size(24);
    let registry = Resuming::new(3, 2, 6);
    let (code, said) = push(&images, &registry, "secret");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(registry.manifest(), digest);
    let state = registry.state.lock().unwrap();
    let of = |method: &str| -> Vec<_> {
        state.log.iter().filter(|it| it.0 == method).map(|it| it.1 / PIECE).collect()
    };
    // Received bytes were not sent again, and nothing was sent while the registry could not be queried.
    let large: Vec<_> = of("PATCH").into_iter().filter(|pieces| *pieces > 0).collect();
    assert_eq!((large, of("sick")), (vec![1, 2, 3], vec![1, 1]), "{:?}", state.log);
    assert!(state.tokens.len() > 1 && state.breaks == 0, "{} tokens", state.tokens.len());
}

#[test]
fn an_unresponsive_registry_is_abandoned_and_nothing_is_sent_blindly() {
    let (images, _) = of_size(24);
    let registry = Resuming::new(1, usize::MAX, 6);
    let (code, said) = push(&images, &registry, "secret");
    assert!(code == Some(1) && said.contains("503") && said.contains("hint"), "{said}");
    let state = registry.state.lock().unwrap();
    let after = state.log.iter().skip_while(|it| it.0 != "sick");
    assert!(after.clone().count() > 1 && after.clone().all(|it| it.0 == "sick"), "{:?}", state.log);
}

#[test]
fn a_refusal_of_a_token_server_is_reported() {
    let (images, _) = of_size(1);
    let (code, said) = push(&images, &Resuming::new(0, 0, 100), "wrong");
    assert!(code == Some(1) && said.contains("log in again"), "{said}");
}

#[test]
fn skopeo_accepts_this_registry() {
    let (images, digest) = of_size(1);
    let layout = images.scratch("layout");
    images.shop.stele.ok(&["image", "export", "large-image", text(&layout)]);
    let registry = Resuming::new(0, 0, 100);
    let (from, to) =
        (format!("oci:{}:large-image", text(&layout)), format!("docker://127.0.0.1:{}/box:1", registry.port));
    let way = ["copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"];
    peer("skopeo", &[&way[..], &["--dest-creds", "user:secret", &from, &to]].concat());
    assert_eq!(registry.manifest(), digest);
}
