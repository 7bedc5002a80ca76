//! A disk that an import of small files fills: the first garbage collection succeeds and frees the space.
//!
//! Free space was once checked before a batch, while up to three write buffers of 64 MiB waited to be flushed;
//! the flush failed, RocksDB accepted no more writes, and so the collection failed, too, for 16 of 21 pairs of
//! disk and file size.
//!
//! Each round has another size of disk and file, from a seed that is printed. `STELE_STRESS=ROUNDS` runs more.

use std::io;
use std::path::PathBuf;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use stele_store::model::{Name, Node, Tree};
use stele_store::{Keep, Progress, Store, StreamError, Target};

/// Rounds of one run.
const ROUNDS: u64 = 16;

/// A tmpfs. The folder below it is removed with it.
struct Disk(tempfile::TempDir);

impl Disk {
    /// None where nothing can be mounted.
    fn new(mib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = std::ffi::CString::new(format!("size={mib}m")).unwrap();
        mount("none", folder.path(), "tmpfs", MountFlags::empty(), Some(options.as_c_str())).ok()?;
        Some(Self(folder))
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn used(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.0.path()).unwrap();
        (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

/// Xorshift: incompressible bytes, the same for each seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        let words = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(usize::try_from(count).unwrap()).collect()
    }
}

/// How the import that fills the disk ends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    /// It fails and reports it.
    Failed,
    /// Its process ends at once.
    Killed,
}

fn keep(root: &str) -> Keep {
    Keep { root: Some(root.parse().unwrap()), ..Keep::default() }
}

/// Stores a folder of `count` files of `size` bytes under a root.
fn import(
    store: &Store,
    root: &str,
    (count, size): (u64, u64),
    random: &mut Random,
) -> Result<Target, StreamError> {
    let session = store.session().unwrap();
    let mut entries = Vec::new();
    for n in 0..count {
        let (blob, size) = session.add_stream(&mut &random.bytes(size)[..], false)?;
        let name = Name::new(format!("{n:08}").as_bytes()).unwrap();
        entries.push((name, Node::File { blob, size, executable: false }));
    }
    let target = Target::Tree(session.add_tree(&Tree::new(entries).unwrap())?.0);
    session.finish(&[target], &keep(root))?;
    Ok(target)
}

/// What a store may take beside what lives in it, in bytes: its ballast, and some more.
fn own(mib: u64) -> u64 {
    (mib << 20) / 16 + (32 << 20).min((mib << 20) / 4)
}

/// Of a disk of `mib` MiB, `kept` per cent are taken by files of `file` bytes that a root keeps; then it is filled by
/// others.
fn round(mib: u64, file: u64, kept: u64, end: End, seed: u64) -> Result<(), String> {
    let Some(disk) = Disk::new(mib) else { return Ok(()) };
    let mut random = Random(seed);
    let store = Store::open(&disk.store()).map_err(|e| format!("open: {e}"))?;
    let live = (mib << 20) * kept / 100;
    let kept =
        import(&store, "kept", (50 + live / file, file), &mut random).map_err(|e| format!("kept: {e}"))?;
    let session = store.session().unwrap();
    let mut taken = 0;
    let refused = loop {
        if taken > mib << 21 {
            return Err("the disk stored more than its size".to_owned());
        }
        match session.add_stream(&mut &random.bytes(file)[..], false) {
            Ok((_, size)) => taken += size,
            Err(error) => break error,
        }
    };
    let full = matches!(&refused, StreamError::Write(e) if e.is_no_space());
    if !full {
        return Err(format!("not for lack of space: {refused}"));
    }
    let store = match end {
        End::Failed => {
            drop(session);
            store
        }
        End::Killed => {
            std::mem::forget(session);
            drop(store);
            let store = Store::open(&disk.store()).map_err(|e| format!("open again: {e}"))?;
            store.drop_strays().map_err(|e| format!("clearing: {e}"))?;
            store
        }
    };
    let collected = store.collect(false, &Progress::default()).map_err(|e| format!("gc: {e}"))?;
    let (used, max) = (disk.used(), live + 50 * file + own(mib));
    if used > max {
        return Err(format!("{used} bytes are used after gc, more than {max}: {collected:?}"));
    }
    import(&store, "after", (50, 1000), &mut random).map_err(|e| format!("after: {e}"))?;
    let found = store.verify(&Progress::default()).map_err(|e| format!("verify: {e}"))?;
    if !found.findings.is_empty() || !store.has_closure(kept).unwrap() {
        return Err(format!("lost: {:?}", found.findings));
    }
    store.close().map_err(|e| format!("close: {e}"))
}

#[test]
fn no_full_disk_prevents_a_collection_from_freeing_space() {
    if Disk::new(40).is_none() {
        return say_skipped();
    }
    let stress = std::env::var("STELE_STRESS").ok().and_then(|rounds| rounds.parse().ok());
    let seed = stress.map_or(5, |_| u64::from(std::process::id()));
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut wrong = Vec::new();
    for _ in 0..stress.unwrap_or(ROUNDS) {
        let file = match random.below(3) {
            0 => 1500,
            1 => 5000,
            _ => 14_000,
        };
        let mib = 40 + random.below(100);
        let end = if random.below(2) == 0 { End::Failed } else { End::Killed };
        let kept = [0, 10, 25, 45][usize::try_from(random.below(4)).unwrap()];
        let seed = random.next();
        if let Err(why) = round(mib, file, kept, end, seed) {
            wrong.push(format!("{mib} MiB, files of {file}, {kept}% kept, {end:?}, seed {seed}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tests may report that they could not run.
fn say_skipped() {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "skipped: a tmpfs cannot be mounted here");
}

#[test]
fn scratch_space_is_refused_before_the_disk_is_full() {
    let Some(disk) = Disk::new(40) else { return say_skipped() };
    let store = Store::open(&disk.store()).unwrap();
    let mut scratch = store.scratch().unwrap();
    let mut written = 0u64;
    let refused = loop {
        match io::Write::write(&mut scratch, &[1; 100_000]) {
            Ok(count) => written += count as u64,
            Err(error) => break error,
        }
        assert!(written < 40 << 20);
    };
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    let full = disk.used();
    assert!(full < 39 << 20);
    store.collect(false, &Progress::default()).unwrap();
    drop(scratch);
    assert!(disk.used() + written <= full + (1 << 20), "{} of {full} are still used", disk.used());
}
