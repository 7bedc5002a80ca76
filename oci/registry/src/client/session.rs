//! Talking to one registry about one repository: addresses, tokens, patience.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use docker_credential::DockerCredential;
use serde::Deserialize;
use ureq::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ureq::http::{Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body};
use url::Url;

use super::credentials;
use super::error::Error;
use super::remote::Remote;

/// The most bytes of an answer that is read whole and is no manifest: errors and tokens.
const SAID_MOST: u64 = 64 << 10;
/// The most letters of what a registry says that a person is shown.
const SHOWN_MOST: usize = 300;

/// How to talk.
#[derive(Clone, Debug)]
pub struct Options {
    /// Without TLS also to other machines.
    pub plain: bool,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long nothing may come, and nothing be taken.
    pub stall: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { plain: false, connect: Duration::from_secs(30), stall: Duration::from_secs(120) }
    }
}

/// What is to be done there: the words of token servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

/// A registry, and what is known of it.
pub struct Registry {
    pub(super) remote: Remote,
    agent: Agent,
    base: Url,
    purpose: Purpose,
    credentials: Option<Arc<DockerCredential>>,
    /// What goes into `Authorization`.
    token: Mutex<Option<String>>,
    /// A repository there that is read, too.
    also: Option<String>,
    stop: Arc<AtomicBool>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// Finds out whether it is there, whether it speaks TLS, and what it wants to know of us. `stop` ends whatever goes
    /// on, soon.
    ///
    /// # Errors
    /// When it is not there, or does not let us in.
    pub fn reach(
        remote: &Remote,
        purpose: Purpose,
        also: Option<String>,
        options: &Options,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let credentials = credentials::find(&remote.registry, &remote.repository)?.map(Arc::new);
        let host = &remote.registry;
        let plainly = remote.is_loopback() || options.plain;
        let schemes: &[&str] = if plainly { &["https", "http"] } else { &["https"] };
        let mut last = None;
        for scheme in schemes {
            let base = Url::parse(&format!("{scheme}://{host}/v2/")).map_err(|e| Error::Answer {
                what: remote.registry.clone(),
                why: format!("that is no address: {e}"),
            })?;
            let registry = Self {
                remote: remote.clone(),
                agent: agent(options, *scheme == "https"),
                base,
                purpose,
                credentials: credentials.clone(),
                token: Mutex::default(),
                also: also.clone(),
                stop: Arc::clone(stop),
            };
            let request = registry.request(Method::GET, registry.base.as_str());
            match registry.agent.run(request.body(()).map_err(|e| registry.network(e.into()))?) {
                Ok(answer) => {
                    registry.introduce(answer)?;
                    return Ok(registry);
                }
                Err(error) => last = Some(registry.network(error)),
            }
        }
        Err(last.unwrap_or(Error::Stopped))
    }

    /// The first answer says what the registry wants to know.
    fn introduce(&self, answer: Response<Body>) -> Result<(), Error> {
        match answer.status().as_u16() {
            401 => self.authenticate(&answer),
            200..=299 => Ok(()),
            404 => Err(Error::Answer { what: self.base.to_string(), why: "it is no registry".to_owned() }),
            _ => Err(self.failure("to be let in", answer)),
        }
    }

    /// An address of the repository.
    pub(super) fn url(&self, rest: &str) -> String {
        format!("{}{}/{rest}", self.base, self.remote.repository)
    }

    /// Where an upload goes on, which may be said relative to `of`.
    pub(super) fn location(&self, of: &str, answer: &Response<Body>) -> Result<Url, Error> {
        let wrong = |why: &str| Error::Answer { what: "an upload".to_owned(), why: why.to_owned() };
        let location = header(answer, "location").ok_or_else(|| wrong("it does not say where"))?;
        let url = Url::parse(of).and_then(|of| of.join(location)).map_err(|e| wrong(&e.to_string()))?;
        // A registry behind a proxy may not know that it is spoken to by TLS; the line that is there is taken.
        if self.base.scheme() == "https" && url.scheme() == "http" && url.host() == self.base.host() {
            let mut url = url;
            let _ = url.set_scheme("https");
            return Ok(url);
        }
        Ok(url)
    }

    /// A request, with what the registry wants to know when it goes to the registry itself.
    pub(super) fn request(&self, method: Method, url: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(url);
        let own = Url::parse(url).is_ok_and(|url| url.origin() == self.base.origin());
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match token.filter(|_| own) {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        }
    }

    /// Makes a request whose body can be sent again, and once more with a new token when the old one is too old.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response<Body>, Error> {
        let mut renewed = false;
        loop {
            self.check()?;
            let mut request = self.request(method.clone(), url);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let bodiless = *method == Method::GET || *method == Method::HEAD;
            let answer = match bodiless {
                true => self.agent.run(request.body(()).map_err(|e| self.network(e.into()))?),
                false => self.agent.run(request.body(body).map_err(|e| self.network(e.into()))?),
            };
            let answer = answer.map_err(|error| self.network(error))?;
            if answer.status() != 401 || renewed {
                return Ok(answer);
            }
            self.authenticate(&answer)?;
            renewed = true;
        }
    }

    /// Makes a request whose body can be sent but once.
    pub(super) fn stream(&self, request: Request<impl AsSendBody>) -> Result<Response<Body>, ureq::Error> {
        self.agent.run(request)
    }

    /// Fails when somebody stopped it.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.stop.load(Ordering::SeqCst) { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Whether somebody stopped it.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    pub(super) fn network(&self, error: ureq::Error) -> Error {
        if self.stop.load(Ordering::SeqCst) {
            return Error::Stopped;
        }
        Error::Network { registry: self.remote.registry.clone(), source: Box::new(error) }
    }

    /// What an answer that is no success means.
    pub(super) fn failure(&self, what: &str, answer: Response<Body>) -> Error {
        let status = answer.status().as_u16();
        let detail = said(answer);
        match status {
            401 | 403 => self.refused(&detail),
            _ => Error::Status { what: what.to_owned(), status, detail },
        }
    }

    fn refused(&self, detail: &str) -> Error {
        Error::Refused {
            registry: self.remote.registry.clone(),
            what: if self.purpose == Purpose::Push { "write there" } else { "read there" },
            detail: detail.to_owned(),
            credentials: self.credentials.is_some(),
        }
    }

    /// Gets what the challenge of an answer wants.
    pub(super) fn authenticate(&self, answer: &Response<Body>) -> Result<(), Error> {
        let all = answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|it| it.to_str().ok());
        let all = all.collect::<Vec<_>>().join(", ");
        let challenges = http_auth::parse_challenges(&all).map_err(|_| Error::Answer {
            what: self.remote.registry.clone(),
            why: "it does not say in words that are known what credentials it wants".to_owned(),
        })?;
        let find = |scheme: &str| challenges.iter().find(|it| it.scheme.eq_ignore_ascii_case(scheme));
        let authorization = if let Some(bearer) = find("Bearer") {
            let parameter = |name: &str| {
                let found = bearer.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            let realm = parameter("realm").ok_or_else(|| self.refused("it does not say who gives tokens"))?;
            format!("Bearer {}", self.token(&realm, parameter("service").as_deref())?)
        } else if find("Basic").is_some() {
            match self.credentials.as_deref() {
                Some(DockerCredential::UsernamePassword(name, password)) => {
                    http_auth::basic::encode_credentials(name, password)
                }
                Some(DockerCredential::IdentityToken(_)) => {
                    return Err(self.refused("it wants a name and a password, and there is a token"));
                }
                None => return Err(self.refused("")),
            }
        } else {
            return Err(self.refused("it wants credentials of a kind that is not known here"));
        };
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref() == Some(&authorization) {
            return Err(self.refused(""));
        }
        *token = Some(authorization);
        Ok(())
    }

    /// A token from whom the registry trusts (distribution's "Token Authentication").
    fn token(&self, realm: &str, service: Option<&str>) -> Result<String, Error> {
        let wrong = |why: String| Error::Answer { what: "a token".to_owned(), why };
        let mut url = Url::parse(realm).map_err(|e| wrong(format!("{realm}: {e}")))?;
        if url.scheme() != "https" && self.base.scheme() == "https" {
            return Err(Error::Insecure { to: realm.to_owned() });
        }
        let actions = if self.purpose == Purpose::Push { "pull,push" } else { "pull" };
        let mut scopes = vec![format!("repository:{}:{actions}", self.remote.repository)];
        scopes.extend(self.also.as_ref().map(|also| format!("repository:{also}:pull")));
        let answer = if let Some(DockerCredential::IdentityToken(refresh)) = self.credentials.as_deref() {
            let mut form = BTreeMap::from([
                ("grant_type", "refresh_token".to_owned()),
                ("client_id", "stele".to_owned()),
                ("refresh_token", refresh.clone()),
                ("scope", scopes.join(" ")),
            ]);
            form.extend(service.map(|service| ("service", service.to_owned())));
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let request = Request::builder()
                .method(Method::POST)
                .uri(url.as_str())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
                .map_err(|e| self.network(e.into()))?;
            self.agent.run(request)
        } else {
            for scope in &scopes {
                url.query_pairs_mut().append_pair("scope", scope);
            }
            if let Some(service) = service {
                url.query_pairs_mut().append_pair("service", service);
            }
            let mut request = Request::builder().method(Method::GET).uri(url.as_str());
            if let Some(DockerCredential::UsernamePassword(name, password)) = self.credentials.as_deref() {
                request = request.header(AUTHORIZATION, http_auth::basic::encode_credentials(name, password));
            }
            self.agent.run(request.body(()).map_err(|e| self.network(e.into()))?)
        };
        let answer = answer.map_err(|error| self.network(error))?;
        if !answer.status().is_success() {
            return Err(self.failure("a token", answer));
        }
        let text = whole(answer, SAID_MOST).map_err(|e| wrong(e.to_string()))?;
        let token: Token = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        token.token.or(token.access_token).ok_or_else(|| wrong("there is none in it".to_owned()))
    }
}

/// A header of an answer, when it is text.
pub(super) fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|it| it.to_str().ok())
}

/// The whole body of an answer, which may have so many bytes.
pub(super) fn whole(answer: Response<Body>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    answer.into_body().into_reader().take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

/// What an answer says of itself: the messages of the specification's errors, or the beginning of whatever it is.
fn said(answer: Response<Body>) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        code: Option<String>,
        message: Option<String>,
    }
    let Ok(bytes) = whole(answer, SAID_MOST) else { return String::new() };
    let text = match serde_json::from_slice::<Errors>(&bytes) {
        Ok(said) => {
            let each = said.errors.into_iter().map(|it| it.message.or(it.code).unwrap_or_default());
            each.collect::<Vec<_>>().join("; ")
        }
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    text.trim().chars().take(SHOWN_MOST).flat_map(char::escape_debug).collect()
}

fn agent(options: &Options, tls_only: bool) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        // A redirect must not give up what the first address promised.
        .https_only(tls_only)
        .http_status_as_error(false)
        .user_agent(concat!("stele/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(options.connect))
        .timeout_connect(Some(options.connect))
        .timeout_recv_response(Some(options.stall))
        .timeout_per_read(Some(options.stall))
        .timeout_per_write(Some(options.stall))
        .build()
        .new_agent()
}
