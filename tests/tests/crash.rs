//! The process dies at every labelled step, and nothing that was acknowledged is lost.
//!
//! For each step: commands that pass the step run on a store with content; the daemon (or, for a rebuild, the command)
//! is killed there with SIGKILL; then everything that a command acknowledged must be intact, no row may be without its
//! file, no root may dangle, and repeating the work must give the same digests.
#![cfg(feature = "crash-points")]

use std::fs;
use std::path::Path;

use stele_store::crash::CrashPoint;
use stele_tests::damage::{flip, some_payload};
use stele_tests::{Stele, trees};

/// What a set of commands acknowledged before the crash, and what to look for after it.
struct Story<'a> {
    stele: &'a mut Stele,
    old: &'a Path,
    new: &'a Path,
}

/// Which commands lead to a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    MakeStore,
    Import,
    Roots,
    Collect,
    Verify,
    Rebuild,
    Stop,
    /// In the tests of builds, which have recipes.
    Build,
}

fn way(point: CrashPoint) -> Way {
    use CrashPoint::*;
    match point {
        OpenFoldersMade => Way::MakeStore,
        OpenEpochWritten | ImportTempCreated | ImportTempWritten | CommitInlineFlushed | CommitRenamed
        | CommitSynced | CommitRowsWritten | CommitFinalSynced => Way::Import,
        RootWritten | RootRemoved => Way::Roots,
        GcMarked | GcTreesRemoved | GcRowsRemoved | GcFileRemoved => Way::Collect,
        VerifyMovedAside => Way::Verify,
        RebuildMovedAside | RebuildBuilt => Way::Rebuild,
        CloseFlushed => Way::Stop,
        BuildFolderMade => Way::Build,
    }
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_was_acknowledged() {
    let source = tempfile::tempdir().unwrap();
    let (old, new) = (source.path().join("old"), source.path().join("new"));
    trees::generate(&old, 1, 120);
    trees::generate(&new, 2, 120);
    // So much that small blobs bypass the database's log.
    let mut random = trees::Random::new(2);
    fs::create_dir(new.join("small")).unwrap();
    for n in 0..500 {
        fs::write(new.join(format!("small/{n}")), random.bytes(13_000)).unwrap();
    }
    for &point in CrashPoint::ALL.iter().filter(|point| way(**point) != Way::Build) {
        eprintln!("--- {}", point.label());
        let mut stele = Stele::new();
        crash_once(&mut Story { stele: &mut stele, old: &old, new: &new }, point, 1);
    }
}

#[test]
fn a_crash_late_in_a_step_loses_nothing_either() {
    let source = tempfile::tempdir().unwrap();
    let (old, new) = (source.path().join("old"), source.path().join("new"));
    trees::generate(&old, 3, 120);
    trees::generate(&new, 4, 120);
    for (point, count) in
        [(CrashPoint::ImportTempWritten, 9), (CrashPoint::CommitRenamed, 17), (CrashPoint::GcFileRemoved, 5)]
    {
        let mut stele = Stele::new();
        crash_once(&mut Story { stele: &mut stele, old: &old, new: &new }, point, count);
    }
}

fn crash_once(story: &mut Story<'_>, point: CrashPoint, count: u32) {
    let way = way(point);
    let stele = &mut *story.stele;
    let mut corrupt = None;
    if way != Way::MakeStore {
        stele.ok(&["store", "add", "--root", "old", story.old.to_str().unwrap()]);
        if way == Way::Collect {
            stele.ok(&["store", "add", "--keep-for", "0", story.new.to_str().unwrap()]);
        }
        if way == Way::Verify {
            let (file, digest) = some_payload(stele);
            flip(&file, 100);
            corrupt = Some(digest);
        }
        stele.ok(&["daemon", "stop"]);
    }
    let witness = stele.scratch().join("witness");
    let _ = fs::remove_file(&witness);
    stele.set_env("STELE_CRASH_AT", &format!("{}:{count}", point.label()));
    stele.set_env("STELE_CRASH_WITNESS", witness.to_str().unwrap());
    let new = story.new.to_str().unwrap();
    let commands: &[&[&str]] = match way {
        Way::MakeStore | Way::Import => &[&["store", "add", "--root", "new", new]],
        Way::Roots => &[&["store", "root", "add", "second", "old"], &["store", "root", "rm", "second"]],
        Way::Collect => &[&["store", "gc"]],
        Way::Verify => &[&["store", "verify"]],
        Way::Rebuild => &[&["store", "rebuild-index"]],
        Way::Stop => &[&["store", "stats"], &["daemon", "stop"]],
        Way::Build => &[],
    };
    let outcomes: Vec<_> = commands.iter().map(|args| story.stele.run(args)).collect();
    let acknowledged: Vec<bool> = outcomes.iter().map(|outcome| outcome.code == 0).collect();
    let passed = fs::read_to_string(&witness).unwrap_or_default();
    assert_eq!(passed, point.label(), "the step was not passed by {way:?}: {outcomes:?}");
    story.stele.clear_env();
    look_behind(story, way, &acknowledged, corrupt);
}

fn look_behind(story: &mut Story<'_>, way: Way, acknowledged: &[bool], corrupt: Option<String>) {
    let stele = &*story.stele;
    if way == Way::Rebuild {
        // The command died: until it runs again the store reports that, or is complete.
        let outcome = stele.run(&["store", "stats"]);
        assert!(outcome.code == 0 || outcome.stderr.contains("rebuild-index"), "{}", outcome.stderr);
        stele.ok(&["store", "rebuild-index"]);
    }
    if let Some(blob) = corrupt {
        let outcome = stele.run(&["store", "verify"]);
        assert_eq!(outcome.code, 4, "{}{}", outcome.text(), outcome.stderr);
        assert!(outcome.text().contains(&blob), "{}", outcome.text());
        // Importing the same content again repairs it.
        stele.add(story.old);
    }
    if way == Way::MakeStore || way == Way::Import {
        // A store whose creation was interrupted does not exist yet: only the next import creates it.
        let roots = if stele.store().join("format").exists() {
            stele.ok(&["store", "root", "ls"])
        } else {
            String::new()
        };
        // The root and its content exist together or not at all; once acknowledged, they exist.
        let there = roots.lines().any(|line| line.ends_with(" new"));
        assert!(there || !acknowledged[0], "an acknowledged import is lost");
        if there {
            stele.assert_exports_as("new", story.new);
        }
    }
    if way == Way::Roots {
        let roots = stele.ok(&["store", "root", "ls"]);
        assert!(roots.contains(" old"), "{roots}");
    }
    if way != Way::MakeStore {
        stele.assert_sound();
        stele.assert_exports_as("old", story.old);
    }
    // Repeated, the work gives the same result, and the store is fully usable.
    let digest = stele.add(story.new);
    assert_eq!(stele.add(story.new), digest);
    stele.assert_exports_as(&digest, story.new);
    stele.ok(&["store", "gc", "--end-leases"]);
    stele.assert_sound();
    if way != Way::MakeStore {
        stele.assert_exports_as("old", story.old);
    }
    assert_no_strays(stele);
}

/// After a collection every file under objects/ has a row, and tmp/ is empty.
fn assert_no_strays(stele: &Stele) {
    let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(count(&stele.store().join("tmp")), 0);
    let files: usize = (0..=255).map(|byte| count(&stele.store().join(format!("objects/{byte:02x}")))).sum();
    assert_eq!(stele.json(&["store", "stats"])["file_blobs"], files);
}
