//! HTTP mirrors: a download that resumes after an interruption.

use std::io::{self, Read};
use std::time::Instant;

use stele_http::{Download, HttpError, Method, Request, Response, Retry, Start};

use super::config::Limits;
use super::failure::MirrorFailure;
use super::part::{CHUNK, Part};
use super::worker::{Bounds, Stop};

/// An HTTP client; threads share it.
pub(super) struct Client {
    http: stele_http::Client,
}

impl Client {
    pub(super) fn new(limits: &Limits) -> Self {
        let limits = stele_http::Limits { connect: limits.connect, stall: limits.stall };
        Self { http: stele_http::Client::new(limits, None) }
    }

    /// Downloads the rest of `part` from `url`, retrying temporary failures.
    pub(super) fn get(
        &self,
        url: &str,
        part: &mut Part,
        bounds: &Bounds,
        moves: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), Stop> {
        // The server's validator for the version of the beginning in `part`.
        let mut download = Download::default();
        let (mut tries, mut furthest) = (0, part.length());
        loop {
            let error = match self.once(url, part, bounds, &mut download, moves) {
                Err(Stop::Mirror(MirrorFailure::Http(error))) => error,
                done => return done,
            };
            // Progress resets the count of attempts.
            tries = if part.length() > furthest { 1 } else { tries + 1 };
            furthest = furthest.max(part.length());
            match Retry::MIRROR.after(tries, &error) {
                Some(pause) if pause <= bounds.left()? => {
                    self.http.wait(pause).map_err(|e| failure(e, bounds))?;
                }
                _ => return Err(failure(error, bounds)),
            }
        }
    }

    /// Whether the server answers a request for the file, with the right size as far as it says one.
    pub(super) fn has(&self, url: &str, bounds: &Bounds) -> Result<(), Stop> {
        let answer = self.patiently(bounds, || self.ask(url, 0, &Download::default(), bounds))?;
        match Download::default().start(&answer, 0)? {
            Start::Whole { total: Some(total) } => Ok(bounds.check_total(total)?),
            Start::Whole { total: None } => Ok(()),
            Start::Rest { .. } | Start::NoRest => Err(answer.status_error().into()),
        }
    }

    /// A document of at most `max` bytes.
    pub(super) fn text(&self, url: &str, max: u64, bounds: &Bounds) -> Result<Vec<u8>, Stop> {
        self.patiently(bounds, || self.text_once(url, max, bounds))
    }

    /// Tries again what may pass.
    fn patiently<T>(&self, bounds: &Bounds, once: impl Fn() -> Result<T, Stop>) -> Result<T, Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match once() {
                Err(Stop::Mirror(MirrorFailure::Http(error))) => error,
                done => return done,
            };
            match Retry::MIRROR.after(tries, &error) {
                Some(pause) if pause <= bounds.left()? => {
                    self.http.wait(pause).map_err(|e| failure(e, bounds))?;
                }
                _ => return Err(failure(error, bounds)),
            }
        }
    }

    fn text_once(&self, url: &str, max: u64, bounds: &Bounds) -> Result<Vec<u8>, Stop> {
        let mut request = Request::new(Method::GET, url);
        request.deadline = Some(Instant::now() + bounds.left()?);
        let mut answer = self.http.once(&request).map_err(|error| deadline(error, bounds))?;
        if !answer.is_success() {
            return Err(answer.status_error().into());
        }
        let mut text = Vec::new();
        let read = answer.reader().take(max + 1).read_to_end(&mut text);
        read.map_err(|error| deadline(HttpError::of_body(error), bounds))?;
        match text.len() as u64 > max {
            true => Err(MirrorFailure::TooLarge { max }.into()),
            false => Ok(text),
        }
    }

    fn once(
        &self,
        url: &str,
        part: &mut Part,
        bounds: &Bounds,
        download: &mut Download,
        moves: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), Stop> {
        let mut answer = self.ask(url, part.length(), download, bounds)?;
        let mut start = download.start(&answer, part.length())?;
        if start == Start::NoRest {
            // The part is not the beginning of the server's file.
            part.restart()?;
            answer = self.ask(url, 0, download, bounds)?;
            start = download.start(&answer, 0)?;
        }
        if let Some(encoding) = answer.header("content-encoding").filter(|it| !is_label(it, url)) {
            return Err(HttpError::Encoded { encoding: encoding.to_owned() }.into());
        }
        let total = match start {
            Start::Whole { total } => {
                if let Some(total) = total {
                    bounds.check_total(total)?;
                }
                part.restart()?;
                total
            }
            Start::Rest { total, same_version } => {
                if let Some(total) = total {
                    bounds.check_total(total)?;
                }
                // With its version confirmed it counts as one answer.
                if !same_version {
                    part.join();
                }
                total
            }
            Start::NoRest => return Err(answer.status_error().into()),
        };
        moves(part.length(), total);
        read(&mut answer, part, bounds, total, moves)
    }

    fn ask(&self, url: &str, from: u64, download: &Download, bounds: &Bounds) -> Result<Response, Stop> {
        let mut request = Request::new(Method::GET, url);
        request.headers = download.headers(from);
        request.deadline = Some(Instant::now() + bounds.left()?);
        self.http.once(&request).map_err(|error| deadline(error, bounds))
    }
}

/// Reads the body to its end.
fn read(
    answer: &mut Response,
    part: &mut Part,
    bounds: &Bounds,
    expected: Option<u64>,
    moves: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Stop> {
    let mut body = answer.reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(deadline(HttpError::of_body(e), bounds)),
        };
        bounds.check_grown(part.length() + count as u64)?;
        part.write(&buffer[..count])?;
        moves(part.length(), expected);
        bounds.left()?;
    }
    match expected.or(bounds.size()) {
        Some(expected) if part.length() < expected => {
            Err(HttpError::Short { expected, found: part.length() }.into())
        }
        _ => Ok(()),
    }
}

/// Whether an encoding only describes the file: some servers send an `a.tar.gz` unchanged, with `Content-Encoding:
/// x-gzip`. If it is a transfer encoding after all, the digest does not match.
fn is_label(encoding: &str, url: &str) -> bool {
    let encoding = encoding.trim().to_ascii_lowercase();
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let endings: &[&str] = match encoding.trim_start_matches("x-") {
        "identity" => return true,
        "gzip" => &[".gz", ".tgz"],
        "bzip2" => &[".bz2", ".tbz", ".tbz2"],
        "xz" => &[".xz", ".txz"],
        "zstd" => &[".zst"],
        "compress" => &[".Z"],
        _ => &[],
    };
    endings.iter().any(|ending| path.ends_with(ending))
}

/// The deadline is that of the whole source.
fn deadline(error: HttpError, bounds: &Bounds) -> Stop {
    match error {
        HttpError::Deadline => MirrorFailure::TooSlow { seconds: bounds.limits.total.as_secs() }.into(),
        error => error.into(),
    }
}

/// The final failure: exceeded limits have their names in the configuration.
fn failure(error: HttpError, bounds: &Bounds) -> Stop {
    match error {
        HttpError::Stalled { seconds } => MirrorFailure::Stalled { seconds }.into(),
        HttpError::Connect { seconds } => MirrorFailure::Connect { seconds }.into(),
        error => deadline(error, bounds),
    }
}
