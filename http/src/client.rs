//! The client: one request, with its redirects and retries.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH};
use ureq::http::{Method, request};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, SendBody};

use crate::address::{join, origin};
use crate::error::HttpError;
use crate::proxy::proxy_for;
use crate::response::Response;
use crate::retry::Retry;

/// Maximum number of redirects.
pub(crate) const MAX_REDIRECTS: u32 = 10;
/// The interval for polling the stop flag.
const LOOK: Duration = Duration::from_millis(100);

/// Time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For connecting.
    pub connect: Duration,
    /// For the head of an answer, and between two bytes of its body.
    pub stall: Duration,
}

/// A request to a server. It must be idempotent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// `GET`, `HEAD`, `PUT`, …
    pub method: Method,
    /// An http or https URL.
    pub url: &'a str,
    /// Names and values.
    pub headers: Vec<(&'a str, String)>,
    /// The value of `Authorization`; not sent to another origin after a redirect.
    pub authorization: Option<String>,
    /// The body; empty for `GET` and `HEAD`.
    pub body: &'a [u8],
    /// The deadline for everything, including the body.
    pub deadline: Option<Instant>,
}

impl<'a> Request<'a> {
    /// A request without headers and body.
    pub fn new(method: Method, url: &'a str) -> Self {
        Self { method, url, headers: Vec::new(), authorization: None, body: &[], deadline: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn is_bodiless(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// A body that can be read only once, and its length in bytes.
pub struct Streamed<'a> {
    /// The bytes.
    pub from: &'a mut dyn Read,
    /// Their number.
    pub length: u64,
}

/// An HTTP client; threads share it.
pub struct Client {
    agent: Agent,
    limits: Limits,
    stop: Arc<AtomicBool>,
    /// Set when the client is dropped.
    over: Arc<AtomicBool>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Client {
    /// A client with these limits. Once `stop` is set, every wait for a server ends within a fraction of a second, and
    /// no request begins; only a DNS lookup or a connection attempt waits for its own limit.
    pub fn new(limits: Limits, stop: Option<Arc<AtomicBool>>) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            // Each redirect is checked here, and so is each status.
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
        let watched = stop.is_some();
        let (stop, over) = (stop.unwrap_or_default(), Arc::new(AtomicBool::new(false)));
        if watched {
            watch(agent.clone(), Arc::clone(&stop), Arc::clone(&over));
        }
        Self { agent, limits, stop, over }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a request, and retries temporary failures. The last answer is returned whatever its status is.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub fn send(&self, request: &Request<'_>, retry: &Retry) -> Result<Response, HttpError> {
        let mut tries = 1;
        loop {
            let asked = self.once(request);
            let pause = match &asked {
                Ok(answer) => retry.after_answer(tries, answer),
                Err(error) => retry.after(tries, error),
            };
            let Some(pause) = pause else { return asked };
            if request.deadline.is_some_and(|it| it.saturating_duration_since(Instant::now()) < pause) {
                return asked;
            }
            // Frees the connection for the next attempt.
            drop(asked);
            self.wait(pause)?;
            tries += 1;
        }
    }

    /// Sends a request once, and follows redirects.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub fn once(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let mut url = request.url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let made = self.build(request, &url);
            let answer = match request.is_bodiless() {
                true => self.run(made, &url, request.deadline, ())?,
                false => self.run(made, &url, request.deadline, request.body)?,
            };
            let answer = Response { inner: answer, url, limits: self.limits };
            if !leads_elsewhere(answer.status(), request.is_bodiless()) {
                return Ok(answer);
            }
            let to = answer.header("location").unwrap_or("").to_owned();
            let Some(next) = join(&answer.url, &to) else { return Err(HttpError::Location { to }) };
            if answer.url.starts_with("https:") && !next.starts_with("https:") {
                return Err(HttpError::Downgrade { to: next });
            }
            url = next;
        }
        Err(HttpError::Redirects { to: url })
    }

    /// Sends a request once with a body that can be read only once. Redirects are returned.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub fn stream(&self, request: &Request<'_>, body: Streamed<'_>) -> Result<Response, HttpError> {
        let made = self.build(request, request.url).header(CONTENT_LENGTH, body.length);
        let mut from = body.from;
        let sent = SendBody::from_reader(&mut from);
        let answer = self.run(made, request.url, request.deadline, sent)?;
        Ok(Response { inner: answer, url: request.url.to_owned(), limits: self.limits })
    }

    /// Waits, unless the stop flag is set.
    ///
    /// # Errors
    /// When it is set.
    pub fn wait(&self, pause: Duration) -> Result<(), HttpError> {
        let until = Instant::now() + pause;
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK));
        }
    }

    /// Fails when the stop flag is set.
    ///
    /// # Errors
    /// When it is.
    pub fn check(&self) -> Result<(), HttpError> {
        if self.stop.load(Ordering::SeqCst) { Err(HttpError::Stopped) } else { Ok(()) }
    }

    fn build(&self, request: &Request<'_>, url: &str) -> request::Builder {
        // The digest is of the plain bytes, so they must not be compressed for transfer.
        let builder = request::Builder::new().method(request.method.clone()).uri(url);
        let mut builder = builder.header(ACCEPT_ENCODING, "identity");
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        match &request.authorization {
            Some(value) if origin(url) == origin(request.url) => builder.header(AUTHORIZATION, value),
            _ => builder,
        }
    }

    fn run(
        &self,
        made: request::Builder,
        url: &str,
        deadline: Option<Instant>,
        body: impl AsSendBody,
    ) -> Result<ureq::http::Response<Body>, HttpError> {
        self.check()?;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(HttpError::Deadline);
        }
        let proxy = match proxy_for(url, |name| std::env::var(name).ok()) {
            Some((proxy, variable)) => {
                Some(ureq::Proxy::new(&proxy).map_err(|_| HttpError::Proxy { variable })?)
            }
            None => None,
        };
        let request = made.body(body).map_err(|error| HttpError::Other(error.into()))?;
        let request = self.agent.configure_request(request).proxy(proxy).timeout_global(left).build();
        let answer = self.agent.run(request);
        // The error of an aborted request is arbitrary.
        answer.map_err(|error| self.check().err().unwrap_or_else(|| HttpError::of(error, &self.limits)))
    }
}

/// Aborts all connections of an agent once `stop` is set, until `over` is.
fn watch(agent: Agent, stop: Arc<AtomicBool>, over: Arc<AtomicBool>) {
    let look = move || {
        while !over.load(Ordering::SeqCst) {
            if stop.load(Ordering::SeqCst) {
                return agent.shutdown();
            }
            thread::sleep(LOOK);
        }
    };
    // Without a thread the flag is only checked between two reads, however long that takes.
    let _ = thread::Builder::new().name("http-stop".to_owned()).spawn(look);
}

/// Whether an answer redirects this request.
fn leads_elsewhere(status: u16, is_bodiless: bool) -> bool {
    match status {
        307 | 308 => true,
        301..=303 => is_bodiless,
        _ => false,
    }
}
