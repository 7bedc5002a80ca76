//! `image diff`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Context, ask, one};
use crate::commands::unexpected;
use crate::render;
use stele::failure::Failure;
use stele::images::{ImageRequest, Shown, ShownImage};
use stele::{Request, Untrusted};

/// `stele image diff`
#[derive(Args, Debug)]
#[command(after_help = "\
The merged root filesystems are compared: a path in several layers counts as the highest layer has it. \
`-` is only in the first image, `+` only in the second, `!` differs.")]
pub struct Diff {
    /// An image: its name, or `sha256:` with 8 or more digits of its manifest's or content digest
    #[arg(value_name = "IMAGE")]
    first: String,
    /// The image to compare with
    #[arg(value_name = "OTHER")]
    second: String,
    /// For indexes: compare the images of this platform, such as linux/arm64
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Differences {
    /// Whether they have the same manifest.
    same_digest: bool,
    /// Whether they have the same content, regardless of compression.
    same_content: bool,
    /// Fields of configs and manifests that differ, by name.
    about: BTreeMap<String, Pair<Value>>,
    /// Layers that only one of them has, by diffID.
    layers: BTreeMap<String, Pair<String>>,
    /// Paths that differ.
    paths: BTreeMap<String, Pair<Entry>>,
}

/// A value in each of the two.
#[derive(Serialize, PartialEq, Eq, Debug)]
struct Pair<T> {
    first: Option<T>,
    second: Option<T>,
}

/// The entry at a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    kind: String,
    mode: String,
    owner: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    #[serde(flatten)]
    entry: Entry,
}

impl Diff {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let first = one(ask(context, ImageRequest::Inspect { reference: self.first.clone() })?)?;
        let second = one(ask(context, ImageRequest::Inspect { reference: self.second.clone() })?)?;
        let (one, other) = (self.single(&first)?, self.single(&second)?);
        let (before, after) = (paths(context, &first, one)?, paths(context, &second, other)?);
        let layers = |image: &ShownImage| -> BTreeMap<String, String> {
            image.layers.iter().map(|layer| (layer.diff_id.clone(), layer.origin.clone())).collect()
        };
        let differences = Differences {
            same_digest: one.digest == other.digest,
            same_content: one.content == other.content,
            about: pairs(&about(one), &about(other)),
            layers: pairs(&layers(one), &layers(other)),
            paths: pairs(&before, &after),
        };
        if context.terminal.json {
            return render::json(&differences);
        }
        // Writing to a string cannot fail.
        render::out(differences.text().unwrap_or_default().as_bytes())
    }

    fn single<'a>(&self, shown: &'a Shown) -> Result<&'a ShownImage, Failure> {
        shown.single(self.platform.as_deref())
    }
}

/// Platform, config and annotations of an image.
fn about(image: &ShownImage) -> BTreeMap<String, Value> {
    let mut about = BTreeMap::from([("platform".to_owned(), Value::from(image.platform.to_string()))]);
    about.extend(image.config.get("created").map(|it| ("created".to_owned(), it.clone())));
    for (kind, map) in
        [("config", image.config.get("config")), ("annotation", image.manifest.get("annotations"))]
    {
        let map = map.and_then(Value::as_object).into_iter().flatten();
        about.extend(map.map(|(key, value)| (format!("{kind} {key}"), value.clone())));
    }
    about
}

/// The entries of the merged root filesystem.
fn paths(
    context: &mut Context,
    shown: &Shown,
    image: &ShownImage,
) -> Result<BTreeMap<String, Entry>, Failure> {
    let platform = Some(image.platform.to_string());
    let ask = ImageRequest::Tree { reference: shown.name.clone(), json: true, platform };
    let lines = context.gather(Request::Image { ask })?;
    let mut paths = BTreeMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Line { path, entry } = serde_json::from_slice(line).map_err(|_| unexpected())?;
        // Layers are ordered from the lowest up.
        paths.insert(path, entry);
    }
    Ok(paths)
}

/// What differs between the two.
fn pairs<T: Clone + PartialEq>(
    first: &BTreeMap<String, T>,
    second: &BTreeMap<String, T>,
) -> BTreeMap<String, Pair<T>> {
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let differ = keys.into_iter().filter(|key| first.get(*key) != second.get(*key));
    let pair = |key: &String| Pair { first: first.get(key).cloned(), second: second.get(key).cloned() };
    differ.map(|key| (key.clone(), pair(key))).collect()
}

impl Differences {
    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        for (name, Pair { first, second }) in &self.about {
            let spelled =
                |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
            let (first, second) = (spelled(first), spelled(second));
            writeln!(text, "{}: {} -> {}", Untrusted(name), Untrusted(first), Untrusted(second))?;
        }
        for (diff_id, pair) in &self.layers {
            let origin = pair.first.as_ref().or(pair.second.as_ref()).map_or("", String::as_str);
            writeln!(text, "{} layer {} {diff_id}", pair.sign(), Untrusted(origin))?;
        }
        for (path, pair) in &self.paths {
            write!(text, "{} {path}", pair.sign())?;
            if let (Some(first), Some(second)) = (&pair.first, &pair.second) {
                write!(text, "  {}", first.changes(second).join(", "))?;
            }
            writeln!(text)?;
        }
        if self.same_digest {
            writeln!(text, "the same image")?;
        } else if self.same_content {
            writeln!(text, "the same content")?;
        }
        Ok(text)
    }
}

impl<T> Pair<T> {
    fn sign(&self) -> char {
        match (&self.first, &self.second) {
            (Some(_), None) => '-',
            (None, _) => '+',
            (Some(_), Some(_)) => '!',
        }
    }
}

impl Entry {
    /// The attributes that differ.
    fn changes(&self, other: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let mut differ = |what: &str, first: &str, second: &str| {
            if first != second {
                changes.push(format!("{what} {first} -> {second}"));
            }
        };
        differ("kind", &self.kind, &other.kind);
        differ("mode", &self.mode, &other.mode);
        differ("owner", &self.owner, &other.owner);
        differ("target", self.target.as_deref().unwrap_or("-"), other.target.as_deref().unwrap_or("-"));
        if self.blob != other.blob && self.blob.is_some() && other.blob.is_some() {
            changes.push(format!("content, {} -> {} bytes", self.size, other.size));
        }
        changes
    }
}
