//! `image sbom`

mod bill;

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use stele_recipes::recipe::{ImageRecipe, RecipeName};

use super::{Context, Which, ask, one};
use crate::commands::unexpected;
use crate::recipe_tree::{RecipeTreeArg, evaluate, graph, locate};
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::builds::Goal;
use stele::failure::{Failure, Kind};
use stele::images::{
    AttachedFile, BlobSums, ImageAnswer, ImageFile, ImageRequest, Shown, ShownImage, needed, specs,
};
use stele::recipes::Selection;
use stele::reference::to_wire;
use stele_sbom::Party;

/// `stele image sbom`
#[derive(Args, Debug)]
#[command(after_help = "\
The SBOM is derived from the recipes and their inputs; nothing is scanned. The recipes have to produce exactly this \
image: there is no SBOM for an imported image, or for one whose recipes changed since it was built. \
The same image and recipes give the same bytes.")]
pub struct Sbom {
    #[command(flatten)]
    which: Which,
    /// Format: SPDX 2.3, SPDX 3.0.1, or CycloneDX 1.6
    #[arg(long, value_enum, default_value_t = Format::Spdx)]
    format: Format,
    /// Who answers for the SBOM; the licences in the recipes are then this author's word
    #[arg(long, value_name = "NAME [<E-MAIL|URL>]")]
    author: Option<Party>,
    /// Who supplies the image and the packages built for it
    #[arg(long, value_name = "NAME [<E-MAIL|URL>]")]
    supplier: Option<Party>,
    /// Include the build tools of each package, down to the seed
    #[arg(long)]
    build_tools: bool,
    /// For an index: the image of this platform, such as linux/arm64
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
    /// Attach it to the image, and print the digest of the referrer
    #[arg(long)]
    attach: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    #[value(name = "spdx-json")]
    Spdx,
    #[value(name = "spdx3-json")]
    Spdx3,
    #[value(name = "cyclonedx-json")]
    CycloneDx,
}

impl Format {
    /// As registered with IANA.
    fn media_type(self) -> &'static str {
        match self {
            Self::Spdx | Self::Spdx3 => "application/spdx+json",
            Self::CycloneDx => "application/vnd.cyclonedx+json",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Spdx => "spdx.json",
            Self::Spdx3 => "spdx3.json",
            Self::CycloneDx => "cdx.json",
        }
    }
}

impl Sbom {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let tree = locate(&self.place)?;
        let shown = one(ask(context, ImageRequest::Inspect { reference: self.which.image.clone() })?)?;
        let recipe = recipe(&tree, &shown)?;
        let goals = goals(context, &tree, &recipe, &shown)?;
        let image = shown.single(self.platform.as_deref())?;
        // The images of an index are in the order of its recipe.
        let mut both = shown.images.iter().zip(&recipe.images);
        let (_, parts) = both.find(|(it, _)| it.digest == image.digest).ok_or_else(unexpected)?;
        let names = needed(&recipe);
        // An empty list of names would mean every recipe.
        let graph = (!names.is_empty()).then(|| graph(&tree, &names)).transpose()?;
        let (kept, platform) = (shown.tree, image.platform.to_string());
        let files: Vec<ImageFile> =
            lines(context, ImageRequest::Files { tree: kept, platform: platform.clone() })?;
        let sums: Vec<BlobSums> = lines(context, ImageRequest::Sums { tree: kept, platform })?;
        let (graph, goals) = (graph.as_ref(), goals.as_slice());
        let known = bill::Known { tree: &tree, shown: &shown, image, parts, graph, goals, sums: &sums };
        let mut bill = bill::bill(&known, files, self.build_tools)?;
        (bill.author, bill.supplier) = (self.author.clone(), self.supplier.clone());
        let text = match self.format {
            Format::Spdx => stele_sbom::spdx::text(&bill),
            Format::Spdx3 => stele_sbom::spdx3::text(&bill),
            Format::CycloneDx => stele_sbom::cyclonedx::text(&bill),
        };
        if self.attach { self.attach(context, &shown, image, &text) } else { render::exact(text.as_bytes()) }
    }

    fn attach(
        &self,
        context: &mut Context,
        shown: &Shown,
        image: &ShownImage,
        text: &str,
    ) -> Result<(), Failure> {
        let fails = |e: &std::io::Error| Failure::io("no temporary file for the SBOM", e);
        let folder = tempfile::tempdir().map_err(|e| fails(&e))?;
        let path = folder.path().join(format!("{}.{}", shown.name, self.format.ending()));
        std::fs::write(&path, text).map_err(|e| fails(&e))?;
        let media_type = self.format.media_type().to_owned();
        let request = ImageRequest::Attach {
            reference: shown.name.clone(),
            subject: Some(image.digest.clone()),
            artifact_type: media_type.clone(),
            annotations: std::collections::BTreeMap::new(),
            files: vec![AttachedFile {
                annotations: std::collections::BTreeMap::new(),
                path: to_wire(path.as_os_str()),
                media_type,
                title: path.file_name().map(|name| name.to_string_lossy().into_owned()),
            }],
            existing: stele::images::Existing::Keep,
        };
        let ImageAnswer::Attached(done) = ask(context, request)? else { return Err(unexpected()) };
        if context.terminal.json {
            return render::json(&done);
        }
        render::out(format!("{}  {}\n", done.digest, done.image).as_bytes())
    }
}

/// An answer of one JSON document a line.
fn lines<T: serde::de::DeserializeOwned>(
    context: &mut Context,
    ask: ImageRequest,
) -> Result<Vec<T>, Failure> {
    let answer = context.gather(Request::Image { ask })?;
    let lines = answer.split(|byte| *byte == b'\n').filter(|it| !it.is_empty());
    lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|_| unexpected())
}

/// The recipe of an image.
fn recipe(tree: &std::path::Path, shown: &Shown) -> Result<ImageRecipe, Failure> {
    let unknown = || {
        Failure::new(Kind::NotFound, format!("{} has no image recipe `{}`", tree.display(), shown.name)).hint(
            "an SBOM is derived from recipes: name their folder with --recipes; for an imported image, ask its \
             publisher",
        )
    };
    let name = RecipeName::new(&shown.name).map_err(|_| unknown())?;
    let images =
        evaluate(tree, &Selection::Images(vec![name.clone()])).map_err(|failure| match failure.kind {
            Kind::NotFound => unknown(),
            _ => failure,
        })?;
    let found = images.images.into_iter().find(|image| image.name == name).ok_or_else(unknown)?;
    Ok((*found).clone())
}

/// The outputs of an image's recipes; they have to be what the image contains.
fn goals(
    context: &mut Context,
    tree: &std::path::Path,
    recipe: &ImageRecipe,
    shown: &Shown,
) -> Result<Vec<Goal>, Failure> {
    let names: Vec<String> = needed(recipe).iter().map(ToString::to_string).collect();
    let goals = if names.is_empty() {
        Vec::new()
    } else {
        let request = Request::Plan { tree: to_wire(tree.as_os_str()), goals: names.clone() };
        let Answer::Plan(planned) = context.ask(request)? else { return Err(unexpected()) };
        planned.there.clone()
    };
    let again = || format!("`stele image build {}` rebuilds it; --recipes chooses the recipes", shown.name);
    if let Some(name) = names.iter().find(|name| !goals.iter().any(|goal| goal.name == **name)) {
        let what =
            format!("`{name}`, as the recipes define it now, is not built: the image was made from another");
        return Err(Failure::new(Kind::Failed, what).hint(again()));
    }
    let request = ImageRequest::Make {
        name: shown.name.clone(),
        images: specs(recipe, &goals)?,
        index: recipe.index.clone(),
        keep: false,
        check: BTreeSet::new(),
        closed: BTreeSet::new(),
    };
    let made = one(ask(context, request)?)?;
    if made.digest != shown.digest {
        let what = format!("the recipes now produce {}, but the image is {}", made.digest, shown.digest);
        return Err(Failure::new(Kind::Failed, what).hint(again()));
    }
    Ok(goals)
}
