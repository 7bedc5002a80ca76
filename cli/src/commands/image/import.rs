//! `image import`

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use stele_registry::Tag;
use stele_registry::client::{BlobFile, Purpose, Registry, Remote, pull};

use super::{Context, ask};
use crate::commands::unexpected;
use crate::registries::{Folder, Way, stop};
use crate::render;
use crate::render::transfer::{Counted, Transfer};
use stele::failure::{Failure, Kind};
use stele::images::{ImageAnswer, ImageRequest};
use stele::reference::to_wire;

/// How many omitted entries are listed.
const MAX_NAMED: usize = 10;

/// `stele image import`
#[derive(Args, Debug)]
pub struct Import {
    /// An OCI layout as a folder or a tar, an archive of `docker save`, `-` for such an archive on stdin, or an image
    /// in a registry: REGISTRY/NAME[:TAG][@DIGEST]
    #[arg(value_name = "LAYOUT|ARCHIVE|REF")]
    from: PathBuf,
    /// Name of the image in the layout [default: the only one]
    #[arg(long = "ref", value_name = "NAME:TAG")]
    reference: Option<String>,
    /// Name in this store [default: its name there, without the tag]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Take the name from another image that has it
    #[arg(long)]
    replace: bool,
    /// For an index in a registry: only the image of this platform, such as linux/arm64
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
    /// Leave out its referrers
    #[arg(long)]
    no_referrers: bool,
    #[command(flatten)]
    way: Way,
}

/// Stdin as a file in a folder on the store's disk.
fn spool(downloads: &Path) -> Result<(Folder, PathBuf), Failure> {
    let spool = || -> std::io::Result<(Folder, PathBuf, u64)> {
        let folder = Folder::new(downloads)?;
        let path = folder.path().join("stdin.tar");
        let length = std::io::copy(&mut std::io::stdin().lock(), &mut File::create(&path)?)?;
        Ok((folder, path, length))
    };
    match spool() {
        Ok((_, _, 0)) => Err(Failure::new(Kind::Usage, "nothing came on stdin")
            .hint("pipe an archive into it: `podman save IMAGE | stele image import -`")),
        Ok((folder, path, _)) => Ok((folder, path)),
        Err(e) => Err(Failure::io("the archive on stdin could not be kept", &e)),
    }
}

impl Import {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        // An existing file or folder wins, whatever its name.
        let remote = self.from.to_str().filter(|text| Remote::is_one(text) && !self.from.exists());
        let pulled = remote.map(|text| self.pull(text, &context.downloads())).transpose()?;
        if pulled.is_none() && self.platform.is_some() {
            return Err(Failure::new(Kind::Usage, "--platform is for images in registries")
                .hint("for a layout, --ref chooses the image"));
        }
        // An archive is read from its end, too.
        let spooled = (self.from.as_os_str() == "-").then(|| spool(&context.downloads())).transpose()?;
        let from = pulled.as_ref().map_or(self.from.as_path(), |(folder, _)| folder.path());
        let from = spooled.as_ref().map_or(from, |(_, path)| path);
        let from = std::path::absolute(from).map_err(|e| Failure::io("invalid path", &e))?;
        let name = self.name.or_else(|| pulled.as_ref().map(|(_, name)| name.clone()));
        let request = ImageRequest::Import {
            from: to_wire(from.as_os_str()),
            reference: self.reference,
            name,
            referrers: !self.no_referrers,
            replace: self.replace,
        };
        let ImageAnswer::Imported(done) = ask(context, request)? else { return Err(unexpected()) };
        if context.terminal.json {
            return render::json(&done);
        }
        for left_out in done.left_out.iter().take(MAX_NAMED) {
            render::note(&format!("left out: {} ({})", left_out.path, left_out.what));
        }
        if done.left_out.len() > MAX_NAMED {
            let more = done.left_out.len() - MAX_NAMED;
            render::note(&format!("left out: {more} more; --json names them all"));
        }
        if done.repacked {
            render::note(
                "another program compressed it, so it was compressed again: its content digest is the same",
            );
        }
        if done.strays > 0 {
            render::note(&format!(
                "left out: {} attached to something else, or to the image before it was compressed again",
                done.strays
            ));
        }
        render::out(format!("{}  {}\n", done.image.digest, done.image.name).as_bytes())
    }

    /// Pulls an image into a folder; returns the folder, and the image's name in this store.
    fn pull(&self, text: &str, downloads: &Path) -> Result<(Folder, String), Failure> {
        if self.reference.is_some() {
            return Err(Failure::new(Kind::Usage, "--ref is for layouts")
                .hint("append the tag to the name: REGISTRY/NAME:TAG"));
        }
        let remote: Remote = text.parse()?;
        let registry = Registry::reach(&remote, Purpose::Pull, None, &self.way.options(), &stop()?)?;
        let folder = Folder::new(downloads).map_err(|e| Failure::io("no folder for the pull", &e))?;
        let transfer = Transfer::new("received");
        let create = |digest: &_| -> io::Result<Box<dyn BlobFile>> {
            let within = folder.create(digest)?;
            Ok(Box::new(Counted { within, transfer: Arc::clone(&transfer), passed: 0 }))
        };
        let expect = |bytes| transfer.expect(bytes);
        let pulled = pull(&registry, self.platform.as_deref(), !self.no_referrers, &create, &expect)?;
        drop(transfer);
        for missed in pulled.missed.iter().take(MAX_NAMED) {
            render::note(&format!("left out a referrer: {missed}"));
        }
        let kept = folder.finish(&pulled, remote.tag.as_ref().map_or("latest", Tag::as_str));
        kept.map_err(|e| Failure::io("the pulled image cannot be written", &e))?;
        let name = remote.repository.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        Ok((folder, name))
    }
}
