//! Runs a user's own program in the sandbox of a recipe: with all inputs of the recipe, but without building
//! it.

use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use stele_recipes::action::ActionId;
use stele_recipes::recipe::RecipeName;
use stele_store::model::{Merge, MergeError, MergeInput, TreeId};
use stele_store::{Holder, Keep, Progress, Target};

use super::action::{Work, unique};
use super::schedule::{Doing, Prepared};
use super::{Builder, Event, Failed, KEPT, Realisations, Request};
use crate::sandbox::{self, Ending, Guard, Job, Streams, folder};

/// The origin that wins where an extra package has a file that differs from the recipe's own root.
const OWN: &str = "the recipe's own root";

/// A program to run in a sandbox.
pub struct ExecRequest<'a> {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables besides those of the build.
    pub env: Vec<(String, String)>,
    /// Its standard streams: a terminal, or input, output and errors.
    pub streams: &'a [BorrowedFd<'a>],
    /// Whether to continue in the kept folder of a failed build of the recipe.
    pub kept: bool,
    /// Whether the outputs of the recipe itself are included, too.
    pub itself: bool,
}

/// The result of a run.
pub enum ExecOutcome {
    /// How the program ended.
    Ended(Ending),
    /// The inputs of the recipe could not be realised.
    Unready(Realisations),
}

/// The recipe and action of a failed build's folder.
#[derive(Debug, Serialize, Deserialize)]
struct FailedBuild {
    recipe: String,
    action: String,
}

impl Builder {
    /// Runs a program in the sandbox of the first goal of a request, together with the outputs of the other
    /// goals.
    ///
    /// # Errors
    /// When there is no plan, the sandbox cannot be created, or the request is cancelled.
    pub fn exec(
        self: &Arc<Self>,
        request: &Request<'_>,
        exec: &ExecRequest<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<ExecOutcome, Failed> {
        let doing = self.doing(request, progress, tell)?;
        let (prepared, realised) = doing.prepare()?;
        let Some(Prepared { mut work, .. }) = prepared else { return Ok(ExecOutcome::Unready(realised)) };
        let itself = work.before.as_ref().filter(|_| exec.itself).map(|it| &it.outputs);
        let own = match itself {
            Some(outputs) if self.has_all(outputs)? => Some((&work.recipe, outputs)),
            _ => None,
        };
        let others = realised.goals.iter().map(|(name, outputs)| (name, outputs));
        let others = others.chain(own).flat_map(|(name, outputs)| {
            outputs.0.values().map(move |tree| MergeInput { origin: name.to_string(), tree: *tree })
        });
        let others = others.collect();
        work.action.root = self.furnished(&doing, work.action.root, others)?;
        let held = self.held()?;
        let path = self.builds.join(unique()?);
        let failed = |source| Failed::Folder { path: path.clone(), source };
        let kept = if exec.kept { self.take_kept(&work.recipe, &work.id, &path) } else { None };
        let from = kept.is_some().then(|| self.failed.join(work.recipe.as_str()));
        tell(Event::Enters { recipe: work.recipe.clone(), kept: from });
        let is_kept = kept.is_some();
        let guard = Guard::of(&held, &path, is_kept)?;
        let lock = match kept {
            Some(lock) => lock,
            None => folder::make(&path, held.owner()).map_err(failed)?,
        };
        let log = File::options().append(true).create(true).open(path.join(folder::LOG)).map_err(failed)?;
        let job = job(&work, exec, &path, is_kept);
        let running = guard.start(&held, &job, &log, &lock, exec.streams);
        let ending = match running {
            Ok(running) => {
                let ending = Self::follow(&running, progress, |_| {});
                if is_kept {
                    running.keep();
                } else {
                    running.clear();
                }
                Ok(ending)
            }
            Err(error) => Err(error.into()),
        };
        if is_kept {
            restore_failed_dir(&path, &self.failed, &work.recipe);
        } else if path.exists() {
            sandbox::clear_one(&path);
        }
        drop(lock);
        ending.map(ExecOutcome::Ended)
    }

    /// A root with the extra packages, held until the request ends.
    fn furnished(&self, doing: &Doing<'_>, own: TreeId, others: Vec<MergeInput>) -> Result<TreeId, Failed> {
        if others.is_empty() {
            return Ok(own);
        }
        let mut inputs = vec![MergeInput { origin: OWN.to_owned(), tree: own }];
        inputs.extend(others);
        let mut merge = Merge { inputs, winners: std::collections::BTreeMap::new() };
        let merged = loop {
            match merge.run(&*self.store) {
                Ok(merged) => break merged,
                Err(MergeError::Conflict(conflict)) if !merge.winners.contains_key(&conflict.path) => {
                    merge.winners.insert(conflict.path, conflict.first);
                }
                Err(why) => return Err(Failed::Furnish { why: why.to_string() }),
            }
        };
        let session = self.store.session()?;
        for tree in &merged.new {
            session.add_tree(tree)?;
        }
        let lease = Some(Holder::Until(stele_store::now().saturating_add(KEPT)));
        let target = Target::Tree(merged.root);
        doing.holding.reserve(target);
        session.finish(&[target], &Keep { lease, ..Keep::default() })?;
        Ok(merged.root)
    }

    /// Moves the folder that a failed build of this very action left to `to`, and returns its lock.
    fn take_kept(&self, recipe: &RecipeName, action: &ActionId, to: &Path) -> Option<File> {
        let from = self.failed.join(recipe.as_str());
        let of = kept(&from)?;
        if of.action != action.to_string() {
            return None;
        }
        let lock = folder::take(&from).ok()?;
        fs::rename(&from, to).ok()?;
        Some(lock)
    }

    /// Moves the folder of a failed build to where it stays until the next build of its recipe fails.
    pub(super) fn leave(&self, path: &Path, work: &Work) -> Option<PathBuf> {
        let kept = FailedBuild { recipe: work.recipe.to_string(), action: work.id.to_string() };
        let written = serde_json::to_vec(&kept)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(path.join(folder::KEPT), text));
        if let Err(e) = written {
            tracing::warn!("{} cannot be continued: {e}", path.display());
        }
        keep_failed(path, &self.failed, &work.recipe)
    }
}

/// What a kept folder of a build belongs to.
fn kept(folder: &Path) -> Option<FailedBuild> {
    let text = fs::read(folder.join(folder::KEPT)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Moves the folder of a failed build to its place below `failed`, replacing an earlier one. Returns its new
/// path.
fn keep_failed(path: &Path, failed: &Path, recipe: &RecipeName) -> Option<PathBuf> {
    let to = failed.join(recipe.as_str());
    let moved =
        fs::create_dir_all(failed).and_then(|()| folder::remove(&to)).and_then(|()| fs::rename(path, &to));
    match moved {
        Ok(()) => Some(to),
        Err(e) => {
            tracing::warn!("{} stays where it is: {e}", path.display());
            Some(path.to_owned())
        }
    }
}

/// Moves a folder that was taken from `failed` back. If a later failure has left another there, that one stays,
/// and this one is removed.
fn restore_failed_dir(path: &Path, failed: &Path, recipe: &RecipeName) {
    let to = failed.join(recipe.as_str());
    let moved = fs::create_dir_all(failed)
        .and_then(|()| Ok(renameat_with(CWD, path, CWD, &to, RenameFlags::NOREPLACE)?));
    match moved {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => sandbox::clear_one(path),
        Err(e) => tracing::warn!("{} stays where it is: {e}", path.display()),
    }
}

/// Removes the folders of failed builds that nobody uses now; in a dry run only lists them. Returns their recipes,
/// sorted.
pub(super) fn remove_failed_dirs(builds: &Path, failed: &Path, dry_run: bool) -> Vec<String> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(failed).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(recipe) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if dry_run {
            removed.push(recipe);
            continue;
        }
        // Moved away first, so that no command begins to use it.
        let Ok(to) = unique().map(|name| builds.join(name)) else { continue };
        if fs::rename(&path, &to).is_ok() {
            sandbox::clear_one(&to);
            removed.push(recipe);
        }
    }
    removed.sort_unstable();
    removed
}

/// Moves folders of failed builds that a killed daemon had in use back to where they are kept.
pub(super) fn restore_failed_dirs(builds: &Path, failed: &Path) {
    let Ok(entries) = fs::read_dir(builds) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let recipe = kept(&path).and_then(|kept| RecipeName::new(&kept.recipe).ok());
        if let Some(recipe) = recipe.filter(|_| !folder::is_used(&path)) {
            restore_failed_dir(&path, failed, &recipe);
        }
    }
}

fn job(work: &Work, exec: &ExecRequest<'_>, path: &Path, kept: bool) -> Job {
    let mut job = sandbox::job(&work.action, path, work.limits.clone());
    job.steps = vec![exec.argv.clone()];
    job.env.retain(|(name, _)| exec.env.iter().all(|(other, _)| name != other));
    job.env.extend(exec.env.iter().cloned());
    job.streams = if exec.streams.len() == 1 { Streams::Terminal } else { Streams::Three };
    job.kept = kept;
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of a failed build: at `at`, with a distinguishing file.
    fn folder(at: &Path, says: &str) -> PathBuf {
        fs::create_dir_all(at).unwrap();
        fs::write(at.join("says"), says).unwrap();
        at.to_owned()
    }

    #[test]
    fn a_restored_folder_does_not_replace_that_of_a_later_failure() {
        let top = tempfile::tempdir().unwrap();
        let (failed, recipe) = (top.path().join("failed"), RecipeName::new("a").unwrap());
        let says = || fs::read_to_string(failed.join("a/says")).unwrap();
        let first = folder(&top.path().join("first"), "first");
        assert_eq!(keep_failed(&first, &failed, &recipe), Some(failed.join("a")));
        // The control: no other build failed meanwhile.
        let taken = top.path().join("taken");
        fs::rename(failed.join("a"), &taken).unwrap();
        restore_failed_dir(&taken, &failed, &recipe);
        assert_eq!(says(), "first");
        fs::rename(failed.join("a"), &taken).unwrap();
        keep_failed(&folder(&top.path().join("second"), "second"), &failed, &recipe);
        restore_failed_dir(&taken, &failed, &recipe);
        assert_eq!(says(), "second");
        assert!(!taken.exists(), "the restored folder remains");
    }
}
