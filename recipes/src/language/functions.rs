//! The functions that recipes are written with. Their docstrings are the reference: `docs/recipes.md` is made of them.

// Each has as many as a recipe can say.
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

/// `recipe`, `source`, `debian_binary`, `local`, `hex0` and `input`.
#[starlark_module]
pub(super) fn functions(builder: &mut GlobalsBuilder) {
    /// Defines a recipe, and gives it as a value that other recipes name in their `inputs`.
    ///
    /// It can only be called while a `recipe.star` below `pkgs` is evaluated, directly or by a function that was
    /// loaded. `version`, `license`, `homepage`, `description` and `notes` are for people: they reach no build, and
    /// changing them builds nothing anew.
    ///
    /// # Arguments
    /// * `name`: What it is called: the name of its folder, or that with a hyphen and more behind it.
    ///   Letters a-z, digits and `. _ + -`.
    /// * `version`: What upstream calls the release. It begins with a digit.
    /// * `sources`: What comes from outside or lies beside the recipe: a list of `source(...)`, `local(...)` and
    ///   `hex0(...)`.
    /// * `inputs`: What the build sees of other recipes: a list of recipes, whose output `out` is merged into `/`,
    ///   and of `input(...)`. Where two inputs have the same path and it is not the same, that is an error.
    /// * `prefer`: From a path at which inputs disagree to the one of them that wins there, with all that is below it:
    ///   `{"/usr/bin/cc": gcc}`.
    /// * `steps`: What is run: a list of programs with their arguments, each a list of strings. They run one after the
    ///   other until one fails. No shell is involved.
    /// * `script`: What is run instead of `steps`: one text, given to `shell` as `SHELL -eu -c TEXT`.
    /// * `shell`: The program that runs `script`. By default `/bin/sh`, which then has to come with the inputs.
    /// * `outputs`: What is kept: a list of names, or a dict of names to directories below `/out`. By default
    ///   `["out"]`. One output is `/out`, several in a list are `/out/NAME`. The build finds them in the variable
    ///   `OUT` for `out`, and `OUT_NAME` for any other.
    /// * `env`: Environment variables, beyond those that every build has.
    /// * `workdir`: Where the first step begins. By default `/build`, which is empty and can be written.
    /// * `platform`: What it runs on: `x86_64-linux` (the default) or `aarch64-linux`.
    /// * `license`: An SPDX licence expression.
    /// * `homepage`: Where upstream is found.
    /// * `description`: One line: what it is.
    /// * `notes`: What its maintainers want to be remembered.
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
        #[starlark(require = named, default = NoneOr::None)] license: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] homepage: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] description: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] notes: NoneOr<&'v str>,
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
            license: license.into_option(),
            homepage: homepage.into_option(),
            description: description.into_option(),
            notes: notes.into_option(),
        };
        let defined = define::recipe::define(given, package, context.call(eval));
        let recipe = defined.map_err(|refused| context.refuse(eval, "recipe", Some(name), refused))?;
        context.recipes.borrow_mut().push(recipe.clone());
        Ok(RecipeValue(recipe))
    }

    /// Bytes from outside, pinned by their SHA-256. Stele fetches, checks, unpacks and patches them; no build has a
    /// network.
    ///
    /// # Arguments
    /// * `sha256`: The SHA-256 of the file as upstream ships it: 64 digits of 0-9a-f.
    /// * `mirrors`: Where it may be had, in the order in which it is tried: `https://…`, `file:/…`,
    ///   `debian:PACKAGE/VERSION/FILE`, or `ALIAS:…` for an alias of the user's configuration. May be empty: then the
    ///   file has to be put at hand with `stele source add`.
    /// * `name`: What the file is called. By default what stands behind the last slash of the first mirror.
    /// * `at`: Where the build sees it. By default `/src` for what is unpacked, and `/src/NAME` for what is not.
    /// * `unpack`: Whether it is an archive whose content is wanted. By default so when the name ends like one: `.tar`,
    ///   `.tar.gz`, `.tgz`, `.tar.bz2`, `.tbz2`, `.tar.xz`, `.txz`, `.tar.zst`, `.tar.lz` or `.zip`.
    /// * `inner`: The name, in the archive, of another archive: it is that one whose content is wanted. `strip`,
    ///   `subdir` and `patches` are about that one then.
    /// * `strip`: How many leading components each name in the archive loses, as with `tar --strip-components`.
    /// * `subdir`: The one directory that is taken of what is left.
    /// * `patches`: Patch files beside the recipe, applied in this order, with exact context.
    /// * `patch_strip`: How many leading components the names in the patches lose, as with `patch -p`. By default 1.
    /// * `executable`: Whether a file that is not unpacked may be executed.
    /// * `sha512`: What upstream says, when it says SHA-512: checked too.
    /// * `size`: How many bytes it has: checked too.
    /// * `signature`: Upstream's detached OpenPGP signature: a `source(...)` that is not unpacked. Checked too.
    /// * `keys`: The file beside the recipe with the keys of which one must have made the signature.
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

    /// A Debian binary package: built elsewhere, pinned by its SHA-256, unpacked into `/`.
    ///
    /// It is a source like any other, but for one thing: nobody can read how it came to be. So its bytes are counted as
    /// opaque, for the recipe and for all that is built with it, and `stele info` shows them. What the package would
    /// install is unpacked; its scripts are not run.
    ///
    /// # Arguments
    /// * `package`: Its name.
    /// * `version`: Its version, whole, with epoch and revision. It says what is asked for; what is taken, the SHA-256
    ///   says.
    /// * `sha256`: The SHA-256 of the `.deb`: 64 digits of 0-9a-f.
    /// * `size`: How many bytes the `.deb` has: checked too, and what is counted.
    /// * `architecture`: What it was built for, or `all`. By default `amd64`.
    /// * `mirrors`: Where it may be had beside the machine's own package client, which is asked first: as of `source`.
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

    /// An OCI image of others, which `stele image import` brought into the store: what is in it, all layers united.
    ///
    /// Nobody can read how it came to be: its bytes are counted as opaque, for the recipe and for all that is built
    /// with it, and `stele info` shows them. Owners, special modes, devices and extended attributes are not there.
    ///
    /// # Arguments * `reference`: How it is called where it comes from: REGISTRY/NAME@DIGEST. It says what to import;
    /// what is taken,   `rootfs` says. * `rootfs`: What is in it: the tree that `stele image inspect` shows, 64
    /// digits of 0-9a-f. * `size`: How many bytes its files have, each of them once: checked, and what is counted. *
    /// `at`: The directory into which it is merged. By default `/`.
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
    /// * `path`: Which: beside the file that is evaluated, or from the top of the recipe tree when it begins with `//`.
    /// * `at`: Where the build sees it. By default `/src/NAME`, with the last component of `path`.
    fn local<'v>(
        #[starlark(require = pos)] path: &str,
        #[starlark(require = named, default = NoneOr::None)] at: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<LocalValue> {
        let context = Context::of(eval);
        let defined = define::source::local(path, at.into_option(), context, context.call(eval));
        defined.map(LocalValue).map_err(|refused| context.refuse(eval, "local", None, refused))
    }

    /// An executable file that is written in the recipe tree as hexadecimal digits with comments.
    ///
    /// It is how a chain of builds begins without a binary: everybody can read the digits, and everybody can decode
    /// them. `docs/formats.md` has the grammar.
    ///
    /// # Arguments
    /// * `path`: The file with the digits: beside the file that is evaluated, or from the top of the recipe tree when
    ///   it begins with `//`.
    /// * `at`: Where the build sees the executable.
    /// * `sha256`: What its bytes have to be: checked.
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

    /// One output of a recipe, or a place of its own for it.
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
