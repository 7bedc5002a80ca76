//! The failure when sources could not be fetched: the fact, what happened at each mirror, what to do.

use stele_recipes::fetch::{FetchError, MirrorFailure, PartError, SignatureError, Tried};
use stele_recipes::source::Source;

use crate::config::usual_place;
use stele::failure::{Failure, Kind};

/// A source that could not be fetched, and the recipe that needs it.
pub struct Lost<'a> {
    pub recipe: Option<&'a str>,
    pub source: &'a Source,
    pub error: FetchError<Failure>,
}

const AT_HAND: &str = "add the file manually with `stele source add FILE`";

/// All of them as a single failure.
pub fn failure(lost: Vec<Lost<'_>>) -> Failure {
    let (offline, others): (Vec<_>, Vec<_>) = lost.into_iter().partition(|it| is_offline(&it.error));
    let mut failures: Vec<Failure> = others.into_iter().map(one).collect();
    if !offline.is_empty() {
        failures.push(missing(&offline));
    }
    let mut all = failures.remove(0);
    for more in failures {
        all.message = format!("{}\n{}", all.message, more.message);
        all.hint = all.hint.or(more.hint);
        // The same exit code for the same list, regardless of timing: the first that is not a plain failure.
        if all.kind == Kind::Failed {
            all.kind = more.kind;
        }
    }
    all
}

fn is_offline(error: &FetchError<Failure>) -> bool {
    match error {
        FetchError::Offline => true,
        FetchError::SignatureFile { failure, .. } => is_offline(failure),
        _ => false,
    }
}

fn missing(offline: &[Lost<'_>]) -> Failure {
    let line = |it: &Lost<'_>| {
        let by = it.recipe.map(|recipe| format!(", of recipe `{recipe}`")).unwrap_or_default();
        match &it.error {
            FetchError::SignatureFile { file, .. } => {
                format!("\n  the signature {file} of {} {}{by}", it.source.file, it.source.sha256)
            }
            _ => format!("\n  {} {}{by}", it.source.file, it.source.sha256),
        }
    };
    let lines: String = offline.iter().map(line).collect();
    let (sources, are) = if offline.len() == 1 { ("source", "is") } else { ("sources", "are") };
    let message =
        format!("{} {sources} {are} not in the store, and --offline forbids fetching:{lines}", offline.len());
    Failure::new(Kind::NotFound, message).hint(
        "run it without --offline, or copy them here: `stele source export` there, `stele source add` here",
    )
}

fn one(lost: Lost<'_>) -> Failure {
    let Lost { recipe, source, error } = lost;
    let what = match recipe {
        Some(recipe) => format!("recipe `{recipe}` needs source {}, and ", source.file),
        None => format!("source {}: ", source.file),
    };
    match error {
        FetchError::Unavailable { tried } if tried.is_empty() => {
            Failure::new(Kind::Failed, format!("{what}it has no mirror")).hint(AT_HAND)
        }
        FetchError::Unavailable { tried } => unavailable(&what, &tried),
        FetchError::SignatureFile { file, failure } => {
            let inner = one(Lost { recipe: None, source, error: *failure });
            let said = inner.message.split_once(": ").map_or(inner.message.as_str(), |(_, said)| said);
            let message = format!("{what}its signature {file} could not be fetched: {said}");
            Failure { message, ..inner }
        }
        FetchError::Part(error) => part(&what, &error),
        // The store's own failure has a hint.
        FetchError::SourceStore(failure) => {
            Failure { message: format!("{what}{}", failure.message), ..failure }
        }
        FetchError::Signature(error) => {
            let failure =
                Failure::new(Kind::Corrupt, format!("{what}its SHA-256 matches the pin, but {error}"));
            match error {
                SignatureError::NoGpgv => {
                    Failure { kind: Kind::Failed, ..failure }.hint("install gpgv (Debian package `gpgv`)")
                }
                SignatureError::Run(_) => Failure { kind: Kind::Failed, ..failure },
                _ => {
                    let keys = source.signature.as_ref().map_or("the keys", |it| it.keys_file.as_str());
                    failure.hint(format!(
                        "compare the pin, the signature and {keys} with what upstream publishes; nothing new was kept"
                    ))
                }
            }
        }
        error @ (FetchError::Sha512 { .. } | FetchError::Size { .. }) => Failure::new(
            Kind::Corrupt,
            format!("{what}{error}"),
        )
        .hint(
            "one of the two is not upstream's: compare both with what upstream publishes; nothing was kept",
        ),
        FetchError::Offline => missing(&[Lost { recipe, source, error: FetchError::Offline }]),
    }
}

fn part(what: &str, error: &PartError) -> Failure {
    match error.is_no_space() {
        true => Failure::new(Kind::NoSpace, format!("{what}{error}"))
            .hint("make room on the store's disk, and run the command again: the download is resumed"),
        false => Failure::new(Kind::Failed, format!("{what}{error}")),
    }
}

fn unavailable(what: &str, tried: &[Tried]) -> Failure {
    let none = match tried.len() {
        1 => "it could not be fetched from its only mirror".to_owned(),
        count => format!("it could not be fetched from any of its {count} mirrors"),
    };
    let lines: String = tried.iter().map(|it| format!("\n  {}: {}", it.mirror, it.failure)).collect();
    let wrong = tried.iter().any(|it| matches!(it.failure, MirrorFailure::Digest { .. }));
    let alias = tried.iter().find_map(|it| match &it.failure {
        MirrorFailure::NoAlias { name } => Some(name),
        _ => None,
    });
    let suites = tried.iter().any(|it| it.mirror.starts_with("debian:"));
    let hint = match alias {
        Some(name) => format!(
            "define the alias `{name}` in {}: under `[mirrors]`, `{name} = [\"https://…/\"]`; or {AT_HAND}",
            usual_place()
        ),
        None if suites => format!(
            "{AT_HAND}; to use another Debian release too, name it in {}: under `[debian]`, `suites = [\"…\"]`",
            usual_place()
        ),
        None => AT_HAND.to_owned(),
    };
    let kind = if wrong { Kind::Corrupt } else { Kind::Failed };
    Failure::new(kind, format!("{what}{none}{lines}")).hint(hint)
}
