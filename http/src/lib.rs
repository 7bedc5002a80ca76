//! The HTTP client of mirrors and registries.
//!
//! It knows nothing of either: a caller names a [`Request`], and gets a [`Response`] whose status it judges itself.
//! What
//! is the same for everybody lives here:
//!
//! * Redirects of `GET` and `HEAD` are followed, those of a request with a body when the server wants the same request
//!   elsewhere (307, 308). One from https to http is refused. Credentials go to the first address only.
//! * Proxies are those of the environment, by curl's rules. TLS trusts whom the machine trusts.
//! * A download goes on where it broke ([`Download`]): a 206 is believed only when its Content-Range is the part that
//!   was asked for, and a strong validator is sent along.
//! * What may pass (408, 425, 429, most of 5xx, broken connections) is tried again with growing pauses, or the pause
//!   that
//!   the server asks for ([`Client::send`]).
//! * Connecting, the head of an answer and silence have bounds of their own, and a request may have a deadline. A flag
//!   that somebody else sets ends whatever waits within a fraction of a second.

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
