//! `recipe(...)` and `input(...)`.

use std::collections::BTreeMap;
use std::sync::Arc;

use starlark::values::Value;
use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;
use stele_store::model::{Digest, TreeId};

use super::super::context::Refused;
use super::super::error::{ArgumentError, Label};
use super::super::values::{ForeignImageValue, InputValue, LocalValue, RecipeValue, SourceValue};
use super::about;
use super::machine::{platform, special};
use super::sandbox_paths::{self, Placed};
use crate::action::{Action, Parts, SandboxPath};
use crate::recipe::{
    About, ForeignImage, LocalInput, Origin, OutputName, Recipe, RecipeInput, RecipeName, SourceInput, Span,
    Version,
};
use stele_store::model::Node;

/// The arguments of `recipe`, as given.
pub(in super::super) struct Given<'a, 'v> {
    pub name: &'a str,
    pub version: &'a str,
    pub sources: Vec<Value<'v>>,
    pub inputs: Vec<Value<'v>>,
    pub prefer: Vec<(&'v str, Value<'v>)>,
    pub steps: Vec<Vec<String>>,
    pub script: Option<&'v str>,
    pub shell: Option<&'v str>,
    pub outputs: Option<Value<'v>>,
    pub env: Vec<(String, String)>,
    pub workdir: &'a str,
    pub platform: &'a str,
    pub special: Vec<String>,
    pub runtime: Vec<Value<'v>>,
    pub license: Option<&'v str>,
    pub homepage: Option<&'v str>,
    pub description: Option<&'v str>,
    pub notes: Option<&'v str>,
    pub watch: Option<&'v str>,
    pub irreproducible: bool,
}

/// The recipe of these arguments, in the folder `package`.
pub(in super::super) fn define(
    given: Given<'_, '_>,
    package: &str,
    at: Span,
) -> Result<Arc<Recipe>, Refused> {
    let name = name("name", given.name)?;
    if !name.belongs_in(package) {
        let why = ArgumentError::Folder { name: given.name.to_owned(), folder: package.to_owned() };
        return Err(Refused::new("name", why));
    }
    let version = Version::new(given.version).map_err(|why| Refused::new("version", why))?;
    let Things { sources, locals, images } = sources(&given.sources)?;
    let runtime = inputs("runtime", &given.runtime, &at)?;
    let inputs = inputs("inputs", &given.inputs, &at)?;
    sandbox_paths::check(&placed(&sources, &locals, &images, &inputs))?;
    let outputs = outputs(given.outputs)?;
    let env = env(given.env, &outputs)?;
    let recipe = Recipe {
        prefer: prefer(&given.prefer, &sources, &locals, &images, &inputs)?,
        steps: steps(given.steps, given.script, given.shell)?,
        workdir: SandboxPath::new(given.workdir).map_err(|why| Refused::new("workdir", why))?,
        platform: platform(given.platform)?,
        special: special(given.special)?,
        about: About {
            irreproducible: given.irreproducible,
            watch: about::watch(given.watch)?,
            ..about::about(given.license, given.homepage, given.description, given.notes)?
        },
        name,
        version,
        at,
        sources,
        locals,
        images,
        inputs,
        env,
        outputs,
        runtime,
    };
    check_action(&recipe, if given.script.is_some() { "script" } else { "steps" })?;
    Ok(Arc::new(recipe))
}

/// `input(recipe, output, at)`.
pub(in super::super) fn input(recipe: &Arc<Recipe>, output: &str, at: &str) -> Result<InputValue, Refused> {
    let place = if at == "/" { SandboxPath::root() } else { sandbox_paths::parse("at", at)? };
    let output = output_name("output", output)?;
    check_output(recipe, &output)?;
    Ok(InputValue { recipe: Arc::clone(recipe), output, place })
}

fn check_output(recipe: &Recipe, output: &OutputName) -> Result<(), Refused> {
    if recipe.outputs.contains_key(output) {
        return Ok(());
    }
    let known = recipe.outputs.keys().map(OutputName::as_str).collect::<Vec<_>>().join(", ");
    let (name, defined) = (recipe.name.clone(), recipe.at.clone());
    let also = vec![Label::new(defined.clone(), format!("recipe `{name}` is defined here"))];
    let why = ArgumentError::NoOutput { recipe: name, output: output.clone(), known, defined };
    Err(Refused::new("output", why).also(also))
}

pub(super) fn name(argument: &'static str, text: &str) -> Result<RecipeName, Refused> {
    RecipeName::new(text)
        .map_err(|why| Refused::new(argument, ArgumentError::Name { text: text.to_owned(), why }))
}

fn output_name(argument: &'static str, text: &str) -> Result<OutputName, Refused> {
    OutputName::new(text)
        .map_err(|why| Refused::new(argument, ArgumentError::Name { text: text.to_owned(), why }))
}

/// The value of `argument` has the wrong type.
pub(super) fn wrong_type(argument: &'static str, wanted: &'static str, found: Value<'_>) -> Refused {
    let found = match found.to_str() {
        text if text.len() <= 60 => format!("{} {text}", found.get_type()),
        _ => format!("a {}", found.get_type()),
    };
    Refused::new(argument, ArgumentError::Type { argument: argument.to_owned(), wanted, found })
}

/// The values in `sources`, by kind.
struct Things {
    sources: Vec<SourceInput>,
    locals: Vec<LocalInput>,
    images: Vec<ForeignImage>,
}

fn sources(given: &[Value<'_>]) -> Result<Things, Refused> {
    let (mut sources, mut locals, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for value in given {
        if let Some(source) = SourceValue::from_value(*value) {
            sources.push((*source.0).clone());
        } else if let Some(local) = LocalValue::from_value(*value) {
            locals.push((*local.0).clone());
        } else if let Some(image) = ForeignImageValue::from_value(*value) {
            images.push((*image.0).clone());
        } else {
            return Err(wrong_type(
                "sources",
                "a list of source(...), debian_binary(...), foreign_image(...), local(...) and hex0(...)",
                *value,
            ));
        }
    }
    Ok(Things { sources, locals, images })
}

pub(super) fn inputs(
    argument: &'static str,
    given: &[Value<'_>],
    at: &Span,
) -> Result<Vec<RecipeInput>, Refused> {
    let mut inputs = Vec::with_capacity(given.len());
    for value in given {
        let (recipe, output, place) = if let Some(recipe) = RecipeValue::from_value(*value) {
            check_output(&recipe.0, &OutputName::usual())
                .map_err(|refused| Refused { argument, ..refused })?;
            (&recipe.0, OutputName::usual(), SandboxPath::root())
        } else if let Some(input) = InputValue::from_value(*value) {
            (&input.recipe, input.output.clone(), input.place.clone())
        } else {
            return Err(wrong_type(argument, "a list of recipes and input(...)", *value));
        };
        inputs.push(RecipeInput { recipe: recipe.name.clone(), output, place, at: at.clone() });
    }
    Ok(inputs)
}

fn placed(
    sources: &[SourceInput],
    locals: &[LocalInput],
    images: &[ForeignImage],
    inputs: &[RecipeInput],
) -> Vec<Placed> {
    let sources = sources.iter().map(|source| Placed {
        argument: "sources",
        place: source.place.clone(),
        is_file: source.unpack.is_none(),
        at: source.at.clone(),
        origin: Origin::Source(source.source.file.to_string()).to_string(),
    });
    let locals = locals.iter().map(|local| Placed {
        argument: "sources",
        place: local.place.clone(),
        is_file: !matches!(local.node, Node::Directory { .. }),
        at: local.at.clone(),
        origin: Origin::Local(local.path.clone()).to_string(),
    });
    let inputs = inputs.iter().map(|input| Placed {
        argument: "inputs",
        place: input.place.clone(),
        is_file: false,
        at: input.at.clone(),
        origin: Origin::Recipe(input.recipe.clone(), input.output.clone()).to_string(),
    });
    let images = images.iter().map(|image| Placed {
        argument: "sources",
        place: image.place.clone(),
        is_file: false,
        at: image.at.clone(),
        origin: Origin::Image(image.reference.clone()).to_string(),
    });
    sources.chain(locals).chain(images).chain(inputs).collect()
}

fn prefer(
    given: &[(&str, Value<'_>)],
    sources: &[SourceInput],
    locals: &[LocalInput],
    images: &[ForeignImage],
    inputs: &[RecipeInput],
) -> Result<BTreeMap<SandboxPath, Origin>, Refused> {
    let mut prefer = BTreeMap::new();
    for (place, value) in given {
        let place = SandboxPath::new(place).map_err(|why| Refused::new("prefer", why))?;
        let (origin, there) = if let Some(recipe) = RecipeValue::from_value(*value) {
            let (name, output) = (&recipe.0.name, OutputName::usual());
            let there = inputs.iter().any(|input| input.recipe == *name && input.output == output);
            (Origin::Recipe(name.clone(), output), there)
        } else if let Some(input) = InputValue::from_value(*value) {
            let name = &input.recipe.name;
            let there = inputs.iter().any(|it| it.recipe == *name && it.output == input.output);
            (Origin::Recipe(name.clone(), input.output.clone()), there)
        } else if let Some(source) = SourceValue::from_value(*value) {
            let file = &source.0.source.file;
            (Origin::Source(file.to_string()), sources.iter().any(|it| it.source.file == *file))
        } else if let Some(local) = LocalValue::from_value(*value) {
            (Origin::Local(local.0.path.clone()), locals.iter().any(|it| it.path == local.0.path))
        } else if let Some(image) = ForeignImageValue::from_value(*value) {
            let reference = &image.0.reference;
            (Origin::Image(reference.clone()), images.iter().any(|it| it.reference == *reference))
        } else {
            return Err(wrong_type(
                "prefer",
                "a dict of paths to recipes, inputs, sources, locals and foreign images",
                *value,
            ));
        };
        if !there {
            let why = ArgumentError::PreferredNoInput { origin: origin.to_string() };
            return Err(Refused::new("prefer", why));
        }
        prefer.insert(place, origin);
    }
    Ok(prefer)
}

fn steps(
    steps: Vec<Vec<String>>,
    script: Option<&str>,
    shell: Option<&str>,
) -> Result<Vec<Vec<String>>, Refused> {
    match (steps.is_empty(), script) {
        (true, None) => Err(Refused::new("steps", ArgumentError::NothingToDo)),
        (false, Some(_)) => {
            Err(Refused::new("script", ArgumentError::Both { one: "steps", other: "script" }))
        }
        (false, None) if shell.is_some() => {
            Err(Refused::new("shell", ArgumentError::Without { one: "shell", other: "script" }))
        }
        (false, None) => Ok(steps),
        (true, Some(script)) => {
            let step = [shell.unwrap_or("/bin/sh"), "-eu", "-c", script];
            Ok(vec![step.map(str::to_owned).to_vec()])
        }
    }
}

fn outputs(given: Option<Value<'_>>) -> Result<BTreeMap<OutputName, SandboxPath>, Refused> {
    let out = SandboxPath::new("/out").map_err(|why| Refused::new("outputs", why))?;
    let Some(given) = given else { return Ok(BTreeMap::from([(OutputName::usual(), out)])) };
    let wrong = |found| wrong_type("outputs", "a list of names, or a dict of names to places", found);
    let mut outputs = BTreeMap::new();
    let mut insert = |name: &str, place| {
        let name = output_name("outputs", name)?;
        match outputs.insert(name.clone(), place) {
            None => Ok(()),
            Some(_) => Err(Refused::new("outputs", ArgumentError::TwoOutputs { output: name })),
        }
    };
    if let Some(names) = ListRef::from_value(given) {
        for value in names.iter() {
            let name = value.unpack_str().ok_or_else(|| wrong(value))?;
            let place = match names.len() {
                1 => Ok(out.clone()),
                _ => SandboxPath::new(&format!("/out/{name}")).map_err(|why| Refused::new("outputs", why)),
            };
            // The name is checked first, since its errors are more specific.
            output_name("outputs", name)?;
            insert(name, place?)?;
        }
    } else if let Some(places) = DictRef::from_value(given) {
        for (name, place) in places.iter() {
            let name = name.unpack_str().ok_or_else(|| wrong(name))?;
            let text = place.unpack_str().ok_or_else(|| wrong(place))?;
            let place = SandboxPath::new(text).map_err(|why| Refused::new("outputs", why))?;
            if !place.is_in(&out) {
                let why = format!("output `{name}` is {text}, and only paths in /out are kept");
                return Err(Refused::new("outputs", ArgumentError::Action(why)));
            }
            insert(name, place)?;
        }
    } else {
        return Err(wrong(given));
    }
    Ok(outputs)
}

/// The environment, with the variables for the paths of outputs.
fn env(
    given: Vec<(String, String)>,
    outputs: &BTreeMap<OutputName, SandboxPath>,
) -> Result<BTreeMap<String, String>, Refused> {
    let mut told: BTreeMap<String, &OutputName> = BTreeMap::new();
    for output in outputs.keys() {
        let variable = output.variable();
        if let Some(other) = told.insert(variable.clone(), output) {
            let (one, other) = (other.clone(), output.clone());
            return Err(Refused::new("outputs", ArgumentError::OutputVariable { one, other, variable }));
        }
    }
    let mut env: BTreeMap<String, String> = given.into_iter().collect();
    for (variable, output) in told {
        if env.contains_key(&variable) {
            return Err(Refused::new("env", ArgumentError::Variable { variable }));
        }
        env.insert(variable, outputs[output].as_str().to_owned());
    }
    Ok(env)
}

/// Errors that only an action reveals are reported while the recipe is evaluated.
fn check_action(recipe: &Recipe, steps: &'static str) -> Result<(), Refused> {
    let parts = Parts {
        env: recipe.env.clone(),
        outputs: recipe
            .outputs
            .iter()
            .map(|(name, place)| (name.as_str().to_owned(), place.clone()))
            .collect(),
        platform: recipe.platform,
        profile: 0,
        special: recipe.special.clone(),
        root: TreeId(Digest::of(b"")),
        steps: recipe.steps.clone(),
        workdir: recipe.workdir.clone(),
    };
    use crate::action::ActionError;
    Action::new(parts).map(drop).map_err(|error| {
        let argument = match &error {
            ActionError::Variable { .. } => "env",
            ActionError::Argument { what } if what.contains("variable") => "env",
            ActionError::NoOutputs | ActionError::OutputName { .. } | ActionError::OutputsNest { .. } => {
                "outputs"
            }
            _ => steps,
        };
        Refused::new(argument, ArgumentError::Action(error.to_string()))
    })
}
