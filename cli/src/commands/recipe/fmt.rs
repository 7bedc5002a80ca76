//! `recipe fmt`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use stele_recipes::language::{MAX_STARLARK, MODULES_STAR, OnDisk, Problem, format};

use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, find};
use crate::render;
use crate::replace::replace;
use stele::failure::{Failure, Kind};
use stele::recipes::failure;

/// `stele recipe fmt`
#[derive(Args, Debug)]
pub struct Fmt {
    /// Files of the recipe tree; all of them by default
    files: Vec<PathBuf>,
    /// Only list the files that would be changed; the exit code is 1 if there are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Fmt {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let tree = find(global, &self.place)?;
        let top = fs::canonicalize(&tree).map_err(|e| unreadable(&tree, &e))?;
        let mut files = self.files;
        if files.is_empty() {
            for folder in ["lib", "pkgs"] {
                collect(&tree.join(folder), &mut files)?;
            }
            files.extend(Some(tree.join(MODULES_STAR)).filter(|file| file.is_file()));
        }
        files.sort_unstable();
        let mut changed = Vec::new();
        for path in &files {
            if one(path, &top, self.check)? {
                changed.push(path.display().to_string());
            }
        }
        if global.json {
            render::json(&changed)?;
        } else {
            render::out(changed.iter().map(|path| format!("{path}\n")).collect::<String>().as_bytes())?;
        }
        Ok(if self.check && !changed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
    Failure::new(kind, format!("{} could not be read: {error}", path.display()))
}

/// The files below `folder` whose names end with `.star`. Links are not followed.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| unreadable(&folder, &e))?;
            let kind = entry.file_type().map_err(|e| unreadable(&entry.path(), &e))?;
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|it| it == "star") {
                files.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Formats one file. Whether that changes it.
fn one(path: &Path, top: &Path, check: bool) -> Result<bool, Failure> {
    let real = fs::canonicalize(path).map_err(|e| unreadable(path, &e))?;
    let within = real.strip_prefix(top).ok().and_then(Path::to_str).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{} is not in the recipe tree {}", path.display(), top.display()))
            .hint("name another tree with --recipes")
    })?;
    let size = fs::metadata(&real).map_err(|e| unreadable(path, &e))?.len();
    if size > MAX_STARLARK as u64 {
        return Err(Failure::new(
            Kind::Failed,
            format!("{} has more than {MAX_STARLARK} bytes", path.display()),
        ));
    }
    let text = fs::read_to_string(&real).map_err(|e| unreadable(path, &e))?;
    let laid_out = match format(within, &text) {
        Ok(laid_out) => laid_out,
        Err(error) => {
            let files = OnDisk::open(top).map_err(|e| Failure::new(Kind::Failed, e.to_string()))?;
            return Err(failure(&Problem::new(&error, &files), top));
        }
    };
    if laid_out == text {
        return Ok(false);
    }
    if !check {
        replace(&real, &laid_out)
            .map_err(|e| Failure::io(&format!("{} could not be written", path.display()), &e))?;
    }
    Ok(true)
}
