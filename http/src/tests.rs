//! The client against servers that misbehave in every way seen so far.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const LIMITS: Limits = Limits { connect: Duration::from_secs(5), stall: Duration::from_secs(5) };
const QUICK: Retry =
    Retry { tries: 4, pause: Duration::from_millis(1), factor: 1, max_pause: Duration::from_secs(2) };

/// A server that answers successive connections with these bytes, and closes each.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let head = head(&stream).expect("a head");
                seen.lock().expect("no panic").push(head);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }
}

/// The head of a request, after reading its body, which is dropped.
fn head(stream: &TcpStream) -> io::Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            reader.take(length).read_to_end(&mut Vec::new())?;
            return Ok(head);
        }
        head.push_str(&line.to_ascii_lowercase());
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn client() -> Client {
    Client::new(LIMITS, None)
}

#[test]
fn temporary_failures_are_retried_with_every_method_and_others_are_not() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::POST] {
        let busy = answer("503 Busy", "retry-after: 0\r\n", "");
        let server =
            Server::new(vec![busy, String::new(), answer("429 Slow", "", ""), answer("200 OK", "", "")]);
        let request = Request::new(method.clone(), &server.url);
        let found = client().send(&request, &QUICK).expect("an answer");
        assert_eq!((found.status(), server.heads().len()), (200, 4), "{method}");
    }
    let server = Server::new(vec![answer("404 No", "", ""), answer("200 OK", "", "")]);
    assert_eq!(client().send(&Request::new(Method::GET, &server.url), &QUICK).expect("one").status(), 404);
}

#[test]
fn a_server_that_asks_for_too_long_a_delay_gets_no_second_attempt() {
    let busy = || answer("429 Slow", "retry-after: 3\r\n", "why");
    let server = Server::new(vec![busy(), busy()]);
    let found = client().send(&Request::new(Method::GET, &server.url), &QUICK).expect("an answer");
    assert_eq!(found.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(found.whole(10).expect("its body"), b"why");
    assert_eq!(server.heads().len(), 1);
    // And none when its deadline is earlier.
    let server = Server::new(vec![answer("429 Slow", "retry-after: 1\r\n", ""), busy()]);
    let mut request = Request::new(Method::GET, &server.url);
    request.deadline = Some(Instant::now() + Duration::from_millis(500));
    assert_eq!(client().send(&request, &QUICK).expect("an answer").status(), 429);
}

#[test]
fn a_redirect_sends_no_credentials_to_another_origin() {
    let elsewhere = Server::new(vec![answer("200 OK", "", "there")]);
    let to = format!("location: {}x\r\n", elsewhere.url);
    let here = Server::new(vec![answer("307 Go", "location: /y\r\n", ""), answer("302 Go", &to, "")]);
    let mut request = Request::new(Method::GET, &here.url);
    request.authorization = Some("Bearer secret".to_owned());
    let found = client().once(&request).expect("an answer");
    assert_eq!(found.url(), format!("{}x", elsewhere.url));
    assert_eq!(found.whole(10).expect("its body"), b"there");
    let told = |server: &Server| server.heads().iter().map(|it| it.contains("secret")).collect::<Vec<_>>();
    assert_eq!((told(&here), told(&elsewhere)), (vec![true, true], vec![false]));
}

#[test]
fn a_body_follows_only_redirects_of_the_same_request() {
    let there = || answer("201 OK", "", "");
    let server = Server::new(vec![answer("308 Go", "location: /y\r\n", ""), there()]);
    let mut request = Request::new(Method::PUT, &server.url);
    request.body = b"text";
    assert_eq!(client().once(&request).expect("an answer").status(), 201);
    assert!(server.heads()[1].starts_with("put /y "));
    let server = Server::new(vec![answer("302 Go", "location: /y\r\n", ""), there()]);
    let mut request = Request::new(Method::PUT, &server.url);
    request.body = b"text";
    assert_eq!(client().once(&request).expect("an answer").status(), 302);
}

#[test]
fn redirects_that_never_end_or_lead_nowhere_end() {
    let loops = (0..20).map(|_| answer("302 Go", "location: /\r\n", "")).collect();
    let server = Server::new(loops);
    let error = client().once(&Request::new(Method::GET, &server.url)).expect_err("no end");
    assert!(matches!(error, HttpError::Redirects { .. }), "{error}");
    let server = Server::new(vec![answer("302 Go", "location: file:/etc/passwd\r\n", "")]);
    let error = client().once(&Request::new(Method::GET, &server.url)).expect_err("not an HTTP URL");
    assert!(matches!(error, HttpError::Location { .. }), "{error}");
}

#[test]
fn a_part_is_accepted_only_where_it_belongs() {
    let part = |headers: &str, body: &str| answer("206 Part", headers, body);
    let start = |sent: String, version: &str| {
        let first = answer("200 OK", &format!("etag: {version}\r\n"), "0123456789");
        let server = Server::new(vec![first, sent]);
        let mut download = Download::default();
        let whole = client().once(&Request::new(Method::GET, &server.url)).expect("an answer");
        assert_eq!(download.start(&whole, 0).expect("all"), Start::Whole { total: Some(10) });
        let mut request = Request::new(Method::GET, &server.url);
        request.headers = download.headers(4);
        let rest = client().once(&request).expect("an answer");
        let started = download.start(&rest, 4);
        (started, server.heads()[1].clone())
    };
    let range = "content-range: bytes 4-9/10\r\n";
    let (found, head) = start(part(&format!("{range}etag: \"a\"\r\n"), "456789"), "\"a\"");
    assert_eq!(found.expect("the rest"), Start::Rest { total: Some(10), same_version: true });
    assert!(head.contains("range: bytes=4-\r\n") && head.contains("if-range: \"a\"\r\n"), "{head}");
    // A server that reports another version sends the rest of another file.
    let (found, _) = start(part(&format!("{range}etag: \"b\"\r\n"), "456789"), "\"a\"");
    assert_eq!(found.expect("a rest"), Start::Rest { total: Some(10), same_version: false });
    let (found, head) = start(part(range, "456789"), "W/\"a\"");
    assert_eq!(found.expect("a rest"), Start::Rest { total: Some(10), same_version: false });
    assert!(!head.contains("if-range"), "{head}");
    for headers in ["", "content-range: bytes 0-5/10\r\n", "content-range: bytes 5-9/10\r\n"] {
        let error = start(part(headers, "456789"), "\"a\"").0.expect_err(headers);
        assert!(matches!(error, HttpError::Range { wanted: 4, .. }), "{error}");
    }
    // As long as the part states.
    assert!(matches!(start(part(range, "4567"), "\"a\"").0, Err(HttpError::Range { .. })));
    let (found, _) = start(answer("200 OK", "", "new"), "\"a\"");
    assert_eq!(found.expect("all"), Start::Whole { total: Some(3) });
    let (found, _) = start(answer("416 No", "", ""), "\"a\"");
    assert_eq!(found.expect("no rest"), Start::NoRest);
}

#[test]
fn a_body_is_limited_and_its_early_end_is_detected() {
    let server = Server::new(vec![answer("200 OK", "", "12345"), answer("200 OK", "", "12345")]);
    let get = || client().once(&Request::new(Method::GET, &server.url)).expect("an answer");
    assert!(matches!(get().whole(4), Err(HttpError::Long { max: 4 })));
    assert_eq!(get().whole(5).expect("all"), b"12345");
    let server = Server::new(vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234".to_owned()]);
    let error = client().once(&Request::new(Method::GET, &server.url)).expect("one").whole(9);
    assert!(error.expect_err("cut short").may_pass());
}

#[test]
fn a_stall_ends_at_its_limit_and_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let limits = Limits { stall: Duration::from_millis(300), ..LIMITS };
    let begun = Instant::now();
    let error = Client::new(limits, None).once(&Request::new(Method::GET, &url)).expect_err("silence");
    assert!(matches!(error, HttpError::Stalled { .. }), "{error}");
    let mut request = Request::new(Method::GET, &url);
    request.deadline = Some(Instant::now() + Duration::from_millis(200));
    let error = client().once(&request).expect_err("silence");
    assert!(matches!(error, HttpError::Deadline), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn every_wait_ends_when_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    // Before the head, in the body, and between two attempts.
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234".to_owned();
    let body = Server::new(vec![half]);
    let long = Retry { pause: Duration::from_secs(60), max_pause: Duration::from_secs(60), ..QUICK };
    let busy = Server::new(vec![answer("503 Busy", "", "")]);
    let stop = Arc::new(AtomicBool::new(false));
    let client = Client::new(Limits { stall: Duration::from_secs(60), ..LIMITS }, Some(Arc::clone(&stop)));
    let begun = Instant::now();
    thread::scope(|scope| {
        let silent = scope.spawn(|| client.once(&Request::new(Method::GET, &url)).map(drop));
        let waits = scope.spawn(|| client.send(&Request::new(Method::GET, &busy.url), &long).map(drop));
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::SeqCst);
        for ended in [silent.join().expect("no panic"), waits.join().expect("no panic")] {
            assert!(matches!(ended, Err(HttpError::Stopped)), "{ended:?}");
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(2));
    let error = client.once(&Request::new(Method::GET, &body.url)).expect_err("nothing begins");
    assert!(matches!(error, HttpError::Stopped), "{error}");
}

#[test]
fn a_body_that_is_read_once_is_sent_with_its_length() {
    let server = Server::new(vec![answer("202 OK", "", "")]);
    let mut from = &b"0123456789"[..];
    let request = Request::new(Method::PATCH, &server.url).header("content-range", "0-9");
    let sent = client().stream(&request, Streamed { from: &mut from, length: 10 });
    assert_eq!(sent.expect("an answer").status(), 202);
    let head = &server.heads()[0];
    assert!(head.contains("content-length: 10\r\n") && head.contains("content-range: 0-9\r\n"), "{head}");
}
