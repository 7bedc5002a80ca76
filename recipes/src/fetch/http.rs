//! HTTP: redirects, resumption, patience and its end.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ureq::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, LOCATION, RANGE,
    RETRY_AFTER,
};
use ureq::http::{HeaderMap, HeaderName, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

use super::config::Limits;
use super::failure::MirrorFailure;
use super::part::{CHUNK, Part};
use super::proxy::proxy_for;
use super::url;
use super::worker::{Bounds, Stop};

/// So often a mirror is asked before the next one is, when what went wrong may pass.
const TRIES: u32 = 3;
/// The first pause between two tries; each is three times the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that wants a longer pause has to do without us.
const PAUSE_MOST: Duration = Duration::from_secs(20);
/// Redirects that are followed.
const REDIRECTS_MOST: u32 = 10;

/// Why a server did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It answered otherwise than with the file.
    #[error("the server answered {status}{}", phrase(*.status))]
    Status {
        /// The status code.
        status: u16,
        /// How long the server wants to be left alone.
        pause: Option<Duration>,
    },
    /// Nothing came for so long.
    #[error("nothing came for {seconds} s (`stall-seconds`)")]
    Stalled {
        /// The bound.
        seconds: u64,
    },
    /// No connection.
    #[error("no connection within {seconds} s (`connect-seconds`)")]
    Connect {
        /// The bound.
        seconds: u64,
    },
    /// The connection ended early, or was refused.
    #[error("{}", plainly(.0))]
    Io(io::Error),
    /// It ended before all was there.
    #[error("the answer ended after {found} of {expected} bytes")]
    Short {
        /// How many there should have been.
        expected: u64,
        /// How many there were.
        found: u64,
    },
    /// From one server to the next, and no end.
    #[error("more than {REDIRECTS_MOST} redirects, the last to {to}")]
    Redirects {
        /// Where the last one led.
        to: String,
    },
    /// A redirect that gives up what the recipe asked for.
    #[error("a redirect leads from https to {to}, which anybody on the way could read and change")]
    Downgrade {
        /// Where it leads.
        to: String,
    },
    /// A redirect to nowhere.
    #[error("a redirect leads to {to:?}, which is no address of HTTP")]
    Location {
        /// What it says.
        to: String,
    },
    /// Compressed on the way, though it was asked for as it is.
    #[error("the server encoded it as {encoding:?}, and the pin is of the plain bytes")]
    Encoded {
        /// How.
        encoding: String,
    },
    /// Another part than the one that was asked for.
    #[error("the server was asked for the rest from byte {wanted} on, and answered with {range:?}")]
    Range {
        /// Where the rest begins.
        wanted: u64,
        /// What the server says it is.
        range: String,
    },
    /// The proxy of the environment is none.
    #[error("the variable {variable} names no proxy that could be asked")]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// Anything else that HTTP or TLS says.
    #[error("{0}")]
    Other(ureq::Error),
}

fn phrase(status: u16) -> String {
    let phrase = ureq::http::StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    phrase.map(|phrase| format!(" {phrase}")).unwrap_or_default()
}

fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection ended before all was there".to_owned(),
        _ => error.to_string(),
    }
}

impl HttpError {
    /// Whether it may pass: the server is busy, or the network lost something.
    fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Stalled { .. } | Self::Connect { .. } | Self::Short { .. } => true,
            // A name that is not found, or a port where nobody listens, will not be there in a second either.
            Self::Io(e) => e.kind() != io::ErrorKind::ConnectionRefused,
            _ => false,
        }
    }
}

/// A client of HTTP; threads share it.
pub(super) struct Client {
    agent: Agent,
}

impl Client {
    pub(super) fn new(limits: &Limits) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            // Each hop is looked at here, and so is each status.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("stele/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.stall))
            .timeout_per_read(Some(limits.stall))
            .timeout_per_write(Some(limits.stall))
            .build()
            .new_agent();
        Self { agent }
    }

    /// Gets the rest of `part` from `url`, trying again what may pass.
    pub(super) fn get(
        &self,
        url: &str,
        part: &mut Part,
        bounds: &Bounds,
        moves: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), Stop> {
        // What a server of this very address said of the version that the beginning of `part` is of.
        let mut version = None;
        let (mut tries, mut furthest) = (0, part.length());
        loop {
            let error = match self.once(url, part, bounds, &mut version, moves) {
                Err(Stop::Mirror(MirrorFailure::Http(error))) if error.may_pass() => error,
                done => return done,
            };
            // A server that gave more than it ever did counts as one that was never asked.
            tries = if part.length() > furthest { 1 } else { tries + 1 };
            furthest = furthest.max(part.length());
            let pause = match &error {
                HttpError::Status { pause: Some(pause), .. } => *pause,
                _ => PAUSE * 3_u32.pow(tries - 1),
            };
            if tries >= TRIES || pause > PAUSE_MOST || pause > bounds.left()? {
                return Err(error.into());
            }
            thread::sleep(pause);
        }
    }

    fn once(
        &self,
        url: &str,
        part: &mut Part,
        bounds: &Bounds,
        version: &mut Option<String>,
        moves: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), Stop> {
        let mut response = self.ask(url, part.length(), version.as_deref(), bounds)?;
        let mut status = response.status().as_u16();
        if status == 416 && part.length() > 0 {
            // What is there is no beginning of what the server has.
            part.restart()?;
            response = self.ask(url, 0, None, bounds)?;
            status = response.status().as_u16();
        }
        let (code, headers) = (status, response.headers());
        if let Some(encoding) = header(headers, CONTENT_ENCODING).filter(|it| !is_label(it, url)) {
            return Err(HttpError::Encoded { encoding: encoding.to_owned() }.into());
        }
        let announced: Option<u64> = header(headers, CONTENT_LENGTH).and_then(|it| it.trim().parse().ok());
        let wanted = part.length();
        match code {
            200 => {
                if let Some(total) = announced {
                    bounds.check_total(total)?;
                }
                part.restart()?;
            }
            206 if wanted > 0 => {
                let range = header(headers, CONTENT_RANGE).unwrap_or("nothing");
                let Some(total) = rest_of(range, wanted) else {
                    return Err(HttpError::Range { wanted, range: range.to_owned() }.into());
                };
                if let Some(total) = total {
                    bounds.check_total(total)?;
                }
                // With its version confirmed it is one answer in two pieces.
                if version.is_none() {
                    part.join();
                }
            }
            _ => {
                let pause = header(headers, RETRY_AFTER).and_then(|it| it.trim().parse().ok());
                return Err(HttpError::Status { status: code, pause: pause.map(Duration::from_secs) }.into());
            }
        }
        // A weak one stands for "much the same", which is not enough to continue.
        *version = header(headers, ETAG).filter(|tag| tag.starts_with('"')).map(str::to_owned);
        let expected = announced.map(|it| it.saturating_add(part.length()));
        moves(part.length(), expected);
        read(&mut response, part, bounds, expected, moves)
    }

    /// Sends the request, and follows redirects.
    fn ask(
        &self,
        url: &str,
        from: u64,
        version: Option<&str>,
        bounds: &Bounds,
    ) -> Result<Response<Body>, Stop> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MOST {
            let proxy = match proxy_for(&url, |name| std::env::var(name).ok()) {
                Some((proxy, variable)) => {
                    Some(ureq::Proxy::new(&proxy).map_err(|_| HttpError::Proxy { variable })?)
                }
                None => None,
            };
            // The bytes are pinned as they are, so nothing may repack them on the way.
            let mut request = self.agent.get(&url).header(ACCEPT_ENCODING, "identity");
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
                if let Some(version) = version {
                    request = request.header(IF_RANGE, version);
                }
            }
            let request = request.config().proxy(proxy).timeout_global(Some(bounds.left()?)).build();
            let response = request.call().map_err(|e| failure(e, bounds))?;
            let to = match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => header(response.headers(), LOCATION).unwrap_or("").to_owned(),
                _ => return Ok(response),
            };
            let Some(next) = url::join(&url, &to) else { return Err(HttpError::Location { to }.into()) };
            if url.starts_with("https:") && !next.starts_with("https:") {
                return Err(HttpError::Downgrade { to: next }.into());
            }
            url = next;
        }
        Err(HttpError::Redirects { to: url }.into())
    }
}

/// Reads the body to its end.
fn read(
    response: &mut Response<Body>,
    part: &mut Part,
    bounds: &Bounds,
    expected: Option<u64>,
    moves: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Stop> {
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(failure(e.into(), bounds)),
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

/// Whether an encoding only says what the file is: some servers send an `a.tar.gz` as it is, and call that
/// `Content-Encoding: x-gzip`. If they mean it after all, the digest will show it.
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

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// What `Content-Range` says of the whole (RFC 9110, §14.4), when it is the rest from `wanted` on.
fn rest_of(range: &str, wanted: u64) -> Option<Option<u64>> {
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total: Option<u64> = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first == wanted && last >= first && total.is_none_or(|total| last < total)).then_some(total)
}

fn failure(error: ureq::Error, bounds: &Bounds) -> Stop {
    let limits = &bounds.limits;
    match error {
        ureq::Error::Timeout(Timeout::Global) => {
            MirrorFailure::TooSlow { seconds: limits.total.as_secs() }.into()
        }
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            HttpError::Connect { seconds: limits.connect.as_secs() }.into()
        }
        ureq::Error::Timeout(_) => HttpError::Stalled { seconds: limits.stall.as_secs() }.into(),
        ureq::Error::Io(error) => HttpError::Io(error).into(),
        error => HttpError::Other(error).into(),
    }
}
