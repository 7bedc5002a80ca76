//! The modules of a recipe tree, on its disk: each in `modules/NAME`, with a file `modules/NAME.pin` that says which.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stele_recipes::language::{MODULES, MODULES_STAR, ModulePin};
use stele_recipes::source::Mirror;
use stele_store::model::Sha256;

use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::source::fetch::{self, How};
use crate::commands::unexpected;
use crate::recipe_tree::evaluate;
use crate::render;
use crate::umask;
use stele::Request;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::recipes::Selection;
use stele::reference::to_wire;

/// For how many seconds the store keeps a module's tree until its files are written.
const KEEP_SECONDS: u64 = 3600;

/// Which `modules.star` the folder was last brought up to date with: its SHA-256.
const UP_TO_DATE: &str = ".up-to-date";

/// Sees to it that each module that a recipe tree pins is in its folder, fetching what is missing, and that no other
/// is.
///
/// # Errors
/// When `modules.star` is wrong, a module cannot be fetched or unpacked, or the tree cannot be written.
pub fn bring(global: &Global, tree: &Path) -> Result<(), Failure> {
    let text = match fs::read(tree.join(MODULES_STAR)) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(unwritten(&tree.join(MODULES_STAR), &e)),
    };
    let folder = tree.join(MODULES);
    let wanted = format!("{}\n", Sha256::of(&text));
    if fs::read_to_string(folder.join(UP_TO_DATE)).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let pins = pins(tree)?;
    fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, &e))?;
    for pin in pins.iter().filter(|pin| !is_there(&folder, pin)) {
        bring_one(global, tree, &folder, pin)?;
    }
    remove_others(&folder, &pins).map_err(|e| unwritten(&folder, &e))?;
    let mark = folder.join(UP_TO_DATE);
    fs::write(&mark, wanted).map_err(|e| unwritten(&mark, &e))
}

/// The modules that a recipe tree pins.
///
/// # Errors
/// When `modules.star` is wrong.
pub fn pins(tree: &Path) -> Result<Vec<ModulePin>, Failure> {
    Ok(evaluate(tree, &Selection::Modules)?.modules)
}

/// Whether the folder of a module has been written from what `pin` says.
pub fn is_there(folder: &Path, pin: &ModulePin) -> bool {
    let found = fs::read_to_string(folder.join(format!("{}.pin", pin.name)));
    found.is_ok_and(|found| found == described(pin)) && folder.join(pin.name.as_str()).is_dir()
}

/// The text of `NAME.pin`.
fn described(pin: &ModulePin) -> String {
    let how = pin.archive.unpack.clone().unwrap_or_default();
    let subdir = how.subdir.map_or_else(|| ".".to_owned(), |path| path.to_string());
    format!("sha256 {}\nstrip {}\nsubdir {subdir}\n", pin.archive.source.sha256, how.strip)
}

fn bring_one(global: &Global, tree: &Path, folder: &Path, pin: &ModulePin) -> Result<(), Failure> {
    let name = pin.name.as_str();
    let mut source = pin.archive.source.clone();
    if let Some(file) = &pin.file {
        let path = tree.join(file.to_string());
        // A copy that is gone is no reason to fail while there are mirrors.
        if path.exists() || source.mirrors.is_empty() {
            let mirror = Mirror::new(&format!("file:{}", path.display()));
            source.mirrors.insert(0, mirror.map_err(|e| Failure::new(Kind::Usage, e.to_string()))?);
        }
    }
    render::detail(&format!("fetching module {name}"));
    let how = How { offline: false, jobs: None, config: std::env::var_os("STELE_CONFIG").map(PathBuf::from) };
    fetch::have(global, &how, &[(None, source)]).map_err(|failure| {
        let kind = if failure.kind == Kind::Failed { Kind::NotFound } else { failure.kind };
        Failure { kind, message: format!("module {name}: {}", failure.message), ..failure }
    })?;
    let mut context = Context::new(global, false)?;
    let wire = to_wire(tree.as_os_str());
    let request = Request::Module { tree: wire, module: name.to_owned(), keep_seconds: KEEP_SECONDS };
    let Answer::Unpacked(unpacked) = context.ask(request)? else { return Err(unexpected()) };
    let Some(unpacked) = unpacked.into_iter().next() else { return Err(unexpected()) };
    let (place, mark) = (folder.join(name), folder.join(format!("{name}.pin")));
    let new = folder.join(format!(".{name}.new-{}", std::process::id()));
    let request =
        Request::Export { reference: unpacked.digest, to: to_wire(new.as_os_str()), umask: umask::get() };
    context.ask(request)?;
    // The mark goes first and comes last: a folder without it is written again.
    let write = || -> io::Result<()> {
        remove(&mark)?;
        remove(&place)?;
        fs::rename(&new, &place)?;
        fs::write(&mark, described(pin))
    };
    write().map_err(|e| unwritten(&place, &e))
}

/// Removes modules that are pinned no more, and what interrupted commands left.
fn remove_others(folder: &Path, pins: &[ModulePin]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        let module = name.strip_suffix(".pin");
        if module.is_some_and(|module| pins.iter().all(|pin| pin.name.as_str() != module)) {
            remove(&folder.join(module.unwrap_or_default()))?;
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    gone.or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::io(&format!("the modules of the recipes: {}", path.display()), error)
        .hint("modules are unpacked into the recipe tree: it has to be writable, or to have them already")
}
