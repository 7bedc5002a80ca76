//! Directories to import, and comparing them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// Reproducible pseudo-random numbers (splitmix64).
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// Makes a directory with `files` files of all kinds: empty, small, on both sides of the inline bound, large;
/// executable and not; the same bytes twice; links, hard and symbolic; odd names; empty directories.
pub fn generate(root: &Path, seed: u64, files: u64) {
    let mut random = Random::new(seed);
    fs::create_dir_all(root).expect("a folder");
    let mut folder = root.to_owned();
    for n in 0..files {
        if n % 7 == 0 {
            folder =
                root.join(format!("d{}", random.below(1 + files / 7))).join(format!("e{}", random.below(3)));
            fs::create_dir_all(&folder).expect("a folder");
        }
        let length = match random.below(8) {
            0 => 0,
            1 => 16 << 10,
            2 => (16 << 10) + 1,
            3 => 20_000 + random.below(60_000),
            _ => random.below(3000),
        };
        let path = folder.join(match random.below(9) {
            0 => format!("name with spaces and \u{e9} {n}"),
            1 => format!("line\nfeed\\{n}"),
            _ => format!("file{n}"),
        });
        let bytes = random.bytes(usize::try_from(length).expect("small"));
        fs::write(&path, &bytes).expect("a file");
        match random.below(10) {
            0 | 1 => make_executable(&path),
            2 => fs::write(folder.join(format!("twin{n}")), &bytes).expect("a twin"),
            3 => fs::hard_link(&path, folder.join(format!("hard{n}"))).expect("a hard link"),
            4 => symlink(format!("../target of {n}"), folder.join(format!("link{n}"))).expect("a link"),
            5 => fs::create_dir_all(folder.join(format!("empty{n}"))).expect("a folder"),
            _ => {}
        }
    }
}

/// Sets all execute bits.
pub fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the mode");
}

#[derive(PartialEq, Eq, Debug)]
enum Entry {
    Directory,
    File { executable: bool, digest: stele_store::model::Digest, size: u64 },
    Link(std::path::PathBuf),
}

fn look(root: &Path) -> BTreeMap<Vec<u8>, Entry> {
    use std::os::unix::ffi::OsStrExt;
    let mut seen = BTreeMap::new();
    let mut stack = vec![root.to_owned()];
    while let Some(folder) = stack.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("an entry");
            let what = if meta.is_dir() {
                stack.push(path.clone());
                Entry::Directory
            } else if meta.is_symlink() {
                Entry::Link(fs::read_link(&path).expect("a link"))
            } else {
                let digest = stele_store::model::Digest::of(&fs::read(&path).expect("a file"));
                Entry::File { executable: meta.mode() & 0o100 != 0, digest, size: meta.len() }
            };
            let name = path.strip_prefix(root).expect("below").as_os_str().as_bytes().to_vec();
            seen.insert(name, what);
        }
    }
    seen
}

/// Both directories hold the same names, kinds, execute bits, bytes and link targets.
#[track_caller]
pub fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (look(a), look(b));
    for (name, what) in &a {
        assert_eq!(Some(what), b.get(name), "{}", String::from_utf8_lossy(name));
    }
    assert_eq!(a.len(), b.len(), "the second has more entries");
}
