//! `page`

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::HumanBytes;

use super::context::Context;
use super::lineage::{self, Found};
use super::unexpected;
use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, find};
use crate::render;
use stele::answers::Answer;
use stele::builds::{Reported, Standing};
use stele::failure::{Failure, Kind};
use stele::images::{ImageAnswer, ImageRequest, Shown};
use stele::page::{Page as Html, escape};
use stele::recipes::names;
use stele::{Request, Untrusted};

/// Write a page about recipes: what each is, its lineage as a picture, whether it is reproducible, its image's layers
///
/// A file for each, DIR/NAME.html, and DIR/index.html with links to them. They need no network and run no script.
/// Nothing is built: the page shows what the store has.
#[derive(Args, Debug)]
pub struct Page {
    /// Recipes
    #[arg(required = true)]
    names: Vec<String>,
    /// The folder to write to
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Page {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, names) = (find(global, &self.place)?, names(&self.names)?);
        let mut context = Context::new(global, true)?;
        let mut written = Vec::new();
        for name in &names {
            let found = lineage::find_out(&mut context, &tree, name, false)?;
            let recipes = vec![name.to_string()];
            let Answer::Reported(reported) = context.ask(Request::Report { recipes })? else {
                return Err(unexpected());
            };
            let image = image(&mut context, name.as_str())?;
            let html = page(name.as_str(), &found, reported.first(), image.as_ref());
            written.push(write(&self.output.join(format!("{name}.html")), &html)?);
        }
        let mut index = Html::new("Recipes", "");
        for name in &names {
            let name = escape(name.as_str());
            index.raw(&format!("<p><a href=\"{name}.html\">{name}</a></p>\n"));
        }
        written.push(write(&self.output.join("index.html"), &index.end())?);
        match global.json {
            true => render::json(&written),
            false => {
                let lines: String = written.iter().map(|it| format!("{}\n", it.display())).collect();
                render::out(lines.as_bytes())
            }
        }
    }
}

fn write(file: &Path, html: &str) -> Result<PathBuf, Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, html))
        .map_err(|e| Failure::io(&format!("{} could not be written", file.display()), &e))?;
    Ok(file.to_owned())
}

/// The image of that name, if there is one.
fn image(context: &mut Context, name: &str) -> Result<Option<Shown>, Failure> {
    let ask = ImageRequest::Inspect { reference: name.to_owned() };
    match context.ask(Request::Image { ask }) {
        Ok(Answer::Image(ImageAnswer::One(shown))) => Ok(Some(*shown)),
        Ok(_) => Err(unexpected()),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn page(name: &str, found: &Found, reported: Option<&Reported>, image: Option<&Shown>) -> String {
    let mut page = Html::new(name, STYLE);
    if let Some(recipe) = found.graph.recipes().iter().find(|it| it.name.as_str() == name) {
        let about = &recipe.about;
        if let Some(description) = &about.description {
            page.raw(&format!("<p>{}</p>\n", escape(description)));
        }
        page.raw("<dl>");
        let mut fact =
            |what: &str, text: &str| page.raw(&format!("<dt>{what}</dt><dd>{}</dd>", escape(text)));
        fact("version", recipe.version.as_str());
        about.license.iter().for_each(|it| fact("licence", it));
        about.homepage.iter().for_each(|it| fact("home page", it));
        let opaque = &found.shown.opaque;
        fact(
            "opaque bytes below it",
            &format!("{} in prebuilt packages, {} hand-written", opaque.packages, opaque.seed),
        );
        fact("reproducible", standing(reported));
        page.raw("</dl>\n");
    }
    page.heading("Lineage");
    let count = found.shown.links.len();
    page.raw(&format!(
        "<p>{count} builds, from what needs nothing down to it. A pointer on a box is told its digests.</p>\n\
         <div class=\"wide\">{}</div>\n",
        found.picture()
    ));
    if let Some(image) = image {
        layers(&mut page, image);
    }
    page.heading("Every link");
    let rows = found.shown.links.iter().map(|link| {
        let outputs: Vec<String> = link
            .outputs
            .iter()
            .map(|(name, it)| format!("{name} {} ({})", it.digest, HumanBytes(it.bytes)))
            .collect();
        let outputs = if outputs.is_empty() { "not built here".to_owned() } else { outputs.join(" ") };
        let sources: Vec<String> = link
            .sources
            .iter()
            .map(|it| {
                let sha256 = it.sha256.as_deref().map(|it| format!(" SHA-256 {it}")).unwrap_or_default();
                format!("{}{sha256}", Untrusted(&it.name))
            })
            .collect();
        [format!("{} {}", link.name, link.version), link.with.join(" "), sources.join(" "), outputs]
    });
    page.table(["recipe", "with", "sources", "outputs"], rows);
    page.end()
}

fn standing(reported: Option<&Reported>) -> &'static str {
    match reported.map(Reported::standing) {
        Some(Standing::Reproducible) => "yes, by its last check",
        Some(Standing::Differs) => "no: a round of its last check gave something else",
        Some(Standing::Fails) => "a round of its last check failed",
        Some(Standing::Unchecked) | None => "not checked yet; `stele check` does",
    }
}

/// The layers of an image, each as wide as it is large.
fn layers(page: &mut Html, shown: &Shown) {
    for image in &shown.images {
        page.heading(&format!("Layers of the image for {}", image.platform));
        let all: u64 = image.layers.iter().map(|it| it.size).sum();
        page.raw(&format!(
            "<p>{} in {} layers, {}</p>\n<div class=\"layers\">",
            HumanBytes(all),
            image.layers.len(),
            escape(&image.digest)
        ));
        for (number, layer) in image.layers.iter().enumerate() {
            let origin = escape(&Untrusted(&layer.origin).to_string());
            let mut bar = String::new();
            // Writing to a string cannot fail.
            let _ = write!(
                bar,
                "<div class=\"layer\"><span class=\"name\">{number}: {origin}</span><span class=\"bar\">\
                 <i style=\"width:{:.2}%\"></i></span><span class=\"size\">{}</span></div>",
                layer.size as f64 / all.max(1) as f64 * 100.0,
                HumanBytes(layer.size)
            );
            page.raw(&bar);
        }
        page.raw("</div>\n");
    }
}

const STYLE: &str = "\
body{overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content minmax(0,1fr);\
gap:.2rem 1rem}dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}\
.wide{overflow-x:auto}.layer{display:flex;gap:.6rem;align-items:center;margin:.2rem 0}\
.layer .name{width:30%;overflow-wrap:anywhere}.layer .bar{flex:1;background:#8882;border-radius:2px}\
.layer .bar i{display:block;height:1rem;min-width:2px;background:#1565c0;border-radius:2px}\
.layer .size{width:6rem;text-align:right}\
@media(prefers-color-scheme:dark){body{background:#121212;color:#e6e6e6}.layer .bar i{background:#64b5f6}}\
@media(max-width:40rem){dl{grid-template-columns:minmax(0,1fr)}dd{margin-bottom:.4rem}}";
