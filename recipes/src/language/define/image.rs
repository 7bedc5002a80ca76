//! `image(...)` and `image_index(...)`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starlark::values::Value;

use super::super::context::{Context, Refused};
use super::super::error::{ArgumentError, Label};
use super::super::values::{ImageValue, LocalValue};
use super::recipe::{inputs, name, wrong_type};
use crate::action::{MAX_ARGUMENT, Platform, SandboxPath};
use crate::recipe::image::{MAX_FILES, are_capabilities, is_mode, is_owner, is_port, is_signal, is_user};
use crate::recipe::{ImageError, ImageParts, ImageRecipe, Recipe, RecipeName, Span};

/// The latest time that a layer can hold.
const MAX_CREATED: u64 = 0o777_7777_7777;

/// The arguments of `image`, as given.
pub(in super::super) struct Given<'a, 'v> {
    pub name: &'a str,
    pub inputs: Vec<Value<'v>>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<(String, String)>,
    pub user: Option<&'v str>,
    pub workdir: Option<&'v str>,
    pub labels: Vec<(String, String)>,
    pub ports: Vec<String>,
    pub volumes: Vec<String>,
    pub stop_signal: Option<&'v str>,
    pub files: Vec<(String, Value<'v>)>,
    pub links: Vec<(String, String)>,
    pub directories: Vec<String>,
    pub owners: Vec<(String, Value<'v>)>,
    pub modes: Vec<(String, Value<'v>)>,
    pub capabilities: Vec<(String, Value<'v>)>,
    pub overrides: Vec<String>,
    pub platform: Option<&'v str>,
    pub annotations: Vec<(String, String)>,
    pub created: i64,
    pub compression: &'a str,
    pub check: bool,
    pub closure: bool,
}

/// The image recipe of these arguments, in the folder `package`; `needed` are the recipes in `inputs`.
pub(in super::super) fn define(
    given: Given<'_, '_>,
    needed: &[Arc<Recipe>],
    package: &str,
    context: &Context<'_>,
    at: Span,
) -> Result<Arc<ImageRecipe>, Refused> {
    let name = image_name(given.name, package)?;
    let inputs = inputs("inputs", &given.inputs, &at)?;
    let parts = ImageParts {
        files: files(&given.files, context)?,
        links: links(given.links)?,
        directories: places("directories", given.directories)?,
        owners: texts("owners", &given.owners, is_owner, |text| ImageError::Owner { text })?,
        modes: texts("modes", &given.modes, is_mode, |text| ImageError::Mode { text })?,
        capabilities: texts("capabilities", &given.capabilities, are_capabilities, |text| {
            ImageError::Capabilities { text }
        })?,
        overrides: places("overrides", given.overrides)?,
        platform: platform(given.platform, needed)?,
        created: u64::try_from(given.created)
            .ok()
            .filter(|time| *time <= MAX_CREATED)
            .ok_or_else(|| refused("created", ImageError::Created { found: given.created }))?,
        compression: compression(given.compression)?,
        annotations: keyed("annotations", given.annotations)?,
        entrypoint: entrypoint(given.entrypoint)?,
        cmd: arguments("cmd", given.cmd)?,
        env: env(given.env)?,
        user: given
            .user
            .map(|text| said("user", text, is_user, |text| ImageError::User { text }))
            .transpose()?,
        workdir: given.workdir.map(|text| place("workdir", text)).transpose()?,
        labels: keyed("labels", given.labels)?,
        ports: ports(given.ports)?,
        volumes: volumes(given.volumes)?,
        stop_signal: given
            .stop_signal
            .map(|text| said("stop_signal", text, is_signal, |text| ImageError::Signal { text }))
            .transpose()?,
        inputs,
        check: given.check,
        closure: given.closure,
    };
    check_declared(&parts)?;
    Ok(Arc::new(ImageRecipe { name, at, images: vec![parts], index: None }))
}

/// The index of these images, in the folder `package`.
pub(in super::super) fn index(
    name: &str,
    images: &[Value<'_>],
    annotations: Vec<(String, String)>,
    package: &str,
    at: Span,
) -> Result<Arc<ImageRecipe>, Refused> {
    let name = image_name(name, package)?;
    let mut parts: Vec<ImageParts> = Vec::with_capacity(images.len());
    for value in images {
        let image = ImageValue::from_value(*value).filter(|image| image.0.index.is_none());
        let image = image.ok_or_else(|| wrong_type("images", "a list of image(...)", *value))?;
        for part in &image.0.images {
            if parts.iter().any(|other| other.platform == part.platform) {
                let also = vec![Label::new(image.0.at.clone(), "the second is defined here")];
                let why = ImageError::TwoPlatforms { platform: part.platform.name() };
                return Err(refused("images", why).also(also));
            }
            parts.push(part.clone());
        }
    }
    if parts.is_empty() {
        return Err(refused("images", ImageError::NoImages));
    }
    let index = Some(keyed("annotations", annotations)?);
    Ok(Arc::new(ImageRecipe { name, at, images: parts, index }))
}

fn refused(argument: &'static str, why: ImageError) -> Refused {
    Refused::new(argument, ArgumentError::Image(why))
}

fn image_name(text: &str, package: &str) -> Result<RecipeName, Refused> {
    let name = name("name", text)?;
    if !name.belongs_in(package) {
        let why = ArgumentError::Folder { name: text.to_owned(), folder: package.to_owned() };
        return Err(Refused::new("name", why));
    }
    Ok(name)
}

/// A place in an image: unlike in a build, no mount hides any.
fn place(argument: &'static str, text: &str) -> Result<SandboxPath, Refused> {
    let place = SandboxPath::new(text).map_err(|why| Refused::new(argument, why))?;
    if place.names().any(|name| name.starts_with(".wh.")) {
        return Err(refused(argument, ImageError::Whiteout { place }));
    }
    Ok(place)
}

fn places(argument: &'static str, texts: Vec<String>) -> Result<BTreeSet<SandboxPath>, Refused> {
    texts.iter().map(|text| place(argument, text)).collect()
}

fn said(
    argument: &'static str,
    text: &str,
    is: fn(&str) -> bool,
    why: fn(String) -> ImageError,
) -> Result<String, Refused> {
    if is(text) { Ok(text.to_owned()) } else { Err(refused(argument, why(text.to_owned()))) }
}

/// A number instead of a text would be decimal, so it is refused.
fn texts(
    argument: &'static str,
    given: &[(String, Value<'_>)],
    is: fn(&str) -> bool,
    why: fn(String) -> ImageError,
) -> Result<BTreeMap<SandboxPath, String>, Refused> {
    let text = |(at, value): &(String, Value<'_>)| {
        let at = place(argument, at)?;
        let text = value.unpack_str().ok_or_else(|| refused(argument, why(value.to_str())))?;
        Ok((at, said(argument, text, is, why)?))
    };
    given.iter().map(text).collect()
}

fn files(
    given: &[(String, Value<'_>)],
    context: &Context<'_>,
) -> Result<BTreeMap<SandboxPath, String>, Refused> {
    let mut files = BTreeMap::new();
    let mut found = 0;
    for (at, value) in given {
        let at = place("files", at)?;
        let text = match (value.unpack_str(), LocalValue::from_value(*value)) {
            (Some(text), _) => text.to_owned(),
            (None, Some(local)) if !local.0.hex0 => beside(&local.0.path, context)?,
            _ => return Err(wrong_type("files", "a dict of paths to texts and local(...)", *value)),
        };
        found += text.len();
        if found > MAX_FILES {
            return Err(refused("files", ImageError::Large { found }));
        }
        files.insert(at, text);
    }
    Ok(files)
}

/// The text of a file of the recipe tree.
fn beside(path: &crate::paths::TreePath, context: &Context<'_>) -> Result<String, Refused> {
    let unreadable = |source| Refused::new("files", ArgumentError::Unreadable { path: path.clone(), source });
    // One more than allowed, so that an excess is detected.
    let bytes = context.files.read(path, MAX_FILES + 1).map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| Refused::new("files", ArgumentError::NoFile { path: path.clone() }))?;
    String::from_utf8(bytes).map_err(|_| refused("files", ImageError::Binary { path: path.to_string() }))
}

fn links(given: Vec<(String, String)>) -> Result<BTreeMap<SandboxPath, String>, Refused> {
    let link = |(at, target): (String, String)| {
        if !(1..=4095).contains(&target.len()) || target.contains('\0') {
            return Err(refused("links", ImageError::Link));
        }
        Ok((place("links", &at)?, target))
    };
    given.into_iter().map(link).collect()
}

fn platform(given: Option<&str>, needed: &[Arc<Recipe>]) -> Result<Platform, Refused> {
    let platform = match given {
        Some(text) => super::machine::platform(text)?,
        None => needed.first().map_or(Platform::X86_64Linux, |recipe| recipe.platform),
    };
    match needed.iter().find(|recipe| recipe.platform != platform) {
        None => Ok(platform),
        Some(recipe) => {
            let also =
                vec![Label::new(recipe.at.clone(), format!("recipe `{}` is defined here", recipe.name))];
            let (found, wanted) = (recipe.platform.name(), platform.name());
            let why = ImageError::Platform { recipe: recipe.name.clone(), found, wanted };
            let argument = if given.is_some() { "platform" } else { "inputs" };
            Err(refused(argument, why).also(also))
        }
    }
}

fn compression(text: &str) -> Result<String, Refused> {
    said(
        "compression",
        text,
        |text| matches!(text, "none" | "gzip" | "zstd"),
        |text| ImageError::Compression { text },
    )
}

fn keyed(argument: &'static str, given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Refused> {
    for (key, _) in &given {
        if key.is_empty() || key.chars().any(char::is_control) {
            return Err(refused(argument, ImageError::Key { text: key.clone() }));
        }
    }
    Ok(given.into_iter().collect())
}

fn is_passable(text: &str) -> bool {
    text.len() <= MAX_ARGUMENT && !text.contains('\0')
}

/// Without an entrypoint, the command names the program: the user who runs the image may replace it.
fn entrypoint(given: Vec<String>) -> Result<Vec<String>, Refused> {
    match given.first().is_some_and(String::is_empty) {
        true => Err(refused("entrypoint", ImageError::NoProgram)),
        false => arguments("entrypoint", given),
    }
}

fn volumes(given: Vec<String>) -> Result<BTreeSet<SandboxPath>, Refused> {
    let places = places("volumes", given)?;
    match places.iter().any(|place| place.as_str() == "/") {
        true => Err(refused("volumes", ImageError::RootVolume)),
        false => Ok(places),
    }
}

fn arguments(argument: &'static str, given: Vec<String>) -> Result<Vec<String>, Refused> {
    match given.iter().all(|text| is_passable(text)) {
        true => Ok(given),
        false => Err(refused(argument, ImageError::Text { what: "an argument" })),
    }
}

fn env(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Refused> {
    for (name, value) in &given {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(refused("env", ImageError::Variable { text: name.clone() }));
        }
        if !is_passable(value) || name.len() + value.len() >= MAX_ARGUMENT {
            return Err(refused("env", ImageError::Text { what: "an environment variable" }));
        }
    }
    Ok(given.into_iter().collect())
}

/// Ports, each with its protocol: `80` and `80/tcp` are equal.
fn ports(given: Vec<String>) -> Result<BTreeSet<String>, Refused> {
    let port = |text: String| {
        let text = said("ports", &text, is_port, |text| ImageError::Port { text })?;
        Ok(if text.contains('/') { text } else { format!("{text}/tcp") })
    };
    given.into_iter().map(port).collect()
}

/// The declared entries have to form a tree.
fn check_declared(parts: &ImageParts) -> Result<(), Refused> {
    let ImageParts { inputs, files, links, directories, .. } = parts;
    if inputs.is_empty() && files.is_empty() && links.is_empty() && directories.is_empty() {
        return Err(refused("inputs", ImageError::Nothing));
    }
    let all = [("files", files.keys().collect::<Vec<_>>()), ("links", links.keys().collect())];
    let is_end = |place: &SandboxPath| files.contains_key(place) || links.contains_key(place);
    for (argument, place) in
        all.iter().flat_map(|(argument, places)| places.iter().map(move |it| (*argument, *it)))
    {
        if *place == SandboxPath::root() {
            return Err(refused(argument, ImageError::Root));
        }
        if directories.contains(place) || (files.contains_key(place) && links.contains_key(place)) {
            return Err(refused(argument, ImageError::Twice { place: place.clone() }));
        }
    }
    let all = all.into_iter().chain([("directories", directories.iter().collect())]);
    for (argument, place) in
        all.flat_map(|(argument, places)| places.into_iter().map(move |it| (argument, it)))
    {
        let text = place.as_str();
        let above = text.match_indices('/').skip(1).filter_map(|(at, _)| SandboxPath::new(&text[..at]).ok());
        if let Some(above) = above.into_iter().find(is_end) {
            return Err(refused(argument, ImageError::Below { place: place.clone(), above }));
        }
    }
    Ok(())
}
