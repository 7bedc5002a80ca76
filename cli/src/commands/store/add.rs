//! `store add`

use std::path::PathBuf;

use clap::Args;

use super::{Context, print, unexpected};
use crate::commands::unnamed_root;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::reference::to_wire;

/// `stele store add PATH…`
#[derive(Args, Debug)]
pub struct Add {
    /// Files and directories; a symbolic link is followed
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Make a root of this name for it (one PATH only)
    #[arg(long, value_name = "NAME")]
    root: Option<String>,
    /// Without a root, keep it from garbage collection for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    keep_for: u64,
}

impl Add {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        if self.root.is_some() && self.paths.len() > 1 {
            return Err(unnamed_root("PATH", "add them"));
        }
        for path in &self.paths {
            let absolute = std::path::absolute(path)
                .map_err(|e| Failure::io(&format!("{} is not a usable path", path.display()), &e))?;
            let request = Request::Add {
                path: to_wire(absolute.as_os_str()),
                root: self.root.clone(),
                keep_seconds: self.keep_for,
            };
            let Answer::Added(added) = context.ask(request)? else { return Err(unexpected()) };
            // One by one: what is printed is acknowledged, even if the next one fails.
            print(context, &added, |added| format!("{}\n", added.digest))?;
            context.terminal.narrate(&render::added(path, &added));
        }
        Ok(())
    }
}
