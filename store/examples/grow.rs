//! `grow STORE BLOBS`: fills a new store with so many small blobs, in trees of a thousand, half of them below the root
//! `even`, half below `odd`; then measures what may grow with a store: opening, statistics, a collection without and
//! with something to remove, a verification. Prints a line for each with its seconds, and this process's peak memory so
//! far. `tests/bench/growth` calls it; no daemon may have the store open.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use stele_store::model::{Name, Node, Tree, TreeId};
use stele_store::{Keep, Progress, Session, Store, Target};

/// Blobs of a tree.
const OF_TREE: u64 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, blobs] = &args[..] else { return Err("usage: grow STORE BLOBS".into()) };
    let (folder, blobs): (&Path, u64) = (Path::new(folder), blobs.parse()?);

    let begun = Instant::now();
    let store = Store::open(folder)?;
    let mut tops = [Vec::new(), Vec::new()];
    // A commit is durable at a session's end only; so many sessions bound what is not.
    for first in (0..blobs / OF_TREE).step_by(100) {
        let session = store.session()?;
        let mut made = Vec::new();
        for number in first..(first + 100).min(blobs / OF_TREE) {
            let tree = tree(&session, number)?;
            tops[usize::from(number % 2 == 1)].push((Name::new(format!("{number:08}").as_bytes())?, tree));
            made.push(Target::Tree(tree.0));
            session.commit_if_full()?;
        }
        let lease = Some(stele_store::Holder::Until(stele_store::now() + 86_400));
        session.finish(&made, &Keep { lease, ..Keep::default() })?;
    }
    for (root, entries) in ["even", "odd"].into_iter().zip(tops) {
        let session = store.session()?;
        let node = |(name, (tree, size))| (name, Node::Directory { tree, size });
        let top = session.add_tree(&Tree::new(entries.into_iter().map(node).collect())?)?.0;
        session.finish(&[Target::Tree(top)], &Keep { root: Some(root.parse()?), ..Keep::default() })?;
    }
    told("filled", begun);
    let begun = Instant::now();
    store.close()?;
    drop(store);
    told("closed", begun);

    let begun = Instant::now();
    let store = Store::open(folder)?;
    told("opened", begun);
    let begun = Instant::now();
    let counts = store.stats()?.counts;
    told(&format!("statistics of {} trees and {} blobs", counts.trees, counts.inline_blobs), begun);
    let begun = Instant::now();
    let collected = store.collect(false, &Progress::default())?;
    told(&format!("collection of nothing ({} trees removed)", collected.removed_trees), begun);
    let begun = Instant::now();
    let verified = store.verify(&Progress::default())?;
    told(&format!("verification ({} findings)", verified.findings.len()), begun);
    store.remove_root(&"odd".parse()?)?;
    store.end_timed_leases()?;
    let begun = Instant::now();
    let collected = store.collect(false, &Progress::default())?;
    told(
        &format!(
            "collection of half ({} trees, {} blobs removed)",
            collected.removed_trees, collected.removed_blobs
        ),
        begun,
    );
    store.close()?;
    Ok(())
}

/// A tree of blobs that no other has; its digest and size.
fn tree(session: &Session<'_>, number: u64) -> Result<(TreeId, u64), Box<dyn Error>> {
    let mut entries = Vec::new();
    for file in 0..OF_TREE {
        let bytes = format!("blob {file} of tree {number}");
        let blob = session.add_blob(bytes.as_bytes(), false)?;
        let node = Node::File { blob, size: bytes.len() as u64, executable: false };
        entries.push((Name::new(format!("{file:04}").as_bytes())?, node));
    }
    Ok(session.add_tree(&Tree::new(entries)?)?)
}

fn told(what: &str, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    println!("{what}: {seconds:.2} s, at most {peak}");
}
