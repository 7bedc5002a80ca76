//! `source fetch`

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use stele_recipes::fetch::{self as fetching, Event, FetchError, Had, Options, What};
use stele_recipes::source::{FileName, Mirror, Signature, Source};
use stele_store::Layout;

use super::keep::Sources;
use super::unavailable::{self, Lost};
use super::{file_name, read};
use crate::args::Global;
use crate::config;
use crate::recipe_tree::{RecipeTreeArg, find_with, graph};
use crate::render;
use crate::where_store;
use stele::failure::{Failure, Kind};
use stele::recipes::names;

/// `stele source fetch`
#[derive(Args, Debug)]
pub struct Fetch {
    /// Recipes: their sources, and those of all their dependencies
    #[arg(required_unless_present_any = ["all", "urls"])]
    names: Vec<String>,
    /// The sources of all recipes
    #[arg(long, conflicts_with_all = ["names", "urls"])]
    all: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
    /// Mirror of a source that no recipe names; may be repeated
    #[arg(long = "url", value_name = "MIRROR", requires = "sha256", conflicts_with = "names")]
    urls: Vec<String>,
    /// Its SHA-256
    #[arg(long, value_name = "HEX", requires = "urls")]
    sha256: Option<String>,
    /// Its file name [default: the last component of the first MIRROR]
    #[arg(long, value_name = "FILE")]
    name: Option<String>,
    /// Its SHA-512, also checked
    #[arg(long, value_name = "HEX")]
    sha512: Option<String>,
    /// Its size in bytes, also checked
    #[arg(long, value_name = "BYTES")]
    size: Option<u64>,
    /// Mirror of upstream's detached OpenPGP signature; may be repeated
    #[arg(long, value_name = "MIRROR", requires = "signature_sha256", requires = "keys")]
    signature: Vec<String>,
    /// The signature's SHA-256
    #[arg(long, value_name = "HEX", requires = "signature")]
    signature_sha256: Option<String>,
    /// OpenPGP certificates, one of which must have signed
    #[arg(long, value_name = "FILE", requires = "signature")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

/// Options of all commands that fetch sources.
#[derive(Args, Debug)]
pub struct How {
    /// Do not use the network, and list the missing sources (exit code 3)
    #[arg(long)]
    pub offline: bool,
    /// Maximum number of parallel downloads [default: 4, or as configured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Configuration file: aliases, limits [default: ~/.config/stele/config.toml, or /etc/stele/config.toml]
    #[arg(long, value_name = "FILE", env = "STELE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

impl How {
    /// For commands without these options of their own.
    pub fn usual() -> Self {
        Self { offline: false, jobs: None, config: std::env::var_os("STELE_CONFIG").map(PathBuf::from) }
    }
}

impl Fetch {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let Some(sha256) = &self.sha256 else {
            return fetch(global, &self.how, &self.of_recipes(global)?);
        };
        let mut source = source(&self.urls, self.name.as_deref(), sha256)?;
        source.size = self.size;
        source.sha512 = self.sha512.as_deref().map(|text| read("SHA-512", text)).transpose()?;
        if let (Some(sha256), Some(keys)) = (&self.signature_sha256, &self.keys) {
            let read = fs::read(keys);
            let read = read.map_err(|e| Failure::io(&format!("{} could not be read", keys.display()), &e))?;
            source.signature = Some(Signature {
                source: Box::new(self::source(&self.signature, None, sha256)?),
                keys: read,
                keys_file: keys.display().to_string(),
            });
        }
        fetch(global, &self.how, &[(None, source)])
    }
}

impl Fetch {
    /// The sources of the named recipes and of their dependencies, each once.
    fn of_recipes(&self, global: &Global) -> Result<Vec<(Option<String>, Source)>, Failure> {
        let goals = if self.all { Vec::new() } else { names(&self.names)? };
        let graph = graph(&find_with(global, &self.place, &self.how)?, &goals)?;
        let mut seen = HashSet::new();
        let mut sources = Vec::new();
        for recipe in graph.recipes() {
            for input in recipe.sources.iter().filter(|it| seen.insert(it.source.sha256)) {
                sources.push((Some(recipe.name.to_string()), input.source.clone()));
            }
        }
        Ok(sources)
    }
}

/// The mirrors that the command line names, and the file's name: `name`, or the end of the first.
pub fn mirrors(urls: &[String], name: Option<&str>) -> Result<(FileName, Vec<Mirror>), Failure> {
    let mirrors: Result<Vec<Mirror>, _> = urls.iter().map(|url| Mirror::new(url)).collect();
    let mirrors = mirrors.map_err(|e| Failure::new(Kind::Usage, e.to_string()))?;
    let end = urls.first().map_or("", String::as_str);
    let end = end.split(['?', '#']).next().unwrap_or(end).rsplit(['/', ':']).next().unwrap_or(end);
    Ok((file_name(name.unwrap_or(end))?, mirrors))
}

/// The source that the command line describes.
fn source(urls: &[String], name: Option<&str>, sha256: &str) -> Result<Source, Failure> {
    let (file, mirrors) = mirrors(urls, name)?;
    Ok(Source { file, sha256: read("SHA-256", sha256)?, sha512: None, size: None, mirrors, signature: None })
}

/// Fetches the sources of `wanted`, each with the recipe that needs it, unless the store has them; prints all of them.
///
/// # Errors
/// When a source cannot be fetched; the others are still kept.
pub fn fetch(global: &Global, how: &How, wanted: &[(Option<String>, Source)]) -> Result<(), Failure> {
    let mut lost = Vec::new();
    let keep = Sources::connect(global, false)?;
    for (outcome, (recipe, source)) in attempt(global, how, wanted, &keep)?.into_iter().zip(wanted) {
        match outcome {
            Ok(had) => print(global, &keep, source, had)?,
            Err(error) => lost.push(Lost { recipe: recipe.as_deref(), source, error }),
        }
    }
    if lost.is_empty() { Ok(()) } else { Err(unavailable::failure(lost)) }
}

/// Fetches the sources of `wanted` that the store does not have, and prints nothing.
///
/// # Errors
/// When a source cannot be fetched; the others are still kept.
pub fn have(global: &Global, how: &How, wanted: &[(Option<String>, Source)]) -> Result<(), Failure> {
    let keep = Sources::connect(global, false)?;
    let outcomes = attempt(global, how, wanted, &keep)?.into_iter().zip(wanted);
    let lost = outcomes.filter_map(|(outcome, (recipe, source))| {
        Some(Lost { recipe: recipe.as_deref(), source, error: outcome.err()? })
    });
    let lost: Vec<_> = lost.collect();
    if lost.is_empty() { Ok(()) } else { Err(unavailable::failure(lost)) }
}

/// How to fetch, as the configuration and the command line have it.
pub fn options(global: &Global, how: &How) -> Result<Options, Failure> {
    let mut config = config::read(how.config.as_deref())?;
    if let Some(jobs) = how.jobs {
        config.limits.jobs = jobs.into();
    }
    let folder = Layout::new(where_store::find(global.store.clone())?).fetch();
    Ok(Options { folder, offline: how.offline, config })
}

fn attempt(
    global: &Global,
    how: &How,
    wanted: &[(Option<String>, Source)],
    keep: &Sources,
) -> Result<Vec<Result<Had, FetchError<Failure>>>, Failure> {
    let options = options(global, how)?;
    let sources: Vec<Source> = wanted.iter().map(|it| it.1.clone()).collect();
    let board = Board::default();
    let outcomes = fetching::fetch(&sources, &options, keep, &|event| board.show(&event));
    board.clear();
    Ok(outcomes)
}

fn print(global: &Global, keep: &Sources, source: &Source, had: Had) -> Result<(), Failure> {
    let mut known = keep.known(&source.file, &source.sha256)?;
    let (from, fetched) = match had {
        Had::There => ("store".to_owned(), 0),
        Had::Finished => ("part".to_owned(), 0),
        Had::From { mirror, bytes } => (mirror, bytes),
    };
    (known.from, known.fetched) = (Some(from), Some(fetched));
    match global.json {
        true => render::json(&known),
        false => render::out(format!("{}  {}\n", known.sha256, known.file).as_bytes()),
    }
}

/// On a terminal, a progress bar for each download; and the failures of mirrors before one succeeded.
#[derive(Default)]
pub struct Board {
    bars: MultiProgress,
    shown: Mutex<HashMap<usize, Shown>>,
}

struct Shown {
    bar: ProgressBar,
    failed: Vec<String>,
}

impl Board {
    /// Shows an event.
    pub fn show(&self, event: &Event<'_>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let file = event.source.file.as_str();
        if let What::Ends { kept } = event.what {
            if let Some(it) = shown.remove(&event.index) {
                it.bar.finish_and_clear();
                // When every mirror failed, the failure itself lists all this.
                it.failed.iter().filter(|_| kept).for_each(|text| self.note(text));
            }
            return;
        }
        let it = shown.entry(event.index).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(0));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.set_prefix(file.to_owned());
            Shown { bar, failed: Vec::new() }
        });
        match &event.what {
            What::Waits => {
                it.bar.set_message("being fetched by another process");
                style(&it.bar, None);
            }
            What::Asks { mirror } => {
                it.bar.set_message((*mirror).to_owned());
                style(&it.bar, None);
            }
            What::Moves { done, total } => {
                style(&it.bar, *total);
                it.bar.set_length(total.unwrap_or(0));
                it.bar.set_position(*done);
            }
            What::Fails { tried } => it.failed.push(format!("{file}: {}: {}", tried.mirror, tried.failure)),
            What::Note { text } => self.note(&format!("{file}: {text}")),
            What::Ends { .. } => {}
        }
    }

    /// Above the bars, when there are any.
    fn note(&self, text: &str) {
        self.bars.suspend(|| render::note(text));
    }

    /// Removes all bars.
    pub fn clear(&self) {
        let _ = self.bars.clear();
    }
}

fn style(bar: &ProgressBar, total: Option<u64>) {
    let style = match total {
        Some(_) => "{spinner} {prefix} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}",
        None => "{spinner} {prefix} {bytes}, {wide_msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
}
