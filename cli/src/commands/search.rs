//! `search`

use std::fmt::Write as _;

use clap::Args;

use stele_recipes::recipe::Recipe;

use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, evaluate, find};
use crate::render;
use stele::Untrusted;
use stele::failure::{Failure, Kind};
use stele::recipes::Selection;

/// Find recipes by words in their names, descriptions and home pages.
///
/// A recipe is found when it has every word, in any case. Those with a word in their names come first.
#[derive(Args, Debug)]
pub struct Search {
    /// Words
    #[arg(required = true)]
    words: Vec<String>,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Search {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let words: Vec<String> = self.words.iter().map(|word| word.to_lowercase()).collect();
        let evaluated = evaluate(&find(global, &self.place)?, &Selection::Check)?;
        let mut found: Vec<(bool, &Recipe)> = Vec::new();
        for recipe in &evaluated.recipes {
            let name = recipe.name.as_str().to_lowercase();
            let about = [&recipe.about.description, &recipe.about.homepage]
                .map(|it| it.as_deref().unwrap_or("").to_lowercase());
            let has = |word: &String| name.contains(word) || about.iter().any(|text| text.contains(word));
            if words.iter().all(has) {
                found.push((!words.iter().any(|word| name.contains(word)), recipe));
            }
        }
        found.sort_by(|one, other| (one.0, &one.1.name).cmp(&(other.0, &other.1.name)));
        if found.is_empty() {
            let words = self.words.join(" ");
            return Err(Failure::new(
                Kind::NotFound,
                format!("no recipe has the words {}", Untrusted(words)),
            )
            .hint("`stele recipe ls` lists all recipes"));
        }
        if global.json {
            let shown = |recipe: &&Recipe| {
                serde_json::json!({
                    "name": recipe.name, "version": recipe.version.as_str(),
                    "description": recipe.about.description, "homepage": recipe.about.homepage,
                })
            };
            let recipes: Vec<&Recipe> = found.iter().map(|it| it.1).collect();
            return render::json(&recipes.iter().map(shown).collect::<Vec<_>>());
        }
        let wide = found.iter().map(|it| it.1.name.as_str().len()).max().unwrap_or(0);
        let mut text = String::new();
        for (_, recipe) in found {
            let description = recipe.about.description.as_deref().unwrap_or("");
            let line = format!(
                "{:wide$}  {}  {}",
                recipe.name.as_str(),
                recipe.version.as_str(),
                Untrusted(description)
            );
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        }
        render::out(text.as_bytes())
    }
}
