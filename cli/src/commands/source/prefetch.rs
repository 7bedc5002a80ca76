//! `source prefetch`

use clap::Args;
use serde::Serialize;

use stele_recipes::fetch::{self as fetching, FetchError, Question};
use stele_recipes::source::{FileName, Mirror, MirrorKind, Source};

use super::fetch::{Board, How, mirrors, options};
use super::keep::Sources;
use super::unavailable::{self, Lost};
use crate::args::Global;
use crate::render;
use stele::failure::{Failure, Kind};

/// `stele source prefetch`
#[derive(Args, Debug)]
pub struct Prefetch {
    /// Where it is: an address, `debian:PACKAGE/VERSION/FILE`, or an alias of the configuration
    #[arg(required = true, value_name = "MIRROR")]
    mirrors: Vec<String>,
    /// Its file name [default: the last component of the first MIRROR]
    #[arg(long, value_name = "FILE")]
    name: Option<String>,
    #[command(flatten)]
    how: How,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Pinned<'a> {
    file: &'a str,
    sha256: String,
    bytes: u64,
    mirrors: Vec<&'a str>,
}

impl Prefetch {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (file, asked) = mirrors(&self.mirrors, self.name.as_deref())?;
        let options = options(global, &self.how)?;
        let source = get(global, &file, &asked, &options)?.map_err(|error| {
            let source = unknown(&file, &asked);
            unavailable::failure(vec![Lost { recipe: None, source: &source, error }])
        })?;
        if asked.len() > 1 {
            agree(&source, &options)?;
        }
        if global.json {
            return render::json(&Pinned {
                file: source.file.as_str(),
                sha256: source.sha256.to_string(),
                bytes: source.size.unwrap_or_default(),
                mirrors: source.mirrors.iter().map(|it| it.as_str()).collect(),
            });
        }
        render::out(text(&source, self.name.is_some()).as_bytes())
    }
}

/// Fetches a file from the first of `mirrors` that has it, and keeps it.
///
/// # Errors
/// When the store cannot be reached; within, why no mirror has it.
pub fn get(
    global: &Global,
    file: &FileName,
    mirrors: &[Mirror],
    options: &fetching::Options,
) -> Result<Result<Source, FetchError<Failure>>, Failure> {
    let keep = Sources::connect(global, false)?;
    let board = Board::default();
    let came = fetching::prefetch(file, mirrors, options, &keep, &|event| board.show(&event));
    board.clear();
    Ok(came)
}

/// What could not be had, for the error that says so.
fn unknown(file: &FileName, mirrors: &[Mirror]) -> Source {
    let sha256 = stele_store::model::Sha256::of(b"");
    Source {
        file: file.clone(),
        sha256,
        sha512: None,
        size: None,
        mirrors: mirrors.to_vec(),
        signature: None,
    }
}

/// Every mirror has to have these bytes.
fn agree(source: &Source, options: &fetching::Options) -> Result<(), Failure> {
    let reached = fetching::reach(std::slice::from_ref(source), options, Question::Content)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    let mut failed = reached.into_iter().flatten().filter_map(|it| Some((it.mirror, it.failure?)));
    match failed.next() {
        None => Ok(()),
        Some((mirror, failure)) => {
            let message = format!("{mirror} does not give the bytes that the first mirror gave: {failure}");
            let hint = format!("the first gave SHA-256 {}; find out which of them is right", source.sha256);
            Err(Failure::new(Kind::Failed, message).hint(hint))
        }
    }
}

/// As a recipe has it.
fn text(source: &Source, named: bool) -> String {
    let size = source.size.unwrap_or_default();
    if let Some(MirrorKind::Debian { package, version, .. }) = source.mirrors.first().map(|it| it.kind())
        && source.file.as_str().ends_with(".deb")
    {
        return format!(
            "debian_binary(\n    \"{package}\",\n    \"{version}\",\n    size = {size},\n    sha256 = \"{}\",\n)\n",
            source.sha256
        );
    }
    let name = if named { format!("    name = \"{}\",\n", source.file.as_str()) } else { String::new() };
    let mirrors: String =
        source.mirrors.iter().map(|it| format!("        {},\n", quoted(it.as_str()))).collect();
    format!(
        "source(\n    sha256 = \"{}\",\n    size = {size},\n{name}    mirrors = [\n{mirrors}    ],\n)\n",
        source.sha256
    )
}

/// A string of Starlark. A mirror has no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
