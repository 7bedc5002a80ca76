//! `recipe update`

use std::fs;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use stele_recipes::fetch::{FetchError, Options, compare_versions, newer, watched};
use stele_recipes::recipe::Recipe;
use stele_recipes::source::{FileName, Mirror, MirrorKind, Source};

use crate::args::Global;
use crate::commands::source::fetch::{How, options};
use crate::commands::source::prefetch;
use crate::recipe_tree::{RecipeTreeArg, evaluate, find};
use crate::render;
use crate::replace::replace;
use stele::failure::{Failure, Kind};
use stele::recipes::{Selection, names};

/// `stele recipe update`
#[derive(Args, Debug)]
#[command(after_help = "\
A recipe says by `watch` where newer versions are announced. Its version, the addresses of its first source and the \
pin are rewritten where they stand in its recipe.star. What came is believed once, as by `source prefetch`: compare \
the new pin with what upstream publishes before you build.")]
pub struct Update {
    /// Recipes
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// All recipes of the tree that say where newer versions are announced
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Only list what is old
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    place: RecipeTreeArg,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Found {
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    newer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// A newer version: upstream's, and, if Debian told of it, Debian's.
struct Newer {
    version: String,
    debian: Option<String>,
}

impl Update {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let tree = find(global, &self.place)?;
        let selection = if self.all { Selection::All } else { Selection::of(&names(&self.names)?) };
        let evaluated = evaluate(&tree, &selection)?;
        let options = options(global, &self.how)?;
        let mut all = Vec::new();
        let mut failed = None;
        for recipe in &evaluated.recipes {
            let is_named = self.names.iter().any(|name| *name == recipe.name.as_str());
            let is_meant = self.all && recipe.about.watch.is_some() && recipe.at.file.starts_with("pkgs/");
            // Of dependencies nobody asked.
            if !is_named && !is_meant {
                continue;
            }
            match self.one(global, &tree, recipe, &options) {
                Ok(found) => all.push(found),
                Err(failure) if self.all => {
                    render::failure(&failure, global.json);
                    failed = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        if global.json {
            render::json(&all)?;
        } else {
            let line = |it: &Found| match (&it.newer, &it.file) {
                (Some(newer), Some(file)) => format!("{}  {} -> {newer}  {file}\n", it.name, it.version),
                (Some(newer), None) => format!("{}  {} -> {newer}\n", it.name, it.version),
                (None, _) => format!("{}  {} is the newest\n", it.name, it.version),
            };
            render::out(all.iter().map(line).collect::<String>().as_bytes())?;
        }
        failed.map_or(Ok(()), |failure| Err(Failure { message: String::new(), ..failure }))
    }

    fn one(
        &self,
        global: &Global,
        tree: &Path,
        recipe: &Recipe,
        options: &Options,
    ) -> Result<Found, Failure> {
        let (name, version) = (recipe.name.to_string(), recipe.version.as_str().to_owned());
        let watch = recipe.about.watch.as_deref().ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!("recipe `{name}` does not say where newer versions are announced"),
            )
            .hint("give it `watch`: a page with links to the archives, or `debian:PACKAGE`")
        })?;
        let source = recipe.sources.first().map(|it| &it.source).ok_or_else(|| {
            Failure::new(Kind::Usage, format!("recipe `{name}` has no source that could be newer"))
        })?;
        if recipe.at.file.starts_with("modules/") {
            return Err(Failure::new(
                Kind::Usage,
                format!("recipe `{name}` is one of a module, whose pin would no more hold"),
            )
            .hint("update the module itself, and then its pin in modules.star"));
        }
        if source.sha512.is_some() || source.signature.is_some() {
            return Err(Failure::new(
                Kind::Usage,
                format!("the source of `{name}` has a SHA-512 or a signature, too"),
            )
            .hint("change version and pins by hand: `stele source prefetch` prints the SHA-256"));
        }
        let newer = find_newer(watch, &source.file, &version, options).map_err(|failure| Failure {
            message: format!("recipe `{name}`: {}", failure.message),
            ..failure
        })?;
        let Some(newer) = newer else { return Ok(Found { name, version, newer: None, file: None }) };
        let mut file = None;
        if !self.dry_run {
            let mirrors: Vec<(Mirror, Option<Mirror>)> =
                source.mirrors.iter().map(|it| (it.clone(), renewed(it, &version, &newer))).collect();
            let came = get(global, source, &version, &newer, &mirrors, options)?;
            rewrite(tree, recipe, source, &came, &newer.version, &mirrors)?;
            file = Some(recipe.at.file.to_string());
        }
        Ok(Found { name, version, newer: Some(newer.version), file })
    }
}

fn find_newer(
    watch: &str,
    file: &FileName,
    version: &str,
    options: &Options,
) -> Result<Option<Newer>, Failure> {
    let note = |text: &str| render::note(text);
    let found = watched::<Failure>(watch, file, version, options, &note).map_err(|error| {
        let why: String = match &error {
            FetchError::Unavailable { tried } => {
                tried.iter().map(|it| format!("{}: {}", it.mirror, it.failure)).collect()
            }
            error => error.to_string(),
        };
        Failure::new(Kind::NotFound, why)
    })?;
    let is_debian = watch.starts_with("debian:");
    // A page that does not know today's version says nothing about tomorrow's.
    // Debian's indexes may have newer ones only.
    let tells = if is_debian { !found.is_empty() } else { found.iter().any(|it| it == version) };
    if !tells {
        let message = format!("{watch} does not have version {version}, so it cannot tell which is newer");
        return Err(Failure::new(Kind::NotFound, message)
            .hint("the file's name has to have the version in it, as the page has it; look at the page"));
    }
    if !is_debian {
        return Ok(newer(version, &found).map(|it| Newer { version: it.to_owned(), debian: None }));
    }
    let upstream: Vec<String> = found.iter().map(|it| upstream(it).to_owned()).collect();
    let Some(best) = newer(version, &upstream) else { return Ok(None) };
    let of_best = found.iter().filter(|it| self::upstream(it) == best).max_by(|a, b| compare_versions(a, b));
    Ok(Some(Newer { version: best.to_owned(), debian: of_best.cloned() }))
}

/// Debian Policy, 5.6.12: a version without its epoch, Debian's revision, and what says that files were left out.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    // An older version that takes the place of a newer one: 2.0+really1.9.
    let version = version.split_once("+really").map_or(version, |(_, real)| real);
    let repacked = ["+dfsg", ".dfsg", "~dfsg", "+ds"].iter().filter_map(|it| version.find(it)).min();
    repacked.map_or(version, |at| &version[..at])
}

/// Fetches the newer source, from the old one's mirrors with the versions replaced.
fn get(
    global: &Global,
    old: &Source,
    version: &str,
    newer: &Newer,
    mirrors: &[(Mirror, Option<Mirror>)],
    options: &Options,
) -> Result<Source, Failure> {
    let file = FileName::new(&old.file.as_str().replace(version, &newer.version))
        .map_err(|e| Failure::new(Kind::Failed, e.to_string()))?;
    let mirrors: Vec<Mirror> = mirrors.iter().filter_map(|(_, newest)| newest.clone()).collect();
    let came = prefetch::get(global, &file, &mirrors, options)?;
    came.map_err(|error| match error {
        FetchError::Unavailable { tried } => {
            let tried: String = tried.iter().map(|it| format!("\n  {}: {}", it.mirror, it.failure)).collect();
            Failure::new(Kind::NotFound, format!("{file} could not be fetched:{tried}")).hint(
                "its mirrors are those of the old version with the version replaced; change them by hand",
            )
        }
        FetchError::SourceStore(failure) => failure,
        error => Failure::new(Kind::Failed, error.to_string()),
    })
}

/// A mirror's address for the newer version. Debian's has Debian's version in it, which only Debian tells.
fn renewed(mirror: &Mirror, version: &str, newer: &Newer) -> Option<Mirror> {
    let text = match (mirror.kind(), &newer.debian) {
        (MirrorKind::Debian { package, file, .. }, Some(debian)) => {
            format!("debian:{package}/{debian}/{}", file.replace(version, &newer.version))
        }
        (MirrorKind::Debian { .. }, None) => return None,
        _ => mirror.as_str().replace(version, &newer.version),
    };
    Mirror::new(&text).ok()
}

/// Puts the newer version and its pin where the old ones are written.
fn rewrite(
    tree: &Path,
    recipe: &Recipe,
    old: &Source,
    new: &Source,
    version: &str,
    mirrors: &[(Mirror, Option<Mirror>)],
) -> Result<(), Failure> {
    let path = tree.join(&*recipe.at.file);
    let failed = |what: &str, e: &std::io::Error| Failure::io(&format!("{} {what}", path.display()), e);
    let text = fs::read_to_string(&path).map_err(|e| failed("could not be read", &e))?;
    let text =
        renewed_text(&text, (recipe.version.as_str(), version), old, new, mirrors).ok_or_else(|| {
            let size = new.size.unwrap_or_default();
            Failure::new(
                Kind::Failed,
                format!("{} does not have the pin of `{}` in it", path.display(), recipe.name),
            )
            .hint(format!("change it where it is: version {version}, size {size}, SHA-256 {}", new.sha256))
        })?;
    replace(&path, &text).map_err(|e| failed("could not be written", &e))
}

/// `None` when the old pin is not in the text exactly once.
fn renewed_text(
    text: &str,
    (version, newer): (&str, &str),
    old: &Source,
    new: &Source,
    mirrors: &[(Mirror, Option<Mirror>)],
) -> Option<String> {
    let (before, after) = (old.sha256.to_string(), new.sha256.to_string());
    if text.matches(&before).count() != 1 {
        return None;
    }
    let at = text.find(&before)?;
    let (head, tail) = text.split_at(at);
    let mut tail = tail.replacen(&before, &after, 1);
    let mut head = head.to_owned();
    if let (Some(before), Some(after)) = (old.size, new.size) {
        // It stands beside the pin: behind it, or a line before.
        match replaced_number(&tail, before, after) {
            Some(text) => tail = text,
            None => head = replaced_number(&head, before, after).unwrap_or(head),
        }
    }
    let mut text = head + &tail;
    for (mirror, newest) in mirrors {
        match newest {
            Some(newest) => text = text.replace(mirror.as_str(), newest.as_str()),
            // A mirror that is not known to have it would only fail.
            None => text = without_line(&text, mirror.as_str()),
        }
    }
    // Only the argument: the same text elsewhere may mean something else.
    let argument = |version: &str| format!("version = \"{version}\"");
    Some(text.replacen(&argument(version), &argument(newer), 1))
}

/// Replaces a number that is not part of a longer one.
fn replaced_number(text: &str, before: u64, after: u64) -> Option<String> {
    let before = before.to_string();
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let (at, _) = text.match_indices(&before).find(|(at, _)| {
        !is_part(text[..*at].chars().next_back()) && !is_part(text[at + before.len()..].chars().next())
    })?;
    Some(format!("{}{after}{}", &text[..at], &text[at + before.len()..]))
}

/// Removes the line that is only this text in quotation marks.
fn without_line(text: &str, mirror: &str) -> String {
    let is_it = |line: &&str| line.trim().trim_end_matches(',') != format!("\"{mirror}\"");
    let lines: Vec<&str> = text.split_inclusive('\n').filter(is_it).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_versions_have_parts() {
        assert_eq!(upstream("1:2.0-1+deb13u2"), "2.0");
        assert_eq!(upstream("2.0"), "2.0");
        assert_eq!(upstream("8.1.1+dfsg1-3"), "8.1.1");
        assert_eq!(upstream("1:1.3.dfsg+really1.3.1-1"), "1.3.1");
        assert_eq!(upstream("1.0-rc1-2"), "1.0-rc1");
    }

    #[test]
    fn a_number_is_replaced_only_where_it_stands_alone() {
        assert_eq!(
            replaced_number("x123 1234 .123 = 123, 123", 123, 9).as_deref(),
            Some("x123 1234 .123 = 9, 123")
        );
        assert_eq!(replaced_number("1234", 123, 9), None);
    }
}
