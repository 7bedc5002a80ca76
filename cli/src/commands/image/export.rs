//! `image export`

use std::fs::File;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::HumanBytes;

use super::{Context, Which, ask};
use crate::commands::agreement::ImageGate;
use crate::commands::unexpected;
use crate::registries::Folder;
use crate::render;
use crate::umask;
use stele::failure::{Failure, Kind};
use stele::images::{Form, ImageAnswer, ImageRequest};
use stele::reference::to_wire;

/// `stele image export`
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// Destination: a folder, which may hold an OCI layout already; a file whose name ends with `.tar`; or `-` for an
    /// archive on stdout
    #[arg(value_name = "DIR|FILE.tar|-")]
    to: PathBuf,
    /// Format [default: an OCI layout; as a tar when the name ends with `.tar`]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Name of the image there [default: its name]
    #[arg(long = "as", value_name = "NAME:TAG")]
    called: Option<String>,
    /// For an index: only the image of this platform, such as linux/arm64
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
    /// Leave out its referrers
    #[arg(long)]
    no_referrers: bool,
    #[command(flatten)]
    gate: ImageGate,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// An OCI layout in a folder
    Oci,
    /// An OCI layout in a tar
    OciArchive,
    /// An archive for `docker load`
    DockerArchive,
}

impl Export {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.gate.require(context, &self.which.image)?;
        let to_stdout = self.to.as_os_str() == "-";
        if to_stdout && (self.format == Some(Format::Oci) || std::io::stdout().is_terminal()) {
            return Err(Failure::new(
                Kind::Usage,
                "on stdout there can only be an archive, for another program",
            )
            .hint("pipe it: `stele image export IMAGE - | podman load`"));
        }
        // What the daemon writes is whole or nothing; only then does the reader get it.
        let folder = to_stdout.then(|| Folder::new(&context.downloads())).transpose();
        let folder = folder.map_err(|e| Failure::io("no folder for the archive", &e))?;
        let to = folder.as_ref().map_or(self.to.clone(), |folder| folder.path().join("image.tar"));
        let is_tar = to.extension().is_some_and(|it| it == "tar");
        let form = match self.format {
            Some(Format::DockerArchive) => Form::DockerArchive,
            Some(Format::OciArchive) => Form::OciArchive,
            None if is_tar => Form::OciArchive,
            Some(Format::Oci) | None => Form::Layout,
        };
        let to = std::path::absolute(&to).map_err(|e| Failure::io("invalid path", &e))?;
        // The daemon writes it, with the rights that this command would give it.
        let request = ImageRequest::Export {
            reference: self.which.image,
            to: to_wire(to.as_os_str()),
            form,
            called: self.called,
            platform: self.platform,
            referrers: !self.no_referrers,
            umask: umask::get(),
        };
        let ImageAnswer::Exported(done) = ask(context, request)? else { return Err(unexpected()) };
        if to_stdout {
            let mut archive = File::open(&to).map_err(|e| Failure::io("the archive that was written", &e))?;
            return std::io::copy(&mut archive, &mut std::io::stdout().lock())
                .map(drop)
                .map_err(|e| Failure::unwritten(&e));
        }
        if context.terminal.json {
            return render::json(&done);
        }
        context.terminal.narrate(&match done.unchanged {
            true => "nothing to do: all blobs are there".to_owned(),
            false => {
                format!(
                    "wrote {} in {} blobs, {} already there",
                    HumanBytes(done.bytes),
                    done.written,
                    done.kept
                )
            }
        });
        Ok(())
    }
}
