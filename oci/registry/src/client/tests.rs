//! The client against registries that are overloaded, broken, incomplete or hostile.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::name::Sha256Digest;
use crate::repository::{INDEX, MANIFEST, Manifest, Referrer, Repository};

/// A request: method, path with query, and the head in lower case.
struct Asked {
    method: String,
    path: String,
    head: String,
}

/// Status and reason, headers with their line ends, body. An empty status closes the connection without an answer.
type Answered = (&'static str, String, Vec<u8>);

fn ok(body: &[u8]) -> Answered {
    ("200 OK", String::new(), body.to_vec())
}

fn status(status: &'static str) -> Answered {
    (status, String::new(), Vec::new())
}

/// A registry that answers by a function, which receives the number of earlier identical requests.
struct Mock {
    host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Mock {
    fn new(answer: impl Fn(&Asked, usize) -> Answered + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            while let Ok((stream, _)) = listener.accept() {
                // TLS connections are closed.
                let Some(request) = request(&stream) else { continue };
                let line = format!("{} {}", request.method, request.path);
                let count = counts.entry(line.clone()).or_default();
                let (status, headers, body) = answer(&request, *count);
                *count += 1;
                seen.lock().expect("no panic").push(line);
                if status.is_empty() {
                    continue;
                }
                let length = if headers.contains("content-length") {
                    String::new()
                } else {
                    format!("content-length: {}\r\n", body.len())
                };
                let head = format!("HTTP/1.1 {status}\r\n{headers}{length}connection: close\r\n\r\n");
                let _ = (&stream).write_all(head.as_bytes());
                if request.method != "HEAD" {
                    let _ = (&stream).write_all(&body);
                }
            }
        });
        Self { host, asked }
    }

    fn reach(&self, purpose: Purpose) -> Result<Registry, Error> {
        let remote = format!("{}/box:1", self.host).parse().expect("a remote");
        Registry::reach(&remote, purpose, None, &Options::default(), &Arc::new(AtomicBool::new(false)))
    }

    fn asked(&self, what: &str) -> usize {
        self.asked.lock().expect("no panic").iter().filter(|line| line.contains(what)).count()
    }
}

fn request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok().filter(|count| *count > 0)?;
        let line = String::from_utf8(line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    let mut first = head.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    Some(Asked { method, path, head: head.to_ascii_lowercase() })
}

const CONFIG: &[u8] = b"{}";

fn descriptor(bytes: &[u8]) -> serde_json::Value {
    serde_json::json!({"mediaType": "a/b", "digest": Sha256Digest::of(bytes), "size": bytes.len()})
}

/// The manifest of an image of one blob.
fn image(blob: &[u8]) -> String {
    let layers = [descriptor(blob)];
    serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG), "layers": layers,
    })
    .to_string()
}

fn manifest_answer(text: &str) -> Answered {
    ("200 OK", format!("content-type: {MANIFEST}\r\n"), text.as_bytes().to_vec())
}

/// Pulls into a folder; returns the result and the blobs by their digests.
fn pulled(mock: &Mock, referring: bool) -> Result<(Pulled, BTreeMap<String, Vec<u8>>), Error> {
    let (folder, expected) = (tempfile::tempdir().expect("a folder"), std::cell::Cell::new(0));
    let name = |digest: &Sha256Digest| digest.as_str().replace(':', "-");
    let pulled = mock.reach(Purpose::Pull).and_then(|registry| {
        let create = |digest: &Sha256Digest| -> std::io::Result<Box<dyn BlobFile>> {
            Ok(Box::new(std::fs::File::create(folder.path().join(name(digest)))?))
        };
        pull(&registry, None, referring, &create, &|bytes| expected.set(bytes))
    })?;
    let blobs = std::fs::read_dir(folder.path()).expect("a folder").map(|entry| {
        let path = entry.expect("an entry").path();
        (
            path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            std::fs::read(&path).expect("a file"),
        )
    });
    let blobs: BTreeMap<String, Vec<u8>> = blobs.collect();
    // Referrers are found after the image.
    if !referring {
        let came = blobs.values().map(|bytes| bytes.len() as u64).sum::<u64>();
        assert_eq!(expected.get(), came, "it was told how many bytes come");
    }
    Ok((pulled, blobs))
}

#[test]
fn every_step_of_a_pull_is_retried_after_a_temporary_failure() {
    let mock = Mock::new(|asked, before| match (before, asked.path.as_str()) {
        (0, "/v2/") => ("429 Slow", "retry-after: 0\r\n".to_owned(), Vec::new()),
        (0, _) => ("503 Busy", "retry-after: 0\r\n".to_owned(), Vec::new()),
        (1, _) => status(""),
        (_, "/v2/") => ok(b""),
        (_, path) if path.contains("/manifests/") => manifest_answer(&image(b"blob")),
        (_, path) if path.ends_with(Sha256Digest::of(CONFIG).as_str()) => ok(CONFIG),
        _ => ok(b"blob"),
    });
    let (pulled, blobs) = pulled(&mock, false).expect("it is pulled");
    assert_eq!((pulled.manifests.len(), blobs.len()), (1, 2));
}

#[test]
fn a_part_of_another_version_is_not_appended() {
    let blob: &[u8] = b"0123456789";
    let mock = Mock::new(move |asked, before| {
        let blob_path = asked.path.ends_with(Sha256Digest::of(blob).as_str());
        match (blob_path, before) {
            (true, 0) => ("200 OK", "content-length: 10\r\n".to_owned(), blob[..4].to_vec()),
            // Asked for the rest from 4 on, it sends other bytes.
            (true, 1) => ("206 Part", "content-range: bytes 0-5/10\r\n".to_owned(), b"wrong!".to_vec()),
            (true, _) if asked.head.contains("range: bytes=4-") => {
                ("206 Part", "content-range: bytes 4-9/10\r\n".to_owned(), blob[4..].to_vec())
            }
            (true, _) => ok(blob),
            _ if asked.path.contains("/manifests/") => manifest_answer(&image(blob)),
            _ if asked.path.contains("/blobs/") => ok(CONFIG),
            _ => ok(b""),
        }
    });
    let (_, blobs) = pulled(&mock, false).expect("it is pulled");
    assert!(blobs.values().any(|it| it == blob), "{blobs:?}");
}

#[test]
fn two_mismatched_answers_are_followed_by_a_whole_one() {
    let blob: &[u8] = b"0123456789";
    let mock = Mock::new(move |asked, before| {
        let blob_path = asked.path.ends_with(Sha256Digest::of(blob).as_str());
        match (blob_path, before) {
            (true, 0) => ("200 OK", "content-length: 10\r\n".to_owned(), b"else".to_vec()),
            (true, 1) => ("206 Part", "content-range: bytes 4-9/10\r\n".to_owned(), blob[4..].to_vec()),
            (true, _) => ok(blob),
            _ if asked.path.contains("/manifests/") => manifest_answer(&image(blob)),
            _ if asked.path.contains("/blobs/") => ok(CONFIG),
            _ => ok(b""),
        }
    });
    let (_, blobs) = pulled(&mock, false).expect("it is pulled");
    assert!(blobs.values().any(|it| it == blob), "{blobs:?}");
}

#[test]
fn unavailable_referrers_are_reported_as_missed() {
    for referrers in [status("401 No"), status("500 Broken"), ok(b"<html>"), ok(b"{}")] {
        let mock = Mock::new(move |asked, _| match asked.path.as_str() {
            path if path.contains("/referrers/") => referrers.clone(),
            path if path.contains("/manifests/sha256-") => referrers.clone(),
            path if path.contains("/manifests/") => manifest_answer(&image(b"blob")),
            path if path.ends_with(Sha256Digest::of(CONFIG).as_str()) => ok(CONFIG),
            path if path.contains("/blobs/") => ok(b"blob"),
            _ => ok(b""),
        });
        let (pulled, blobs) = pulled(&mock, true).expect("the image comes");
        assert_eq!((pulled.missed.len(), blobs.len()), (1, 2), "{:?}", pulled.missed);
    }
    // One is listed, and its blob is missing.
    let stray = image(b"gone");
    let mock = Mock::new(move |asked, _| match asked.path.as_str() {
        path if path.contains(&format!("/manifests/{}", Sha256Digest::of(stray.as_bytes()))) => {
            manifest_answer(&stray)
        }
        path if path.contains("/referrers/") => {
            let digest = Sha256Digest::of(stray.as_bytes());
            let entry = serde_json::json!({"mediaType": MANIFEST, "digest": digest, "size": stray.len()});
            ok(serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
                .to_string()
                .as_bytes())
        }
        path if path.contains("/manifests/") => manifest_answer(&image(b"blob")),
        path if path.ends_with(Sha256Digest::of(b"gone").as_str()) => status("404 No"),
        path if path.ends_with(Sha256Digest::of(CONFIG).as_str()) => ok(CONFIG),
        path if path.contains("/blobs/") => ok(b"blob"),
        _ => ok(b""),
    });
    let (pulled, _) = pulled(&mock, true).expect("the image comes");
    assert_eq!((pulled.missed.len(), pulled.referrers.len()), (1, 0), "{:?}", pulled.missed);
}

#[test]
fn an_ambiguous_document_is_refused() {
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
    let mut both: serde_json::Value = serde_json::from_str(&image(b"blob")).expect("JSON");
    both["manifests"] = serde_json::json!([]);
    for text in [both.to_string(), index] {
        let mock = Mock::new(move |asked, _| match asked.path.contains("/manifests/") {
            true => manifest_answer(&text),
            false => ok(b""),
        });
        let error = pulled(&mock, false).expect_err("it is ambiguous").to_string();
        assert!(error.contains("both a manifest") || error.contains("contradict"), "{error}");
    }
}

#[test]
fn credentials_go_nowhere_without_tls_but_to_this_machine() {
    for realm in ["http://registry.example/token", "http://10.0.0.1/token"] {
        let header = format!("www-authenticate: Bearer realm=\"{realm}\",service=\"s\"\r\n");
        let mock = Mock::new(move |_, _| ("401 No", header.clone(), Vec::new()));
        let error = mock.reach(Purpose::Pull).err().expect("it is refused");
        assert!(matches!(error, Error::Insecure { .. }), "{error}");
    }
    let tokens = Mock::new(|_, _| ok(br#"{"token":"t"}"#));
    let header = format!("www-authenticate: Bearer realm=\"http://{}/token\"\r\n", tokens.host);
    let mock = Mock::new(move |_, _| ("401 No", header.clone(), Vec::new()));
    mock.reach(Purpose::Pull).expect("a token within this machine");
}

/// A blob in memory.
struct Here(Vec<u8>);

impl Blobs for Here {
    fn open(&self, _: &Sha256Digest, bytes: Range<u64>) -> std::io::Result<Box<dyn Read + Send>> {
        let at = |at: u64| usize::try_from(at).expect("it fits");
        Ok(Box::new(std::io::Cursor::new(self.0[at(bytes.start)..at(bytes.end)].to_vec())))
    }
}

/// An image of one blob to push, and its referrer.
fn to_push() -> (Repository, Sha256Digest) {
    let text = image(b"blob");
    let top = Sha256Digest::of(text.as_bytes());
    let note = image(b"note");
    let digest = Sha256Digest::of(note.as_bytes());
    let mut repository = Repository::default();
    repository.blobs.insert(Sha256Digest::of(b"blob"), 4);
    let manifest = |text: String| Manifest { media_type: MANIFEST.to_owned(), text };
    let size = note.len() as u64;
    repository.manifests.insert(top.clone(), manifest(text));
    repository.manifests.insert(digest.clone(), manifest(note));
    let listed = Referrer {
        media_type: MANIFEST.to_owned(),
        digest,
        size,
        artifact_type: None,
        annotations: BTreeMap::new(),
    };
    repository.referrers.insert(top.clone(), vec![listed]);
    (repository, top)
}

fn pushed(mock: &Mock) -> Result<Pushed, Error> {
    let (repository, top) = to_push();
    let registry = mock.reach(Purpose::Push)?;
    push(&registry, &repository, &top, None, None, &Here(b"blob".to_vec()))
}

/// A registry that accepts everything, answering `taken` to the ends of blobs and to manifests.
fn taking(asked: &Asked, taken: &'static str) -> Answered {
    let at = |place: &str| format!("location: {place}\r\n");
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/v2/") => ok(b""),
        ("HEAD", _) => status("404 No"),
        ("POST", _) => ("202 Go", at("/v2/box/blobs/uploads/1"), Vec::new()),
        ("PATCH", _) => ("202 Go", at("/v2/box/blobs/uploads/1"), Vec::new()),
        ("PUT", path) if path.contains("/manifests/") => (taken, String::new(), Vec::new()),
        ("PUT", _) => status(taken),
        ("GET", path) if path.contains("/referrers/") => ok(b"{}"),
        _ => status("404 No"),
    }
}

#[test]
fn every_step_of_a_push_is_retried_after_a_temporary_failure() {
    let mock = Mock::new(|asked, before| match before {
        0 => ("503 Busy", "retry-after: 0\r\n".to_owned(), Vec::new()),
        // The state of an interrupted upload can be queried.
        _ if asked.method == "GET" && asked.path.contains("/uploads/") => {
            ("204 No", "location: /v2/box/blobs/uploads/1\r\nrange: 0-0\r\n".to_owned(), Vec::new())
        }
        1 if asked.method != "PATCH" => status(""),
        _ => taking(asked, "201 Made"),
    });
    let pushed = pushed(&mock).expect("it is pushed");
    assert_eq!((pushed.sent, pushed.manifests, pushed.referrers), (1, 1, 1));
}

#[test]
fn a_manifest_accepted_with_another_status_is_accepted() {
    for taken in ["200 OK", "202 Go"] {
        let mock = Mock::new(move |asked, _| taking(asked, taken));
        assert_eq!(pushed(&mock).expect(taken).manifests, 1);
    }
    let mock = Mock::new(|asked, _| taking(asked, "400 No"));
    pushed(&mock).expect_err("it is not taken");
}

#[test]
fn only_a_registry_without_the_api_gets_a_fallback_tag() {
    for (there, listed) in [("404 No", true), ("405 No", true), ("200 OK", false)] {
        let mock = Mock::new(move |asked, _| match asked.path.contains("/referrers/") {
            true => status(there),
            false => taking(asked, "201 Made"),
        });
        pushed(&mock).expect(there);
        assert_eq!(mock.asked("PUT /v2/box/manifests/sha256-") > 0, listed, "{there}");
    }
    let mock = Mock::new(|asked, before| match asked.path.contains("/referrers/") {
        true if before == 0 => ("429 Slow", "retry-after: 0\r\n".to_owned(), Vec::new()),
        _ => taking(asked, "201 Made"),
    });
    pushed(&mock).expect("it passes");
    assert_eq!(mock.asked("PUT /v2/box/manifests/sha256-"), 0, "the API is there");
}
