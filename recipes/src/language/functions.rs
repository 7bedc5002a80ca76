//! The functions that recipes are written with. Their docstrings are the reference: `docs/recipes.md` is generated from
//! them.

// They have as many arguments as a recipe has fields.
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
use super::values::{ForeignImageValue, InputValue, LocalValue, RecipeValue, SourceValue};

/// `recipe`, `source`, `debian_binary`, `foreign_image`, `local`, `hex0` and `input`.
#[starlark_module]
pub(super) fn functions(builder: &mut GlobalsBuilder) {
    /// Defines a recipe and returns it, as a value that other recipes list in their `inputs`.
    ///
    /// It can only be called while a `recipe.star` below `pkgs` is evaluated, directly or by a loaded function.
    /// `version`, `license`, `homepage`, `description`, `notes`, `watch`, `runtime` and `irreproducible` are metadata:
    /// they are not part of the action, and changing them rebuilds nothing.
    ///
    /// # Arguments
    /// * `name`: The recipe's name: the name of its folder, or that followed by a hyphen and more. Letters a-z, digits
    ///   and `. _ + -`.
    /// * `version`: Upstream's version. It begins with a digit.
    /// * `sources`: Files from outside or beside the recipe: a list of `source(...)`, `debian_binary(...)`,
    ///   `foreign_image(...)`, `local(...)` and `hex0(...)`.
    /// * `inputs`: Outputs of other recipes that the build sees: a list of recipes, whose output `out` is merged into
    ///   `/`, and of `input(...)`. Two inputs with different content at the same path are an error.
    /// * `prefer`: Which input wins at a path where inputs conflict, and below it: `{"/usr/bin/cc": gcc}`.
    /// * `steps`: The commands: a list of argument lists, the program first. They run in order until one fails. No
    ///   shell is involved.
    /// * `script`: A script to run instead of `steps`, passed to `shell` as `SHELL -eu -c TEXT`.
    /// * `shell`: The program that runs `script`. By default `/bin/sh`, which an input has to provide.
    /// * `outputs`: The directories that are kept: a list of names, or a dict of names to directories below `/out`. By
    ///   default `["out"]`. A single output is `/out`, several in a list are `/out/NAME`. The environment variable
    ///   `OUT` holds the path of `out`, `OUT_NAME` that of any other.
    /// * `env`: Environment variables, in addition to those that every build has.
    /// * `workdir`: The working directory of the first step. By default `/build`, which is empty and writable.
    /// * `platform`: The platform of the outputs: `x86_64-linux` (the default) or `aarch64-linux`.
    /// * `special`: What the build has otherwise than most: a list of `fixed-clock`, a clock that begins with
    ///   SOURCE_DATE_EPOCH instead of the machine's (docs/sandbox.md says when that is wise), and `real-random`, the
    ///   machine's random numbers, which make outputs differ, instead of some that follow from its action.
    /// * `runtime`: Outputs of other recipes that its own need when they run, such as shared libraries: a list as of
    ///   `inputs`. `image(closure = True)` adds them, and what they need in turn. The build does not see them.
    /// * `license`: An SPDX licence expression.
    /// * `homepage`: Upstream's home page.
    /// * `description`: A one-line description.
    /// * `notes`: Notes for maintainers.
    /// * `watch`: Where newer versions are announced, for `stele recipe update`: a page with links to the archives, or
    ///   `debian:PACKAGE`.
    /// * `irreproducible`: Whether its outputs are known to differ from build to build: `stele check --all` skips it.
    fn recipe<'v>(
        #[starlark(require = named)] name: &str,
        #[starlark(require = named)] version: &str,
        #[starlark(require = named, default = UnpackList::default())] sources: UnpackList<Value<'v>>,
        #[starlark(require = named, default = UnpackList::default())] inputs: UnpackList<Value<'v>>,
        #[starlark(require = named, default = UnpackDictEntries::default())] prefer: UnpackDictEntries<
            &'v str,
            Value<'v>,
        >,
        #[starlark(require = named, default = UnpackList::default())] steps: UnpackList<UnpackList<String>>,
        #[starlark(require = named, default = NoneOr::None)] script: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] shell: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] outputs: NoneOr<Value<'v>>,
        #[starlark(require = named, default = UnpackDictEntries::default())] env: UnpackDictEntries<
            String,
            String,
        >,
        #[starlark(require = named, default = "/build")] workdir: &str,
        #[starlark(require = named, default = "x86_64-linux")] platform: &str,
        #[starlark(require = named, default = UnpackList::default())] special: UnpackList<String>,
        #[starlark(require = named, default = UnpackList::default())] runtime: UnpackList<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] license: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] homepage: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] description: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] notes: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] watch: NoneOr<&'v str>,
        #[starlark(require = named, default = false)] irreproducible: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<RecipeValue> {
        let context = Context::of(eval);
        let package = context.package(eval, "recipe")?;
        let given = define::recipe::Given {
            name,
            version,
            sources: sources.items,
            inputs: inputs.items,
            prefer: prefer.entries,
            steps: steps.items.into_iter().map(|step| step.items).collect(),
            script: script.into_option(),
            shell: shell.into_option(),
            outputs: outputs.into_option(),
            env: env.entries,
            workdir,
            platform,
            special: special.items,
            runtime: runtime.items,
            license: license.into_option(),
            homepage: homepage.into_option(),
            description: description.into_option(),
            notes: notes.into_option(),
            watch: watch.into_option(),
            irreproducible,
        };
        let defined = define::recipe::define(given, package, context.call(eval));
        let recipe = defined.map_err(|refused| context.refuse(eval, "recipe", Some(name), refused))?;
        context.recipes.borrow_mut().push(recipe.clone());
        Ok(RecipeValue(recipe))
    }

    /// A file from outside, pinned by its SHA-256. Stele fetches, checks, unpacks and patches it; builds have no
    /// network.
    ///
    /// # Arguments
    /// * `sha256`: The SHA-256 of the file as upstream ships it: 64 digits of 0-9a-f.
    /// * `mirrors`: Where to fetch it from, in the order in which they are tried: `https://…`, `file:/…`,
    ///   `debian:PACKAGE/VERSION/FILE`, or `ALIAS:…` for an alias of the user's configuration. May be empty: then
    ///   `stele source add` has to add the file.
    /// * `name`: The file's name. By default what follows the last slash of the first mirror.
    /// * `at`: Its path in the sandbox. By default `/src` when unpacked, and `/src/NAME` otherwise.
    /// * `unpack`: Whether to unpack it. By default true for names that end in `.tar`, `.tar.gz`, `.tgz`, `.tar.bz2`,
    ///   `.tbz2`, `.tar.xz`, `.txz`, `.tar.zst`, `.tar.lz` or `.zip`.
    /// * `inner`: The name of an archive inside the archive, which is unpacked instead. `strip`, `subdir` and
    ///   `patches` then apply to that one.
    /// * `strip`: How many leading components to strip from each name, as with `tar --strip-components`.
    /// * `subdir`: The only directory to keep of what is left.
    /// * `patches`: Patch files beside the recipe, applied in this order, with exact context.
    /// * `patch_strip`: How many leading components to strip from the names in the patches, as with `patch -p`. By
    ///   default 1.
    /// * `executable`: Whether a file that is not unpacked is executable.
    /// * `sha512`: Its SHA-512, when upstream publishes one; also checked.
    /// * `size`: Its size in bytes; also checked.
    /// * `signature`: Upstream's detached OpenPGP signature: a `source(...)` that is not unpacked. Also checked.
    /// * `keys`: A file beside the recipe with the keys, one of which must have made the signature.
    fn source<'v>(
        #[starlark(require = named)] sha256: &str,
        #[starlark(require = named, default = UnpackList::default())] mirrors: UnpackList<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] name: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] at: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] unpack: NoneOr<bool>,
        #[starlark(require = named, default = NoneOr::None)] inner: NoneOr<&'v str>,
        #[starlark(require = named, default = 0)] strip: i64,
        #[starlark(require = named, default = NoneOr::None)] subdir: NoneOr<&'v str>,
        #[starlark(require = named, default = UnpackList::default())] patches: UnpackList<&'v str>,
        #[starlark(require = named, default = 1)] patch_strip: i64,
        #[starlark(require = named, default = false)] executable: bool,
        #[starlark(require = named, default = NoneOr::None)] sha512: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] size: NoneOr<i64>,
        #[starlark(require = named, default = NoneOr::None)] signature: NoneOr<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] keys: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<SourceValue> {
        let context = Context::of(eval);
        let given = define::source::Given {
            sha256,
            mirrors: mirrors.items,
            name: name.into_option(),
            at: at.into_option(),
            unpack: unpack.into_option(),
            inner: inner.into_option(),
            strip,
            subdir: subdir.into_option(),
            patches: patches.items,
            patch_strip,
            executable,
            sha512: sha512.into_option(),
            size: size.into_option(),
            signature: signature.into_option(),
            keys: keys.into_option(),
        };
        let defined = define::source::define(given, context, context.call(eval));
        defined.map(SourceValue).map_err(|refused| context.refuse(eval, "source", None, refused))
    }

    /// A Debian binary package: prebuilt, pinned by its SHA-256, unpacked into `/`.
    ///
    /// It is a source like any other, but how it was built cannot be checked. Its bytes therefore count as opaque, for
    /// the recipe and for everything built with it, and `stele info` shows them. The files of the package are
    /// unpacked; its scripts are not run.
    ///
    /// # Arguments
    /// * `package`: The package's name.
    /// * `version`: The package's full version, with epoch and revision. It selects what to ask for; the SHA-256
    ///   decides what is accepted.
    /// * `sha256`: The SHA-256 of the `.deb`: 64 digits of 0-9a-f.
    /// * `size`: The size of the `.deb` in bytes: checked, and counted as opaque.
    /// * `architecture`: The package's architecture, or `all`. By default `amd64`.
    /// * `mirrors`: Where else to fetch it from, as of `source`; the machine's own apt is asked first.
    /// * `at`: The directory into which it is merged. By default `/`, for which packages are made.
    fn debian_binary<'v>(
        #[starlark(require = pos)] package: &str,
        #[starlark(require = pos)] version: &str,
        #[starlark(require = named)] sha256: &str,
        #[starlark(require = named)] size: i64,
        #[starlark(require = named, default = "amd64")] architecture: &str,
        #[starlark(require = named, default = UnpackList::default())] mirrors: UnpackList<&'v str>,
        #[starlark(require = named, default = "/")] at: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<SourceValue> {
        let context = Context::of(eval);
        let mirrors = mirrors.items;
        let given = define::debian::Given { package, version, sha256, size, architecture, mirrors, at };
        let defined = define::debian::define(given, context.call(eval));
        defined.map(SourceValue).map_err(|refused| context.refuse(eval, "debian_binary", None, refused))
    }

    /// A third-party OCI image that `stele image import` brought into the store: its root file system, all layers
    /// merged.
    ///
    /// How it was built cannot be checked: its bytes count as opaque, for the recipe and for everything built with it,
    /// and `stele info` shows them. Owners, special modes, devices and extended attributes are dropped.
    ///
    /// # Arguments
    /// * `reference`: The image's name where it comes from: REGISTRY/NAME@DIGEST. It tells what to import; `rootfs`
    ///   decides what is accepted.
    /// * `rootfs`: The tree of its root file system, as `stele image inspect` shows it: 64 digits of 0-9a-f.
    /// * `size`: The size of its files in bytes, each file once: checked, and counted as opaque.
    /// * `at`: The directory into which it is merged. By default `/`.
    fn foreign_image<'v>(
        #[starlark(require = pos)] reference: &str,
        #[starlark(require = named)] rootfs: &str,
        #[starlark(require = named)] size: i64,
        #[starlark(require = named, default = "/")] at: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<ForeignImageValue> {
        let context = Context::of(eval);
        let defined = define::source::foreign_image(reference, rootfs, size, at, context.call(eval));
        let defined = defined.map(ForeignImageValue);
        defined.map_err(|refused| context.refuse(eval, "foreign_image", None, refused))
    }

    /// A file or folder of the recipe tree, as it is.
    ///
    /// # Arguments
    /// * `path`: Its path: relative to the file that is evaluated, or to the top of the recipe tree when it begins
    ///   with `//`.
    /// * `at`: Its path in the sandbox. By default `/src/NAME`, with the last component of `path`.
    fn local<'v>(
        #[starlark(require = pos)] path: &str,
        #[starlark(require = named, default = NoneOr::None)] at: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<LocalValue> {
        let context = Context::of(eval);
        let defined = define::source::local(path, at.into_option(), context, context.call(eval));
        defined.map(LocalValue).map_err(|refused| context.refuse(eval, "local", None, refused))
    }

    /// An executable file that the recipe tree holds as hexadecimal digits with comments.
    ///
    /// It lets a chain of builds begin without a binary: anybody can read the digits and decode them.
    /// `docs/formats.md` has the grammar.
    ///
    /// # Arguments
    /// * `path`: The file with the digits: relative to the file that is evaluated, or to the top of the recipe tree
    ///   when it begins with `//`.
    /// * `at`: The executable's path in the sandbox.
    /// * `sha256`: The SHA-256 of its bytes: checked.
    fn hex0<'v>(
        #[starlark(require = pos)] path: &str,
        #[starlark(require = named)] at: &str,
        #[starlark(require = named, default = NoneOr::None)] sha256: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<LocalValue> {
        let context = Context::of(eval);
        let defined = define::source::hex0(path, at, sha256.into_option(), context, context.call(eval));
        defined.map(LocalValue).map_err(|refused| context.refuse(eval, "hex0", None, refused))
    }

    /// One output of a recipe, or an output at another directory than `/`.
    ///
    /// # Arguments
    /// * `recipe`: The recipe.
    /// * `output`: Which of its outputs. By default `out`.
    /// * `at`: The directory into which it is merged. By default `/`.
    fn input<'v>(
        #[starlark(require = pos)] recipe: &'v RecipeValue,
        #[starlark(require = named, default = "out")] output: &str,
        #[starlark(require = named, default = "/")] at: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<InputValue> {
        let context = Context::of(eval);
        define::recipe::input(&recipe.0, output, at)
            .map_err(|refused| context.refuse(eval, "input", None, refused))
    }
}
