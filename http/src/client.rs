//! The client: one request, with its redirects, and the patience around it.

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

/// Redirects that are followed.
pub(crate) const MAX_REDIRECTS: u32 = 10;
/// So often it is looked whether somebody wants everything to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection to be made.
    pub connect: Duration,
    /// For the head of an answer, and without a single byte of its body.
    pub stall: Duration,
}

/// What is asked of a server. It must be safe to ask it twice.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// `GET`, `HEAD`, `PUT`, …
    pub method: Method,
    /// An address of http or https.
    pub url: &'a str,
    /// Names and values.
    pub headers: Vec<(&'a str, String)>,
    /// What goes into `Authorization`; a redirect to another origin does not get it.
    pub authorization: Option<String>,
    /// What is sent; nothing with `GET` and `HEAD`.
    pub body: &'a [u8],
    /// When all of it has to be over, the body included.
    pub deadline: Option<Instant>,
}

impl<'a> Request<'a> {
    /// A request without headers and body.
    pub fn new(method: Method, url: &'a str) -> Self {
        Self { method, url, headers: Vec::new(), authorization: None, body: &[], deadline: None }
    }

    /// With one more header.
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
    /// How many there are.
    pub length: u64,
}

/// A client of HTTP; threads share it.
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
    /// A client with these limits. Once `stop` is set, whatever waits for a server ends within a fraction of a second,
    /// and nothing new begins; only a name that is looked up, or a connection that is made, waits for its own bound.
    pub fn new(limits: Limits, stop: Option<Arc<AtomicBool>>) -> Self {
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

    /// Asks, and tries again what may pass. The last answer is given out whatever its status is.
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
            // The connection is free for the next try.
            drop(asked);
            self.wait(pause)?;
            tries += 1;
        }
    }

    /// Asks once, and follows redirects.
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

    /// Asks once with a body that can be read only once. Redirects are given out.
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

    /// Waits, unless somebody stops it.
    ///
    /// # Errors
    /// When somebody does.
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

    /// Fails when somebody stopped it.
    ///
    /// # Errors
    /// Then.
    pub fn check(&self) -> Result<(), HttpError> {
        if self.stop.load(Ordering::SeqCst) { Err(HttpError::Stopped) } else { Ok(()) }
    }

    fn build(&self, request: &Request<'_>, url: &str) -> request::Builder {
        // The bytes are named by their digest as they are, so nothing may repack them on the way.
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
        // What was cut off says whatever it likes.
        answer.map_err(|error| self.check().err().unwrap_or_else(|| HttpError::of(error, &self.limits)))
    }
}

/// Ends all that an agent does once `stop` is set, until `over` is.
fn watch(agent: Agent, stop: Arc<AtomicBool>, over: Arc<AtomicBool>) {
    let look = move || {
        while !over.load(Ordering::SeqCst) {
            if stop.load(Ordering::SeqCst) {
                return agent.shutdown();
            }
            thread::sleep(LOOK);
        }
    };
    // Without a thread the flag is looked at between two reads, as long as that may take.
    let _ = thread::Builder::new().name("http-stop".to_owned()).spawn(look);
}

/// Whether an answer wants the same request made elsewhere.
fn leads_elsewhere(status: u16, is_bodiless: bool) -> bool {
    match status {
        307 | 308 => true,
        301..=303 => is_bodiless,
        _ => false,
    }
}
