//! What recipes handle as values: recipes, their outputs, sources, local files.

// `ProvidesStaticType` can only be implemented by its derive, which writes an `unsafe impl`.
#![allow(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};
use starlark::{starlark_simple_value, values::AllocValue as _};

use crate::action::SandboxPath;
use crate::recipe::{ForeignImage, ImageRecipe, LocalInput, OutputName, Recipe, SourceInput};

/// A recipe. `name` and `version` can be read of it.
#[derive(Clone, Debug, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub(super) struct RecipeValue(#[allocative(skip)] pub(super) Arc<Recipe>);

/// One output of a recipe at a place, as an input.
#[derive(Clone, Debug, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub(super) struct InputValue {
    #[allocative(skip)]
    pub(super) recipe: Arc<Recipe>,
    #[allocative(skip)]
    pub(super) output: OutputName,
    #[allocative(skip)]
    pub(super) place: SandboxPath,
}

/// A source. `name` and `sha256` can be read of it.
#[derive(Clone, Debug, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub(super) struct SourceValue(#[allocative(skip)] pub(super) Arc<SourceInput>);

/// A file or folder of the recipe tree.
#[derive(Clone, Debug, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub(super) struct LocalValue(#[allocative(skip)] pub(super) Arc<LocalInput>);

/// A third-party image.
#[derive(Clone, Debug, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub(super) struct ForeignImageValue(#[allocative(skip)] pub(super) Arc<ForeignImage>);

/// An image, or an index. `name` can be read of it.
#[derive(Clone, Debug, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub(super) struct ImageValue(#[allocative(skip)] pub(super) Arc<ImageRecipe>);

impl fmt::Display for RecipeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<recipe {}>", self.0.name)
    }
}

impl fmt::Display for InputValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<output {} of recipe {} at {}>", self.output, self.recipe.name, self.place)
    }
}

impl fmt::Display for SourceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<source {}>", self.0.source.file)
    }
}

impl fmt::Display for LocalValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<local {}>", self.0.path)
    }
}

impl fmt::Display for ForeignImageValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<foreign image {}>", self.0.reference)
    }
}

impl fmt::Display for ImageValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<image {}>", self.0.name)
    }
}

starlark_simple_value!(RecipeValue);
starlark_simple_value!(ImageValue);
starlark_simple_value!(InputValue);
starlark_simple_value!(SourceValue);
starlark_simple_value!(LocalValue);
starlark_simple_value!(ForeignImageValue);

#[starlark_value(type = "recipe")]
impl<'v> StarlarkValue<'v> for RecipeValue {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        match attribute {
            "name" => Some(self.0.name.as_str().alloc_value(heap)),
            "version" => Some(self.0.version.as_str().alloc_value(heap)),
            _ => None,
        }
    }

    fn dir_attr(&self) -> Vec<String> {
        vec!["name".to_owned(), "version".to_owned()]
    }
}

#[starlark_value(type = "image")]
impl<'v> StarlarkValue<'v> for ImageValue {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        (attribute == "name").then(|| self.0.name.as_str().alloc_value(heap))
    }

    fn dir_attr(&self) -> Vec<String> {
        vec!["name".to_owned()]
    }
}

#[starlark_value(type = "input")]
impl<'v> StarlarkValue<'v> for InputValue {}

#[starlark_value(type = "source")]
impl<'v> StarlarkValue<'v> for SourceValue {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        match attribute {
            "name" => Some(self.0.source.file.as_str().alloc_value(heap)),
            "sha256" => Some(self.0.source.sha256.to_string().alloc_value(heap)),
            _ => None,
        }
    }

    fn dir_attr(&self) -> Vec<String> {
        vec!["name".to_owned(), "sha256".to_owned()]
    }
}

#[starlark_value(type = "foreign image")]
impl<'v> StarlarkValue<'v> for ForeignImageValue {}

#[starlark_value(type = "local")]
impl<'v> StarlarkValue<'v> for LocalValue {}
