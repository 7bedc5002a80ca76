//! A blob on its way to a registry: one upload, which goes on where it broke (distribution-spec v1.1, "Pushing a blob
//! in chunks").

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stele_http::{Method, Response, Retry, Streamed};
use url::Url;

use super::Blobs;
use super::error::{Error, TRIES, pause};
use super::session::Registry;
use crate::name::Sha256Digest;

/// What became of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The registry had it.
    There,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Sent {
        /// In so many bytes, with those that were sent twice.
        bytes: u64,
    },
}

/// Sees to it that the registry has a blob.
pub(super) fn upload(
    registry: &Registry,
    digest: &Sha256Digest,
    size: u64,
    from: Option<&str>,
    blobs: &dyn Blobs,
) -> Result<Outcome, Error> {
    let answer = registry.send(&Method::HEAD, &registry.url(&format!("blobs/{digest}")), &[], &[])?;
    match answer.status() {
        200..=299 => return Ok(Outcome::There),
        // Some registries say so when there is no repository yet.
        401 | 403 | 404 => {}
        _ => return Err(registry.failure("whether it has a blob", answer)),
    }
    let mut place = match begin(registry, digest, from)? {
        None => return Ok(Outcome::Mounted),
        Some(place) => place,
    };
    let (mut there, mut tries, mut bytes) = (0, 0, 0);
    let mut last = Broke { why: String::new(), pause: None };
    loop {
        registry.check()?;
        if tries == TRIES {
            return Err(Error::Broken { what: format!("blob {digest}"), tries, last: last.why });
        }
        if tries > 0 {
            registry.wait(last.pause.unwrap_or_default().max(pause(tries)))?;
            match resume(registry, &place)? {
                Resumed::At(next, has) => {
                    // What came through counts, and whoever gets further has its tries again.
                    tries = if has > there { 1 } else { tries };
                    (place, there) = (next, has.min(size));
                }
                Resumed::Unknown(why) => {
                    (last, tries) = (why, tries + 1);
                    continue;
                }
                Resumed::Forgotten => match begin(registry, digest, None)? {
                    None => return Ok(Outcome::There),
                    Some(next) => (place, there) = (next, 0),
                },
            }
        }
        let sent = if there == size {
            Ok(None)
        } else {
            patch(registry, &place, digest, (there, size), blobs, &mut bytes)
        };
        match sent {
            Ok(None) => {}
            Ok(Some(next)) => place = next,
            Err(Patch::Failed(error)) => return Err(error),
            Err(Patch::Broke(why)) => {
                (last, tries) = (why, tries + 1);
                continue;
            }
        }
        let mut end = place.clone();
        end.query_pairs_mut().append_pair("digest", digest.as_str());
        match registry.send_once(&Method::PUT, end.as_str(), &[("content-type", "application/octet-stream")])
        {
            Ok(answer) if answer.is_success() => return Ok(Outcome::Sent { bytes }),
            Ok(answer) if may_pass(&answer) => last = Broke::answer(registry, "to end a blob", answer),
            Ok(answer) => return Err(registry.failure(&format!("to end the blob {digest}"), answer)),
            Err(Error::Network { source, .. }) => last = Broke::error(&*source),
            Err(error) => return Err(error),
        }
        tries += 1;
    }
}

/// Begins an upload, or has the registry take the blob from `from`; then there is none.
fn begin(registry: &Registry, digest: &Sha256Digest, from: Option<&str>) -> Result<Option<Url>, Error> {
    let mut url = registry.url("blobs/uploads/");
    if let Some(from) = from {
        let pairs = [("mount", digest.as_str()), ("from", from)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        url = format!("{url}?{query}");
    }
    let answer = registry.send(&Method::POST, &url, &[], &[])?;
    match answer.status() {
        201 => Ok(None),
        202 => registry.location(&url, &answer).map(Some),
        _ => Err(registry.failure("to begin a blob", answer)),
    }
}

/// How an upload broke.
struct Broke {
    why: String,
    /// How long the registry wants to be left alone.
    pause: Option<Duration>,
}

impl Broke {
    fn error(error: &dyn std::fmt::Display) -> Self {
        Self { why: error.to_string(), pause: None }
    }

    fn answer(registry: &Registry, what: &str, answer: Response) -> Self {
        // Whoever asks for more is tried again too soon, and says so again.
        let pause = answer.retry_after().map(|pause| pause.min(Retry::REGISTRY.max_pause));
        Self { why: registry.failure(what, answer).to_string(), pause }
    }
}

/// What a registry says of an upload that broke.
enum Resumed {
    /// It goes on at that place, and so many bytes are there.
    At(Url, u64),
    /// There is no such upload any more, or nothing is in it.
    Forgotten,
    /// It cannot be asked now: nobody knows how much is there, and nothing may be sent before somebody does.
    Unknown(Broke),
}

/// Asks where an upload is to go on.
fn resume(registry: &Registry, place: &Url) -> Result<Resumed, Error> {
    let answer = match registry.send_once(&Method::GET, place.as_str(), &[]) {
        Ok(answer) => answer,
        Err(Error::Network { source, .. }) => return Ok(Resumed::Unknown(Broke::error(&*source))),
        Err(error) => return Err(error),
    };
    if may_pass(&answer) {
        let broke = Broke::answer(registry, "how much of a blob is there", answer);
        return Ok(Resumed::Unknown(broke));
    }
    if !answer.is_success() {
        return Ok(Resumed::Forgotten);
    }
    let next = registry.location(place.as_str(), &answer).unwrap_or_else(|_| place.clone());
    let range = answer.header("range").unwrap_or_default();
    let last =
        range.trim_start_matches("bytes=").split_once('-').and_then(|(_, last)| last.parse::<u64>().ok());
    // An upload of nothing says `0-0`, and so does one of a single byte. Nobody can know: a new one is begun.
    Ok(last.filter(|last| *last > 0).map_or(Resumed::Forgotten, |last| Resumed::At(next, last + 1)))
}

fn may_pass(answer: &Response) -> bool {
    matches!(answer.status(), 401 | 408 | 416 | 425 | 429 | 500..=599)
}

enum Patch {
    /// There is no use in trying again.
    Failed(Error),
    /// There is.
    Broke(Broke),
}

/// Sends what is not there yet, and adds what was sent to `bytes`; where the upload goes on.
fn patch(
    registry: &Registry,
    place: &Url,
    digest: &Sha256Digest,
    (first, size): (u64, u64),
    blobs: &dyn Blobs,
    bytes: &mut u64,
) -> Result<Option<Url>, Patch> {
    let failed = |error| Patch::Failed(error);
    let from = blobs.open(digest, first..size).map_err(|e| failed(e.into()))?;
    let mut body = Sending { from, left: size - first, stop: registry.stop(), broke: None };
    let range = format!("{first}-{}", size - 1);
    let headers = [("content-type", "application/octet-stream"), ("content-range", range.as_str())];
    let sent = Streamed { from: &mut body, length: size - first };
    let answer = registry.stream(&Method::PATCH, place.as_str(), &headers, sent);
    *bytes += size - first - body.left;
    if let Some(error) = body.broke.take() {
        // It is our own side that has no bytes: no registry can help.
        return Err(failed(error.into()));
    }
    registry.check().map_err(failed)?;
    match answer {
        Err(error) => Err(Patch::Broke(Broke::error(&error))),
        Ok(answer) if answer.is_success() => {
            registry.location(place.as_str(), &answer).map(Some).map_err(failed)
        }
        Ok(answer) => {
            if answer.status() == 401 {
                // The token became too old on the way.
                registry.authenticate(&answer).map_err(failed)?;
            }
            Err(if may_pass(&answer) {
                Patch::Broke(Broke::answer(registry, "to send a blob", answer))
            } else {
                failed(registry.failure("to send a blob", answer))
            })
        }
    }
}

/// A body that says how far it is, and ends when it is told to.
struct Sending<'a> {
    from: Box<dyn Read + Send>,
    left: u64,
    stop: &'a AtomicBool,
    broke: Option<io::Error>,
}

impl Read for Sending<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let max = usize::try_from(self.left).map_or(to.len(), |left| left.min(to.len()));
        match self.from.read(&mut to[..max]) {
            Ok(0) if max > 0 => {
                let why = "a blob ended before its end";
                self.broke = Some(io::Error::other(why));
                Err(io::Error::other(why))
            }
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                self.broke = Some(error);
                Err(kind.into())
            }
        }
    }
}
