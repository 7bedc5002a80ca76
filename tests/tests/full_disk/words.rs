//! A disk that has bytes left and no inodes: every door says so, and the store gets itself out of it.

use std::process::Stdio;

use super::{Door, LONG, Supply, expect, few, text};
use stele_tests::disk::{Disk, own_mounts};
use stele_tests::mounted::within;
use stele_tests::sandboxed::Tree;
use stele_tests::{Stele, skip};

/// More than a store without payload files takes, and less than any door brings.
const INODES: u64 = 700;
/// So many more let the next import work.
const ENOUGH: usize = 40;
/// Larger than what lies in the database.
const FILE: u64 = 20_000;

fn play(door: Door, supply: &mut Supply) -> Result<(), String> {
    let Some(disk) = Disk::tmpfs_of_inodes(INODES) else { return Err("no disk".to_owned()) };
    let Some(tree) = Tree::on(Stele::at(&disk.path().join("store"))) else { return Ok(()) };
    let stele = &tree.stele;
    let kept = few(stele.scratch(), 1);
    expect(stele, &["store", "add", "--root", "kept", text(&kept)])?;
    let Some(mut command) = supply.command(door, FILE, &tree, &kept) else { return Ok(()) };
    if door == Door::Rebuild {
        expect(stele, &["daemon", "stop"])?;
        std::fs::remove_dir_all(stele.store().join("db")).unwrap();
    }
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let output = within(LONG, || output.wait_with_output()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() != Some(5) || !said.contains("inodes") || !said.contains("hint: ") {
        return Err(format!("{:?}: {said}", output.status.code()));
    }
    if door == Door::Rebuild {
        if said.contains("store gc") {
            return Err(format!("there is no database to collect in: {said}"));
        }
        expect(stele, &["store", "rebuild-index", "--from", text(&kept)])?;
    }
    if door == Door::Sources {
        // Those that were added are rooted, one by one: what is kept takes its inodes until somebody lets go of it.
        let roots = stele.json(&["store", "root", "ls"]);
        let names = roots.as_array().unwrap().iter().filter_map(|root| root["name"].as_str());
        for name in names.filter(|name| *name != "kept").take(ENOUGH) {
            expect(stele, &["store", "root", "rm", name])?;
        }
        // Leases of their imports keep them for an hour, too.
        expect(stele, &["store", "gc", "--end-leases"])?;
    }
    expect(stele, &["store", "gc"])?;
    expect(stele, &["store", "verify"])?;
    expect(stele, &["store", "add", "--root", "again", text(&few(stele.scratch(), 2))]).map(drop)
}

#[test]
fn a_disk_without_inodes_is_called_one_at_every_door_and_collected() {
    if own_mounts().is_none() {
        return skip("nothing may be mounted here");
    }
    let Some(mut supply) = Supply::new() else { return };
    let doors = [Door::Add, Door::Image, Door::Build(16), Door::Substitute, Door::Sources, Door::Rebuild];
    let wrong: Vec<String> = doors
        .into_iter()
        .filter_map(|door| play(door, &mut supply).err().map(|why| format!("{door:?}: {why}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
