//! One connection: requests in, answers out.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::{info, warn};

use super::Images;
use super::blob::{Part, send};
use super::metrics::Metrics;
use super::past::Past;
use crate::endpoint::{Answer, Asked, Body, Unavailable, World, answer};
use crate::name::RepositoryName;
use crate::repository::Repository;

type Sending = UnsyncBoxBody<Bytes, io::Error>;

/// What all connections share.
pub struct Shared {
    pub images: Arc<dyn Images>,
    pub metrics: Arc<Metrics>,
    pub past: Past,
}

impl World for Shared {
    fn repositories(&self) -> Result<Vec<String>, Unavailable> {
        self.images.names()
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
    peer: String,
    request: Request<B>,
) -> Result<Response<Sending>, Infallible> {
    let (head, _) = request.into_parts();
    let about = format!("{peer} {} {}", head.method, head.uri.path());
    let only_head = head.method == Method::HEAD;
    let begun = std::time::Instant::now();
    let asking = Arc::clone(&shared);
    // The store is asked by calls that block.
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
    Ok(response(&shared, answer, only_head))
}

/// A header that is there once, and is text. One that is there twice is as good as none: it is not known which counts.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then(|| first.to_str().ok()).flatten()
}

fn empty() -> Sending {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn response(shared: &Shared, answer: Answer, only_head: bool) -> Response<Sending> {
    let length = answer.body.length();
    let body = match answer.body {
        _ if only_head => empty(),
        Body::Nothing => empty(),
        Body::Text(text) => full(text),
        Body::Metrics => full(shared.metrics.text().unwrap_or_default()),
        Body::Blob { repository, digest, size, first, length } => {
            let part = Part { repository, digest, size, first, length };
            send(&shared.images, &shared.metrics, part).boxed_unsync()
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        // What a manifest's media type may say, no header need take.
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
