//! Talking to one registry about one repository: addresses, tokens, patience.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use docker_credential::DockerCredential;
use serde::Deserialize;
use stele_http::{Client, HttpError, Limits, Method, Request, Response, Retry, Streamed};
use url::{Host, Url};

use super::credentials;
use super::error::Error;
use super::remote::Remote;

/// The most bytes of an answer that is read whole and is no manifest: errors and tokens.
const MAX_ERROR_BODY: u64 = 64 << 10;
/// The most letters of what a registry says that a person is shown.
const MAX_SHOWN: usize = 300;

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
    http: Client,
    base: Url,
    purpose: Purpose,
    credentials: Option<Arc<DockerCredential>>,
    /// Why there are no credentials, when there might be.
    trouble: Option<String>,
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
        let found = credentials::find(&remote.registry, &remote.repository)?;
        let (credentials, trouble) = (found.credentials.map(Arc::new), found.trouble);
        let host = &remote.registry;
        let plainly = remote.is_loopback() || options.plain;
        let schemes: &[&str] = if plainly { &["https", "http"] } else { &["https"] };
        let mut last = None;
        for scheme in schemes {
            let base = Url::parse(&format!("{scheme}://{host}/v2/")).map_err(|e| Error::Answer {
                what: remote.registry.clone(),
                why: format!("that is no address: {e}"),
            })?;
            let limits = Limits { connect: options.connect, stall: options.stall };
            let registry = Self {
                remote: remote.clone(),
                http: Client::new(limits, Some(Arc::clone(stop))),
                base,
                purpose,
                credentials: credentials.clone(),
                trouble: trouble.clone(),
                token: Mutex::default(),
                also: also.clone(),
                stop: Arc::clone(stop),
            };
            let request = Request::new(Method::GET, registry.base.as_str());
            // Whether somebody is there who speaks TLS is known at once.
            let answer = match registry.http.once(&request) {
                Err(error) if *scheme == "https" && plainly && error.is_without_tls() => {
                    last = Some(registry.network(error));
                    continue;
                }
                Err(error) if !error.may_pass() => Err(error),
                Ok(answer) if Retry::REGISTRY.after_answer(1, &answer).is_none() => Ok(answer),
                _ => registry.http.send(&request, &Retry::REGISTRY),
            };
            registry.introduce(answer.map_err(|error| registry.network(error))?)?;
            return Ok(registry);
        }
        Err(last.unwrap_or(Error::Stopped))
    }

    /// The first answer says what the registry wants to know.
    fn introduce(&self, answer: Response) -> Result<(), Error> {
        match answer.status() {
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
    pub(super) fn location(&self, of: &str, answer: &Response) -> Result<Url, Error> {
        let wrong = |why: &str| Error::Answer { what: "an upload".to_owned(), why: why.to_owned() };
        let location = answer.header("location").ok_or_else(|| wrong("it does not say where"))?;
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
    fn request<'a>(&self, method: &Method, url: &'a str, headers: &[(&'a str, &str)]) -> Request<'a> {
        let mut request = Request::new(method.clone(), url);
        request.headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let own = Url::parse(url).is_ok_and(|url| url.origin() == self.base.origin());
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        request.authorization = token.filter(|_| own);
        request
    }

    /// Makes a request that can be made again: when what went wrong may pass, and once more with a new token when the
    /// old
    /// one is too old.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, Error> {
        self.send_as_often(method, url, headers, body, &Retry::REGISTRY)
    }

    /// The same for whoever counts the tries itself.
    pub(super) fn send_once(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, Error> {
        self.send_as_often(method, url, headers, &[], &Retry { tries: 1, ..Retry::REGISTRY })
    }

    fn send_as_often(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        retry: &Retry,
    ) -> Result<Response, Error> {
        let mut renewed = false;
        loop {
            let mut request = self.request(method, url, headers);
            request.body = body;
            let answer = self.http.send(&request, retry).map_err(|error| self.network(error))?;
            if answer.status() != 401 || renewed {
                return Ok(answer);
            }
            self.authenticate(&answer)?;
            renewed = true;
        }
    }

    /// Makes a request whose body can be sent but once.
    pub(super) fn stream(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Streamed<'_>,
    ) -> Result<Response, HttpError> {
        self.http.stream(&self.request(method, url, headers), body)
    }

    /// Waits before the next try.
    pub(super) fn wait(&self, pause: Duration) -> Result<(), Error> {
        self.http.wait(pause).map_err(|error| self.network(error))
    }

    /// Fails when somebody stopped it.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.stop.load(Ordering::SeqCst) { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Whether somebody stopped it.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    pub(super) fn network(&self, error: HttpError) -> Error {
        if self.stop.load(Ordering::SeqCst) || matches!(error, HttpError::Stopped) {
            return Error::Stopped;
        }
        Error::Network { registry: self.remote.registry.clone(), source: Box::new(error) }
    }

    /// What an answer that is no success means.
    pub(super) fn failure(&self, what: &str, answer: Response) -> Error {
        let status = answer.status();
        let detail = said(answer);
        match status {
            401 | 403 => self.refused(&detail),
            _ => Error::Status { what: what.to_owned(), status, detail },
        }
    }

    fn refused(&self, detail: &str) -> Error {
        let all = [Some(detail).filter(|it| !it.is_empty()), self.trouble.as_deref()];
        Error::Refused {
            registry: self.remote.registry.clone(),
            what: if self.purpose == Purpose::Push { "write there" } else { "read there" },
            detail: all.into_iter().flatten().collect::<Vec<_>>().join("; "),
            credentials: self.credentials.is_some(),
        }
    }

    /// Gets what the challenge of an answer wants.
    pub(super) fn authenticate(&self, answer: &Response) -> Result<(), Error> {
        let all = answer.headers("www-authenticate").join(", ");
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
            if self.base.scheme() != "https" && !is_loopback(&self.base) && self.credentials.is_some() {
                return Err(Error::Insecure { to: self.base.to_string() });
            }
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
        if url.scheme() != "https" && !is_loopback(&url) {
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
            let mut request = Request::new(Method::POST, url.as_str())
                .header("content-type", "application/x-www-form-urlencoded");
            request.body = body.as_bytes();
            self.http.send(&request, &Retry::REGISTRY)
        } else {
            for scope in &scopes {
                url.query_pairs_mut().append_pair("scope", scope);
            }
            if let Some(service) = service {
                url.query_pairs_mut().append_pair("service", service);
            }
            let mut request = Request::new(Method::GET, url.as_str());
            if let Some(DockerCredential::UsernamePassword(name, password)) = self.credentials.as_deref() {
                request.authorization = Some(http_auth::basic::encode_credentials(name, password));
            }
            self.http.send(&request, &Retry::REGISTRY)
        };
        let answer = answer.map_err(|error| self.network(error))?;
        if !answer.is_success() {
            return Err(self.failure("a token", answer));
        }
        let text = answer.whole(MAX_ERROR_BODY).map_err(|e| wrong(e.to_string()))?;
        let token: Token = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        token.token.or(token.access_token).ok_or_else(|| wrong("there is none in it".to_owned()))
    }
}

/// Whether an address is on this machine, so that nobody on the way can listen.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What an answer says of itself: the messages of the specification's errors, or the beginning of whatever it is.
fn said(answer: Response) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        code: Option<String>,
        message: Option<String>,
    }
    let Ok(bytes) = answer.whole(MAX_ERROR_BODY) else { return String::new() };
    let text = match serde_json::from_slice::<Errors>(&bytes) {
        Ok(said) => {
            let each = said.errors.into_iter().map(|it| it.message.or(it.code).unwrap_or_default());
            each.collect::<Vec<_>>().join("; ")
        }
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    text.trim().chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect()
}
