//! `serve`

mod oci;
mod reapi;

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use stele_listen::{Bound, Options, bind};

use crate::args::Global;
use crate::render::Noted;
use crate::stores::Here;
use crate::where_store;
use stele::Quiet;
use stele::failure::{Failure, Kind};
use stele_remote::exchange;

/// Serve the store on the network, until interrupted: its images to container engines, or itself as a cache to build
/// programs
///
/// --oci: a read-only OCI registry. Each image is a repository of its name, with the tag `latest` and, when its
/// annotation `org.opencontainers.image.version` is a valid tag, that tag. Layers are generated on request. There is no
/// authentication: every client that reaches the address can read every image.
///
/// --reapi: the cache of the Remote Execution API, for Bazel, BuildStream and others. Without further options, every
/// client that reaches the address can read what it knows the digest of, and none can write.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["oci", "reapi", "stdio"])))]
#[command(after_help = "\
Paths of --oci: /v2/ (OCI distribution-spec v1.1); of both: /metrics for Prometheus, /healthz. \
The log goes to stderr; STELE_LOG=warn omits requests.\n\
Exit codes: 0 stopped by a signal; 1 failed; 2 wrong usage, such as an address already in use.")]
pub struct Serve {
    /// Serve images; port 0 chooses a free one, and stdout shows which
    #[arg(long, value_name = "HOST:PORT")]
    oci: Option<String>,
    /// Serve as a cache; port 0 chooses a free one, and stdout shows which
    #[arg(long, value_name = "HOST:PORT")]
    reapi: Option<String>,
    /// Answer one `stele copy` of another machine on stdin and stdout: it may read and write the store
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    stdio: bool,
    #[command(flatten)]
    cache: reapi::CacheArgs,
    /// TLS: the certificates as PEM, the endpoint's own first
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS: the key of the first certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Maximum number of connections; more are queued
    #[arg(long, default_value_t = 128, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
    /// Disconnect a client that reads nothing of its response for this many seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    stall: u32,
}

/// Answers another machine's copy until it has no more questions.
fn stdio(global: &Global) -> Result<(), Failure> {
    let folder = where_store::find(global.store.clone())?;
    let mut store = Here::open(&folder, true, Box::new(Noted(Quiet)))?;
    let (mut from, mut to) = (BufReader::new(io::stdin()), io::stdout());
    Ok(exchange::serve(&mut store, &mut from, &mut to)?)
}

impl Serve {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        match (&self.oci, &self.reapi) {
            (Some(address), _) => oci::run(&self, address, global),
            (_, Some(address)) => reapi::run(&self, address, global),
            (None, None) => stdio(global),
        }
    }

    /// What both endpoints are given; `protocols` are offered by TLS.
    fn options(&self, protocols: &[&str]) -> Result<Options, Failure> {
        let files = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let clients = self.cache.tls_clients.as_deref();
        let tls = files
            .map(|(certificates, key)| stele_listen::tls(certificates, key, clients, protocols))
            .transpose();
        let tls = tls.map_err(|e| Failure::new(Kind::Usage, e.to_string()))?;
        Ok(Options {
            connections: usize::from(self.max_connections),
            stall: Duration::from_secs(u64::from(self.stall)),
            tls,
            ..Options::default()
        })
    }
}

fn listen(address: &str) -> Result<Bound, Failure> {
    bind(address).map_err(|e| {
        Failure::new(Kind::Usage, format!("cannot listen on {address}: {e}"))
            .hint("name a free HOST:PORT of this machine, such as 127.0.0.1:5000; port 0 chooses a free one")
    })
}

fn ended(error: &io::Error) -> Failure {
    Failure::io("the endpoint failed", error)
}
