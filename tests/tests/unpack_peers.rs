//! Archives of other programs unpack here as those programs unpack them: every file, execute bit and link.
//!
//! With `STELE_SOURCES=DIR`, every file in DIR is an archive that is unpacked here and by `tar` or `unzip` and
//! compared, and the times are shown: for real sources, which are not kept here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use stele_archive::content::{Content, ContentError, InMemory, ScratchFile};
use stele_archive::{Unpack, unpack};
use stele_store::model::{BlobId, Digest, Node, Tree, TreeId};
use stele_tests::trees::Random;
use stele_tests::{Stele, skip};
use tempfile::TempDir;

#[derive(PartialEq, Eq, Debug)]
enum Entry {
    Directory,
    File { executable: bool, digest: Digest },
    Link(Vec<u8>),
}

type Entries = BTreeMap<Vec<u8>, Entry>;

/// What a random tree has beyond plain files, since formats and programs differ in their support.
#[derive(Clone, Copy)]
struct Has {
    /// The approximate length of the longest name in bytes: 90, 200 or 400.
    name: usize,
    symlinks: bool,
    holes: bool,
    /// Names that are not UTF-8.
    bytes: bool,
}

const PLAIN: Has = Has { name: 90, symlinks: true, holes: false, bytes: true };

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("less than a usize")
}

/// Makes a random tree in the folder `root`, the same for each seed.
fn plant(root: &Path, seed: u64, has: Has) {
    let mut random = Random::new(seed);
    let mut directories = vec![root.to_owned()];
    fs::create_dir(root).expect("a folder");
    for n in 0..60 {
        let above = directories[below(&mut random, directories.len())].clone();
        let room = has.name.saturating_sub(above.as_os_str().len() - root.as_os_str().len());
        let mut name = match below(&mut random, 6) {
            0 => format!("{n} and spaces").into_bytes(),
            1 => format!("\u{e9}\u{4e16}{n}").into_bytes(),
            2 if has.bytes => [format!("{n}").as_bytes(), b"\xff\xfe"].concat(),
            3 if room > 40 => format!("{n}{}", "long".repeat((room.min(240) - 20) / 4)).into_bytes(),
            _ => format!("n{n}").into_bytes(),
        };
        name.truncate(room);
        if room < 24 {
            continue;
        }
        let path = above.join(OsStr::from_bytes(&name));
        match below(&mut random, 8) {
            0 | 1 => {
                fs::create_dir(&path).expect("a folder");
                directories.push(path);
            }
            2 if has.symlinks => {
                let depth = path.strip_prefix(root).expect("below").components().count() - 1;
                let ups = "../".repeat(below(&mut random, depth + 1));
                let long = "t".repeat(if below(&mut random, 3) == 0 { has.name / 2 } else { 3 });
                symlink(format!("{ups}{long}{n}"), &path).expect("a link");
            }
            3 if has.holes => {
                let file = File::create(&path).expect("a file");
                for _ in 0..below(&mut random, 40) {
                    let length = 1 + below(&mut random, 9000);
                    let bytes = random.bytes(length);
                    file.write_all_at(&bytes, random.below(1 << 20) & !4095).expect("bytes");
                }
                file.set_len((1 << 20) + random.below(9000)).expect("a length");
            }
            kind => {
                let length = [0, 1, 511, 512, 513, 10_000, 70_000][below(&mut random, 7)];
                fs::write(&path, random.bytes(length)).expect("a file");
                let mode = [0o644, 0o755, 0o600, 0o744, 0o444][below(&mut random, 5)];
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
                if kind == 4 {
                    fs::hard_link(&path, above.join(format!("hard{n}"))).expect("a hard link");
                }
            }
        }
    }
}

/// The content of the folder `root`, without itself.
fn on_disk(root: &Path) -> Entries {
    let (mut seen, mut open) = (Entries::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let (path, kind) = (entry.path(), entry.metadata().expect("metadata"));
            let what = if kind.is_dir() {
                open.push(path.clone());
                Entry::Directory
            } else if kind.is_symlink() {
                Entry::Link(fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec())
            } else {
                let executable = kind.permissions().mode() & 0o100 != 0;
                Entry::File { executable, digest: Digest::of(&fs::read(&path).expect("a file")) }
            };
            seen.insert(path.strip_prefix(root).expect("below").as_os_str().as_bytes().to_vec(), what);
        }
    }
    seen
}

/// The content of a tree.
fn in_tree(content: &dyn Content, tree: TreeId) -> Entries {
    let (mut seen, mut open) = (Entries::new(), vec![(Vec::new(), tree)]);
    while let Some((above, id)) = open.pop() {
        for (name, node) in content.tree(&id).expect("the tree was kept").entries() {
            let path = [&above, name.as_bytes()].concat();
            let what = match node {
                Node::Directory { tree, .. } => {
                    open.push(([&path[..], b"/"].concat(), *tree));
                    Entry::Directory
                }
                Node::File { blob, executable, .. } => {
                    Entry::File { executable: *executable, digest: blob.0 }
                }
                Node::Symlink { target } => Entry::Link(target.as_bytes().to_vec()),
            };
            seen.insert(path, what);
        }
    }
    seen
}

#[track_caller]
fn ours(archive: &Path, strip: usize) -> Entries {
    let content = InMemory::default();
    let how = Unpack { strip, ..Unpack::default() };
    let mut file = File::open(archive).expect("an archive");
    let tree =
        unpack(&mut file, &how, &content).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    in_tree(&content, tree)
}

#[track_caller]
fn assert_same(ours: &Entries, theirs: &Entries, what: &str) {
    for (path, seen) in theirs {
        assert_eq!(ours.get(path), Some(seen), "{what}: {}", path.escape_ascii());
    }
    for path in ours.keys() {
        assert!(theirs.contains_key(path), "{what}: {} is only ours", path.escape_ascii());
    }
}

#[track_caller]
fn run(dir: &Path, command: &str) {
    let output =
        Command::new("bash").args(["-c", command]).current_dir(dir).env("LC_ALL", "C.UTF-8").output();
    let output = output.expect("there is a shell");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether these programs are installed, given with their Debian packages.
fn there(tools: &[(&str, &str)]) -> bool {
    let missing = tools.iter().find(|(tool, _)| {
        let found = Command::new("sh").args(["-c", "command -v \"$0\"", tool]).output();
        !found.is_ok_and(|output| output.status.success())
    });
    if let Some((tool, package)) = missing {
        skip(&format!("`{tool}` is missing: install the Debian package {package}"));
    }
    missing.is_none()
}

const TAR: (&str, &str) = ("tar", "tar");

/// Plants trees in `tree`, lets `pack` make `a` of each, lets `unpack` put that into `peer`, and compares.
#[track_caller]
fn agree(has: Has, pack: &str, unpack: &str) {
    for seed in 0..3 {
        let dir = tempfile::tempdir().expect("a temporary folder");
        plant(&dir.path().join("tree"), seed, has);
        run(dir.path(), pack);
        fs::create_dir(dir.path().join("peer")).expect("a folder");
        run(dir.path(), unpack);
        let theirs = on_disk(&dir.path().join("peer"));
        assert!(theirs.len() > 20, "{pack}: only {} entries", theirs.len());
        assert_same(&ours(&dir.path().join("a"), 0), &theirs, pack);
        assert_same(&theirs, &on_disk_below(&dir, "tree"), pack);
    }
}

/// What was planted, as seen from the folder above.
fn on_disk_below(dir: &TempDir, name: &str) -> Entries {
    let inner = on_disk(&dir.path().join(name)).into_iter();
    let named = inner.map(|(path, seen)| ([name.as_bytes(), b"/", &path].concat(), seen));
    named.chain([(name.as_bytes().to_vec(), Entry::Directory)]).collect()
}

#[test]
fn gnu_tar_agrees_in_all_its_formats() {
    if !there(&[TAR]) {
        return;
    }
    for (format, name) in
        [("v7", 90), ("ustar", 90), ("ustar", 200), ("oldgnu", 400), ("gnu", 400), ("posix", 400)]
    {
        // ustar cannot hold every name of two hundred bytes, or targets over 100 bytes.
        let skipping = if (format, name) == ("ustar", 200) { "; test $? -le 2" } else { "" };
        let has = Has { name, ..PLAIN };
        let pack = format!("tar --format={format} -cf a tree{skipping}");
        if skipping.is_empty() {
            agree(has, &pack, "tar -xf a -C peer");
        } else {
            agree_on_what_fits(has, &pack, "tar -xf a -C peer");
        }
    }
}

/// The same for an archive that omits what the format cannot hold.
#[track_caller]
fn agree_on_what_fits(has: Has, pack: &str, unpack: &str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    plant(&dir.path().join("tree"), 7, has);
    run(dir.path(), pack);
    run(dir.path(), &format!("mkdir peer && {unpack}"));
    let theirs = on_disk(&dir.path().join("peer"));
    assert!(theirs.len() > 20, "{pack}: only {} entries", theirs.len());
    assert_same(&ours(&dir.path().join("a"), 0), &theirs, pack);
}

#[test]
fn gnu_tar_agrees_about_files_with_holes() {
    if !there(&[TAR]) {
        return;
    }
    let has = Has { holes: true, name: 200, ..PLAIN };
    for format in [
        "oldgnu",
        "gnu",
        "posix --sparse-version=0.0",
        "posix --sparse-version=0.1",
        "posix --sparse-version=1.0",
    ] {
        agree(has, &format!("tar --format={format} -S -cf a tree"), "tar -xf a -C peer");
    }
}

#[test]
fn bsdtar_agrees() {
    if !there(&[("bsdtar", "libarchive-tools")]) {
        return;
    }
    for (format, has) in [
        ("v7", PLAIN),
        ("ustar", PLAIN),
        ("gnutar", Has { name: 400, ..PLAIN }),
        ("pax", Has { name: 400, holes: true, ..PLAIN }),
        ("zip", Has { name: 200, bytes: false, ..PLAIN }),
        ("zip --options zip:compression=store", Has { name: 200, bytes: false, ..PLAIN }),
    ] {
        agree(has, &format!("bsdtar --format={format} -cf a tree"), "bsdtar -xf a -C peer");
    }
}

#[test]
fn python_agrees() {
    if !there(&[("python3", "python3")]) {
        return;
    }
    let extract = "import tarfile; tarfile.open('a').extractall('peer')";
    for (format, name) in [("USTAR", 90), ("GNU", 400), ("PAX", 400)] {
        let pack = format!(
            "import tarfile as t\nwith t.open('a', 'w', format=t.{format}_FORMAT) as a: a.add('tree')"
        );
        let pack = format!("python3 -c \"{pack}\"");
        agree(Has { name, ..PLAIN }, &pack, &format!("python3 -c \"{extract}\""));
    }
    // Python's zipfile follows links, and its extraction ignores modes.
    for method in ["STORED", "DEFLATED"] {
        let pack = format!(
            "import zipfile as z, os\n\
             with z.ZipFile('a', 'w', z.ZIP_{method}) as f:\n\
             \x20 for d, ds, fs in os.walk('tree'):\n\
             \x20   [f.write(os.path.join(d, n)) for n in [''] + fs]"
        );
        let has = Has { symlinks: false, bytes: false, name: 200, ..PLAIN };
        agree(has, &format!("python3 -c \"{pack}\""), "unzip -q a -d peer");
    }
}

#[test]
fn info_zip_agrees() {
    if !there(&[("zip", "zip"), ("unzip", "unzip")]) {
        return;
    }
    let has = Has { name: 200, bytes: false, ..PLAIN };
    for options in ["", "-0", "-9", "-X", "-fz"] {
        agree(has, &format!("zip -qry {options} a.zip tree && mv a.zip a"), "unzip -q a -d peer");
    }
    // Written to a pipe: with descriptors after the data.
    agree(Has { symlinks: false, ..has }, "zip -qr - tree | cat > a", "unzip -q a -d peer");
}

#[test]
fn git_archive_agrees() {
    if !there(&[("git", "git"), ("unzip", "unzip"), TAR]) {
        return;
    }
    // git keeps no empty folders.
    let git = "git -c user.name=x -c user.email=x@x -c init.defaultBranch=x";
    let commit = format!("cd tree && {git} init -q . && {git} add -A -f . && {git} commit -qm x");
    let pack = |format| format!("{commit} && {git} archive --format={format} --prefix=p/ HEAD > ../a");
    agree_on_what_fits(Has { name: 200, ..PLAIN }, &pack("tar"), "tar -xf a -C peer");
    agree_on_what_fits(PLAIN, &pack("tar.gz"), "tar -xf a -C peer");
    agree_on_what_fits(Has { bytes: false, name: 200, ..PLAIN }, &pack("zip"), "unzip -q a -d peer");
}

#[test]
fn what_compresses_changes_nothing() {
    let tools =
        [("gzip", "gzip"), ("bzip2", "bzip2"), ("xz", "xz-utils"), ("zstd", "zstd"), ("lzip", "lzip")];
    if !there(&[&tools[..], &[TAR]].concat()) {
        return;
    }
    let in_pieces = |tool: &str| format!("split -b 200000 t p. && for p in p.*; do {tool} -c $p; done > a");
    let mut packs: Vec<String> = Vec::new();
    for tool in
        ["gzip -1", "gzip -9", "bzip2", "xz -0", "xz -9", "zstd", "zstd -19 --check", "lzip -0", "lzip -9"]
    {
        packs.push(format!("{tool} -c t > a"));
        packs.push(in_pieces(tool));
    }
    packs.push("xz -T2 --block-size=100KiB -c t > a".to_owned());
    packs.push("xz --check=none -c t > a".to_owned());
    packs.push("xz --check=sha256 --x86 --lzma2 -c t > a".to_owned());
    packs.push("xz --check=crc32 --delta=dist=4 --lzma2 -c t > a".to_owned());
    packs.push("zstd --ultra -22 --long=27 -c t > a".to_owned());
    packs.push("gzip -c t | xz -c | zstd -c | bzip2 -c > a".to_owned());
    for pack in packs {
        let both = format!("tar -cf t tree && {pack} && test -s a");
        agree(PLAIN, &both, "tar -xf t -C peer");
    }
}

#[test]
fn gnu_tar_strips_the_same() {
    if !there(&[TAR]) {
        return;
    }
    for strip in 0..4 {
        for seed in 0..4 {
            let dir = tempfile::tempdir().expect("a temporary folder");
            // Only this project refuses a link from which what it climbs to is stripped.
            plant(&dir.path().join("tree"), seed, Has { symlinks: false, ..PLAIN });
            run(
                dir.path(),
                &format!("tar -cf a tree && mkdir peer && tar -xf a --strip-components={strip} -C peer"),
            );
            assert_same(&ours(&dir.path().join("a"), strip), &on_disk(&dir.path().join("peer")), "strip");
        }
    }
}

#[test]
fn an_unpacked_tar_has_our_digest() {
    if !there(&[TAR]) {
        return;
    }
    let (dir, stele, content) =
        (tempfile::tempdir().expect("a temporary folder"), Stele::new(), InMemory::default());
    plant(&dir.path().join("tree"), 3, Has { symlinks: false, name: 200, ..PLAIN });
    run(dir.path(), "tar -czf a tree && mkdir peer && tar -xf a --strip-components=1 -C peer");
    let mut archive = File::open(dir.path().join("a")).expect("an archive");
    let how = Unpack { strip: 1, ..Unpack::default() };
    let tree = unpack(&mut archive, &how, &content).expect("a tree");
    assert_eq!(tree.0.to_string(), stele.add(&dir.path().join("peer")));
}

/// Blobs as files in a folder, so that the time here covers the same work as that of `tar`.
struct InFolder {
    dir: PathBuf,
    trees: InMemory,
}

impl Content for InFolder {
    fn add_blob(&self, bytes: &mut dyn Read, _: bool) -> Result<(BlobId, u64), ContentError> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all)?;
        let digest = Digest::of(&all);
        let mut file = File::create(self.dir.join(digest.to_string()))?;
        file.write_all(&all)?;
        Ok((BlobId(digest), all.len() as u64))
    }

    fn blob(&self, _: &BlobId) -> Result<Vec<u8>, ContentError> {
        Err(io::Error::other("nobody asks").into())
    }

    fn scratch(&self) -> Result<Box<dyn ScratchFile>, ContentError> {
        Ok(Box::new(tempfile::tempfile_in(&self.dir)?))
    }

    fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), ContentError> {
        self.trees.add_tree(tree)
    }

    fn tree(&self, id: &TreeId) -> Result<Tree, ContentError> {
        self.trees.tree(id)
    }
}

#[test]
fn real_sources_agree() {
    let Some(sources) = std::env::var_os("STELE_SOURCES") else {
        // Not a skipped test: only those who ask for this have these archives.
        return;
    };
    let mut archives: Vec<PathBuf> =
        fs::read_dir(sources).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    archives.sort();
    let mut refused = Vec::new();
    for archive in archives {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in ["peer", "ours"] {
            fs::create_dir(dir.path().join(name)).expect("a folder");
        }
        let name = archive.file_name().expect("a name").to_string_lossy().into_owned();
        let begin = Instant::now();
        let mut magic = [0; 2];
        File::open(&archive).and_then(|mut file| file.read_exact(&mut magic)).expect("an archive");
        let (program, option, into) =
            if magic == *b"PK" { ("unzip", "-q", "-d") } else { ("tar", "-xf", "-C") };
        let status =
            Command::new(program).arg(option).arg(&archive).arg(into).arg(dir.path().join("peer")).status();
        assert!(status.expect("the peer is there").success(), "{program} {name}");
        let theirs = begin.elapsed();
        let content = InFolder { dir: dir.path().join("ours"), trees: InMemory::default() };
        let begin = Instant::now();
        let found = unpack(&mut File::open(&archive).expect("an archive"), &Unpack::default(), &content);
        let ours = begin.elapsed();
        match found {
            Err(error) => refused.push(format!("{name}: {error}")),
            Ok(tree) => {
                let seen = in_tree(&content, tree);
                assert_same(&seen, &on_disk(&dir.path().join("peer")), &name);
                let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
                eprintln!("{name}: {} entries, {ours:.2?}, {program} {theirs:.2?}: {ratio:.2}", seen.len());
            }
        }
    }
    assert!(refused.is_empty(), "refused:\n{}", refused.join("\n"));
}
