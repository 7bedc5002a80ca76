//! What is kept, for how long, how much of it, and through which ends of processes and disks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use tonic::Code;

use super::{Endpoint, digest, noise};
use stele_tests::disk::Disk;
use stele_tests::{Stele, wait_for};

fn names(bytes: &[u8]) -> api::ActionResult {
    let file =
        api::OutputFile { path: "a".to_owned(), digest: Some(digest(bytes)), ..api::OutputFile::default() };
    api::ActionResult { output_files: vec![file], ..api::ActionResult::default() }
}

#[test]
fn a_collection_spares_what_was_named_of_late_also_after_restarts() {
    let stele = Stele::new();
    let mut endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let (small, large) = (client.put(b"small"), noise(1_000_000, 1));
    let name = format!("uploads/1/blobs/{}/1000000", digest(&large).hash);
    client.write(&name, 0, &[&large], true).unwrap();
    client.put_result(&digest(b"action"), &names(b"small")).unwrap();
    stele.ok(&["store", "gc"]);
    assert!(client.has(&small) && client.has(&digest(&large)));
    endpoint.kill();
    stele.kill_daemon();
    stele.ok(&["store", "gc"]);
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    assert!(client.has(&small) && client.has(&digest(&large)) && client.result(&digest(b"action")).is_ok());
    // The user may end all leases.
    stele.ok(&["store", "gc", "--end-leases"]);
    assert!(!client.has(&small) && !client.has(&digest(&large)));
    assert_eq!(client.result(&digest(b"action")).unwrap_err().code(), Code::NotFound);
    assert_eq!(endpoint.metric("kept_blobs"), 0);
    stele.assert_sound();
}

#[test]
fn what_nobody_names_goes_after_its_time_and_a_question_or_a_hit_renews_it() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &["--keep", "3s"]);
    let client = endpoint.client();
    let [hit, asked, forgotten] = [b"hit".as_slice(), b"asked", b"forgotten"].map(|bytes| client.put(bytes));
    client.put_result(&digest(b"action"), &names(b"hit")).unwrap();
    for _ in 0..4 {
        sleep(Duration::from_millis(1700));
        assert!(client.has(&asked));
        assert!(client.result(&digest(b"action")).is_ok());
        stele.ok(&["store", "gc"]);
    }
    assert!(!client.has(&forgotten) && client.has(&hit));
    sleep(Duration::from_secs(6));
    stele.ok(&["store", "gc"]);
    assert_eq!(client.result(&digest(b"action")).unwrap_err().code(), Code::NotFound);
    assert_eq!(client.missing(&[hit.clone(), asked.clone()]).unwrap(), [hit, asked]);
}

#[test]
fn a_result_whose_output_was_collected_is_no_hit() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    client.put(b"output");
    client.put_result(&digest(b"action"), &names(b"output")).unwrap();
    stele.ok(&["store", "gc", "--end-leases"]);
    client.put_result(&digest(b"action"), &names(b"output")).unwrap();
    assert_eq!(client.result(&digest(b"action")).unwrap_err().code(), Code::NotFound);
    client.put(b"output");
    assert!(client.result(&digest(b"action")).is_ok());
}

#[test]
fn a_quota_refuses_with_words_that_help_and_keeps_what_is_there() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &["--quota", "5000000"]);
    let client = endpoint.client();
    let kept = client.put(&noise(1_000_000, 1));
    let large = noise(4_500_000, 2);
    let name = format!("uploads/1/blobs/{}/{}", digest(&large).hash, large.len());
    let refused = client.write(&name, 0, &[&large[..3_000_000], &large[3_000_000..]], true).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(
        refused.message().contains("stele store gc") && refused.message().contains("--quota"),
        "{refused}"
    );
    for seed in 3..5 {
        client.put(&noise(2_000_000, seed));
    }
    let more = noise(1_000_000, 9);
    let codes = client.update(&[(digest(&more), &*more), (kept.clone(), b"wrong")]).unwrap();
    assert_eq!(codes, [Code::ResourceExhausted, Code::InvalidArgument]);
    assert_eq!(client.put_result(&digest(b"a"), &names(b"")).unwrap_err().code(), Code::ResourceExhausted);
    assert!(client.has(&kept) && !client.has(&digest(&more)));
    // What is there costs nothing.
    client.put(&noise(1_000_000, 1));
    assert_eq!(endpoint.metric("kept_bytes"), 5_000_000);
    stele.ok(&["store", "gc", "--end-leases"]);
    client.put(&more);
}

#[test]
fn a_daemon_that_is_killed_is_followed_by_the_next_and_the_client_sees_nothing_of_it() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let large = noise(50_000_000, 1);
    let name = format!("uploads/1/blobs/{}/{}", digest(&large).hash, large.len());
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let pieces: Vec<&[u8]> = large.chunks(100_000).collect();
            client.write(&name, 0, &pieces, true)
        });
        for _ in 0..3 {
            sleep(Duration::from_millis(100));
            stele.kill_daemon();
        }
        assert_eq!(writing.join().unwrap().unwrap(), 50_000_000);
    });
    let reading = endpoint.client();
    std::thread::scope(|scope| {
        let came = scope.spawn(|| reading.read(&format!("blobs/{}/50000000", digest(&large).hash), 0, 0));
        sleep(Duration::from_millis(50));
        stele.kill_daemon();
        assert_eq!(came.join().unwrap().unwrap(), large);
    });
    stele.assert_sound();
}

#[test]
fn no_collection_at_any_moment_removes_what_was_just_named() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &["--keep", "1h"]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::SeqCst) {
                stele.ok(&["store", "gc"]);
                count += 1;
            }
            count
        });
        let clients: Vec<_> = (0..3)
            .map(|number| {
                let client = endpoint.client();
                scope.spawn(move || {
                    for round in 0..40_u64 {
                        // One of its own and one of all clients, which others write at the same time.
                        let own = client.put(&noise(30_000, number * 1000 + round));
                        let shared = client.put(&noise(30_000, 1_000_000 + round));
                        client.put_result(&digest(&[u8::try_from(round).unwrap()]), &names(b"")).unwrap();
                        assert_eq!(client.missing(&[own.clone(), shared.clone()]).unwrap(), []);
                        assert!(client.read_all(&[own, shared]).unwrap().iter().all(Result::is_ok));
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = clients.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        assert!(collecting.join().unwrap() > 1);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    });
    stele.assert_sound();
}

#[test]
fn a_server_that_is_killed_in_an_upload_leaves_nothing_and_loses_nothing() {
    let stele = Stele::new();
    let mut endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let kept = client.put(b"acknowledged");
    let large = noise(30_000_000, 1);
    let name = format!("uploads/1/blobs/{}/{}", digest(&large).hash, large.len());
    endpoint.client().write_and_break(&name, &[&large[..3_000_000]]);
    endpoint.kill();
    let left: Vec<_> = std::fs::read_dir(stele.store()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|it| it.to_string_lossy().starts_with(".tmp")), "{left:?}");
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    assert!(client.has(&kept) && !client.has(&digest(&large)));
    assert_eq!(client.written(&name).unwrap(), (0, false));
    client.write(&name, 0, &large.chunks(1 << 20).collect::<Vec<_>>(), true).unwrap();
    stele.assert_sound();
}

#[test]
fn a_full_disk_is_said_so_and_loses_nothing() {
    let Some(disk) = Disk::ext4(200) else { return };
    let stele = Stele::at(&disk.path().join("store"));
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let kept = client.put(b"acknowledged");
    let mut refused = None;
    for seed in 0..100 {
        let blob = noise(3_000_000, seed);
        let name = format!("uploads/1/blobs/{}/{}", digest(&blob).hash, blob.len());
        let pieces: Vec<&[u8]> = blob.chunks(500_000).collect();
        if let Err(status) = client.write(&name, 0, &pieces, true) {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("200 MB are full");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(client.has(&kept));
    stele.ok(&["store", "gc", "--end-leases"]);
    wait_for("room", || client.update(&[(kept.clone(), b"acknowledged")]).is_ok());
    stele.assert_sound();
}
