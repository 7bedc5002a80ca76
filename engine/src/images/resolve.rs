//! Resolves an image recipe: replaces the names of recipes by their outputs.

use std::collections::{BTreeMap, BTreeSet};

use stele_oci::{Compression, Declared, ImagePath, Input, Platform, Rules, Run, Spec};
use stele_recipes::action::{self, SandboxPath};
use stele_recipes::recipe::{ImageParts, ImageRecipe, OutputName, RecipeName};

use crate::builds::Goal;
use crate::failure::{Failure, Kind};

/// The recipes that are an image's inputs, each once.
pub fn needed(image: &ImageRecipe) -> Vec<RecipeName> {
    let inputs = image.images.iter().flat_map(|parts| &parts.inputs);
    let names: BTreeSet<_> = inputs.map(|input| input.recipe.clone()).collect();
    names.into_iter().collect()
}

/// The inputs of the images, once the recipes are realised.
///
/// # Errors
/// When one of them is not realised.
pub fn specs(image: &ImageRecipe, goals: &[Goal]) -> Result<Vec<Spec>, Failure> {
    image.images.iter().map(|parts| spec(parts, goals)).collect()
}

fn spec(parts: &ImageParts, goals: &[Goal]) -> Result<Spec, Failure> {
    let inputs = parts.inputs.iter().map(|input| {
        let goal = goals.iter().find(|goal| goal.name == input.recipe.as_str());
        let digest = goal.and_then(|goal| goal.outputs.get(input.output.as_str()));
        let tree = digest
            .copied()
            .ok_or_else(|| Failure::new(Kind::Failed, format!("recipe `{}` was not built", input.recipe)))?;
        let origin = match input.output == OutputName::usual() {
            true => input.recipe.to_string(),
            false => format!("{}-{}", input.recipe, input.output),
        };
        Ok(Input { origin, tree, at: path(&input.place)? })
    });
    let text = |texts: &BTreeMap<SandboxPath, String>| -> Result<BTreeMap<ImagePath, String>, Failure> {
        texts.iter().map(|(place, text)| Ok((path(place)?, text.clone()))).collect()
    };
    let paths = |places: &BTreeSet<SandboxPath>| -> Result<BTreeSet<ImagePath>, Failure> {
        places.iter().map(path).collect()
    };
    Ok(Spec {
        platform: platform(parts.platform),
        epoch: parts.created,
        compression: Compression::named(&parts.compression)
            .ok_or_else(|| wrong(&format!("unknown compression {}", parts.compression)))?,
        inputs: inputs.collect::<Result<_, Failure>>()?,
        declared: Declared {
            files: text(&parts.files)?,
            links: text(&parts.links)?,
            directories: paths(&parts.directories)?,
        },
        rules: Rules {
            owners: parsed(&parts.owners)?,
            modes: parsed(&parts.modes)?,
            capabilities: parsed(&parts.capabilities)?,
        },
        overrides: paths(&parts.overrides)?,
        run: Run {
            entrypoint: parts.entrypoint.clone(),
            cmd: parts.cmd.clone(),
            env: parts.env.clone(),
            user: parts.user.clone(),
            workdir: parts.workdir.as_ref().map(ToString::to_string),
            labels: parts.labels.clone(),
            ports: parts.ports.clone(),
            volumes: parts.volumes.iter().map(ToString::to_string).collect(),
            stop_signal: parts.stop_signal.clone(),
        },
        annotations: parts.annotations.clone(),
    })
}

/// Evaluation accepts nothing that this rejects, except by an internal error; it is still reported.
fn wrong(what: &str) -> Failure {
    Failure::new(Kind::Failed, format!("the image's recipe is invalid: {what}"))
}

fn path(place: &SandboxPath) -> Result<ImagePath, Failure> {
    ImagePath::new(place.as_str().trim_start_matches('/').as_bytes())
        .map_err(|e| wrong(&format!("{place}: {e}")))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    texts: &BTreeMap<SandboxPath, String>,
) -> Result<BTreeMap<ImagePath, T>, Failure> {
    let one = |(place, text): (&SandboxPath, &String)| {
        Ok((path(place)?, text.parse().map_err(|e: T::Err| wrong(&e.to_string()))?))
    };
    texts.iter().map(one).collect()
}

/// A platform by OCI's names (image-spec, `image-index.md`, "Platform Variants").
fn platform(platform: action::Platform) -> Platform {
    let (architecture, variant) = match platform {
        action::Platform::X86_64Linux => ("amd64", None),
        action::Platform::Aarch64Linux => ("arm64", Some("v8".to_owned())),
    };
    Platform { architecture: architecture.to_owned(), os: "linux".to_owned(), variant }
}
