//! `lookup STORE SECONDS SAMPLE`: measures look-ups a second in an open store.
//!
//! Walks all roots for their blobs and trees, then looks up random ones, for SECONDS each, with one thread and
//! with two. Prints JSON: the rates and SAMPLE random digests of blobs, for look-ups by other means.
//! `tests/bench/run` calls it; no daemon may have the store open.

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use stele_store::model::{BlobId, Digest, Node, TreeId};
use stele_store::{CopyError, ReadError, Store, Target};

/// Look-ups per reading of the clock, which costs time.
const AT_ONCE: usize = 64;

/// A look-up of something random.
type Lookup<'a> = &'a (dyn Fn(&mut Random) -> Result<(), ReadError> + Sync);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [store, seconds, sample] = &args[..] else {
        return Err("usage: lookup STORE SECONDS SAMPLE".into());
    };
    let each = Duration::from_secs_f64(seconds.parse()?);
    let begun = Instant::now();
    let store = Store::open(Path::new(store))?;
    let opened = begun.elapsed();
    let (blobs, trees) = reachable(&store)?;
    if blobs.is_empty() {
        return Err("no root keeps any blob".into());
    }
    let row = |random: &mut Random| store.blob_info(random.of(&blobs)).map(drop);
    let absent = |random: &mut Random| match store.blob_info(&random.absent()) {
        Err(ReadError::NoBlob { .. }) => Ok(()),
        other => other.map(drop),
    };
    let bytes = |random: &mut Random| {
        let reader = store.open_blob(random.of(&blobs))?;
        reader.verified(|_| Ok::<(), Infallible>(())).map_err(|error| match error {
            CopyError::Read(error) => error,
            CopyError::Sink(never) => match never {},
        })
    };
    let tree = |random: &mut Random| store.tree(random.of(&trees)).map(drop);
    let lookups: [(&str, Lookup<'_>); 4] =
        [("row", &row), ("absent", &absent), ("bytes", &bytes), ("tree", &tree)];
    let mut rates = Vec::new();
    for (name, lookup) in lookups {
        for threads in [1, 2] {
            let rate = rate(threads, each, lookup)?;
            rates.push(format!(r#"{{"what":"{name}","threads":{threads},"per_second":{rate:.0}}}"#));
        }
    }
    let mut random = Random(77);
    let wanted: usize = sample.parse()?;
    let sampled: Vec<String> = (0..wanted).map(|_| format!(r#""{}""#, random.of(&blobs))).collect();
    println!(
        r#"{{"blobs":{},"trees":{},"open_seconds":{:.4},"rates":[{}],"sample":[{}]}}"#,
        blobs.len(),
        trees.len(),
        opened.as_secs_f64(),
        rates.join(","),
        sampled.join(",")
    );
    store.close()?;
    Ok(())
}

/// All that the roots reach, each once, in a deterministic order.
fn reachable(store: &Store) -> Result<(Vec<BlobId>, Vec<TreeId>), Box<dyn Error>> {
    let (mut blobs, mut trees) = (HashSet::new(), HashSet::new());
    let mut stack = Vec::new();
    for root in store.roots()? {
        match root.target {
            Target::Tree(tree) => stack.push(tree),
            Target::Blob(blob) => drop(blobs.insert(blob)),
        }
    }
    while let Some(id) = stack.pop() {
        if !trees.insert(id) {
            continue;
        }
        for (_, node) in store.tree(&id)?.entries() {
            match node {
                Node::Directory { tree, .. } => stack.push(*tree),
                Node::File { blob, .. } => drop(blobs.insert(*blob)),
                Node::Symlink { .. } => {}
            }
        }
    }
    let (mut blobs, mut trees) = (Vec::from_iter(blobs), Vec::from_iter(trees));
    blobs.sort_unstable_by_key(|id| *id.0.as_bytes());
    trees.sort_unstable_by_key(|id| *id.0.as_bytes());
    Ok((blobs, trees))
}

/// Look-ups a second of all `threads` together, after a warm-up of a quarter of the time.
fn rate(threads: u64, each: Duration, lookup: Lookup<'_>) -> Result<f64, ReadError> {
    let run = |seed: u64, time: Duration| -> Result<f64, ReadError> {
        let mut random = Random(seed);
        let (begun, mut done) = (Instant::now(), 0u32);
        while begun.elapsed() < time {
            for _ in 0..AT_ONCE {
                lookup(&mut random)?;
            }
            done += 1;
        }
        Ok(f64::from(done) * AT_ONCE as f64 / begun.elapsed().as_secs_f64())
    };
    run(5, each / 4)?;
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=threads).map(|seed| scope.spawn(move || run(seed, each))).collect();
        let rates = workers.into_iter().map(|it| it.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
        rates.sum()
    })
}

/// SplitMix64: the same look-ups in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        // The remainder is less than the length, so it is an index of the slice.
        #[allow(clippy::cast_possible_truncation)]
        let at = (self.next() % all.len() as u64) as usize;
        &all[at]
    }

    /// A digest of no blob.
    fn absent(&mut self) -> BlobId {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        BlobId(Digest::from_bytes(bytes))
    }
}
