//! Ordinary tools report the same on the mount as on the same tree on a read-only disk. And concurrent use: readers,
//! killed readers, roots that are added and removed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use stele_store::model::Digest;
use stele_tests::mounted::{self, Mounted, Peer, crowded, within};
use stele_tests::{Stele, trees};

const SECONDS: Duration = Duration::from_secs(60);
const MINUTES: Duration = Duration::from_secs(600);

/// A tree that was imported and is mounted.
struct Tree {
    /// What was imported.
    source: PathBuf,
    /// The same in the mount.
    path: PathBuf,
    digest: String,
    mounted: Mounted,
}

impl Tree {
    fn new(make: impl FnOnce(&Path)) -> Option<Self> {
        if !mounted::may_mount() {
            return None;
        }
        let stele = Stele::new();
        let source = stele.scratch().join("tree");
        make(&source);
        let digest = stele.add(&source);
        let mounted = Mounted::on(stele)?;
        Some(Self { source, path: mounted.path(&digest), digest, mounted })
    }

    fn scratch(&self) -> &Path {
        self.mounted.stele().scratch()
    }
}

/// Runs `script` with the folders as its arguments; it must succeed without any stderr. Its stdout.
#[track_caller]
fn sh(script: &str, folders: &[&Path]) -> Vec<u8> {
    let mut command = Command::new("sh");
    command.args(["-euc", script, "sh"]).args(folders).env("LC_ALL", "C").stdin(Stdio::null());
    let Output { status, stdout, stderr } = within(MINUTES, || command.output().expect("sh runs"));
    let said = String::from_utf8_lossy(&stderr);
    assert!(
        status.success() && said.is_empty(),
        "{script}: {status} {said}{}",
        String::from_utf8_lossy(&stdout)
    );
    stdout
}

/// Runs `script` in the mount and on the disk; the outputs must be equal and not empty.
fn says_the_same(crowd: usize, scripts: &[&str]) {
    let Some(tree) = Tree::new(|source| mounted::sample(source, crowd)) else { return };
    let Some(peer) = Peer::of(tree.mounted.stele(), &tree.digest) else { return };
    let peer = peer.path(&tree.digest);
    for script in scripts {
        let run = |place: &Path| sh(&format!("cd \"$1\"; {script}"), &[place]);
        let (mount, disk) = (run(&tree.path), run(&peer));
        assert!(!disk.is_empty(), "{script} answers nothing");
        if mount != disk {
            let lines = |text: &[u8]| -> BTreeSet<Vec<u8>> {
                text.split(|byte| [0, b'\n'].contains(byte)).map(<[u8]>::to_vec).collect()
            };
            let (mount, disk) = (lines(&mount), lines(&disk));
            let show = |lines: &mut dyn Iterator<Item = &Vec<u8>>| -> Vec<String> {
                lines.take(9).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
            };
            let (more, less) = (show(&mut mount.difference(&disk)), show(&mut disk.difference(&mount)));
            panic!("{script}\nonly in the mount: {more:#?}\nonly on the disk: {less:#?}");
        }
    }
}

#[test]
fn a_name_that_is_not_a_whole_digest_is_absent() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    let digest = tree.digest.as_str();
    let wrong = [
        String::new(),
        digest[..63].to_owned(),
        digest[..8].to_owned(),
        format!("{digest}0"),
        format!("{digest}.x"),
        format!("{digest}_x"),
        format!("x-{digest}"),
        format!("-{digest}"),
        format!(" {digest}"),
        digest.to_uppercase(),
        format!("{}-x", digest.to_uppercase()),
        "0".repeat(64),
        "g".repeat(64),
        "x".repeat(255),
        "by-nam".to_owned(),
        "by-name/absent".to_owned(),
        format!("by-name/{digest}"),
    ];
    within(SECONDS, || {
        for name in &wrong[1..] {
            let found = fs::symlink_metadata(tree.mounted.path(name));
            assert_eq!(found.unwrap_err().kind(), std::io::ErrorKind::NotFound, "{name}");
        }
        for name in [format!("{digest}-{}", "x".repeat(191)), "x".repeat(256)] {
            let found = fs::symlink_metadata(tree.mounted.path(&name)).unwrap_err();
            assert_eq!(found.kind(), std::io::ErrorKind::InvalidFilename, "{name}");
        }
        for label in ["-", "-x", "-a b", "-\u{e9}", "--", &format!("-{}", "x".repeat(190))] {
            let path = tree.mounted.path(&format!("{digest}{label}"));
            assert_eq!(fs::read_to_string(path.join("text")).unwrap(), "some text\n", "{label}");
        }
        let not_utf8 = [digest.as_bytes(), b"-\xff\xfe\n"].concat();
        assert!(tree.mounted.dir().join(OsStr::from_bytes(&not_utf8)).join("text").exists());
    });
}

#[test]
fn nothing_can_be_made_beside_the_digests() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    within(SECONDS, || {
        for name in ["new", "by-name/new", &"0".repeat(64), &format!("{}-new/new", tree.digest)] {
            let path = tree.mounted.path(name);
            let refused = [
                fs::write(&path, "x"),
                fs::create_dir(&path),
                std::os::unix::fs::symlink("x", &path),
                fs::rename(tree.path.join("text"), &path),
            ];
            for refused in refused {
                assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem, "{name}");
            }
        }
    });
}

#[test]
fn absent_content_appears_on_import() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    let stele = tree.mounted.stele();
    let is_absent = |path: &Path| {
        fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
            && fs::File::open(path).is_err()
    };
    for round in 0..20 {
        let file = tree.scratch().join("later");
        let text = format!("comes later, {round}\n").repeat(if round % 2 == 0 { 1 } else { 5000 });
        fs::write(&file, &text).unwrap();
        let blob = Digest::of(text.as_bytes()).to_string();
        let folder = tree.scratch().join("folder");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join("sub/file"), format!("other {round}")).unwrap();
        let folder_digest = tree_digest(&folder);
        within(SECONDS, || {
            let (blob, folder_path) = (tree.mounted.path(&blob), tree.mounted.path(&folder_digest));
            let labelled = tree.mounted.path(&format!("{folder_digest}-label"));
            for _ in 0..3 {
                assert!(is_absent(&blob) && is_absent(&folder_path) && is_absent(&labelled), "{round}");
            }
            stele.add(&file);
            assert_eq!(fs::read_to_string(&blob).unwrap(), text, "{round}");
            assert!(is_absent(&folder_path), "{round}");
            assert_eq!(stele.add(&folder), folder_digest);
            for path in [folder_path, labelled] {
                assert_eq!(fs::read_to_string(path.join("sub/file")).unwrap(), format!("other {round}"));
            }
            let name = format!("root{round}");
            let by_name = tree.mounted.path("by-name").join(&name);
            assert!(is_absent(&by_name), "{round}");
            stele.ok(&["store", "root", "add", &name, &folder_digest]);
            assert_eq!(fs::read_to_string(by_name.join("sub/file")).unwrap(), format!("other {round}"));
            stele.ok(&["store", "root", "rm", &name]);
            assert!(is_absent(&by_name), "{round}");
        });
    }
}

/// Its digest in another store.
fn tree_digest(folder: &Path) -> String {
    Stele::new().add(folder)
}

/// The names in the folder, read into a buffer that holds a few of them at most; each must occur once.
fn listed(folder: &Path) -> BTreeSet<String> {
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, open, Mode::empty()).unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 600];
    let mut dir = rustix::fs::RawDir::new(folder, &mut buffer);
    let mut names = BTreeSet::new();
    while let Some(entry) = dir.next() {
        let name = entry.unwrap().file_name().to_str().unwrap().to_owned();
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    names.retain(|name| !name.starts_with('.'));
    names
}

#[test]
fn a_listing_has_every_root_once_during_changes() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    let (stele, digest) = (tree.mounted.stele(), tree.digest.as_str());
    assert_eq!(listed(tree.mounted.dir()), BTreeSet::from(["by-name".to_owned()]), "no root yet");
    let stays = |n: usize| format!("stays-{n}");
    for n in 0..30 {
        stele.ok(&["store", "root", "add", &stays(n), digest]);
    }
    let names: BTreeSet<String> = (0..30).map(stays).collect();
    let entries: BTreeSet<String> = names.iter().map(|name| format!("{digest}-{name}")).collect();
    let ended = AtomicBool::new(false);
    within(MINUTES, || {
        std::thread::scope(|scope| {
            let change = scope.spawn(|| {
                for n in 0..60 {
                    let name = format!("{}-{n}", if n % 2 == 0 { "a" } else { "z" });
                    stele.ok(&["store", "root", "add", &name, digest]);
                    stele.ok(&["store", "root", "rm", &name]);
                }
                ended.store(true, Ordering::Relaxed);
            });
            let mut listings = 0;
            while !ended.load(Ordering::Relaxed) && !change.is_finished() {
                let (top, by_name) = (listed(tree.mounted.dir()), listed(&tree.mounted.path("by-name")));
                assert!(top.is_superset(&entries), "{:?}", entries.difference(&top).collect::<Vec<_>>());
                assert!(by_name.is_superset(&names), "{:?}", names.difference(&by_name).collect::<Vec<_>>());
                let is_known = |name: &String| {
                    let root = name.strip_prefix(digest).map_or(name.as_str(), |label| &label[1..]);
                    root == "by-name" || ["a-", "z-", "stays-"].iter().any(|begin| root.starts_with(begin))
                };
                assert!(top.iter().chain(&by_name).all(is_known), "{top:?} {by_name:?}");
                listings += 1;
            }
            assert!(listings > 5, "only {listings} listings");
        });
        let by_name = tree.mounted.path("by-name");
        assert_eq!(listed(&by_name), names);
        let mut top = entries;
        top.insert("by-name".to_owned());
        assert_eq!(listed(tree.mounted.dir()), top);
        for name in names {
            let target = fs::read_link(by_name.join(&name)).unwrap();
            assert_eq!(fs::canonicalize(by_name.join(&target)).unwrap().parent(), Some(tree.mounted.dir()));
        }
    });
}

#[test]
fn every_entry_that_is_listed_can_be_looked_up_even_of_a_root_with_the_longest_name() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    let stele = tree.mounted.stele();
    stele.ok(&["store", "root", "add", "blob", &stele.add(&tree.source.join("large"))]);
    for length in [1, 189, 190, 191, 200] {
        stele.ok(&["store", "root", "add", &"r".repeat(length), &tree.digest]);
    }
    within(SECONDS, || {
        assert_eq!(listed(&tree.mounted.path("by-name")).len(), 6);
        for folder in [tree.mounted.dir().to_owned(), tree.mounted.path("by-name")] {
            let names = listed(&folder);
            assert!(names.len() > 3, "{names:?}");
            for entry in fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                let (name, path) = (entry.file_name(), entry.path());
                let stat = fs::symlink_metadata(&path).unwrap();
                assert!(name.len() <= 255, "a name of {} bytes: {name:?}", name.len());
                let seen = (entry.ino(), entry.file_type().unwrap());
                assert_eq!(seen, (stat.ino(), stat.file_type()), "{name:?}");
                if stat.is_symlink() {
                    assert_eq!(stat.len(), fs::read_link(&path).unwrap().as_os_str().len() as u64);
                }
                let is_blob = fs::metadata(&path).unwrap().len() == (1 << 20) + 12_345;
                assert!(is_blob || name == "by-name" || path.join("text").exists(), "{name:?}");
            }
        }
    });
}

#[test]
fn find_and_du_see_no_other_tree_than_on_a_disk() {
    says_the_same(
        100_000,
        &[
            // Of folders neither links nor sizes: these are specific to each file system.
            "find . -type d -printf '%P %y %m %U:%G %T@\\0' | sort -z",
            "find . ! -type d -printf '%P %y %m %n %U:%G %T@ %s %l\\0' | sort -z",
            "find . -type l -xtype l -printf '%p\\n' 2>&1 | sort",
            "find . -name '*e*' -newermt '1970-01-01 00:00:00 UTC' -perm -001 -size +0 -print0 | sort -z",
            "find -L . -maxdepth 1 -type f 2>&1 | sort",
            // Given many files at once, du would count a content that is in two places only once.
            "du -ab --exclude=crowd . | while read -r n name; do [ -d \"$name\" ] || echo \"$n $name\"
            done | sort",
            "ls -lU --time-style=+%s dir | grep -v -e ^d -e ^total | sort",
        ],
    );
}

#[test]
fn tar_finds_no_difference_and_makes_the_same_archive_twice() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 100_000)) else { return };
    let Some(peer) = Peer::of(tree.mounted.stele(), &tree.digest) else { return };
    let peer = peer.path(&tree.digest);
    let (first, second) = (tree.scratch().join("first.tar"), tree.scratch().join("second.tar"));
    sh(
        "tar -C \"$1\" -cf \"$2\" .; tar -C \"$1\" -cf \"$3\" .; cmp \"$2\" \"$3\"",
        &[&tree.path, &first, &second],
    );
    sh("tar -C \"$1\" -df \"$2\"", &[&peer, &first]);
    sh("tar -C \"$1\" -df \"$2\"", &[&tree.path, &first]);
    // And byte by byte, once both have the same order.
    let archive = "tar -C \"$1\" --sort=name -cf - . | sha256sum";
    assert_eq!(sh(archive, &[&tree.path]), sh(archive, &[&peer]));
    let names = "tar -C \"$1\" -c . | tar -t | sort";
    assert_eq!(sh(names, &[&tree.path]), sh(names, &[&peer]));
    let sparse = "tar -C \"$1\" --sparse --sort=name -c sparse large empty | tar -x --to-stdout | sha256sum";
    assert_eq!(sh(sparse, &[&tree.path]), sh(sparse, &[&peer]));
}

#[test]
fn diff_and_cmp_and_checksums_find_no_difference() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 2000)) else { return };
    let Some(peer) = Peer::of(tree.mounted.stele(), &tree.digest) else { return };
    let peer = peer.path(&tree.digest);
    assert_eq!(sh("diff -r --no-dereference \"$1\" \"$2\"", &[&tree.path, &peer]), b"");
    assert_eq!(sh("diff -r --no-dereference \"$2\" \"$1\"", &[&tree.path, &tree.source]), b"");
    let sums = "cd \"$1\"; find . -type f -print0 | sort -z | xargs -0 sha256sum";
    let said = sh(sums, &[&tree.path]);
    assert!(said == sh(sums, &[&peer]), "checksums differ");
    let list = tree.scratch().join("sums");
    fs::write(&list, said).unwrap();
    sh("cd \"$1\"; sha256sum --check --quiet \"$2\"", &[&tree.path, &list]);
    // Every file against itself through another path: the kernel has only one inode for it.
    let label = tree.mounted.path(&format!("{}-label", tree.digest));
    assert_eq!(sh("diff -r --no-dereference \"$1\" \"$2\"", &[&tree.path, &label]), b"");
}

#[test]
fn rsync_has_nothing_to_do_in_either_direction() {
    if Command::new("rsync").arg("--version").output().is_err() {
        return stele_tests::skip("rsync is not installed");
    }
    let Some(tree) = Tree::new(|source| mounted::sample(source, 2000)) else { return };
    let Some(peer) = Peer::of(tree.mounted.stele(), &tree.digest) else { return };
    let peer = peer.path(&tree.digest);
    for (from, to) in [(&tree.path, &peer), (&peer, &tree.path)] {
        for options in ["-rlpc", "-a", "-aH --delete"] {
            let script = format!("rsync {options} --dry-run --itemize-changes \"$1/\" \"$2/\"");
            let said = sh(&script, &[from, to]);
            assert!(said.is_empty(), "{options}: {}", String::from_utf8_lossy(&said));
        }
    }
}

#[test]
fn cp_makes_a_copy_that_is_the_same_tree() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 2000)) else { return };
    for (options, name) in
        [("-a", "archive"), ("-r --sparse=always", "sparse"), ("-r --reflink=auto", "reflink")]
    {
        let copy = tree.scratch().join(name);
        sh(&format!("cp {options} \"$1\" \"$2\""), &[&tree.path, &copy]);
        let digest = tree.mounted.stele().add(&copy);
        assert_eq!(digest, tree.digest, "cp {options}");
    }
}

#[test]
fn git_sees_a_clean_work_tree_and_its_history() {
    let make = |source: &Path| {
        fs::create_dir(source).unwrap();
        trees::generate(&source.join("work"), 5, 300);
        let script = "cd \"$1\"; export HOME=\"$1\" GIT_CONFIG_GLOBAL=/dev/null
            git init -q -b main; git config user.name n; git config user.email e@x
            git add -A; git commit -q -m one; echo more >>work/one; git add -A; git commit -q -m two
            git gc -q; echo three >work/three; git add -A; git commit -q -m three; git tag v1";
        sh(script, &[source]);
    };
    let Some(tree) = Tree::new(make) else { return };
    let Some(peer) = Peer::of(tree.mounted.stele(), &tree.digest) else { return };
    for locks in ["0", "1"] {
        let git = format!(
            "cd \"$1\"; export GIT_OPTIONAL_LOCKS={locks} GIT_CONFIG_GLOBAL=/dev/null HOME=/nonexistent
            git() {{ command git -c 'safe.directory=*' \"$@\"; }}
            git status --porcelain; git diff --stat; git log --oneline --stat; git ls-files -s
            git fsck --no-progress --full 2>&1; git cat-file --batch-all-objects --batch-check
            git grep -c more; git describe --tags
            ! git commit --allow-empty -q -m no 2>/dev/null; ! git stash -q 2>/dev/null; git rev-parse HEAD"
        );
        let mount = sh(&git, &[&tree.path]);
        assert!(mount == sh(&git, &[&peer.path(&tree.digest)]), "{}", String::from_utf8_lossy(&mount));
        let clean = sh("cd \"$1\"; git -c 'safe.directory=*' status --porcelain", &[&tree.path]);
        assert_eq!(String::from_utf8_lossy(&clean), "");
    }
    let clone = tree.scratch().join("clone");
    sh(
        "git -c 'safe.directory=*' clone -q --no-local \"$1\" \"$2\"; git -C \"$2\" fsck 2>&1",
        &[&tree.path, &clone],
    );
}

#[test]
fn programs_and_their_libraries_run_from_the_mount() {
    let make = |source: &Path| {
        fs::create_dir_all(source.join("bin")).unwrap();
        let script = "cd \"$1\"; mkdir lib; cp /bin/bash /bin/cat /usr/bin/env bin
            for lib in $(ldd bin/* | grep -o '/[^ ]*\\.so[^ ]*' | sort -u)
            do cp \"$lib\" lib; done
            printf '#!/usr/bin/env bash\\necho \"a script with $1\"\\n' >bin/script; chmod 755 bin/script";
        sh(script, &[source]);
    };
    let Some(tree) = Tree::new(make) else { return };
    let run = "cd \"$1\"; for n in 1 2 3; do for loader in lib/ld-linux*; do
        \"$loader\" --library-path lib bin/bash -c 'grep -q \"$0/lib/\" /proc/$$/maps && echo it runs' \"$1\"
        LD_LIBRARY_PATH=lib bin/cat bin/script; PATH=$PWD/bin bin/script twice; done; done";
    let said = String::from_utf8(sh(run, &[&tree.path])).unwrap();
    assert_eq!(said.matches("it runs\n").count(), 3, "{said}");
    assert_eq!(said.matches("a script with twice\n").count(), 3, "{said}");
}

/// The files that all readers read, a small one and a large one.
fn common_files(tree: &Tree) -> BTreeMap<PathBuf, Digest> {
    let digest = |name: &str| Digest::of(&fs::read(tree.source.join(name)).unwrap());
    ["text", "one", "inline", "file", "large", "dir/large-program"]
        .map(|name| (tree.path.join(name), digest(name)))
        .into()
}

#[test]
fn sixty_four_readers_at_once_all_read_the_same() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    for (path, digest) in common_files(&tree) {
        let barrier = Barrier::new(64);
        within(SECONDS, || {
            std::thread::scope(|scope| {
                for _ in 0..64 {
                    scope.spawn(|| {
                        barrier.wait();
                        let mut file = fs::File::open(&path).unwrap();
                        let mut bytes = Vec::new();
                        file.read_to_end(&mut bytes).unwrap();
                        assert!(Digest::of(&bytes) == digest, "{} bytes of {path:?}", bytes.len());
                        // All have it open here, and then all close it.
                        barrier.wait();
                    });
                }
            });
        });
    }
}

/// Reads the file repeatedly, past the kernel's cache, so that a request is always in flight.
const READER: &str = "
import os, sys
print('reads', flush=True)
while True:
    fd = os.open(sys.argv[1], os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.pread(fd, 1 << 20, 0)
    os.close(fd)
";

#[test]
fn readers_that_are_killed_leave_a_mount_that_works() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    for (path, digest) in common_files(&tree) {
        let begun = Instant::now();
        for n in 0..10 {
            let start = || -> Child {
                let mut command = Command::new("python3");
                command.args(["-I", "-c", READER]).arg(&path).stdout(Stdio::piped()).stdin(Stdio::null());
                let mut child = command.spawn().unwrap();
                child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
                child
            };
            let mut readers = [start(), start()];
            std::thread::sleep(Duration::from_micros(3700 * n));
            within(SECONDS, || {
                for reader in &mut readers {
                    reader.kill().unwrap();
                    reader.wait().unwrap();
                }
                assert!(Digest::of(&fs::read(&path).unwrap()) == digest, "{path:?}");
            });
        }
        assert!(begun.elapsed() < SECONDS, "{path:?}");
    }
}

/// Opens files of the crowd, reports that, waits for the end of its input, and reads them all.
const HOLDER: &str = "
import os, resource, sys
folder, first, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
files = [(n, os.open(f'{folder}/{n}', os.O_RDONLY)) for n in range(first, end) if n % 10 < 9]
print('holds', flush=True)
sys.stdin.read()
for n, fd in files:
    assert os.read(fd, 100) == b'number %d' % n, n
    os.close(fd)
";

#[test]
fn sixty_thousand_files_are_open_at_once_without_mix_up() {
    assert_eq!(crowded(7), "number 7", "it is what the holder expects");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(1 << 20);
    let each = usize::try_from(limit.min(20_000)).unwrap() - 100;
    let Some(tree) = Tree::new(|source| mounted::sample(source, 67_000)) else { return };
    let folder = tree.path.join("crowd");
    let mut holders: Vec<Child> = Vec::new();
    within(MINUTES, || {
        for first in (0..67_000).step_by(each) {
            let mut command = Command::new("python3");
            command.args(["-I", "-c", HOLDER]).arg(&folder);
            command.args([first, 67_000.min(first + each)].map(|n| n.to_string()));
            holders.push(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        }
        for holder in &mut holders {
            let mut said = [0; 6];
            holder.stdout.as_mut().unwrap().read_exact(&mut said).expect("it could open all");
            assert_eq!(&said, b"holds\n");
        }
        // The mount still answers others meanwhile.
        assert_eq!(fs::read_to_string(tree.path.join("text")).unwrap(), "some text\n");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 67_000);
        for mut holder in holders {
            holder.stdin.take().unwrap().flush().unwrap();
            assert!(holder.wait().unwrap().success());
        }
    });
}

#[test]
fn a_busy_mount_is_not_removed_and_still_serves() {
    let Some(tree) = Tree::new(|source| mounted::sample(source, 0)) else { return };
    let file = fs::File::open(tree.path.join("large")).unwrap();
    let inode = file.metadata().unwrap().ino();
    let refused =
        within(SECONDS, || tree.mounted.stele().run(&[OsStr::new("umount"), tree.mounted.dir().as_os_str()]));
    assert_ne!(refused.code, 0, "{}", refused.text());
    assert_eq!(fs::metadata(tree.path.join("large")).unwrap().ino(), inode);
    drop(file);
    tree.mounted.stele().ok(&[OsStr::new("umount"), tree.mounted.dir().as_os_str()]);
    assert!(!tree.path.exists());
    tree.mounted.stele().ok(&[OsStr::new("mount"), tree.mounted.dir().as_os_str()]);
    assert!(tree.path.join("large").exists());
}
