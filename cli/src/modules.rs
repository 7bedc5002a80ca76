//! The modules of a recipe tree, on its disk: each in `modules/NAME`.
//!
//! Nothing that lies in the tree is believed: a module counts when its files are, to the bit, what its pinned archive
//! unpacks to, which the store knows. Whoever writes the tree can therefore neither change a module unnoticed, nor make
//! this process write or remove anything outside `modules`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use stele_recipes::language::{MODULES, MODULES_STAR, ModulePin, OnDisk};
use stele_recipes::paths::TreePath;
use stele_store::model::Node;

use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::source::add;
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

/// Held locked while modules are written.
const LOCK: &str = ".lock";
/// Begins the names of folders in which a module is put together.
const NEW: &str = ".new-";

/// Sees to it that the folder of each module that a recipe tree pins has exactly what is pinned, fetching what the
/// store lacks as `how` says.
///
/// # Errors
/// When `modules.star` is wrong, a module cannot be fetched or unpacked, or the tree cannot be written.
pub fn bring(global: &Global, tree: &Path, how: &How) -> Result<(), Failure> {
    let pins = pins(tree)?;
    if pins.is_empty() {
        return Ok(());
    }
    let mut context = Context::new(global, false)?;
    let mut missing = Vec::new();
    for pin in &pins {
        let digest = unpacked(global, tree, pin, how, &mut context)?;
        if !has(tree, pin, &digest) {
            missing.push((pin, digest));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let folder = tree.join(MODULES);
    let _lock = lock(&folder).map_err(|e| unwritten(&folder, &e))?;
    for (pin, digest) in missing {
        // Another command may have written it meanwhile.
        if !has(tree, pin, &digest) {
            write(&folder, pin, digest, &mut context)?;
        }
    }
    Ok(())
}

/// The modules that a recipe tree pins; none without the file that pins them.
///
/// # Errors
/// When `modules.star` is wrong.
pub fn pins(tree: &Path) -> Result<Vec<ModulePin>, Failure> {
    match fs::symlink_metadata(tree.join(MODULES_STAR)) {
        Ok(_) => Ok(evaluate(tree, &Selection::Modules)?.modules),
        Err(_) => Ok(Vec::new()),
    }
}

/// Whether the folder of a module holds anything.
pub fn is_there(tree: &Path, pin: &ModulePin) -> bool {
    tree.join(MODULES).join(pin.name.as_str()).is_dir()
}

/// The digest of what a module's archive unpacks to. The archive is fetched unless the store has it.
fn unpacked(
    global: &Global,
    tree: &Path,
    pin: &ModulePin,
    how: &How,
    context: &mut Context,
) -> Result<String, Failure> {
    let name = pin.name.as_str();
    let request = || Request::Module {
        tree: to_wire(tree.as_os_str()),
        module: name.to_owned(),
        keep_seconds: KEEP_SECONDS,
    };
    let mut answer = context.ask(request());
    if matches!(&answer, Err(failure) if failure.kind == Kind::NotFound) {
        get(global, tree, pin, how).map_err(|failure| {
            let kind = if failure.kind == Kind::Failed { Kind::NotFound } else { failure.kind };
            Failure { kind, message: format!("module {name}: {}", failure.message), ..failure }
        })?;
        answer = context.ask(request());
    }
    match answer? {
        Answer::Unpacked(unpacked) => unpacked.into_iter().next().map(|it| it.digest).ok_or_else(unexpected),
        _ => Err(unexpected()),
    }
}

/// Brings a module's archive into the store: from its copy in the tree, or from its mirrors.
fn get(global: &Global, tree: &Path, pin: &ModulePin, how: &How) -> Result<(), Failure> {
    let source = &pin.archive.source;
    if let Some(file) = &pin.file {
        let path = tree.join(file.to_string());
        // A copy that is gone is no reason to fail while there are mirrors.
        if path.exists() || source.mirrors.is_empty() {
            return add::keep(global, &path, &source.file, source.sha256);
        }
    }
    render::detail(&format!("fetching module {}", pin.name));
    fetch::have(global, how, &[(None, source.clone())])
}

/// Whether the folder of a module has exactly the tree with this digest.
fn has(tree: &Path, pin: &ModulePin, digest: &str) -> bool {
    let path = TreePath::parse(format!("{MODULES}/{}", pin.name).as_bytes()).ok();
    let found = path.and_then(|path| OnDisk::open(tree).ok()?.walk(&path).ok().flatten());
    matches!(found, Some((Node::Directory { tree, .. }, _)) if tree.to_string() == digest)
}

/// Makes the folder of modules, which may be no link, locks it, and removes what killed commands left in it.
fn lock(folder: &Path) -> io::Result<File> {
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(io::Error::other("it is not a folder")),
        Err(_) => fs::create_dir(folder)?,
    }
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = rustix::fs::open(folder.join(LOCK), flags, Mode::from_raw_mode(0o600))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // The kind of the entry itself: a link is left alone.
        if entry.file_name().to_string_lossy().starts_with(NEW) && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(lock.into())
}

/// Writes the files of a module into a new folder, and puts that in the place of the old one.
fn write(folder: &Path, pin: &ModulePin, digest: String, context: &mut Context) -> Result<(), Failure> {
    let place = folder.join(pin.name.as_str());
    let failed = |e: &io::Error| unwritten(&place, e);
    let work = tempfile::Builder::new().prefix(NEW).tempdir_in(folder).map_err(|e| failed(&e))?;
    let (new, old): (PathBuf, PathBuf) = (work.path().join("new"), work.path().join("old"));
    let request = Request::Export { reference: digest, to: to_wire(new.as_os_str()), umask: umask::get() };
    context.ask(request)?;
    // Both renames are of the names themselves: what a link there points to is not touched.
    match fs::rename(&place, &old) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&e)),
        _ => {}
    }
    fs::rename(&new, &place).map_err(|e| failed(&e))?;
    work.close().map_err(|e| failed(&e))
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::io(&format!("the modules of the recipes: {}", path.display()), error).hint(
        "modules are unpacked into the recipe tree: its folder `modules` has to be one, and to be writable",
    )
}
