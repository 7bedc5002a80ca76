//! `graph` and `why`: dependencies between recipes. No store is needed.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use stele_recipes::plan::Graph;
use stele_recipes::recipe::{Recipe, RecipeName};

use crate::args::Global;
use crate::picture::{self, Shape};
use crate::recipe_tree::{RecipeTreeArg, find, graph};
use crate::render;
use stele::failure::{Failure, Kind};
use stele::recipes::{name, names};

/// The maximum number of paths that `why --all` lists.
const MAX_PATHS: usize = 1000;

/// `stele graph`
#[derive(Args, Debug)]
pub struct GraphOf {
    /// Recipes; all of the tree when none is named
    names: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: RecipeTreeArg,
}

/// The format of a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// A line for each recipe: its name, and its dependencies
    Text,
    /// For Graphviz
    Dot,
    /// An array of objects
    Json,
    /// An SVG picture
    Svg,
}

/// `stele why`
#[derive(Args, Debug)]
pub struct Why {
    /// The dependent recipe
    name: String,
    /// The dependency
    #[arg(required_unless_present = "reverse")]
    input: Option<String>,
    /// Show every path, not only the shortest
    #[arg(long)]
    all: bool,
    /// List all recipes that depend on the recipe, each with a shortest path to it
    #[arg(long, conflicts_with_all = ["input", "all"])]
    reverse: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl GraphOf {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let graph = graph(&find(global, &self.place)?, &names(&self.names)?)?;
        match self.format {
            _ if global.json => render::json(&objects(&graph)),
            Format::Json => render::json(&objects(&graph)),
            // Writing to a string cannot fail.
            Format::Text => render::out(text(&graph).unwrap_or_default().as_bytes()),
            Format::Dot => render::exact(dot(&graph).unwrap_or_default().as_bytes()),
            Format::Svg => render::exact(picture::draw(&shapes(&graph)).unwrap_or_default().as_bytes()),
        }
    }
}

impl Why {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, from) = (find(global, &self.place)?, name(&self.name)?);
        let Some(input) = self.input else { return reverse(global, &tree, &from) };
        let to = name(&input)?;
        let graph = graph(&tree, &[from.clone(), to.clone()])?;
        let (Some(start), Some(end)) = (graph.number(&from), graph.number(&to)) else {
            return Err(Failure::new(Kind::NotFound, format!("there is no recipe `{from}` or `{to}`")));
        };
        let Some(shortest) = graph.shortest(start, end) else {
            return Err(Failure::new(Kind::NotFound, format!("recipe `{from}` does not depend on `{to}`"))
                .hint(format!("`stele graph {from}` shows its dependencies")));
        };
        let (ways, more) = match self.all {
            true => graph.ways(start, end, MAX_PATHS),
            false => (vec![shortest], false),
        };
        let named = |way: &Vec<usize>| way.iter().map(|it| graph.recipes()[*it].name.to_string()).collect();
        let ways: Vec<Vec<String>> = ways.iter().map(named).collect();
        if global.json {
            return render::json(&serde_json::json!({ "ways": ways, "more": more }));
        }
        let mut text = String::new();
        for way in &ways {
            text.push_str(&way.join(" → "));
            text.push('\n');
        }
        render::out(text.as_bytes())?;
        if more {
            render::note(&format!("there are more than these {MAX_PATHS} paths"));
        }
        Ok(())
    }
}

/// All recipes of the tree that depend on `on`.
fn reverse(global: &Global, tree: &std::path::Path, on: &RecipeName) -> Result<(), Failure> {
    let graph = graph(tree, &[])?;
    let Some(end) = graph.number(on) else {
        return Err(Failure::new(Kind::NotFound, format!("there is no recipe `{on}`")));
    };
    let named = |way: Vec<usize>| way.iter().map(|it| graph.recipes()[*it].name.to_string()).collect();
    let ways = (0..graph.recipes().len()).filter(|it| *it != end).filter_map(|it| graph.shortest(it, end));
    let ways: Vec<Vec<String>> = ways.map(named).collect();
    if global.json {
        return render::json(&serde_json::json!({ "ways": ways, "more": false }));
    }
    let text: String = ways.iter().map(|way| way.join(" → ") + "\n").collect();
    render::out(text.as_bytes())
}

fn needs(graph: &Graph, number: usize) -> impl Iterator<Item = &str> {
    graph.needs(number).iter().map(|need| graph.recipes()[*need].name.as_str())
}

fn objects(graph: &Graph) -> Vec<serde_json::Value> {
    let object = |(number, recipe): (usize, &std::sync::Arc<stele_recipes::recipe::Recipe>)| {
        let inputs = recipe.inputs.iter().map(
            |input| serde_json::json!({ "recipe": input.recipe, "output": input.output, "at": input.place }),
        );
        let sources = recipe
            .sources
            .iter()
            .map(|it| serde_json::json!({ "file": it.source.file, "sha256": it.source.sha256.to_string() }));
        serde_json::json!({
            "name": recipe.name, "version": recipe.version, "needs": needs(graph, number).collect::<Vec<_>>(),
            "inputs": inputs.collect::<Vec<_>>(), "sources": sources.collect::<Vec<_>>(),
        })
    };
    graph.recipes().iter().enumerate().map(object).collect()
}

fn text(graph: &Graph) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (number, recipe) in graph.recipes().iter().enumerate() {
        let needs = needs(graph, number).collect::<Vec<_>>().join(" ");
        let arrow = if needs.is_empty() { "" } else { " ← " };
        writeln!(text, "{}{arrow}{needs}", recipe.name)?;
    }
    Ok(text)
}

/// As a picture shows them.
pub fn shapes(graph: &Graph) -> Vec<Shape> {
    let shape = |(number, recipe): (usize, &std::sync::Arc<Recipe>)| {
        let prebuilt = recipe.sources.iter().filter(|it| it.opaque).count() + recipe.images.len();
        let kind = match () {
            () if prebuilt > 0 => picture::Kind::Prebuilt,
            () if recipe.locals.iter().any(|it| it.hex0) => picture::Kind::Seed,
            () => picture::Kind::Source,
        };
        let mut title = format!("{} {}", recipe.name, recipe.version.as_str());
        if let Some(description) = &recipe.about.description {
            title.push_str(&format!("\n{description}"));
        }
        for source in &recipe.sources {
            title.push_str(&format!("\nof {}", source.source.file));
        }
        let with = needs(graph, number).collect::<Vec<_>>().join(", ");
        if !with.is_empty() {
            title.push_str(&format!("\nwith {with}"));
        }
        let below = match prebuilt {
            0 => recipe.version.as_str().to_owned(),
            1 => format!("{}, 1 prebuilt", recipe.version.as_str()),
            count => format!("{}, {count} prebuilt", recipe.version.as_str()),
        };
        Shape { label: recipe.name.to_string(), below, title, kind, needs: graph.needs(number).to_vec() }
    };
    graph.recipes().iter().enumerate().map(shape).collect()
}

/// Names consist of characters that need no escaping between quotes.
fn dot(graph: &Graph) -> Result<String, std::fmt::Error> {
    let mut text = "digraph recipes {\n  rankdir = BT;\n  node [shape = box];\n".to_owned();
    for (number, recipe) in graph.recipes().iter().enumerate() {
        writeln!(text, "  \"{}\" [label = \"{}\\n{}\"];", recipe.name, recipe.name, recipe.version)?;
        for need in needs(graph, number) {
            writeln!(text, "  \"{}\" -> \"{need}\";", recipe.name)?;
        }
    }
    text.push_str("}\n");
    Ok(text)
}
