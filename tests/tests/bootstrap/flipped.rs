//! A seed with one byte that is another: nobody takes it for the seed.
//!
//! Most such seeds cannot assemble the seed's source, or make something else of it. The rest can: a byte that Linux
//! does not look at, or a check that a right source never needs. Those the digest tells. So both checks are needed,
//! and each row of the README, too.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use super::*;

/// Whether `seed`, run on the true source, makes the true seed.
fn assembles_the_seed(folder: &Path, seed: &[u8], truth: &[u8]) -> bool {
    let (program, out) = (folder.join("flipped"), folder.join("out"));
    let _ = fs::remove_file(&out);
    let _ = fs::remove_file(&program);
    fs::write(&program, seed).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it may be run");
    // One that runs on without end is killed, as one that writes without end; it sees nothing but this folder.
    let script = "ulimit -c 0 -t 1 -f 8; exec timeout -s KILL 5 chroot . /flipped /seed.hex0 /out";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--ipc", "sh", "-c", script]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().expect("unshare runs");
    status.success() && fs::read(&out).is_ok_and(|made| made == truth)
}

#[test]
fn a_seed_with_another_byte_is_told_by_what_it_makes_or_by_its_digest() {
    let truth = seed();
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("seed.hex0"), source()).expect("the source");
    if !assembles_the_seed(dir.path(), &truth, &truth) {
        return stele_tests::skip("no root of its own for the seed, or no x86-64");
    }
    let digest = Sha256::of(&truth);
    let mut passed = Vec::new();
    for at in 0..truth.len() {
        let mut flipped = truth.clone();
        flipped[at] ^= 0x40;
        assert_ne!(Sha256::of(&flipped), digest);
        if assembles_the_seed(dir.path(), &flipped, &truth) {
            passed.push(at);
        }
    }
    // What assembles all the same: little, and the more it is the less the self-assembly says.
    assert!(passed.len() < truth.len() / 3, "{} at {passed:x?}", passed.len());
    println!("{} of {} still assemble the seed: {passed:x?}", passed.len(), truth.len());
}
