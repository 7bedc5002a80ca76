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
