//! An answer.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use ureq::Body;
use ureq::http::header::RETRY_AFTER;

use crate::client::Limits;
use crate::error::HttpError;
use crate::retry::retry_after;

/// An answer, whose body is still to be read.
#[derive(Debug)]
pub struct Response {
    pub(crate) inner: ureq::http::Response<Body>,
    /// The URL that answered, after all redirects.
    pub(crate) url: String,
    pub(crate) limits: Limits,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        self.inner.status().is_success()
    }

    /// The URL that answered, after all redirects.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A header, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// All headers of that name that are text.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.inner.headers().get_all(name).iter().filter_map(|it| it.to_str().ok()).collect()
    }

    /// The delay that the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.header(RETRY_AFTER.as_str())?, SystemTime::now())
    }

    /// The status as an error.
    pub fn status_error(&self) -> HttpError {
        HttpError::Status { status: self.status(), pause: self.retry_after() }
    }

    /// The body as a stream.
    pub fn reader(&mut self) -> impl Read + '_ {
        let limits = self.limits;
        BodyReader { body: self.inner.body_mut().as_reader(), limits }
    }

    /// The whole body, of at most `max` bytes.
    ///
    /// # Errors
    /// When it is longer, or cannot be read to its end.
    pub fn whole(mut self, max: u64) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        let read = self.reader().take(max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(HttpError::of_body)?;
        match bytes.len() as u64 > max {
            true => Err(HttpError::Long { max }),
            false => Ok(bytes),
        }
    }
}

struct BodyReader<R> {
    body: R,
    limits: Limits,
}

impl<R: Read> Read for BodyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Its errors name the exceeded limit: they are kept inside.
        self.body.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(Box::new(HttpError::of(error.into(), &self.limits))),
        })
    }
}

impl HttpError {
    /// The [`HttpError`] in an error of [`Response::reader`].
    pub fn of_body(error: io::Error) -> Self {
        match error.downcast::<Box<Self>>() {
            Ok(error) => *error,
            Err(error) => Self::of_io(error),
        }
    }
}
