//! `image ls`, `image inspect` and `image tree`

use std::fmt::Write as _;

use clap::Args;
use indicatif::HumanBytes;

use super::{Context, Which, ask, one};
use crate::commands::unexpected;
use crate::render;
use stele::failure::Failure;
use stele::images::{ImageAnswer, ImageRequest, Shown, ShownImage};
use stele::{Request, Untrusted};

/// `stele image tree`
#[derive(Args, Debug)]
pub struct Tree {
    #[command(flatten)]
    which: Which,
    /// For an index: only the image of this platform, such as linux/arm64
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
}

impl Tree {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        context.terminal.raw();
        let ask = ImageRequest::Tree {
            reference: self.which.image,
            json: context.terminal.json,
            platform: self.platform,
        };
        context.ask(Request::Image { ask }).map(drop)
    }
}

pub fn list(context: &mut Context) -> Result<(), Failure> {
    let ImageAnswer::List(images) = ask(context, ImageRequest::List {})? else { return Err(unexpected()) };
    if context.terminal.json {
        return render::json(&images);
    }
    let mut text = String::new();
    for image in &images {
        let platforms: Vec<_> = image.images.iter().map(|it| it.platform.to_string()).collect();
        let packed = image.images.iter().map(|it| it.packed).sum();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {:>10}  {}  {}",
            image.digest.get(..19).unwrap_or(&image.digest),
            HumanBytes(packed).to_string(),
            image.name,
            Untrusted(platforms.join(","))
        );
    }
    render::out(text.as_bytes())
}

pub fn inspect(context: &mut Context, which: Which) -> Result<(), Failure> {
    let shown = one(ask(context, ImageRequest::Inspect { reference: which.image })?)?;
    if context.terminal.json {
        return render::json(&shown);
    }
    // Writing to a string cannot fail.
    render::out(human(&shown).unwrap_or_default().as_bytes())
}

fn human(shown: &Shown) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{} {}", shown.kind, shown.name)?;
    writeln!(text, "digest   {}", shown.digest)?;
    writeln!(text, "content  {}", shown.content)?;
    writeln!(text, "kept in  {}", shown.tree)?;
    for image in &shown.images {
        writeln!(text)?;
        one_image(&mut text, image, shown.images.len() > 1 || shown.kind == "index")?;
    }
    Ok(text)
}

fn one_image(text: &mut String, image: &ShownImage, within: bool) -> std::fmt::Result {
    writeln!(text, "platform {}", Untrusted(&image.platform))?;
    if within {
        writeln!(text, "digest   {}", image.digest)?;
        writeln!(text, "content  {}", image.content)?;
    }
    writeln!(text, "rootfs   {}", image.rootfs)?;
    let field = |name: &str| image.config.get(name).and_then(serde_json::Value::as_str);
    if let Some(created) = field("created") {
        writeln!(text, "created  {}", Untrusted(created))?;
    }
    let run = image.config.get("config").and_then(serde_json::Value::as_object);
    for (key, value) in run.into_iter().flatten() {
        writeln!(text, "{}: {}", Untrusted(key), Untrusted(value))?;
    }
    for (key, value) in
        image.manifest.get("annotations").and_then(serde_json::Value::as_object).into_iter().flatten()
    {
        writeln!(text, "annotation {}: {}", Untrusted(key), Untrusted(value))?;
    }
    for (number, layer) in image.layers.iter().enumerate() {
        writeln!(text, "layer {number}: {}", Untrusted(&layer.origin))?;
        writeln!(text, "  tree    {}", layer.tree)?;
        writeln!(text, "  diffID  {}  {}", layer.diff_id, HumanBytes(layer.size))?;
        writeln!(text, "  {:7} {}  {}", layer.compression, layer.digest, HumanBytes(layer.packed))?;
        if !layer.exact {
            writeln!(text, "  imported; these bytes cannot be regenerated from its files")?;
        }
    }
    writeln!(text, "{} as tars, {} packed", HumanBytes(image.size), HumanBytes(image.packed))
}
