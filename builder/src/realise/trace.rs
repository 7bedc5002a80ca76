//! What a build uses and which paths it looks up without success, as seen by the mount of its root.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use stele_fs::{Observer, inode};
use stele_recipes::action::SandboxPath;
use stele_recipes::plan::Part;
use stele_recipes::recipe::Origin;
use stele_store::Progress;
use stele_store::model::{Node, TreeId, TreeSource};

use super::schedule::Prepared;
use super::shared::Outcome;
use super::{Builder, Event, Failed, Realisations, Request, lock};
use crate::profile;

/// A path in the root of a build, without the leading slash.
type Path = Vec<u8>;

/// The trace of a build.
#[derive(Debug)]
pub struct Traced {
    /// Its inputs, in the order of its recipe.
    pub inputs: Vec<Used>,
    /// Absolute paths that it looked up and that do not exist, sorted.
    pub missing: Vec<Vec<u8>>,
    /// How many further look-ups and entries were not recorded: the record of a build is bounded.
    pub unnoted: u64,
    /// The outcome of the build.
    pub outcome: Outcome,
    /// Whether it was built before, and so compared with that.
    pub compared: bool,
}

/// An input of a build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// Its origin.
    pub origin: Origin,
    /// Its path in the sandbox.
    pub place: SandboxPath,
    /// Number of its files and links.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many of them were opened, or read in the case of links.
    pub opened: usize,
}

/// Observations of a build.
#[derive(Default)]
struct Observed {
    /// The paths that led to an inode number: several, for the same file at several paths.
    paths: HashMap<u64, BTreeSet<Path>>,
    opened: HashSet<u64>,
    missing: BTreeSet<Path>,
    /// Bytes of all these paths.
    bytes: usize,
    unnoted: u64,
}

/// Maximum bytes of paths recorded of a build, which can look up any number of them.
const MAX_NOTED: usize = 256 << 20;
/// The approximate overhead per path.
const OVERHEAD: usize = 64;

struct Tracer {
    /// The name of the build's root at the top of the mount.
    root: Vec<u8>,
    seen: Mutex<Observed>,
}

impl Observed {
    /// The paths of `name` in the directory with that inode number.
    fn below(&self, parent: u64, name: &[u8]) -> Vec<Path> {
        let parents = self.paths.get(&parent).into_iter().flatten();
        parents.map(|path| [path, name].join(if path.is_empty() { &b""[..] } else { b"/" })).collect()
    }

    /// Records the paths of an inode number, or of nothing, within the bound.
    fn note(&mut self, number: Option<u64>, paths: Vec<Path>) {
        for path in paths {
            let bytes = path.len() + OVERHEAD;
            if self.bytes + bytes > MAX_NOTED {
                self.unnoted += 1;
                continue;
            }
            let is_new = match number {
                Some(number) => self.paths.entry(number).or_default().insert(path),
                None => self.missing.insert(path),
            };
            self.bytes += if is_new { bytes } else { 0 };
        }
    }
}

impl Observer for Tracer {
    fn looked_up(&self, parent: u64, name: &[u8], found: Option<u64>) {
        let mut seen = lock(&self.seen);
        if parent == inode::ROOT {
            if let Some(number) = found.filter(|_| name == self.root) {
                seen.paths.entry(number).or_default().insert(Path::new());
            }
            return;
        }
        let paths = seen.below(parent, name);
        seen.note(found, paths);
    }

    fn listed(&self, parent: u64, name: &[u8], number: u64) {
        let mut seen = lock(&self.seen);
        let paths = seen.below(parent, name);
        seen.note(Some(number), paths);
    }

    fn opened(&self, number: u64) {
        lock(&self.seen).opened.insert(number);
    }
}

/// The result of tracing.
pub enum Tracing {
    /// The build was traced.
    Traced(Traced),
    /// The inputs of the recipe could not be realised.
    Unready(Realisations),
}

impl Builder {
    /// Builds the only goal of a request, even if its outputs are known, and traces what it uses.
    ///
    /// # Errors
    /// When there is no plan, the sandbox cannot be created, or the request is cancelled.
    pub fn trace(
        self: &Arc<Self>,
        request: &Request<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Tracing, Failed> {
        let doing = self.doing(request, progress, tell)?;
        let (prepared, realised) = doing.prepare()?;
        let Some(Prepared { work, parts }) = prepared else { return Ok(Tracing::Unready(realised)) };
        let root = work.action.root.to_string().into_bytes();
        let tracer = Arc::new(Tracer { root, seen: Mutex::default() });
        let held = self.hold_anew(Some(Arc::<Tracer>::clone(&tracer)), profile::MODIFIED)?;
        let outcome = self.run_alone(&work, &held, progress, tell);
        progress.check()?;
        // No process uses its mount any more.
        drop(held);
        let seen = lock(&tracer.seen);
        let opened: HashSet<&Path> =
            seen.opened.iter().filter_map(|number| seen.paths.get(number)).flatten().collect();
        let inputs = parts.iter().map(|part| self.used(part, &opened)).collect::<Result<_, _>>()?;
        let missing = seen.missing.iter().map(|path| [b"/", &path[..]].concat()).collect();
        let unnoted = seen.unnoted;
        Ok(Tracing::Traced(Traced { inputs, missing, unnoted, outcome, compared: work.before.is_some() }))
    }

    /// How much of an input was opened.
    fn used(&self, part: &Part, opened: &HashSet<&Path>) -> Result<Used, Failed> {
        let mut used =
            Used { origin: part.origin.clone(), place: part.place.clone(), files: 0, bytes: 0, opened: 0 };
        let top = part.place.names().collect::<Vec<_>>().join("/").into_bytes();
        let mut stack: Vec<(Path, Node)> = vec![(top, part.node.clone())];
        while let Some((path, node)) = stack.pop() {
            match node {
                Node::Directory { tree, .. } => stack.extend(self.entries(&tree, &path)?),
                Node::File { .. } | Node::Symlink { .. } => {
                    used.files += 1;
                    used.bytes += node.size();
                    used.opened += usize::from(opened.contains(&path));
                }
            }
        }
        Ok(used)
    }

    fn entries(&self, tree: &TreeId, path: &[u8]) -> Result<Vec<(Path, Node)>, Failed> {
        let tree = TreeSource::tree(&*self.store, tree)?;
        let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
        let entry = |(name, node): &(_, Node)| -> (Path, Node) {
            let name: &stele_store::model::Name = name;
            ([path, separator, name.as_bytes()].concat(), node.clone())
        };
        Ok(tree.entries().iter().map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_of_a_build_is_bounded_and_what_exceeds_it_is_counted() {
        let mut seen = Observed::default();
        let name = vec![b'q'; 1 << 20];
        for number in 0..400_u32 {
            seen.note(None, vec![[&name[..], &number.to_be_bytes()].concat()]);
        }
        assert!(seen.bytes <= MAX_NOTED && seen.missing.len() < 256, "{}", seen.missing.len());
        assert_eq!(seen.missing.len() as u64 + seen.unnoted, 400);
        // Repetitions take no space.
        let mut seen = Observed::default();
        (0..3).for_each(|_| seen.note(Some(7), vec![b"usr/bin/cc".to_vec()]));
        assert_eq!((seen.bytes, seen.unnoted), (10 + OVERHEAD, 0));
    }
}
