//! One connection: requests in, answers out.

use std::convert::Infallible;
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use stele_listen::Slot;
use tracing::{info, warn};

use super::Images;
use super::blob::{Part, send};
use super::metrics::Metrics;
use super::past::Past;
use super::verified::Verified;
use crate::endpoint::{Answer, Asked, Body, Unavailable, World, answer};
use crate::name::RepositoryName;
use crate::repository::Repository;

type Sending = UnsyncBoxBody<Bytes, io::Error>;

/// What all connections share.
pub struct Shared {
    pub images: Arc<dyn Images>,
    pub metrics: Arc<Metrics>,
    pub past: Past,
    pub verified: Verified,
}

impl World for Shared {
    fn repositories(&self) -> Result<Vec<String>, Unavailable> {
        self.images.names()
    }

    fn alive(&self) -> Result<(), Unavailable> {
        self.images.alive()
    }

    fn repository(&self, name: &RepositoryName) -> Result<Vec<Arc<Repository>>, Unavailable> {
        Ok(self.past.with(name, self.images.repository(name)?))
    }
}

/// Answers a request.
///
/// # Errors
/// Never.
pub async fn respond<B>(
    shared: Arc<Shared>,
    place: Arc<Slot>,
    peer: String,
    request: Request<B>,
) -> Result<Response<Sending>, Infallible> {
    let working = place.work();
    let (head, _) = request.into_parts();
    if !names_a_host(head.version, &head.headers) {
        shared.metrics.answered("none", 400);
        let mut response = Response::new(full("400: a request names one host\n".to_owned()));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    let about = format!("{peer} {} {}", head.method, head.uri.path());
    let only_head = head.method == Method::HEAD;
    let begun = std::time::Instant::now();
    let asking = Arc::clone(&shared);
    // Calls to the store block.
    let answered = tokio::task::spawn_blocking(move || {
        let text = |name| one(&head.headers, &name);
        let asked = Asked {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            range: text(header::RANGE),
            if_range: text(header::IF_RANGE),
            if_none_match: text(header::IF_NONE_MATCH),
        };
        answer(&asked, &*asking)
    });
    let Ok(answer) = answered.await else {
        warn!("{about}: 500");
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(response);
    };
    shared.metrics.answered(answer.route, answer.status);
    let took = begun.elapsed().as_millis();
    info!("{}: {} in {took} ms", about.escape_debug(), answer.status);
    // The slot is busy until the last byte is sent.
    let under_way = move |frame| {
        let _ = &working;
        frame
    };
    Ok(response(&shared, answer, only_head).map(|body| body.map_frame(under_way).boxed_unsync()))
}

/// Whether a request names exactly one host, as HTTP/1.1 requires (RFC 9112, §3.2).
fn names_a_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
    }
}

/// A name or address with an optional port. It may be empty (RFC 9110, §7.2).
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("", port),
            _ => return false,
        },
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
    is_port && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&it))
}

/// A header that occurs once, as text. A repeated one is ignored: it is ambiguous.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then(|| first.to_str().ok()).flatten()
}

fn empty() -> Sending {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn response(shared: &Arc<Shared>, answer: Answer, only_head: bool) -> Response<Sending> {
    let length = answer.body.length();
    let body = match answer.body {
        _ if only_head => empty(),
        Body::Nothing => empty(),
        Body::Text(text) => full(text),
        Body::Metrics => full(shared.metrics.text().unwrap_or_default()),
        Body::Blob { repository, digest, size, first, length } => {
            let part = Part { repository, digest, size, first, length };
            send(shared, part).boxed_unsync()
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        // A manifest's media type may hold bytes that no header accepts.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

fn full(text: String) -> Sending {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(version: Version, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).expect("a value"));
        }
        names_a_host(version, &headers)
    }

    #[test]
    fn a_request_without_exactly_one_host_is_refused() {
        assert!(!named(Version::HTTP_11, &[]));
        assert!(named(Version::HTTP_10, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!named(version, &["a", "a"]));
            for host in ["a b", "a/b", "a:x", "a:1:2", "[::1", "[x]", "user@a", "[::1]x", "a?", "a#"] {
                assert!(!named(version, &[host]), "{host}");
            }
            for host in ["", "a", "a.example:80", "127.0.0.1:5000", "[::1]", "[::1]:5000", "localhost:"] {
                assert!(named(version, &[host]), "{host}");
            }
        }
    }
}
