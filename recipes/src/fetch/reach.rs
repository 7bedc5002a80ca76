//! Which mirrors of a source answer, each asked by itself: a fetch stops at the first that does, so that the loss of
//! the others goes unnoticed.

use std::fs;

use super::Options;
use super::address::{self, Address};
use super::failure::{MirrorFailure, PartError, Tried};
use super::mirrors::Mirrors;
use super::parallel;
use super::part::{self, Part};
use super::worker::{Bounds, Stop};
use crate::source::Source;

/// What is asked of a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// Whether it has the file, with the right size as far as it says one. No content is transferred.
    Presence,
    /// All of its bytes, which have to be those that are pinned. They are not kept.
    Content,
}

/// A mirror of a source.
#[derive(Debug)]
pub struct Reach {
    /// As the recipe writes it, and the address that was asked when it is another.
    pub mirror: String,
    /// Why it does not have the source, if so.
    pub failure: Option<MirrorFailure>,
}

/// Asks every mirror of every source, several sources at once; the answers in the order of `sources`.
///
/// # Errors
/// When the folder of downloads cannot be used.
pub fn reach(
    sources: &[Source],
    options: &Options,
    question: Question,
) -> Result<Vec<Vec<Reach>>, PartError> {
    let mirrors = Mirrors::new(&options.config);
    part::make_folder(&options.folder)?;
    let answers = parallel::map(sources, options.config.limits.jobs, |_, source| {
        of_source(&mirrors, source, options, question)
    });
    // What apt knows of its archives stays with the downloads; the content that was checked does not.
    let _ = fs::remove_dir_all(options.folder.join(FOLDER));
    answers.into_iter().collect()
}

/// Where content is checked, below the folder of downloads.
const FOLDER: &str = "check";

fn of_source(
    mirrors: &Mirrors<'_>,
    source: &Source,
    options: &Options,
    question: Question,
) -> Result<Vec<Reach>, PartError> {
    let mut all = Vec::new();
    for attempt in address::all(source, &options.config) {
        let (mirror, address) = match attempt {
            Ok(attempt) => attempt,
            Err(Tried { mirror, failure }) => {
                all.push(Reach { mirror, failure: Some(failure) });
                continue;
            }
        };
        let bounds = Bounds::new(options.config.limits, source.size);
        let answer = match question {
            Question::Presence => mirrors.has(&address, &options.folder, &bounds),
            Question::Content => content(mirrors, source, &address, options, &bounds),
        };
        let failure = match answer {
            Ok(()) => None,
            Err(Stop::Mirror(failure)) => Some(failure),
            Err(Stop::Part(error)) => return Err(error),
        };
        all.push(Reach { mirror, failure });
    }
    Ok(all)
}

fn content(
    mirrors: &Mirrors<'_>,
    source: &Source,
    address: &Address,
    options: &Options,
    bounds: &Bounds,
) -> Result<(), Stop> {
    let folder = options.folder.join(FOLDER);
    part::make_folder(&folder)?;
    let mut part = Part::open(&folder, source.sha256, || ())?;
    part.restart()?;
    let answer = mirrors.ask(&source.sha256, address, &mut part, bounds, &|_| ());
    part.remove()?;
    answer
}
