//! The functions that image recipes are written with. Their docstrings are the reference too.

// They have as many arguments as an image has fields.
#![allow(clippy::too_many_arguments)]

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneOr;

use super::context::Context;
use super::define;
use super::values::{ImageValue, InputValue, RecipeValue};

/// `image` and `image_index`.
#[starlark_module]
pub(super) fn functions(builder: &mut GlobalsBuilder) {
    /// Defines an OCI image, which `stele image build` makes from outputs of recipes. It contains only what is named
    /// here: no shell, no users, no certificates.
    ///
    /// It can only be called while a `recipe.star` below `pkgs` is evaluated. An image may have the name of a recipe.
    /// Two inputs may have the same directories and equal files; a path where they differ is an error.
    ///
    /// # Arguments
    /// * `name`: The image's name: the name of its folder, or that followed by a hyphen and more.
    /// * `inputs`: Its packages, one layer each, the lowest first: a list of recipes and of `input(...)`.
    /// * `entrypoint`: The program to run, with its first arguments.
    /// * `cmd`: Further arguments, which the user can replace when running the image.
    /// * `env`: Environment variables.
    /// * `user`: The user that the program runs as: `"1000"`, `"1000:1000"`, or names from the image's `/etc/passwd`.
    /// * `workdir`: The working directory.
    /// * `labels`: Labels of the config.
    /// * `ports`: Exposed ports: `"8080"`, `"53/udp"`.
    /// * `volumes`: Directories that it writes to.
    /// * `stop_signal`: The signal that stops it: `"SIGTERM"`.
    /// * `files`: Declared files: from a path to a text, or to a `local(...)` that is a text. They, `links` and
    ///   `directories` form a layer of their own above all others.
    /// * `links`: Declared symbolic links: from a path to the link's target.
    /// * `directories`: Directories that have to exist, such as `/tmp`.
    /// * `owners`: The owner of a path and of everything below it: `{"/var/lib/db": "999:999"}`. Everything else
    ///   belongs to `0:0`.
    /// * `modes`: The mode of one file or directory, as a text of octal digits: `{"/tmp": "1777"}`. By default
    ///   directories and executable files are `0755`, other files `0644`.
    /// * `capabilities`: The capabilities that one file gives to who runs it, permitted and effective, as names with
    ///   commas between: `{"/usr/bin/ping": "cap_net_raw"}`.
    /// * `overrides`: Paths of files and links that several layers have, where the highest layer wins.
    /// * `platform`: The image's platform: `x86_64-linux` or `aarch64-linux`. By default that of the inputs.
    /// * `annotations`: Annotations of the manifest.
    /// * `created`: The timestamp of everything in the image, in seconds since 1970. By default 1.
    /// * `compression`: The compression of its layers: `none` (the default), `gzip` or `zstd`. Without, no digest of
    ///   the image depends on an encoder; the content digest never does.
    /// * `closure`: Whether it also has what its inputs need when they run: the `runtime` of their recipes, and what
    ///   that needs in turn, as layers below them. `stele image build` then refuses an image in which any program or
    ///   library asks for a library that is not in it, not only the one that it starts with.
    /// * `check`: Whether `stele image build` refuses an image that could not start: one without its program, that
    ///   program's interpreter, or a library that it asks for. By default true.
    fn image<'v>(
        #[starlark(require = named)] name: &str,
        #[starlark(require = named, default = UnpackList::default())] inputs: UnpackList<Value<'v>>,
        #[starlark(require = named, default = UnpackList::default())] entrypoint: UnpackList<String>,
        #[starlark(require = named, default = UnpackList::default())] cmd: UnpackList<String>,
        #[starlark(require = named, default = UnpackDictEntries::default())] env: UnpackDictEntries<
            String,
            String,
        >,
        #[starlark(require = named, default = NoneOr::None)] user: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] workdir: NoneOr<&'v str>,
        #[starlark(require = named, default = UnpackDictEntries::default())] labels: UnpackDictEntries<
            String,
            String,
        >,
        #[starlark(require = named, default = UnpackList::default())] ports: UnpackList<String>,
        #[starlark(require = named, default = UnpackList::default())] volumes: UnpackList<String>,
        #[starlark(require = named, default = NoneOr::None)] stop_signal: NoneOr<&'v str>,
        #[starlark(require = named, default = UnpackDictEntries::default())] files: UnpackDictEntries<
            String,
            Value<'v>,
        >,
        #[starlark(require = named, default = UnpackDictEntries::default())] links: UnpackDictEntries<
            String,
            String,
        >,
        #[starlark(require = named, default = UnpackList::default())] directories: UnpackList<String>,
        #[starlark(require = named, default = UnpackDictEntries::default())] owners: UnpackDictEntries<
            String,
            Value<'v>,
        >,
        #[starlark(require = named, default = UnpackDictEntries::default())] modes: UnpackDictEntries<
            String,
            Value<'v>,
        >,
        #[starlark(require = named, default = UnpackDictEntries::default())] capabilities: UnpackDictEntries<
            String,
            Value<'v>,
        >,
        #[starlark(require = named, default = UnpackList::default())] overrides: UnpackList<String>,
        #[starlark(require = named, default = NoneOr::None)] platform: NoneOr<&'v str>,
        #[starlark(require = named, default = UnpackDictEntries::default())] annotations: UnpackDictEntries<
            String,
            String,
        >,
        #[starlark(require = named, default = 1)] created: i64,
        #[starlark(require = named, default = "none")] compression: &str,
        #[starlark(require = named, default = true)] check: bool,
        #[starlark(require = named, default = false)] closure: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<ImageValue> {
        let context = Context::of(eval);
        let package = context.package(eval, "image")?;
        let needed = inputs.items.iter().filter_map(|value| {
            let input = InputValue::from_value(*value).map(|input| input.recipe.clone());
            RecipeValue::from_value(*value).map(|recipe| recipe.0.clone()).or(input)
        });
        let needed: Vec<_> = needed.collect();
        let given = define::image::Given {
            name,
            inputs: inputs.items,
            entrypoint: entrypoint.items,
            cmd: cmd.items,
            env: env.entries,
            user: user.into_option(),
            workdir: workdir.into_option(),
            labels: labels.entries,
            ports: ports.items,
            volumes: volumes.items,
            stop_signal: stop_signal.into_option(),
            files: files.entries,
            links: links.entries,
            directories: directories.items,
            owners: owners.entries,
            modes: modes.entries,
            capabilities: capabilities.entries,
            overrides: overrides.items,
            platform: platform.into_option(),
            annotations: annotations.entries,
            created,
            compression,
            check,
            closure,
        };
        let defined = define::image::define(given, &needed, package, context, context.call(eval));
        let image = defined.map_err(|refused| context.refuse(eval, "image", None, refused))?;
        context.images.borrow_mut().push(image.clone());
        Ok(ImageValue(image))
    }

    /// Defines an index: one name for images of several platforms.
    ///
    /// # Arguments
    /// * `name`: The index's name, as for an image.
    /// * `images`: The images, each for another platform.
    /// * `annotations`: Annotations of the index.
    fn image_index<'v>(
        #[starlark(require = named)] name: &str,
        #[starlark(require = named)] images: UnpackList<Value<'v>>,
        #[starlark(require = named, default = UnpackDictEntries::default())] annotations: UnpackDictEntries<
            String,
            String,
        >,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<ImageValue> {
        let context = Context::of(eval);
        let package = context.package(eval, "image_index")?;
        let at = context.call(eval);
        let defined = define::image::index(name, &images.items, annotations.entries, package, at);
        let index = defined.map_err(|refused| context.refuse(eval, "image_index", None, refused))?;
        context.images.borrow_mut().push(index.clone());
        Ok(ImageValue(index))
    }
}
