//! `bundle`

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use serde::Serialize;

use crate::args::Global;
use crate::commands::copy::{cut, told};
use crate::render::{self, Noted, Terminal};
use crate::stores::{Location, open};
use crate::where_store;
use stele::Quiet;
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;
use stele_remote::{End, Item, Keeping, Rooted, Wanted};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write content, with all that it reaches, to one file
    Export(Export),
    /// Store the content of such a file, after checking every byte
    Import(Import),
}

/// `stele bundle export`
#[derive(Args, Debug)]
#[command(after_help = "\
A REF that is a root's name becomes a root of that name where the bundle is imported.")]
pub struct Export {
    /// Roots' names, digests, or paths below them
    #[arg(required = true, value_name = "REF")]
    references: Vec<OsString>,
    /// The file to write [default: stdout, if that is no terminal]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `stele bundle import`
#[derive(Args, Debug)]
pub struct Import {
    /// The file, or `-` for stdin
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Make no roots: what is imported is kept for an hour
    #[arg(long)]
    no_root: bool,
    /// Move roots that keep something else here
    #[arg(long)]
    replace: bool,
}

pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Export(args) => args.run(global),
        Command::Import(args) => args.run(global),
    }
}

/// What was exported.
#[derive(Serialize)]
struct Exported {
    bytes: u64,
    digests: Vec<Item>,
}

impl Export {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let own = Location::Folder(where_store::find(global.store.clone())?);
        let mut store = open(&own, false, Box::new(Noted(Quiet)))?;
        let mut wanted = Wanted::default();
        for reference in &self.references {
            let found = store.find(&to_wire(reference))?;
            wanted.items.push(found.item);
            wanted.roots.extend(found.root.map(|name| Rooted { name, item: found.item }));
        }
        let digests = wanted.items.clone();
        let bytes = match &self.output {
            Some(path) => write_file(path, &mut *store, &wanted)?,
            None if io::IsTerminal::is_terminal(&io::stdout()) => {
                return Err(Failure::new(Kind::Usage, "a bundle is not for a terminal")
                    .hint("name a file with --output, or pipe it"));
            }
            None => write(&mut *store, &wanted, &mut io::stdout().lock())?,
        };
        if global.json && self.output.is_some() {
            return render::json(&Exported { bytes, digests });
        }
        render::tell(&format!("wrote {}", HumanBytes(bytes)));
        Ok(())
    }
}

/// Writes a bundle to a file, which takes its name when it is whole and on the disk.
fn write_file(path: &Path, store: &mut dyn End<Failure>, wanted: &Wanted) -> Result<u64, Failure> {
    let doing = format!("{} could not be written", path.display());
    let failed = |error: &io::Error| Failure::io(&doing, error);
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".bundle-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666 & !crate::umask::get()))
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    let bytes = write(store, wanted, file.as_file_mut())?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(bytes)
}

/// Writes a bundle; returns its length in bytes.
fn write(store: &mut dyn End<Failure>, wanted: &Wanted, to: &mut impl Write) -> Result<u64, Failure> {
    let (mut reader, writer) = io::pipe().map_err(|error| Failure::io("no pipe could be made", &error))?;
    thread::scope(|scope| {
        let sending = scope.spawn(move || store.send(wanted, writer));
        let copied = io::copy(&mut reader, to).and_then(|bytes| to.flush().map(|()| bytes));
        // The store must not wait for a reader that failed.
        drop(reader);
        let sent =
            sending.join().unwrap_or_else(|_| Err(Failure::new(Kind::Failed, "internal error (a bug)")));
        let bytes = copied.map_err(|error| Failure::unwritten(&error))?;
        sent.map(|()| bytes)
    })
}

impl Import {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let own = Location::Folder(where_store::find(global.store.clone())?);
        let keeping = Keeping { bundled: !self.no_root, replace: self.replace, ..Keeping::default() };
        let from: Box<dyn Read + Send> = match self.from.as_os_str() == "-" {
            true => Box::new(io::stdin()),
            false => {
                let doing = format!("{} could not be opened", self.from.display());
                let file = File::open(&self.from).map_err(|error| {
                    let failure = Failure::io(&doing, &error);
                    match error.kind() {
                        io::ErrorKind::NotFound => Failure { kind: Kind::NotFound, ..failure },
                        _ => failure,
                    }
                })?;
                Box::new(file)
            }
        };
        let mut store = open(&own, true, Box::new(Terminal::new(global.json)))?;
        let received = store.receive(piped(from)?, &keeping)?;
        drop(store);
        if received.cut {
            let failure = Failure::new(Kind::Failed, "the bundle was cut off");
            return Err(cut(&received, Some(failure)));
        }
        if global.json {
            return render::json(&received);
        }
        for root in &received.roots {
            render::out(format!("{}  {}\n", root.item.digest(), root.name).as_bytes())?;
        }
        told(&received);
        Ok(())
    }
}

/// A pipe through which all of `from` comes: a daemon cannot open every kind of stdin.
fn piped(mut from: Box<dyn Read + Send>) -> Result<PipeReader, Failure> {
    let (reader, mut writer) = io::pipe().map_err(|error| Failure::io("no pipe could be made", &error))?;
    thread::spawn(move || io::copy(&mut from, &mut writer));
    Ok(reader)
}
