//! Modules: other recipe trees that this one uses, pinned by the digest of their archives.

// `module` has as many arguments as a pin has fields.
#![allow(clippy::too_many_arguments)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use starlark::environment::{Globals, GlobalsBuilder};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};

use super::context::{Context, Refused};
use super::define;
use super::error::{ArgumentError, EvalError, Label};
use super::files::Files;
use super::modules::Modules;
use crate::paths::TreePath;
use crate::recipe::{RecipeName, SourceInput};

/// The file of a recipe tree that pins its modules.
pub const MODULES_STAR: &str = "modules.star";

/// The folder of a recipe tree that holds them, each below its name.
pub const MODULES: &str = "modules";

/// Another recipe tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModulePin {
    /// Its name here.
    pub name: RecipeName,
    /// Its archive, and which part of that it is.
    pub archive: Arc<SourceInput>,
    /// A copy of the archive in this recipe tree.
    pub file: Option<TreePath>,
}

/// The modules that a recipe tree pins.
///
/// # Errors
/// When its `modules.star` cannot be evaluated.
pub fn module_pins(files: &dyn Files) -> Result<Vec<ModulePin>, EvalError> {
    super::on_a_deep_stack(|| Modules::with(files, globals()).pins())
}

/// What `modules.star` can use.
pub(super) fn globals() -> Globals {
    GlobalsBuilder::standard().with(functions).build()
}

/// `module`.
#[starlark_module]
pub(super) fn functions(builder: &mut GlobalsBuilder) {
    /// Pins another recipe tree, whose files are loaded as `@NAME//lib/x.star`. It can only be called in `modules.star`
    /// at the top of a recipe tree.
    ///
    /// Its archive is fetched, checked and kept like any source, and its files are put into the folder `modules/NAME`,
    /// before anything is evaluated. What its `recipe.star` files define has the same names as there.
    ///
    /// # Arguments
    /// * `name`: Its name here: letters a-z, digits and `. _ + -`.
    /// * `sha256`: The SHA-256 of the archive: 64 digits of 0-9a-f.
    /// * `mirrors`: Where to fetch it from, as of `source`.
    /// * `file`: A copy of the archive in this recipe tree, which is used before any mirror: a path from its top.
    /// * `strip`: How many leading components to strip from each name in the archive. By default 1.
    /// * `subdir`: The only directory of the rest to use: the one that has `pkgs` or `lib` in it.
    /// * `size`: Its size in bytes; also checked.
    fn module<'v>(
        #[starlark(require = named)] name: &str,
        #[starlark(require = named)] sha256: &str,
        #[starlark(require = named, default = UnpackList::default())] mirrors: UnpackList<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] file: NoneOr<&'v str>,
        #[starlark(require = named, default = 1)] strip: i64,
        #[starlark(require = named, default = NoneOr::None)] subdir: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] size: NoneOr<i64>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let context = Context::of(eval);
        let at = context.call(eval);
        let refuse = |refused| context.refuse(eval, "module", None, refused);
        let mut pins = context.pins.borrow_mut();
        let name = RecipeName::new(name).map_err(|why| {
            refuse(Refused::new("name", ArgumentError::Name { text: name.to_owned(), why }))
        })?;
        if let Some(first) = pins.iter().find(|pin| pin.name == name) {
            let also = vec![Label::new(first.archive.at.clone(), "this is the first")];
            return Err(refuse(Refused::new("name", ArgumentError::TwoModules { name }).also(also)));
        }
        let (file, mirrors) = (file.into_option(), mirrors.items);
        let end = |path: &'v str| path.rsplit('/').next().unwrap_or(path);
        let given = define::source::Given {
            sha256,
            name: file.filter(|_| mirrors.is_empty()).map(end),
            mirrors,
            at: None,
            unpack: Some(true),
            inner: None,
            strip,
            subdir: subdir.into_option(),
            patches: Vec::new(),
            patch_strip: 1,
            executable: false,
            sha512: None,
            size: size.into_option(),
            signature: None,
            keys: None,
        };
        let file = file.map(|file| define::source::recipe_path("file", file, context)).transpose();
        let file = file.map_err(refuse)?;
        let archive = define::source::define(given, context, at).map_err(refuse)?;
        pins.push(ModulePin { name, archive, file });
        Ok(NoneType)
    }
}
