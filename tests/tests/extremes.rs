//! The largest, the smallest and the oddest entries that a file system can hold.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use stele_tests::{Stele, trees};

#[test]
fn names_of_255_bytes_and_of_any_bytes_survive() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("n".repeat(255)), "long").unwrap();
    let all: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    fs::write(tree.join(OsStr::from_bytes(&all[..127])), "low").unwrap();
    fs::write(tree.join(OsStr::from_bytes(&all[127..])), "high").unwrap();
    symlink(OsStr::from_bytes(&all), tree.join("link")).unwrap();
    symlink("t".repeat(4095), tree.join("longest link")).unwrap();
    let digest = stele.add(&tree);
    stele.assert_exports_as(&digest, &tree);
    // The path as typed, in its own bytes.
    let mut reference = OsStr::new(&digest).as_bytes().to_vec();
    reference.push(b'/');
    reference.extend_from_slice(&all[127..]);
    let args = [OsStr::new("store"), OsStr::new("cat"), OsStr::from_bytes(&reference)];
    assert_eq!(stele.run(&args).stdout, b"high");
}

/// A chain of directories deeper than the longest path; made and removed below open directories.
fn chain(top: &Path, levels: usize) {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let mut at = fs::File::open(top).unwrap();
    for _ in 0..levels {
        mkdirat(&at, "d", Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, "d", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .unwrap()
            .into();
    }
    let file = openat(&at, "leaf", OFlags::WRONLY | OFlags::CREATE, Mode::from_raw_mode(0o644)).unwrap();
    fs::File::from(file).write_all_at(b"deep", 0).unwrap();
}

#[test]
fn paths_of_4096_bytes_and_the_deepest_tree_come_in_and_out() {
    let stele = Stele::new();
    let deep = stele.scratch().join("deep");
    fs::create_dir(&deep).unwrap();
    chain(&deep, 2047);
    let digest = stele.add(&deep);
    let path = format!("{digest}/{}leaf", "d/".repeat(2047));
    assert_eq!(stele.ok(&["store", "cat", &path]), "deep");
    let out = stele.scratch().join("out");
    stele.ok(&["store", "export", &digest, out.to_str().unwrap()]);
    // Import the export: the same digest means the same tree, which no path could compare.
    assert_eq!(stele.add(&out), digest);
    stele.assert_sound();
    let too_deep = stele.scratch().join("too deep");
    fs::create_dir(&too_deep).unwrap();
    chain(&too_deep, 2100);
    let said = stele.fails(&["store", "add", too_deep.to_str().unwrap()], 1);
    assert!(said.contains("deeper than 2048"), "{said}");
    for folder in [deep, out, too_deep] {
        Command::new("rm").arg("-rf").arg(folder).status().unwrap();
    }
}

#[test]
fn a_directory_of_100_000_entries_is_one_tree_like_any_other() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    for n in 0..100_000 {
        // Links are the cheapest entries to make; every tenth is a file.
        if n % 10 == 0 {
            fs::write(tree.join(format!("f{n}")), n.to_string()).unwrap();
        } else {
            symlink(n.to_string(), tree.join(format!("l{n}"))).unwrap();
        }
    }
    let digest = stele.add(&tree);
    assert_eq!(stele.json(&["store", "info", &digest])["entries"], 100_000);
    assert_eq!(stele.ok(&["store", "ls", &digest]).lines().count(), 100_000);
    stele.assert_exports_as(&digest, &tree);
}

#[test]
fn an_empty_file_and_an_empty_directory_match_b3sum() {
    let stele = Stele::new();
    let empty = stele.scratch().join("empty");
    fs::write(&empty, "").unwrap();
    assert_eq!(stele.add(&empty), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    let folder = stele.scratch().join("folder");
    fs::create_dir(&folder).unwrap();
    let digest = stele.add(&folder);
    assert_eq!(stele.ok(&["store", "cat", &digest]), "stele-tree 1");
    stele.assert_exports_as(&digest, &folder);
}

#[test]
fn a_sparse_file_of_5_gib_takes_no_more_room_than_it_did() {
    let stele = Stele::new();
    let path: PathBuf = stele.scratch().join("sparse");
    let file = fs::File::create(&path).unwrap();
    file.set_len(5 << 30).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(&trees::Random::new(1).bytes(3 << 20), (2 << 30) + 12_345).unwrap();
    let digest = stele.add(&path);
    let info = stele.json(&["store", "info", &digest]);
    assert_eq!(info["size"], 5u64 << 30);
    let object = fs::metadata(info["file"].as_str().unwrap()).unwrap();
    assert_eq!(object.len(), 5 << 30);
    assert!(object.blocks() * 512 < 8 << 20, "{} bytes on disk", object.blocks() * 512);
    let out = stele.scratch().join("out");
    stele.ok(&["store", "export", &digest, out.to_str().unwrap()]);
    assert!(fs::metadata(&out).unwrap().blocks() * 512 < 8 << 20, "the export filled the holes");
    let sum = Command::new("b3sum").arg("--no-names").arg(&out).output();
    match sum {
        Ok(sum) => assert_eq!(String::from_utf8_lossy(&sum.stdout).trim(), digest),
        Err(e) => stele_tests::skip(&format!("b3sum cannot be run: {e}")),
    }
}

#[test]
fn hard_links_are_read_once_and_equal_files_stored_once() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), vec![b'x'; 100_000]).unwrap();
    for n in 0..50 {
        fs::hard_link(tree.join("a"), tree.join(format!("hard{n}"))).unwrap();
        fs::write(tree.join(format!("copy{n}")), vec![b'x'; 100_000]).unwrap();
    }
    // The same bytes as an executable: one blob, two kinds of entry.
    fs::write(tree.join("run"), vec![b'x'; 100_000]).unwrap();
    trees::make_executable(&tree.join("run"));
    let digest = stele.add(&tree);
    let stats = stele.json(&["store", "stats"]);
    assert_eq!(stats["file_blobs"], 1);
    assert_eq!(stats["file_bytes"], 100_000);
    assert_eq!(stats["deduplicated_bytes"], 51 * 100_000);
    stele.assert_exports_as(&digest, &tree);
}

#[test]
fn a_million_small_files_are_imported_read_and_collected() {
    let stele = Stele::new();
    let shm = Path::new("/dev/shm");
    let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap();
    for d in 0..1000 {
        let path = folder.path().join(format!("d{d}"));
        fs::create_dir(&path).unwrap();
        for f in 0..1000 {
            fs::write(path.join(f.to_string()), format!("{d} {f}")).unwrap();
        }
    }
    let digest = stele.add(folder.path());
    let stats = stele.json(&["store", "stats"]);
    assert_eq!((stats["inline_blobs"].as_u64(), stats["trees"].as_u64()), (Some(1_000_000), Some(1001)));
    assert_eq!(stele.ok(&["store", "cat", &format!("{digest}/d777/42")]), "777 42");
    assert_eq!(stele.add(folder.path()), digest);
    let collected = stele.json(&["store", "gc", "--end-leases"]);
    assert_eq!(collected["removed_blobs"], 1_000_000);
    assert_eq!(stele.json(&["store", "stats"])["inline_blobs"], 0);
    stele.assert_sound();
}

#[test]
fn a_large_file_of_the_size_of_a_known_one_is_distinguished_from_it() {
    let stele = Stele::new();
    let (first, second) = (stele.scratch().join("first"), stele.scratch().join("second"));
    let mut bytes = trees::Random::new(2).bytes(9 << 20);
    fs::write(&first, &bytes).unwrap();
    bytes[5 << 20] ^= 1;
    fs::write(&second, &bytes).unwrap();
    let digest = stele.add(&first);
    assert_eq!(stele.add(&first), digest);
    // Both at once, each twice, in a daemon that knows the size and in one that has to look it up.
    for _ in 0..2 {
        let tree = stele.scratch().join("tree");
        fs::create_dir(&tree).unwrap();
        for n in 0..2 {
            fs::copy(&first, tree.join(format!("first{n}"))).unwrap();
            fs::copy(&second, tree.join(format!("second{n}"))).unwrap();
        }
        let tree_digest = stele.add(&tree);
        stele.assert_exports_as(&tree_digest, &tree);
        assert_eq!(stele.json(&["store", "stats"])["file_blobs"], 2);
        fs::remove_dir_all(&tree).unwrap();
        stele.ok(&["daemon", "stop"]);
    }
    stele.assert_sound();
}
