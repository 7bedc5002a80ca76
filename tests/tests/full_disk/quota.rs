//! A disk that has bytes left, of which a quota grants no more: every door says quota, nothing is lost, and the store
//! gets itself out of it. The quota is one of btrfs, which holds for root, too; the store cannot see how much is left
//! of it, since statvfs(3) does not tell.

use std::process::Stdio;

use super::{Door, LONG, Supply, expect, few, text};
use stele_tests::disk::{Disk, own_mounts};
use stele_tests::mounted::within;
use stele_tests::sandboxed::Tree;
use stele_tests::{Stele, skip, trees};

/// What the disk has, in MiB.
const DISK: u64 = 512;
/// What the quota grants, in MiB: less than any door brings.
const QUOTA: u64 = 72;

fn play(door: Door, file: u64, supply: &mut Supply) -> Result<(), String> {
    let disk = Disk::btrfs_of_quota(DISK, QUOTA).ok_or("no disk")?;
    let Some(tree) = Tree::on(Stele::at(&disk.path().join("store"))) else { return Ok(()) };
    let stele = &tree.stele;
    // On the disk of the store there would be no room for what is added and exported.
    let scratch = tempfile::tempdir().expect("a folder");
    let (kept, after) = (few(scratch.path(), 1), few(scratch.path(), 2));
    expect(stele, &["store", "add", "--root", "kept", text(&kept)])?;
    let Some(mut command) = supply.command(door, file, &tree, &kept) else { return Ok(()) };
    if door == Door::Rebuild {
        expect(stele, &["daemon", "stop"])?;
        std::fs::remove_dir_all(stele.store().join("db")).unwrap();
    }
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let output = within(LONG, || child.wait_with_output()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // A build writes outside of the database, and meets the quota itself.
    let code = if matches!(door, Door::Build(_)) { 1 } else { 5 };
    if output.status.code() != Some(code) || !said.contains("quota") || !said.contains("hint: ") {
        return Err(format!("{:?}: {said}", output.status.code()));
    }
    if door == Door::Rebuild {
        expect(stele, &["store", "rebuild-index", "--from", text(&kept)])?;
    }
    expect(stele, &["store", "gc"])?;
    expect(stele, &["store", "verify"])?;
    expect(stele, &["store", "add", "--root", "after", text(&after)])?;
    // And so for the next daemon.
    expect(stele, &["daemon", "stop"])?;
    expect(stele, &["store", "gc"])?;
    for (root, source) in [("kept", &kept), ("after", &after)] {
        let to = scratch.path().join(format!("{root}-out"));
        expect(stele, &["store", "export", root, text(&to)])?;
        trees::assert_same(source, &to);
    }
    Ok(())
}

#[test]
fn no_door_of_a_store_over_its_quota_loses_anything_or_calls_the_disk_full() {
    if own_mounts().is_none() {
        return skip("nothing may be mounted here");
    }
    if Disk::btrfs_of_quota(DISK, QUOTA).is_none() {
        return skip("there is no btrfs with quotas");
    }
    let Some(mut supply) = Supply::new() else { return };
    let mut wrong = Vec::new();
    for (door, file) in [
        (Door::Add, 5000),
        (Door::Add, 20_000),
        (Door::Image, 5000),
        (Door::Build(DISK / 4), 20_000),
        (Door::Substitute, 20_000),
        (Door::Rebuild, 5000),
    ] {
        let begun = std::time::Instant::now();
        let result = play(door, file, &mut supply);
        eprintln!("{door:?}, files of {file}: {result:?} in {:?}", begun.elapsed());
        wrong.extend(result.err().map(|why| format!("{door:?}, files of {file}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
