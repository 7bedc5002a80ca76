//! What remains of a build: its outputs, its log, and nothing unfinished.

use stele_tests::workshop::Workshop;

#[test]
fn a_collection_removes_no_goal_and_no_log() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo said; echo a > $OUT/a");
    let digest = shop.build("a");
    shop.stele.ok(&["store", "gc", "--end-leases"]);
    assert_eq!(shop.file("build-a/a"), "a");
    assert_eq!(shop.build("a"), digest);
    assert_eq!(shop.stele.ok(&["log", "a"]), "said");
    // Its build inputs are not kept, and not needed: nothing is built.
    let box_root = shop.stele.ok(&["store", "root", "ls"]);
    assert!(box_root.lines().all(|line| !line.ends_with("build-box")), "{box_root}");
    let again = shop.stele.run(&["build", "a"]);
    assert_eq!(again.stderr, "");
    // Released, it is removed.
    shop.stele.ok(&["store", "root", "rm", "build-a"]);
    shop.stele.ok(&["store", "gc", "--end-leases"]);
    shop.stele.fails(&["store", "info", &digest], 3);
    assert_eq!(shop.build("a"), digest);
}

#[test]
fn without_a_root_a_lease_keeps_it() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    let text = shop.stele.ok(&["build", "--no-root", "a"]);
    let digest = text.split_once("  ").unwrap().0;
    shop.stele.ok(&["store", "gc"]);
    shop.stele.ok(&["store", "info", digest]);
    assert_eq!(shop.stele.ok(&["store", "root", "ls"]), "");
}

#[test]
fn a_daemon_killed_during_a_build_continues_from_the_realised_actions() {
    let shop = Workshop::new();
    shop.build("box");
    shop.recipe("a", &[], "echo a > $OUT/a");
    shop.recipe("b", &["a"], "echo > begun; sleep 3; echo b > $OUT/b");
    let child = shop.begin(&["b"]);
    stele_tests::wait_for("the second build", || {
        shop.folders().iter().any(|it| it.join("build/begun").exists())
    });
    shop.stele.kill_daemon();
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(1));
    stele_tests::wait_for("the supervisor to clear up", || shop.folders().is_empty());
    let outcome = shop.stele.run(&["build", "b"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("built a") && outcome.stderr.contains("built b"), "{}", outcome.stderr);
    shop.stele.assert_sound();
}

/// Its supervisor is told of the folder before there is one.
#[test]
fn a_build_whose_daemon_dies_before_it_begins_leaves_no_folder() {
    let mut shop = Workshop::new();
    shop.build("box");
    shop.recipe("a", &[], "echo a > $OUT/a");
    shop.stele.ok(&["daemon", "stop"]);
    let witness = shop.path().join("witness");
    shop.stele.set_env("STELE_CRASH_AT", "build.folder-made");
    shop.stele.set_env("STELE_CRASH_WITNESS", witness.to_str().unwrap());
    let outcome = shop.stele.run(&["build", "a"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_eq!(std::fs::read_to_string(&witness).unwrap(), "build.folder-made", "{}", outcome.stderr);
    stele_tests::wait_for("the supervisor to clear up", || shop.folders().is_empty());
    let path = shop.path().to_str().unwrap().to_owned();
    shop.stele.clear_env();
    shop.stele.set_env("STELE_RECIPES", &path);
    assert_eq!(shop.stele.run(&["build", "a"]).code, 0);
    assert_eq!(shop.file("build-a/a"), "a");
    shop.stele.assert_sound();
}

#[test]
fn an_output_exists_with_its_realisation_or_not_at_all() {
    // A crash between the output and its realisation would leave content of unknown origin.
    for point in ["commit.synced", "commit.rows-written", "commit.rows-written:2", "commit.final-synced:2"] {
        let mut shop = Workshop::new();
        shop.build("box");
        shop.recipe("a", &[], "echo a > $OUT/a");
        shop.stele.ok(&["daemon", "stop"]);
        shop.stele.set_env("STELE_CRASH_AT", point);
        let _ = shop.stele.run(&["build", "a"]);
        let path = shop.path().to_str().unwrap().to_owned();
        shop.stele.clear_env();
        shop.stele.set_env("STELE_RECIPES", &path);
        let outcome = shop.stele.run(&["build", "a"]);
        assert_eq!(outcome.code, 0, "{point}: {}", outcome.stderr);
        assert_eq!(shop.file("build-a/a"), "a", "{point}");
        shop.stele.assert_sound();
    }
}

/// A lease, and the build that is about to use it, hold a merged root, an unpacked source or a local file.
#[test]
fn a_collection_that_ends_all_leases_breaks_no_build() {
    let shop = Workshop::new();
    shop.build("box");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            let mut count = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                shop.stele.ok(&["store", "gc", "--end-leases"]);
                count += 1;
            }
            count
        });
        for round in 0..10 {
            shop.put("pkgs/a/data/x", &format!("{round}\n"));
            shop.put(
                "pkgs/a/recipe.star",
                "load('//pkgs/box/recipe.star', 'box')\na = recipe(name = 'a', version = '1', inputs = [box], \
                 sources = [local('data', at = '/data')], script = 'cat /data/x > $OUT/a')",
            );
            shop.recipe("b", &["a"], &format!("cat /a > $OUT/b; echo {round} >> $OUT/b"));
            shop.recipe("c", &["a", "b"], "cat /a /b > $OUT/c");
            let outcome = shop.stele.run(&["build", "c"]);
            over.fetch_or(outcome.code != 0, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(outcome.code, 0, "round {round}: {}", outcome.stderr);
            assert_eq!(shop.file("build-c/c"), format!("{round}\n{round}\n{round}"));
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(collecting.join().unwrap() > 3, "the control: collections ran meanwhile");
    });
}

/// Three builds, each a second older than the next, with about so many bytes each, of which half are shared.
fn three() -> Workshop {
    let shop = Workshop::new();
    for name in ["one", "two", "three"] {
        let script = "seq 1 30000 >$OUT/shared; seq 1 30000 | sed s/^/NAME/ >$OUT/own".replace("NAME", name);
        shop.recipe(name, &[], &script);
        shop.build(name);
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    shop
}

fn roots(shop: &Workshop) -> Vec<String> {
    let roots = shop.stele.json(&["store", "root", "ls"]);
    roots.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn old_roots_of_builds_go_by_age_number_and_size_and_no_others() {
    let shop = three();
    let file = shop.stele.scratch().join("mine");
    std::fs::write(&file, "mine").unwrap();
    let mine = shop.stele.ok(&["store", "add", file.to_str().unwrap()]);
    shop.stele.ok(&["store", "root", "add", "mine", &mine]);
    let collect = |args: &[&str]| shop.stele.json(&[&["store", "gc"], args].concat());
    let released =
        |value: &serde_json::Value| value["released"].as_array().cloned().unwrap_or_default().len();
    // A dry run counts what would go, and takes nothing.
    let dry = collect(&["--dry-run", "--keep-last", "1", "--end-leases"]);
    assert_eq!(dry["released"], serde_json::json!(["build-one", "build-two"]), "{dry}");
    assert!(dry["removed_bytes"].as_u64().unwrap() > 100_000, "{dry}");
    assert_eq!(roots(&shop), ["build-one", "build-three", "build-two", "mine"]);
    assert_eq!(released(&collect(&["--older-than", "1h"])), 0);
    assert_eq!(released(&collect(&["--max-size", "1G"])), 0);
    // The newest fit: two with their shared half, not three.
    let large = shop.stele.json(&["store", "du", "build-three", "build-two"]);
    let both: u64 = large.as_array().unwrap().iter().map(|it| it["own_bytes"].as_u64().unwrap()).sum::<u64>()
        + large[0]["bytes"].as_u64().unwrap()
        - large[0]["own_bytes"].as_u64().unwrap();
    let said = collect(&["--max-size", &(both + 1000).to_string()]);
    assert_eq!(said["released"], serde_json::json!(["build-one"]), "{said}");
    let said = collect(&["--keep-last", "1", "--end-leases"]);
    assert_eq!(said["released"], serde_json::json!(["build-two"]), "{said}");
    assert!(said["removed_bytes"].as_u64().unwrap() > 50_000, "{said}");
    let said = collect(&["--older-than", "0s"]);
    assert_eq!(said["released"], serde_json::json!(["build-three"]), "{said}");
    assert_eq!(roots(&shop), ["mine"]);
    for wrong in [["--older-than", "soon"], ["--max-size", "much"], ["--keep-last", "-1"]] {
        shop.stele.fails(&[&["store", "gc"][..], &wrong].concat(), 2);
    }
    shop.stele.assert_sound();
}

#[test]
fn what_roots_use_is_counted_once_and_told_apart() {
    let shop = three();
    let usage = shop.stele.json(&["store", "du"]);
    let of = |name: &str, field: &str| {
        let all = usage.as_array().unwrap();
        all.iter().find(|it| it["name"] == format!("build-{name}")).unwrap()[field].as_u64().unwrap()
    };
    for name in ["one", "two", "three"] {
        let (bytes, own) = (of(name, "bytes"), of(name, "own_bytes"));
        assert!(own > bytes / 3 && own < bytes * 2 / 3, "{usage}");
    }
    // Alone, all of it is its own.
    let alone = shop.stele.json(&["store", "du", "build-one"]);
    assert_eq!(alone[0]["bytes"], alone[0]["own_bytes"]);
    assert_eq!(alone[0]["bytes"].as_u64().unwrap(), of("one", "bytes"));
    let lines = shop.stele.ok(&["store", "du"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    shop.stele.fails(&["store", "du", "nothing"], 3);
}

#[test]
fn a_moved_or_removed_root_is_brought_back() {
    let shop = Workshop::new();
    shop.stele.fails(&["undo"], 3);
    shop.recipe("one", &[], "echo 1 >$OUT/x");
    let first = shop.build("one");
    shop.recipe("one", &[], "echo 2 >$OUT/x");
    let second = shop.build("one");
    let said = shop.stele.ok(&["undo"]);
    assert_eq!(said, format!("{first}  build-one"));
    assert_eq!(shop.file("build-one/x"), "1");
    // Undone, it can be undone.
    shop.stele.ok(&["undo", "build-one"]);
    assert_eq!(shop.file("build-one/x"), "2");
    shop.stele.ok(&["store", "root", "rm", "build-one"]);
    let log = shop.stele.ok(&["store", "root", "log"]);
    let told: Vec<&str> = log.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    // Removed as the second; moved from the first by the last undo, from the second by the one before, and once more
    // by the second build.
    assert_eq!(told, [&second[..16], &first[..16], &second[..16], &first[..16]], "{log}");
    // A restart forgets nothing.
    shop.stele.ok(&["daemon", "stop"]);
    shop.stele.ok(&["undo"]);
    assert_eq!(shop.file("build-one/x"), "2");
    // What was collected is not brought back, and the root stays as it is.
    shop.stele.ok(&["store", "root", "rm", "build-one"]);
    shop.stele.ok(&["store", "gc", "--end-leases"]);
    let said = shop.stele.fails(&["undo"], 3);
    assert!(said.contains("garbage-collected"), "{said}");
    assert_eq!(roots(&shop), [""; 0]);
    let dates = shop.stele.ok(&["store", "root", "ls", "--long"]);
    assert_eq!(dates, "");
}

#[test]
fn unfinished_downloads_and_folders_of_failed_builds_go_when_that_is_asked_for() {
    let shop = Workshop::new();
    shop.recipe("broken", &[], "echo half > half; false");
    shop.stele.fails(&["build", "broken", "--keep-failed"], 1);
    let failed = shop.stele.store().join("failed/broken");
    let download = shop.stele.store().join("fetch").join(format!("{}.part", "0".repeat(64)));
    std::fs::create_dir_all(download.parent().unwrap()).unwrap();
    std::fs::write(&download, "12345").unwrap();
    let both = |it: &serde_json::Value| (it["failed_builds"].clone(), it["downloads"].clone());
    let none = shop.stele.json(&["store", "gc"]);
    assert_eq!(both(&none), (serde_json::json!([]), 0.into()));
    let shown = shop.stele.json(&["store", "gc", "--unfinished", "--dry-run"]);
    assert_eq!(both(&shown), (serde_json::json!(["broken"]), 1.into()));
    assert!(failed.exists() && download.exists());
    let said = shop.stele.ok(&["store", "gc", "--unfinished"]);
    assert!(said.contains("failed build of broken") && said.contains("1 unfinished download, 5 B"), "{said}");
    assert!(!failed.exists() && !download.exists());
    let builds = std::fs::read_dir(shop.stele.store().join("builds")).unwrap();
    assert_eq!(builds.count(), 0);
}
