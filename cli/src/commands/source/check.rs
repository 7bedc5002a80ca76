//! `source check`

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use stele_recipes::fetch::{Options, PartError, Question, Reach, reach};
use stele_recipes::recipe::Recipe;
use stele_recipes::source::Source;
use stele_store::Layout;
use stele_store::model::Sha256;

use crate::args::Global;
use crate::config;
use crate::recipe_tree::{RecipeTreeArg, find, graph};
use crate::render;
use crate::where_store;
use stele::failure::{Failure, Kind};
use stele::recipes::names;

/// `stele source check`
#[derive(Args, Debug)]
pub struct Check {
    /// Recipes: their sources, and those of all their dependencies
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// The sources of all recipes
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Download each file from each mirror and compare its SHA-256; nothing is kept
    #[arg(long)]
    content: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
    /// Maximum number of sources checked in parallel [default: 4, or as configured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Configuration file: aliases, limits [default: ~/.config/stele/config.toml, or /etc/stele/config.toml]
    #[arg(long, value_name = "FILE", env = "STELE_CONFIG", hide_env_values = true)]
    config: Option<std::path::PathBuf>,
}

/// A source and its mirrors.
#[derive(Serialize)]
struct Checked {
    file: String,
    sha256: Sha256,
    /// The recipe that needs it.
    recipe: String,
    mirrors: Vec<Mirror>,
}

#[derive(Serialize)]
struct Mirror {
    mirror: String,
    answers: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Check {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let goals = if self.all { Vec::new() } else { names(&self.names)? };
        let graph = graph(&find(global, &self.place)?, &goals)?;
        let mut seen = HashSet::new();
        let all = graph
            .recipes()
            .iter()
            .flat_map(|recipe| recipe.sources.iter().map(move |it| (recipe, &it.source)));
        let all: Vec<_> = all.filter(|(_, source)| seen.insert(source.sha256)).collect();
        let sources: Vec<Source> = all.iter().map(|(_, source)| (*source).clone()).collect();

        let mut config = config::read(self.config.as_deref())?;
        if let Some(jobs) = self.jobs {
            config.limits.jobs = jobs.into();
        }
        let folder = Layout::new(where_store::find(global.store.clone())?).fetch();
        let question = if self.content { Question::Content } else { Question::Presence };
        let answers = reach(&sources, &Options { folder, offline: false, config }, question);
        let answers = answers.map_err(|error: PartError| Failure::new(Kind::Failed, error.to_string()))?;

        let checked = |((recipe, source), mirrors): (&(&Arc<Recipe>, &Source), Vec<Reach>)| Checked {
            file: source.file.to_string(),
            sha256: source.sha256,
            recipe: recipe.name.to_string(),
            mirrors: mirrors.into_iter().map(Mirror::new).collect(),
        };
        let rows: Vec<Checked> = all.iter().zip(answers).map(checked).collect();
        match global.json {
            true => render::json(&rows)?,
            false => render::out(text(&rows).as_bytes())?,
        }
        match rows.iter().filter(|row| row.answering() == 0).count() {
            0 => Ok(()),
            lost => {
                let message = format!("{lost} of {} sources have no mirror that answers", rows.len());
                Err(Failure::new(Kind::NotFound, message)
                    .hint("add a mirror to the recipe; `stele source export` keeps what the store has"))
            }
        }
    }
}

impl Mirror {
    fn new(reach: Reach) -> Self {
        let failure = reach.failure.map(|failure| failure.to_string());
        Self { mirror: reach.mirror, answers: failure.is_none(), failure }
    }
}

impl Checked {
    fn answering(&self) -> usize {
        self.mirrors.iter().filter(|mirror| mirror.answers).count()
    }
}

/// Each source with its mirrors; then how many depend on a single one.
fn text(rows: &[Checked]) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(
            text,
            "{} ({}): {} of {} mirrors",
            row.file,
            row.recipe,
            row.answering(),
            row.mirrors.len()
        );
        for Mirror { mirror, failure, .. } in &row.mirrors {
            let _ = match failure {
                None => writeln!(text, "  ok      {mirror}"),
                Some(failure) => writeln!(text, "  failed  {mirror}: {failure}"),
            };
        }
    }
    let single = rows.iter().filter(|row| row.answering() == 1).count();
    let none = rows.iter().filter(|row| row.answering() == 0).count();
    let _ = writeln!(
        text,
        "{} sources: {single} with a single mirror that answers, {none} with none",
        rows.len()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(failures: &[Option<&str>]) -> Checked {
        let mirror = |failure: &Option<&str>| Mirror {
            mirror: "https://example.org/a".to_owned(),
            answers: failure.is_none(),
            failure: failure.map(str::to_owned),
        };
        Checked {
            file: "a".to_owned(),
            sha256: Sha256::of(b""),
            recipe: "r".to_owned(),
            mirrors: failures.iter().map(mirror).collect(),
        }
    }

    #[test]
    fn sources_with_one_mirror_and_with_none_are_counted_apart() {
        let rows = [row(&[None, None]), row(&[Some("404"), None]), row(&[Some("404")]), row(&[])];
        let text = text(&rows);
        assert!(text.ends_with("4 sources: 1 with a single mirror that answers, 2 with none\n"), "{text}");
        assert!(
            text.contains("a (r): 1 of 2 mirrors\n  failed  https://example.org/a: 404\n  ok      "),
            "{text}"
        );
    }
}
