//! `image push`

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use indicatif::HumanBytes;

use stele_registry::client::{Purpose, Registry, Remote, push};
use stele_registry::{RepositoryName, Sha256Digest};

use super::{Context, Which, ask, one};
use crate::args::Global;
use crate::commands::agreement::ImageGate;
use crate::commands::unexpected;
use crate::registries::{Daemons, Reading, Way, stop};
use crate::render::transfer::Transfer;
use crate::{render, where_store};
use stele::failure::{Failure, Kind};
use stele::images::{ImageAnswer, ImageRequest};

/// `stele image push`
#[derive(Args, Debug)]
#[command(after_help = "\
Credentials are read from where podman, skopeo, buildah and docker keep them: REGISTRY_AUTH_FILE, \
$XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, ~/.docker/config.json, and the helpers \
named there. \
A registry on this machine need not use TLS.")]
pub struct Push {
    #[command(flatten)]
    which: Which,
    /// Leave out its referrers
    #[arg(long)]
    no_referrers: bool,
    #[command(flatten)]
    destination: Destination,
}

/// Where to, and how.
#[derive(Args, Debug)]
pub struct Destination {
    /// Destination
    #[arg(value_name = "REGISTRY/NAME[:TAG]")]
    to: String,
    /// Another repository of that registry that may have some of the layers: those are mounted, not sent
    #[arg(long, value_name = "NAME")]
    mount_from: Option<String>,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    gate: ImageGate,
}

impl Push {
    pub fn run(self, context: &mut Context, global: &Global) -> Result<(), Failure> {
        self.destination.push(context, global, self.which.image, !self.no_referrers)
    }
}

impl Destination {
    /// Pushes an image, by its name or digest, with its referrers if these are wanted.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not take it.
    pub fn push(
        self,
        context: &mut Context,
        global: &Global,
        image: String,
        referrers: bool,
    ) -> Result<(), Failure> {
        let remote: Remote = self.to.parse()?;
        self.gate.require(context, &image)?;
        if remote.digest.is_some() {
            return Err(Failure::new(
                Kind::Usage,
                "the digest follows from the image: write NAME or NAME:TAG",
            ));
        }
        let from = self.mount_from.map(|from| from.parse::<RepositoryName>()).transpose();
        let from = from.map_err(|e| Failure::new(Kind::Usage, e.to_string()))?.map(String::from);
        let shown = one(ask(context, ImageRequest::Inspect { reference: image })?)?;
        let kept = ask(context, ImageRequest::Kept { tree: shown.tree, referrers })?;
        let ImageAnswer::Repository(Some(repository)) = kept else { return Err(unexpected()) };
        let top: Sha256Digest = shown.digest.parse().map_err(|_| unexpected())?;
        let stop = stop()?;
        let registry = Registry::reach(&remote, Purpose::Push, from.clone(), &self.way.options(), &stop)?;
        let latest = "latest".parse().ok();
        let tag = remote.tag.as_ref().or(latest.as_ref());
        let daemons = Arc::new(Daemons::new(where_store::find(global.store.clone())?));
        let transfer = Transfer::new("sent");
        let (mut before, mut total) = (BTreeMap::new(), 0);
        for (digest, size) in &repository.blobs {
            before.insert(digest.clone(), total);
            total += size;
        }
        transfer.expect(total);
        let blobs = Reading { daemons, tree: shown.tree, before, transfer };
        let pushed = push(&registry, &repository, &top, tag, from.as_deref(), &blobs)?;
        drop(blobs);
        if context.terminal.json {
            return render::json(&pushed);
        }
        let done = match (pushed.sent, pushed.manifests) {
            (0, 0) => "nothing to do: all blobs are there".to_owned(),
            (sent, _) => format!(
                "sent {} in {sent} blobs, {} mounted, {} already there",
                HumanBytes(pushed.bytes),
                pushed.mounted,
                pushed.there
            ),
        };
        context.terminal.narrate(&done);
        render::out(format!("{}  {remote}\n", pushed.digest).as_bytes())
    }
}
