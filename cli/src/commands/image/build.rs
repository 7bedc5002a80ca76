//! `image build`

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use stele_recipes::recipe::{ImageRecipe, RecipeName};

use super::{Context, ask, one};
use crate::args::Global;
use crate::commands::build::inputs::Inputs;
use crate::recipe_tree::evaluate;
use crate::render;
use stele::Request;
use stele::builds::{Built, Goal, Order};
use stele::failure::Failure;
use stele::images::{ImageRequest, Shown, needed, specs};
use stele::recipes::Selection;
use stele::reference::to_wire;

/// `stele image build`
#[derive(Args, Debug)]
pub struct Build {
    /// Names of images declared by `image(...)` or `image_index(...)`
    #[arg(required = true)]
    names: Vec<String>,
    /// Maximum number of parallel builds [default: number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Keep the build directory on failure, and report where it is
    #[arg(long)]
    keep_failed: bool,
    #[command(flatten)]
    inputs: Inputs,
}

impl Build {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, names) = (self.inputs.tree(global)?, image_names(&self.names)?);
        let images = evaluate(&tree, &Selection::Images(names.clone()))?.images;
        // In the order of the arguments.
        let wanted = names.iter().filter_map(|name| images.iter().find(|image| image.name == *name));
        let wanted: Vec<Arc<ImageRecipe>> = wanted.cloned().collect();
        let mut context = Context::new(global, false)?;
        let goals = self.realise(global, &mut context, &wanted)?;
        let mut made: Vec<Shown> = Vec::with_capacity(wanted.len());
        for image in &wanted {
            let specs = specs(image, &goals)?;
            let request = ImageRequest::Make {
                name: image.name.to_string(),
                images: specs,
                index: image.index.clone(),
                keep: true,
                check: (0..image.images.len()).filter(|&number| image.images[number].check).collect(),
                closed: (0..image.images.len()).filter(|&number| image.images[number].closure).collect(),
            };
            made.push(one(ask(&mut context, request)?)?);
        }
        if global.json {
            return render::json(&made);
        }
        let mut text = String::new();
        for shown in &made {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  {}", shown.digest, shown.name);
        }
        render::out(text.as_bytes())
    }

    /// Builds the inputs of the images.
    fn realise(
        &self,
        global: &Global,
        context: &mut Context,
        wanted: &[Arc<ImageRecipe>],
    ) -> Result<Vec<Goal>, Failure> {
        let mut names: Vec<RecipeName> = wanted.iter().flat_map(|image| needed(image)).collect();
        names.sort_unstable();
        names.dedup();
        // An empty list of names would mean every recipe.
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let tree = self.inputs.tree(global)?;
        let named = names.iter().map(ToString::to_string).collect();
        let (jobs, keep_failed) = (self.jobs.map(usize::from), self.keep_failed);
        let order = Order { jobs, keep_failed, ..self.inputs.order()? };
        let request = Request::Build { tree: to_wire(tree.as_os_str()), goals: named, order };
        let built = self.inputs.build(global, &tree, &names, context, &request)?;
        let Built { goals, mut failed, .. } = built;
        let Some(last) = failed.pop() else { return Ok(goals) };
        failed.iter().for_each(|failure| render::failure(failure, global.json));
        Err(last)
    }
}

fn image_names(texts: &[String]) -> Result<Vec<RecipeName>, Failure> {
    let name = |text: &String| {
        RecipeName::new(text).map_err(|e| {
            Failure::new(stele::failure::Kind::Usage, format!("`{text}` cannot be the name of an image: {e}"))
        })
    };
    let mut names: Vec<RecipeName> = Vec::with_capacity(texts.len());
    for text in texts {
        let name = name(text)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
