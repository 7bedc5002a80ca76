//! `image tag` and `image rm`

use clap::Args;

use super::{Context, ask, one};
use crate::commands::unexpected;
use crate::render;
use stele::Request;
use stele::answers::{Answer, Root};
use stele::failure::{Failure, Kind};
use stele::images::{ImageRequest, ROOT_PREFIX};

/// `stele image tag`
#[derive(Args, Debug)]
pub struct Tag {
    /// The image: its name, or `sha256:` with 8 or more digits of its manifest's or content digest
    image: String,
    /// Its further name
    name: String,
    /// Take the name from another image that has it
    #[arg(long)]
    replace: bool,
}

/// `stele image rm`
#[derive(Args, Debug)]
pub struct Rm {
    /// Names of images
    #[arg(required = true)]
    names: Vec<String>,
}

impl Tag {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let shown = one(ask(context, ImageRequest::Inspect { reference: self.image })?)?;
        let root = format!("{ROOT_PREFIX}{}", self.name);
        let holder = named(context, &root)?.filter(|it| it.digest != shown.tree.0);
        if let Some(holder) = holder.filter(|_| !self.replace) {
            let message = format!("another image has the name {}: tree {}", self.name, holder.digest);
            return Err(Failure::new(Kind::Usage, message).hint("--replace takes it from that image"));
        }
        let request = Request::RootAdd { name: root, reference: shown.tree.to_string() };
        let Answer::Root(root) = context.ask(request)? else { return Err(unexpected()) };
        match context.terminal.json {
            true => render::json(&root),
            false => render::out(format!("{}  {}\n", shown.digest, self.name).as_bytes()),
        }
    }
}

impl Rm {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        // All or none: a name that is wrong is found before the first goes.
        for name in &self.names {
            if named(context, &format!("{ROOT_PREFIX}{name}"))?.is_none() {
                return Err(Failure::new(Kind::NotFound, format!("there is no image named {name}"))
                    .hint("`stele image ls` lists them"));
            }
        }
        for name in self.names {
            context.ask(Request::RootRemove { name: format!("{ROOT_PREFIX}{name}") })?;
        }
        Ok(())
    }
}

fn named(context: &mut Context, name: &str) -> Result<Option<Root>, Failure> {
    let Answer::Roots(roots) = context.ask(Request::RootList {})? else { return Err(unexpected()) };
    Ok(roots.into_iter().find(|root| root.name == name))
}
