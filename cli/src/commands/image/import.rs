//! `image import`

use std::path::PathBuf;

use clap::Args;

use super::{Context, ask};
use crate::commands::unexpected;
use crate::failure::Failure;
use crate::images::{Ask, Told};
use crate::reference::to_wire;
use crate::render;

/// How many things that were left out are named one by one.
const NAMED_MOST: usize = 10;

/// `stele image import`
#[derive(Args, Debug)]
pub struct Import {
    /// An OCI layout, as a folder or a tar; or what `docker save` writes
    #[arg(value_name = "LAYOUT|ARCHIVE")]
    from: PathBuf,
    /// How the image is called there [default: the only one]
    #[arg(long = "ref", value_name = "NAME:TAG")]
    reference: Option<String>,
    /// How it is called here [default: as it is there, without the tag]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Import {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let from = std::path::absolute(&self.from).map_err(|e| Failure::io("that place is no path", &e))?;
        let request =
            Ask::Import { from: to_wire(from.as_os_str()), reference: self.reference, name: self.name };
        let Told::Imported(done) = ask(context, request)? else { return Err(unexpected()) };
        if context.terminal.json {
            return render::json(&done);
        }
        for left_out in done.left_out.iter().take(NAMED_MOST) {
            render::note(&format!("left out: {} ({})", left_out.path, left_out.what));
        }
        if done.left_out.len() > NAMED_MOST {
            let more = done.left_out.len() - NAMED_MOST;
            render::note(&format!("left out: {more} more; --json names them all"));
        }
        if done.repacked {
            render::note(
                "it was packed by another program, and is packed anew: its content digest is the same",
            );
        }
        render::out(format!("{}  {}\n", done.image.digest, done.image.name).as_bytes())
    }
}
