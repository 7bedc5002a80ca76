//! `copy`

use std::ffi::OsString;

use clap::{ArgGroup, Args};
use indicatif::HumanBytes;
use serde::Serialize;

use crate::args::Global;
use crate::commands::unnamed_root;
use crate::render::{self, Noted, Terminal};
use crate::stores::{Location, open};
use crate::where_store;
use stele::Quiet;
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;
use stele_remote::copy::{Transferred, plan, transfer};
use stele_remote::{End, Item, Keeping, Received, Rooted};
use stele_store::model::Digest;

/// Copy content from this store to another, or from another to this one
///
/// Only what is missing there is sent, and each byte is checked on arrival. What arrived before a connection broke is
/// not sent again.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("other").required(true).args(["to", "from"])))]
#[command(after_help = "\
STORE is a folder, the socket of a daemon, or ssh://[USER@]HOST[:PORT][/DIR], where stele has to be installed. \
STELE_SSH names another program than ssh, with its options; STELE_FAR another program there than stele.\n\
A REF that is a root's name becomes a root of that name; anything else is kept for an hour.")]
pub struct Copy {
    /// What to copy: a root's name, a digest, or a path below one
    #[arg(required = true, value_name = "REF")]
    references: Vec<OsString>,
    /// The store to copy to; a folder that has none becomes one
    #[arg(long, value_name = "STORE")]
    to: Option<Location>,
    /// The store to copy from
    #[arg(long, value_name = "STORE")]
    from: Option<Location>,
    /// Make a root of this name for it (one REF only)
    #[arg(long, value_name = "NAME")]
    root: Option<String>,
    /// Make no roots
    #[arg(long, conflicts_with = "root")]
    no_root: bool,
    /// Move roots that keep something else there
    #[arg(long)]
    replace: bool,
}

/// What was copied.
#[derive(Serialize)]
struct Copied<'a> {
    digests: Vec<Item>,
    #[serde(flatten)]
    received: &'a Received,
}

impl Copy {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        if self.root.is_some() && self.references.len() > 1 {
            return Err(unnamed_root("REF", "copy them"));
        }
        let own = Location::Folder(where_store::find(global.store.clone())?);
        // Progress is that of the store that receives, since what it tells is stored.
        let terminal = || Box::new(Terminal::new(global.json));
        let quiet = || Box::new(Noted(Quiet));
        let (mut from, mut to) = match (&self.from, &self.to) {
            (Some(other), _) => (open(other, false, quiet())?, open(&own, true, terminal())?),
            (_, Some(other)) => (open(&own, false, quiet())?, open(other, true, terminal())?),
            (None, None) => return Err(Failure::new(Kind::Usage, "name another store with --to or --from")),
        };
        let (items, roots) = self.found(&mut *from)?;
        let planned = plan(&items, &mut *from, &mut *to)?;
        let (replace, max_bytes) = (self.replace, planned.max_bytes());
        let keeping = Keeping { roots, items: items.clone(), bundled: false, replace, max_bytes };
        let transferred = transfer(&planned, &mut *from, &mut *to, &keeping)?;
        drop(to);
        match transferred {
            Transferred::Whole(received) => {
                if global.json {
                    return render::json(&Copied { digests: items, received: &received });
                }
                for item in &items {
                    render::out(format!("{}\n", item.digest()).as_bytes())?;
                }
                told(&received);
                Ok(())
            }
            Transferred::Cut { received, cause } => Err(cut(&received, cause)),
        }
    }

    /// What is to be copied, and the roots that are to keep it.
    fn found(&self, from: &mut dyn End<Failure>) -> Result<(Vec<Item>, Vec<Rooted>), Failure> {
        let (mut items, mut roots) = (Vec::new(), Vec::new());
        for reference in &self.references {
            let wire = to_wire(reference);
            let found = from.find(&wire)?;
            let digest = found.item.digest();
            // Which root is set here, and what a digest means, is not for the other store to say.
            if wire.parse().is_ok_and(|asked: Digest| asked != digest) {
                return Err(Failure::new(Kind::Failed, format!("it has {digest} for {wire}")));
            }
            items.push(found.item);
            let own = found.root.filter(|root| *root == wire);
            let name = self.root.clone().or(own).filter(|_| !self.no_root);
            roots.extend(name.map(|name| Rooted { name, item: found.item }));
        }
        Ok((items, roots))
    }
}

/// Tells what was received.
pub fn told(received: &Received) {
    let Received { items, bytes, roots, .. } = received;
    match items {
        0 => render::tell("nothing was missing"),
        1 => render::tell(&format!("copied 1 file or directory, {}", HumanBytes(*bytes))),
        _ => render::tell(&format!("copied {items} files and directories, {}", HumanBytes(*bytes))),
    }
    for root in roots {
        render::detail(&format!("the root {} keeps it", root.name));
    }
}

/// The failure of a copy that was cut off.
pub fn cut(received: &Received, cause: Option<Failure>) -> Failure {
    let failure =
        cause.unwrap_or_else(|| Failure::new(Kind::Failed, "the connection ended before all was sent"));
    if received.leased_until.is_none() {
        return failure;
    }
    failure.hint(format!(
        "run the command again: the {} that arrived are kept until tomorrow and not sent again",
        HumanBytes(received.bytes)
    ))
}
