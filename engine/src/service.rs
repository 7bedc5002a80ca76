//! Handles requests, from the daemon's socket or from this process.

use std::fs::File;
use std::io;
use std::path::Path;

use stele_store::model::{Node, RootName, Tree};
use stele_store::{CopyError, Holder, Keep, Placement, Progress, Store, Target};

use crate::agreement;
use crate::answers::{self, Added, Answer, Counts, Entry, Finding, Info, What};
use crate::builds::{self, Event};
use crate::caches;
use crate::copies;
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::images;
use crate::keep;
use crate::recipes::{self, generated, planned, unpacked};
use crate::reference::{Named, Reference, from_wire, to_wire};
use crate::request::{Request, RootedFile};

/// Receives what a request sends before its final answer.
pub trait Sink: Send {
    /// An entry of a listing.
    fn entry(&mut self, entry: Entry) -> io::Result<()>;
    /// An event. Only builds have events.
    fn event(&mut self, _event: &Event) -> io::Result<()> {
        Ok(())
    }
    /// Some bytes of a blob.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The next bytes of a blob are `length` of a file from `offset` on. Only a request that wants descriptors has
    /// them.
    fn file(&mut self, _file: &File, _offset: u64, _length: u64) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::InvalidData, "received a file that was not asked for"))
    }
}

pub(crate) fn lost_sink(error: &io::Error) -> Failure {
    Failure::new(Kind::Cancelled, format!("the client disconnected: {error}"))
}

/// Handles a request.
///
/// # Errors
/// With a failure for the user.
pub fn run(
    engine: &Engine,
    request: Request,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let outcome = answer(engine, request, sink, progress);
    if let Err(Failure { corrupt: Some(target), .. }) = &outcome {
        // The next reader must not get the same corrupt bytes, and storing them again must repair them. If the
        // quarantine fails, the failure is the same.
        let _ = engine.store().set_aside(*target);
    }
    outcome
}

fn answer(
    engine: &Engine,
    request: Request,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let store: &Store = engine.store();
    let resolve = |reference: &str| -> Result<Named, Failure> {
        let bytes = from_wire(reference)?.into_os_string().into_encoded_bytes();
        Reference::parse(&bytes)?.resolve(store)
    };
    match request {
        Request::Add { path, root, keep_seconds } => {
            add(store, &from_wire(&path)?, root, keep_seconds, progress)
        }
        Request::AddFiles { files } => add_files(store, &files, progress),
        Request::List { reference, recursive, depth } => {
            list(store, &resolve(&reference)?, if recursive { depth.unwrap_or(usize::MAX) } else { 1 }, sink)
        }
        Request::Cat { reference } => cat(store, &resolve(&reference)?, sink),
        Request::Diff { before, after } => Ok(Answer::Compared(Box::new(crate::diff::compare(
            store,
            &from_wire(&before)?,
            &from_wire(&after)?,
            progress,
        )?))),
        Request::Info { reference } => Ok(Answer::Info(info(store, &resolve(&reference)?)?)),
        Request::Export { reference, to, umask } => {
            let target = target(&resolve(&reference)?)?;
            store.export(target, &from_wire(&to)?, umask, progress)?;
            Ok(Answer::Done {})
        }
        Request::RootAdd { name, reference } => {
            let (name, target) = (root_name(&name)?, target(&resolve(&reference)?)?);
            store.set_root(&name, target)?;
            Ok(Answer::Root(root_answer(name.as_str(), target, stele_store::now())))
        }
        Request::RootRemove { name } => {
            store.remove_root(&root_name(&name)?)?;
            Ok(Answer::Done {})
        }
        Request::RootList {} => {
            let roots = store.roots()?;
            Ok(Answer::Roots(
                roots.iter().map(|it| root_answer(it.name.as_str(), it.target, it.created)).collect(),
            ))
        }
        Request::RootsPast {} => keep::past(store),
        Request::Usage { references } => {
            let named = references.into_iter().map(|it| Ok((it.clone(), target(&resolve(&it)?)?)));
            keep::usage(store, named.collect::<Result<_, Failure>>()?)
        }
        Request::Collect { dry_run, end_leases, release, unfinished } => {
            // Caches of builds that nothing uses need not keep content from garbage collection.
            engine.rest();
            let mut collected = keep::collect(store, dry_run, end_leases, &release, progress)?;
            if unfinished {
                keep::clear_unfinished(engine, &mut collected);
            }
            Ok(Answer::Collected(collected))
        }
        Request::Unpack { tree, recipe, keep_seconds } => {
            let name = recipes::name(&recipe)?;
            Ok(Answer::Unpacked(unpacked::of_recipe(
                engine,
                &from_wire(&tree)?,
                &name,
                keep_seconds,
                progress,
            )?))
        }
        Request::Module { tree, module, keep_seconds } => {
            let (tree, name) = (from_wire(&tree)?, recipes::name(&module)?);
            let unpacked = unpacked::module(engine, &tree, &name, keep_seconds, progress)?;
            Ok(Answer::Unpacked(vec![unpacked]))
        }
        Request::Generated { tree, recipe } => {
            let (tree, name) = (from_wire(&tree)?, recipes::name(&recipe)?);
            Ok(Answer::Generated(generated::of_recipe(engine, &tree, &name, progress)?))
        }
        Request::Build { tree, goals, order } => {
            let (tree, goals) = (from_wire(&tree)?, recipes::names(&goals)?);
            Ok(Answer::Built(builds::build(engine, &tree, &goals, &order, sink, progress)?))
        }
        Request::Log { recipe, about: true, .. } => {
            Ok(Answer::Log(builds::log::about(engine, &recipes::name(&recipe)?)?))
        }
        Request::Log { recipe, follow, about: false } => {
            let to = &mut |bytes: &[u8]| sink.bytes(bytes);
            builds::log::log(engine, &recipes::name(&recipe)?, follow, progress, to)?;
            Ok(Answer::Done {})
        }
        Request::Trace { tree, recipe, order } => {
            let (tree, recipe) = (from_wire(&tree)?, recipes::name(&recipe)?);
            builds::trace(engine, &tree, &recipe, &order, sink, progress)
        }
        Request::Check { tree, recipe, order, rounds } => {
            let (tree, recipe) = (from_wire(&tree)?, recipes::name(&recipe)?);
            builds::check(engine, &tree, &recipe, &order, rounds, sink, progress)
        }
        Request::Explain { tree, recipe, order } => {
            let (tree, recipe) = (from_wire(&tree)?, recipes::name(&recipe)?);
            builds::explain(engine, &tree, &recipe, &order, sink, progress)
        }
        Request::LastCheck { recipe } => {
            Ok(Answer::Checked(Box::new(builds::last_check(engine, &recipes::name(&recipe)?)?)))
        }
        Request::Report { recipes } => {
            Ok(Answer::Reported(builds::reported(engine, &recipes::names(&recipes)?)?))
        }
        Request::Perform { ask } => Ok(Answer::Built(builds::perform(engine, &ask, sink, progress)?)),
        Request::Realisation { of } => Ok(Answer::Realised(builds::realised(store, &of)?)),
        Request::Plan { tree, goals } => {
            Ok(Answer::Plan(planned::plan(engine, &from_wire(&tree)?, &recipes::names(&goals)?)?))
        }
        Request::Image { ask } => Ok(match images::serve::run(engine, ask, sink, progress)? {
            Some(told) => Answer::Image(told),
            None => Answer::Done {},
        }),
        Request::Copy { ask } => Ok(Answer::Copy(copies::run(store, ask, sink, progress)?)),
        Request::Cache { ask } => Ok(Answer::Cache(caches::run(store, ask, sink, progress)?)),
        Request::Agreement { ask } => Ok(Answer::Agreement(agreement::run(engine, ask)?)),
        Request::Verify {} => verify(store, progress),
        Request::Stats {} => {
            Ok(Answer::Counts(Counts::new(to_wire(store.path().as_os_str()), &store.stats()?)))
        }
    }
}

pub(crate) fn root_name(text: &str) -> Result<RootName, Failure> {
    text.parse().map_err(|e| Failure::new(Kind::Usage, format!("`{text}` is not a valid root name: {e}")))
}

/// A root as it is answered.
pub fn root_answer(name: &str, target: Target, created: u64) -> answers::Root {
    let digest = target.digest();
    answers::Root { name: name.to_owned(), kind: target.into(), digest, created }
}

pub(crate) fn target(named: &Named) -> Result<Target, Failure> {
    named.target().ok_or_else(|| {
        Failure::new(Kind::Usage, "that is a symbolic link, which has no digest")
            .hint("name the directory that contains it, or its target")
    })
}

fn add(
    store: &Store,
    path: &Path,
    root: Option<String>,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let root = root.map(|name| root_name(&name)).transpose()?;
    let session = store.session()?;
    let target = session.import(path, progress)?;
    // A root keeps it permanently; without one it must at least outlive the user's next command.
    let leased_until =
        (root.is_none() && keep_seconds > 0).then(|| stele_store::now().saturating_add(keep_seconds));
    let keep = Keep { root: root.clone(), lease: leased_until.map(Holder::Until), ..Keep::default() };
    let added = session.finish(&[target], &keep)?;
    Ok(Answer::Added(Added {
        kind: target.into(),
        digest: target.digest(),
        blobs: added.blobs,
        bytes: added.bytes,
        new_blobs: added.new_blobs,
        new_bytes: added.new_bytes,
        root: root.map(|name| name.to_string()),
        leased_until,
    }))
}

fn add_files(store: &Store, files: &[RootedFile], progress: &Progress) -> Result<Answer, Failure> {
    let session = store.session()?;
    let mut roots = Vec::new();
    for RootedFile { path, root, sha256 } in files {
        let path = from_wire(path)?;
        let target = session.import(&path, progress)?;
        let is_it = match target {
            Target::Blob(blob) => session.sha256(&blob)? == Some(*sha256),
            Target::Tree(_) => false,
        };
        if !is_it {
            let message = format!("{} changed before the import: its SHA-256 was {sha256}", path.display());
            return Err(Failure::new(Kind::Failed, message).hint("run the command again"));
        }
        roots.push((root_name(root)?, target));
    }
    session.finish_all(&[], &roots, &Keep::default())?;
    let now = stele_store::now();
    Ok(Answer::Roots(roots.iter().map(|(name, target)| root_answer(name.as_str(), *target, now)).collect()))
}

fn entry(node: &Node, path: String, depth: usize, last: bool) -> Entry {
    let target = match node {
        Node::Symlink { target } => Some(target.to_string()),
        _ => None,
    };
    let digest = node.digest();
    Entry { kind: node.kind(), size: node.size(), digest, target, path, depth, last }
}

fn list(store: &Store, named: &Named, depth: usize, sink: &mut dyn Sink) -> Result<Answer, Failure> {
    let mut send = |entry| sink.entry(entry).map_err(|e| lost_sink(&e));
    let tree = match named {
        Named::Tree(tree) => *tree,
        Named::Blob(blob, executable) => {
            let size = store.blob_info(blob)?.size;
            let node = Node::File { blob: *blob, size, executable: executable.unwrap_or(false) };
            send(entry(&node, ".".to_owned(), 0, true))?;
            return Ok(Answer::Done {});
        }
        Named::Symlink(target) => {
            send(entry(&Node::Symlink { target: target.clone() }, ".".to_owned(), 0, true))?;
            return Ok(Answer::Done {});
        }
    };
    // Tree, its path, and the next entry of it.
    let mut stack: Vec<(Tree, String, usize)> = vec![(store.tree(&tree)?, String::new(), 0)];
    while let Some((tree, path, next)) = stack.pop() {
        let Some((name, node)) = tree.entries().get(next) else { continue };
        let place = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
        let last = next + 1 == tree.entries().len();
        send(entry(node, place.clone(), stack.len(), last))?;
        let below = match node {
            Node::Directory { tree, .. } if stack.len() + 1 < depth => Some(store.tree(tree)?),
            _ => None,
        };
        stack.push((tree, path, next + 1));
        if let Some(below) = below {
            stack.push((below, place, 0));
        }
    }
    Ok(Answer::Done {})
}

fn cat(store: &Store, named: &Named, sink: &mut dyn Sink) -> Result<Answer, Failure> {
    match named {
        Named::Tree(tree) => sink.bytes(&store.tree_text(tree)?).map_err(|e| lost_sink(&e))?,
        Named::Symlink(_) => {
            target(named)?;
        }
        Named::Blob(blob, _) => {
            let reader = store.open_blob(blob)?;
            reader.verified(|bytes| sink.bytes(bytes)).map_err(|e| match e {
                CopyError::Sink(e) => lost_sink(&e),
                CopyError::Read(e) => e.into(),
            })?;
        }
    }
    Ok(Answer::Done {})
}

fn info(store: &Store, named: &Named) -> Result<Info, Failure> {
    let target = target(named)?;
    let roots = store.roots()?;
    let roots = roots.iter().filter(|root| root.target == target).map(|root| root.name.to_string()).collect();
    let mut info = Info {
        kind: target.into(),
        digest: target.digest(),
        size: 0,
        sha256: None,
        placement: None,
        file: None,
        entries: None,
        closure: None,
        roots,
    };
    match target {
        Target::Blob(blob) => {
            let row = store.blob_info(&blob)?;
            info.size = row.size;
            info.sha256 = Some(row.sha256);
            info.placement = Some(answers::placement(row.placement).to_owned());
            if row.placement == Placement::File {
                info.file = Some(to_wire(store.object_path(&blob).as_os_str()));
            }
        }
        Target::Tree(tree) => {
            let text = store.tree_text(&tree)?;
            info.size = text.len() as u64;
            info.entries = Some(store.tree(&tree)?.entries().len() as u64);
            info.closure = Some(store.closure(&tree)?);
        }
    }
    Ok(info)
}

fn verify(store: &Store, progress: &Progress) -> Result<Answer, Failure> {
    let verified = store.verify(progress)?;
    let finding = |it: &stele_store::Finding| Finding {
        kind: What::from(it.target),
        digest: it.target.digest(),
        problem: it.problem.to_string(),
        moved_to: it.moved_to.as_ref().map(|path| to_wire(path.as_os_str())),
        used_by: it.used_by.clone(),
    };
    Ok(Answer::Verified(answers::Verified {
        trees: verified.trees,
        blobs: verified.blobs,
        bytes: verified.bytes,
        findings: verified.findings.iter().map(finding).collect(),
        counts_corrected: verified.counts_corrected,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_store::model::Sha256;

    fn rooted(folder: &Path, root: &str, sha256: &[u8]) -> RootedFile {
        let path = folder.join(root);
        std::fs::write(&path, root).unwrap();
        RootedFile {
            path: path.to_str().unwrap().to_owned(),
            root: root.to_owned(),
            sha256: Sha256::of(sha256),
        }
    }

    #[test]
    fn of_files_of_which_one_has_changed_none_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let mut files = [
            rooted(folder.path(), "one", b"one"),
            rooted(folder.path(), "two", b"two, as it was"),
            rooted(folder.path(), "three", b"three"),
        ];
        let refused = add_files(&store, &files, &Progress::default()).unwrap_err();
        assert!(refused.message.contains("two changed before the import"), "{}", refused.message);
        assert!(store.roots().unwrap().is_empty());
        // The first is in the store by now, without a root.
        files[1].sha256 = Sha256::of(b"two");
        for _ in 0..2 {
            let answer = add_files(&store, &files, &Progress::default()).unwrap();
            let Answer::Roots(roots) = answer else { panic!("it answers with the roots") };
            let names: Vec<&str> = roots.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(names, ["one", "two", "three"]);
        }
        assert_eq!(store.roots().unwrap().len(), 3);
        let text = std::fs::read_to_string(folder.path().join("store/roots")).unwrap();
        assert_eq!(text.lines().count(), 4);
    }
}
