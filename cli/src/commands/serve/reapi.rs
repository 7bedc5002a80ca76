//! `serve --reapi`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{Serve, ended, listen};
use crate::args::Global;
use crate::cache::Cached;
use crate::commands::context::Context;
use crate::daemons::Daemons;
use crate::quantity::{age, size};
use crate::{render, where_store};
use stele::Request;
use stele::caches::{CacheRequest, CacheTerms};
use stele::failure::{Failure, Kind};
use stele_daemon::process::{log_to, raise_descriptor_limit};
use stele_reapi::{Access, Settings, serve};

/// Options of `--reapi` alone.
#[derive(Args, Debug)]
pub struct CacheArgs {
    /// Cache: let clients with this token write, the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = ["oci", "stdio"])]
    write_token: Option<PathBuf>,
    /// Cache: let only clients with this token read, or with that for writing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["oci", "stdio"])]
    read_token: Option<PathBuf>,
    /// Cache: let every client write that may read
    #[arg(long, conflicts_with_all = ["oci", "stdio"])]
    writable: bool,
    /// Cache, TLS: serve only clients with a certificate of one of these authorities, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", conflicts_with_all = ["oci", "stdio"])]
    pub tls_clients: Option<PathBuf>,
    /// Cache: keep what a client asked about or uploaded for at least this long
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "3h", conflicts_with_all = ["oci", "stdio"])]
    keep: u64,
    /// Cache: refuse uploads once it keeps this much
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with_all = ["oci", "stdio"])]
    quota: Option<u64>,
}

impl CacheArgs {
    fn access(&self) -> Result<Access, Failure> {
        let token = |file: &Option<PathBuf>| file.as_deref().map(token).transpose();
        let (read, write) = (token(&self.read_token)?, token(&self.write_token)?);
        Ok(Access::new(read.as_deref(), write.as_deref(), self.writable))
    }
}

/// The first line of a file.
fn token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::new(Kind::Usage, format!("{} cannot be read: {e}", file.display())))?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("{} has no token in its first line", file.display());
        return Err(Failure::new(Kind::Usage, message)
            .hint("a token is any text of letters, digits and signs: `openssl rand -hex 32` makes one"));
    }
    Ok(token.to_owned())
}

pub fn run(args: &Serve, address: &str, global: &Global) -> Result<(), Failure> {
    let options = args.options(&["h2", "http/1.1"])?;
    let access = args.cache.access()?;
    let terms = CacheTerms { seconds: args.cache.keep, max_bytes: args.cache.quota };
    // A store that cannot be opened is reported now, not to the first client.
    let mut context = Context::new(global, false)?;
    context.ask(Request::Cache { ask: CacheRequest::Total {} })?;
    let bound = listen(address)?;
    raise_descriptor_limit();
    let store = where_store::find(global.store.clone())?;
    log_to(&store, false);
    let scheme = if options.tls.is_some() { "grpcs" } else { "grpc" };
    let address = format!("{scheme}://{}", bound.at);
    if global.json {
        render::json(&serde_json::json!({ "address": address }))?;
    } else {
        render::out(format!("{address}\n").as_bytes())?;
        let who = match (args.cache.writable, &args.cache.write_token) {
            (true, _) => "every client that may read may write",
            (false, Some(_)) => "clients with the token may write",
            (false, None) => "no client may write: --write-token names a token for it",
        };
        render::note(&format!("serving as a cache, and {who}; stop with Ctrl-C"));
    }
    if options.tls.is_none() && !bound.at.ip().is_loopback() {
        render::note("the traffic to this address is not encrypted, tokens included");
    }
    let cache = Arc::new(Cached::new(Daemons::new(store), terms));
    drop(context);
    serve(bound, cache, Settings { access, options }).map_err(|e| ended(&e))
}
