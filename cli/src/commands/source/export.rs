//! `source export`

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::bundle;
use super::keep::Sources;
use crate::args::Global;
use crate::render;
use crate::umask;
use stele::answers::Source;
use stele::failure::store::ROOM_THERE;
use stele::failure::{Failure, Kind};

/// `stele source export DIR`
#[derive(Args, Debug)]
pub struct Export {
    /// Destination: a new or an empty folder
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Sources by SHA-256, 8 or more of its first digits, or file name
    #[arg(value_name = "SOURCE", required_unless_present = "all", conflicts_with = "all")]
    sources: Vec<String>,
    /// All sources in the store
    #[arg(long)]
    all: bool,
}

impl Export {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let keep = Sources::connect(global, true)?;
        let mut chosen = keep.all()?;
        if !self.all {
            for text in &self.sources {
                if !chosen.iter().any(|it| is_meant(it, text)) {
                    let message = format!("the store has no source `{text}`");
                    return Err(Failure::new(Kind::NotFound, message).hint("`stele source ls` lists them"));
                }
            }
            chosen.retain(|it| self.sources.iter().any(|text| is_meant(it, text)));
        }
        // One source may be kept under several file names, and the same name with the same bytes is one file.
        chosen.dedup_by(|a, b| (&a.file, &a.sha256) == (&b.file, &b.sha256));
        if fs::symlink_metadata(&self.to).is_ok()
            && !fs::read_dir(&self.to).is_ok_and(|mut entries| entries.next().is_none())
        {
            let message = format!("{} already exists", self.to.display());
            return Err(Failure::new(Kind::Failed, message)
                .hint("name a path that does not exist, or an empty folder"));
        }
        let list = write(&keep, &chosen, &self.to)?;
        if global.json { render::json(&chosen) } else { render::exact(list.as_bytes()) }
    }
}

fn is_meant(source: &Source, text: &str) -> bool {
    source.file == text || (text.len() >= 8 && source.sha256.to_string().starts_with(text))
}

/// Writes the bundle to a temporary folder and renames it, so that a folder of that name is complete. Returns its list.
fn write(keep: &Sources, chosen: &[Source], to: &Path) -> Result<String, Failure> {
    let to = std::path::absolute(to).map_err(|e| Failure::io("invalid path", &e))?;
    let failed = |e: std::io::Error| {
        let failure = Failure::io(&format!("{} could not be written", to.display()), &e);
        if failure.kind == Kind::NoSpace { failure.hint(ROOM_THERE) } else { failure }
    };
    let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(Failure::new(Kind::Usage, format!("{} cannot be a new folder", to.display())));
    };
    let unfinished = parent.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    fs::create_dir(&unfinished).map_err(failed)?;
    let written = (|| {
        let names: Vec<(String, String)> =
            chosen.iter().map(|it| (it.file.clone(), it.sha256.to_string())).collect();
        let mut list = String::new();
        for (source, file) in chosen.iter().zip(bundle::file_names(&names)) {
            let sha256 = source.sha256;
            keep.export(&sha256, &unfinished.join(&file), umask::get())?;
            list += &format!("{sha256}  {file}\n");
        }
        let mut file = File::create(unfinished.join(bundle::LIST)).map_err(failed)?;
        file.write_all(list.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&unfinished, &to).map_err(failed)?;
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(list)
    })();
    if written.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    written
}
