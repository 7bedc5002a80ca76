//! `serve`

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use stele_registry::serve::{Options, bind, tls};

use super::context::Context;
use crate::args::Global;
use crate::registries::{Daemons, Stored};
use crate::render::Noted;
use crate::stores::Here;
use crate::{render, where_store};
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::images::{ImageAnswer, ImageRequest};
use stele::{Quiet, Request};
use stele_daemon::process::{log_to, raise_descriptor_limit};
use stele_remote::exchange;

/// Serve the store's images to container engines, as a read-only OCI registry, until interrupted
///
/// Each image is a repository of its name, with the tag `latest` and, when its annotation
/// `org.opencontainers.image.version` is a valid tag, that tag. Layers are generated on request. There is no
/// authentication: every client that reaches the address can read every image.
#[derive(Args, Debug)]
#[command(after_help = "\
Paths: /v2/ (OCI distribution-spec v1.1), /metrics for Prometheus, /healthz. \
The log goes to stderr; STELE_LOG=warn omits requests.\n\
Exit codes: 0 stopped by a signal; 1 failed; 2 wrong usage, such as an address already in use.")]
pub struct Serve {
    /// Address to listen on; port 0 chooses a free one, and stdout shows which
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "stdio")]
    oci: Option<String>,
    /// Answer one `stele copy` of another machine on stdin and stdout: it may read and write the store
    #[arg(long, conflicts_with_all = ["oci", "tls_cert", "tls_key"])]
    stdio: bool,
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
        let Some(address) = &self.oci else { return stdio(global) };
        let files = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let tls = files.map(|(certificates, key)| tls(certificates, key)).transpose();
        let tls = tls.map_err(|e| Failure::new(Kind::Usage, e.to_string()))?;
        // A store that cannot be opened is reported now, not to the first client.
        let mut context = Context::new(global, true)?;
        let Answer::Image(ImageAnswer::Names(names)) =
            context.ask(Request::Image { ask: ImageRequest::Served {} })?
        else {
            return Err(super::unexpected());
        };
        let bound = bind(address).map_err(|e| {
            Failure::new(Kind::Usage, format!("cannot listen on {address}: {e}")).hint(
                "name a free HOST:PORT of this machine, such as 127.0.0.1:5000; port 0 chooses a free one",
            )
        })?;
        raise_descriptor_limit();
        let store = where_store::find(global.store.clone())?;
        log_to(&store, false);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://{}", bound.at);
        if global.json {
            render::json(&serde_json::json!({ "address": address, "images": names.len() }))?;
        } else {
            render::out(format!("{address}\n").as_bytes())?;
            let images = if names.len() == 1 { "image" } else { "images" };
            render::note(&format!("serving {} {images}; stop with Ctrl-C", names.len()));
        }
        if tls.is_none() && !bound.at.ip().is_loopback() {
            render::note(
                "every client that reaches this address can read every image, and the traffic is not encrypted",
            );
        }
        let options = Options {
            connections: usize::from(self.max_connections),
            stall: Duration::from_secs(u64::from(self.stall)),
            tls,
            ..Options::default()
        };
        let images = Arc::new(Stored(Daemons::new(store)));
        drop(context);
        bound.run(images, options).map_err(|e| Failure::io("the endpoint failed", &e))
    }
}
