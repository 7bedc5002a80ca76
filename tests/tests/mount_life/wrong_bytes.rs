//! Right bytes or an error.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use stele_tests::damage::{flip, payload, writable};
use stele_tests::disk::Disk;
use stele_tests::mounted::{Mounted, within};
use stele_tests::{Stele, trees, wait_for};

use super::{LONG, add_tree, mounted_tree};

#[test]
fn a_flipped_bit_gives_an_error_and_quarantine_and_never_wrong_bytes() {
    let Some((mounted, tree, digest)) = mounted_tree(21, &[]) else { return };
    within(LONG, || {
        let file = payload(mounted.stele(), "tree/large");
        let path = mounted.path(&digest).join("large");
        flip(&file, 400_000);
        // An intact part is not returned either: the first read verifies all of it.
        let mut bytes = [0; 4096];
        let read = fs::File::open(&path).and_then(|mut file| file.read(&mut bytes));
        assert_eq!(read.unwrap_err().raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
        wait_for("the payload to be set aside", || !file.exists());
        assert!(fs::read_dir(mounted.stele().store().join("quarantine")).unwrap().count() > 0);
        let log = fs::read_to_string(mounted.stele().store().join("daemon.log")).unwrap();
        assert!(log.contains("does not match its digest"), "{log}");
        assert!(fs::read(&path).is_err());
        // Stored again, it is intact again, in the same place.
        mounted.stele().ok(&["store", "add", tree.to_str().unwrap()]);
        assert!(fs::read(&path).unwrap() == fs::read(tree.join("large")).unwrap());
    });
}

#[test]
fn a_disk_that_goes_bad_after_the_first_read_is_noticed() {
    let Some((mounted, _, digest)) = mounted_tree(22, &[]) else { return };
    within(LONG, || {
        let path = mounted.path(&digest).join("large");
        let held = fs::File::open(&path).unwrap();
        let mut bytes = [0; 4096];
        held.read_exact_at(&mut bytes, 0).unwrap();
        flip(&payload(mounted.stele(), "tree/large"), 650_000);
        let _ = fs::write("/proc/sys/vm/drop_caches", "1");
        assert!(held.read_exact_at(&mut bytes, 648_000).is_err());
    });
}

#[test]
fn a_truncated_or_missing_payload_cannot_be_opened_even_where_the_kernel_reads_by_itself() {
    let Some((mounted, _, digest)) = mounted_tree(23, &["--passthrough"]) else { return };
    within(LONG, || {
        let file = payload(mounted.stele(), "tree/large");
        writable(&file).set_len(699_999).unwrap();
        assert!(fs::read(mounted.path(&digest).join("large")).is_err());
        wait_for("the payload to be set aside", || !file.exists());
        assert!(fs::read(mounted.path(&digest).join("large")).is_err());
    });
}

#[test]
fn a_removed_disk_gives_errors_and_no_hang() {
    let Some(disk) = Disk::ext4(200) else { return };
    let stele = Stele::at(&disk.path().join("store"));
    let (_, digest) = add_tree(&stele, "tree", 24);
    let Some(mounted) = Mounted::on(stele) else { return };
    within(LONG, || {
        let abort = std::process::Command::new("mount")
            .args(["-o", "remount,abort"])
            .arg(disk.path())
            .output()
            .unwrap();
        let _ = fs::write("/proc/sys/vm/drop_caches", "3");
        // The disk may or may not return what it returned before; the read must end.
        let _ = fs::read(mounted.path(&digest).join("large"));
        let _ = fs::read(mounted.path(&digest).join("small"));
        let _ = fs::read_dir(mounted.path(&digest)).map(Iterator::count);
        let _ = abort;
    });
}

/// Every name, kind, size, byte and link of generated trees equals that of the imported directory, both with
/// passthrough and with every read checked.
#[test]
fn generated_trees_look_as_they_did_before_they_were_imported() {
    for options in [&[][..], &["--passthrough"]] {
        let stele = Stele::new();
        let trees: Vec<(PathBuf, String)> =
            (100..112).map(|seed| add_tree(&stele, &format!("tree-{seed}"), seed)).collect();
        let Some(mounted) = Mounted::with(stele, options) else { return };
        within(LONG, || {
            for (tree, digest) in &trees {
                trees::assert_same(tree, &mounted.path(digest));
                trees::assert_same(tree, &mounted.path(&format!("{digest}-{}", "l".repeat(190))));
            }
        });
    }
}
