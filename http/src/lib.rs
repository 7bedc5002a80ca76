//! The HTTP client for mirrors and registries.
//!
//! It knows neither: a caller makes a [`Request`], and gets a [`Response`] whose status it interprets itself. Common
//! behaviour is here:
//!
//! * Redirects of `GET` and `HEAD` are followed, those of a request with a body for 307 and 308. One from https to http
//!   is refused. Credentials are sent to the first origin only.
//! * Proxies are those of the environment, by curl's rules. TLS trusts the machine's authorities.
//! * A download resumes where it broke ([`Download`]): a 206 is accepted only when its Content-Range is the requested
//!   part, and a strong validator is sent.
//! * Temporary failures (408, 425, 429, most of 5xx, broken connections) are retried with growing delays, or the delay
//!   that the server asks for ([`Client::send`]).
//! * Connecting, the head of an answer and stalls have their own time limits, and a request may have a deadline. A stop
//!   flag ends every wait within a fraction of a second.

mod address;
mod client;
mod download;
mod error;
mod proxy;
mod response;
mod retry;
#[cfg(test)]
mod tests;

pub use client::{Client, Limits, Request, Streamed};
pub use download::{Download, Start};
pub use error::HttpError;
pub use response::Response;
pub use retry::Retry;
pub use ureq::http::Method;
