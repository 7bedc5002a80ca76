//! Collections under a mount.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use stele_tests::mounted::{Mounted, within};
use stele_tests::{Stele, trees, wait_for};

use super::{LONG, add_tree};

/// A process with that working directory.
struct Inside(Child);

impl Inside {
    fn of(path: &Path) -> Self {
        let child = Command::new("sleep").arg("600").current_dir(path).stdin(Stdio::null()).spawn();
        Self(child.expect("sleep runs"))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn collect(mounted: &Mounted) -> u64 {
    let collected = mounted.stele().json(&["store", "gc", "--end-leases"]);
    collected["removed_blobs"].as_u64().unwrap() + collected["removed_trees"].as_u64().unwrap()
}

#[test]
fn a_collection_spares_only_what_a_working_directory_or_an_open_file_holds() {
    for killed in [false, true] {
        let stele = Stele::new();
        let (inside, digest) = add_tree(&stele, "inside", 11);
        let (_, looked_at) = add_tree(&stele, "looked-at", 12);
        let (open, opened) = add_tree(&stele, "open", 13);
        let single = stele.scratch().join("single");
        fs::write(&single, "a single file\n").unwrap();
        let blob = stele.add(&single);
        let Some(mounted) = Mounted::on(stele) else { return };
        within(LONG, || {
            let user = Inside::of(&mounted.path(&digest));
            let file = File::open(mounted.path(&opened).join("small")).unwrap();
            let lone = File::open(mounted.path(&blob)).unwrap();
            trees::assert_same(&mounted.path(&looked_at), &mounted.path(&format!("{looked_at}-again")));
            for root in ["inside", "looked-at", "open"] {
                mounted.stele().ok(&["store", "root", "rm", root]);
            }
            if killed {
                mounted.stele().kill_daemon();
            }
            assert!(collect(&mounted) > 0, "what was only looked at stayed");
            assert!(fs::metadata(mounted.path(&looked_at)).is_err(), "it is shown all the same");
            assert!(fs::metadata(mounted.path(&format!("{looked_at}-again"))).is_err());
            trees::assert_same(&inside, &mounted.path(&digest));
            trees::assert_same(&open, &mounted.path(&opened));
            mounted.stele().assert_sound();
            let _ = fs::write("/proc/sys/vm/drop_caches", "1");
            for (file, text) in [(&file, "small 13\n"), (&lone, "a single file\n")] {
                let mut bytes = [0; 64];
                let read = file.read_at(&mut bytes, 0).unwrap();
                assert_eq!(String::from_utf8_lossy(&bytes[..read]), text);
            }
            drop((user, file, lone));
            // The kernel reports closed files in its own time.
            wait_for("the rest to be collected", || {
                collect(&mounted);
                [&digest, &opened, &blob].iter().all(|it| fs::metadata(mounted.path(it)).is_err())
            });
        });
    }
}

/// A process's working directory, as getcwd(2) returns it.
fn working_directory(user: &Inside) -> String {
    fs::read_link(format!("/proc/{}/cwd", user.0.id())).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_collection_leaves_working_directories_their_names_and_mounts_below_their_places() {
    let stele = Stele::new();
    let (_, digest) = add_tree(&stele, "tree", 14);
    let other = stele.scratch().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("here"), "bound\n").unwrap();
    let Some(mounted) = Mounted::on(stele) else { return };
    within(LONG, || {
        let top = mounted.path(&digest);
        let folders = || fs::read_dir(&top).unwrap().flatten().filter(|it| it.file_type().unwrap().is_dir());
        let place = folders().next().expect("a folder").path();
        let user = Inside::of(&top);
        let before = working_directory(&user);
        let status = Command::new("mount").arg("--bind").args([&other, &place]).status().unwrap();
        assert!(status.success());
        mounted.stele().ok(&["store", "root", "rm", "tree"]);
        collect(&mounted);
        let (after, bound) = (working_directory(&user), fs::read_to_string(place.join("here")));
        let undone = Command::new("umount").arg(&place).status().unwrap();
        assert_eq!(bound.unwrap(), "bound\n");
        assert!(undone.success());
        assert_eq!(after, before);
    });
}

#[test]
fn an_absent_digest_appears_on_import_and_disappears_on_collection() {
    let stele = Stele::new();
    let (first, digest) = add_tree(&stele, "first", 14);
    stele.ok(&["store", "root", "rm", "first"]);
    stele.ok(&["store", "gc", "--end-leases"]);
    let Some(mounted) = Mounted::on(stele) else { return };
    within(LONG, || {
        for _ in 0..5 {
            assert!(fs::metadata(mounted.path(&digest)).is_err());
            mounted.stele().ok(&["store", "add", "--root", "first", first.to_str().unwrap()]);
            trees::assert_same(&first, &mounted.path(&digest));
            trees::assert_same(&first, &mounted.dir().join("by-name/first"));
            mounted.stele().ok(&["store", "root", "rm", "first"]);
            assert!(fs::symlink_metadata(mounted.dir().join("by-name/first")).is_err());
            collect(&mounted);
        }
    });
}

#[test]
fn a_moved_root_shows_its_new_target() {
    let stele = Stele::new();
    let (one, first) = add_tree(&stele, "one", 15);
    let (two, second) = add_tree(&stele, "two", 16);
    let Some(mounted) = Mounted::on(stele) else { return };
    within(LONG, || {
        for (tree, digest) in [(&one, &first), (&two, &second), (&one, &first)] {
            mounted.stele().ok(&["store", "root", "add", "moving", digest]);
            trees::assert_same(tree, &mounted.dir().join("by-name/moving"));
        }
    });
}

/// The kernel keeps the names of roots in its cache, and is told when one changes: at once, also by a daemon that took
/// the mount over, and when many processes look the name up at that moment within a second.
#[test]
fn a_cached_name_of_a_root_never_stays_when_it_moved() {
    let stele = Stele::new();
    let (one, first) = add_tree(&stele, "one", 17);
    let (two, second) = add_tree(&stele, "two", 18);
    let Some(mounted) = Mounted::on(stele) else { return };
    let name = mounted.dir().join("by-name/moving");
    let shows = |digest: &str| {
        fs::read_link(&name).is_ok_and(|link| link.to_string_lossy().starts_with(&format!("../{digest}")))
    };
    let set = |digest: &str| mounted.stele().ok(&["store", "root", "add", "moving", digest]);
    within(LONG, || {
        for killed in [false, true] {
            for digest in [&first, &second, &first, &second] {
                set(digest);
                assert!(shows(digest), "not at once; after a kill: {killed}");
            }
            // An import sets its root in another way.
            mounted.stele().ok(&["store", "add", "--root", "moving", two.to_str().unwrap()]);
            assert!(shows(&second));
            mounted.stele().ok(&["store", "add", "--root", "moving", one.to_str().unwrap()]);
            assert!(shows(&first), "not at once after an import; after a kill: {killed}");
            mounted.stele().ok(&["store", "root", "rm", "moving"]);
            assert!(fs::symlink_metadata(&name).is_err(), "it was removed");
            mounted.stele().kill_daemon();
        }
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        let _ = fs::read_link(&name);
                    }
                });
            }
            for digest in [&first, &second].into_iter().cycle().take(12) {
                set(digest);
                wait_for("the new target", || shows(digest));
            }
            ended.store(true, Ordering::Relaxed);
        });
    });
}

/// A payload that a daemon still had open would keep its room on the disk.
#[test]
fn what_a_collection_removes_is_open_nowhere_and_gives_its_room_back() {
    let stele = Stele::new();
    let (_, digest) = add_tree(&stele, "read", 19);
    let Some(mounted) = Mounted::on(stele) else { return };
    within(LONG, || {
        let large = mounted.path(&digest).join("large");
        assert!(!fs::read(&large).unwrap().is_empty());
        mounted.stele().ok(&["store", "root", "rm", "read"]);
        wait_for("it to be collected", || {
            collect(&mounted);
            fs::metadata(&large).is_err()
        });
        let open = format!("/proc/{}/fd", mounted.stele().daemon().unwrap());
        let removed = |link: &Path| {
            let link = link.to_string_lossy();
            link.contains("/objects/") && link.ends_with(" (deleted)")
        };
        let open = fs::read_dir(open).unwrap().filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        let left: Vec<_> = open.filter(|link| removed(link)).collect();
        assert!(left.is_empty(), "the daemon still has open: {left:?}");
    });
}
