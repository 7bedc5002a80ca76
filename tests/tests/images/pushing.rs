//! `image push`, and `image import` from registries: against Debian's docker-registry, and over connections that break.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::serving::{Endpoint, of_size};
use super::*;
use stele_tests::docker_registry::Registry;

/// A flaky proxy to `port`: each of the first `breaks` connections that carry so many bytes one way is cut then.
fn breaking(port: u16, breaks: usize, after: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().port();
    let left = Arc::new(AtomicUsize::new(breaks));
    let shared = Arc::clone(&left);
    // It ends with the test process.
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let left = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let (mut buffer, mut carried) = (vec![0; 1 << 16], 0);
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        carried += count;
                        let cuts =
                            || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                        if to.write_all(&buffer[..count]).is_err() || (carried > after && cuts().is_ok()) {
                            let _ = from.shutdown(Shutdown::Both);
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    (at, left)
}

pub fn digest_of(there: &str, options: &[&str]) -> String {
    let there = format!("docker://{there}");
    peer(
        "skopeo",
        &[&["inspect", "--tls-verify=false", "--format", "{{.Digest}}"], options, &[&there]].concat(),
    )
}

#[test]
fn a_push_sends_what_is_missing_and_skopeo_finds_the_same_digest() {
    let images = Images::new();
    let digest = images.build("box");
    let registry = Registry::new(images.shop.stele.scratch());
    let there = format!("127.0.0.1:{}/some/box:1", registry.port);
    let push =
        |to: &str, more: &[&str]| images.shop.stele.json(&[&["image", "push", "box", to], more].concat());
    let first = push(&there, &[]);
    assert_eq!(
        (first["digest"].as_str(), first["sent"].as_u64()),
        (Some(digest.as_str()), Some(3)),
        "{first}"
    );
    assert_eq!(digest_of(&there, &[]), digest);
    let again = push(&there, &[]);
    assert_eq!(
        (again["sent"].as_u64(), again["bytes"].as_u64(), again["manifests"].as_u64()),
        (Some(0), Some(0), Some(0))
    );
    // Another repository mounts the blobs from there.
    let other = format!("127.0.0.1:{}/other", registry.port);
    let mounted = push(&other, &["--mount-from", "some/box"]);
    assert_eq!((mounted["mounted"].as_u64(), mounted["bytes"].as_u64()), (Some(3), Some(0)), "{mounted}");
    assert_eq!(digest_of(&other, &[]), digest);
    // And one that has none is not a failure.
    let third = format!("127.0.0.1:{}/third", registry.port);
    assert_eq!(push(&third, &["--mount-from", "nothing"])["sent"], 3);
}

#[test]
fn an_index_is_pushed_with_all_its_images_and_pulled_back() {
    let images = Images::new();
    images.two_platforms();
    let digest = images.build("box");
    let registry = Registry::new(images.shop.stele.scratch());
    let there = format!("127.0.0.1:{}/box", registry.port);
    let stele = &images.shop.stele;
    assert_eq!(stele.ok(&["image", "push", "box", &there]), format!("{digest}  {there}"));
    let pinned = format!("{there}@{digest}");
    let back = stele.ok(&["image", "import", "--name", "back", &pinned]);
    assert_eq!(back, format!("{digest}  back"));
    let one = stele.json(&["image", "inspect", "box"])["images"][1]["digest"].clone();
    let args = ["image", "import", "--name", "one", "--platform", "linux/arm64", &there];
    assert_eq!(stele.ok(&args).split(' ').next(), one.as_str());
    let missing = ["image", "import", "--platform", "linux/s390x", &there];
    assert!(stele.fails(&missing, 3).contains("linux/s390x"));
}

#[test]
fn a_registry_that_wants_credentials_gets_those_that_are_kept_and_they_are_never_shown() {
    let images = Images::new();
    let digest = images.build("box");
    let scratch = images.shop.stele.scratch();
    let registry = Registry::locked(scratch);
    let there = format!("127.0.0.1:{}/box:1", registry.port);
    let file = scratch.join("auth.json");
    let push = || {
        let mut command = images.shop.stele.command(&["image", "push", "box", &there]);
        let output = command.env("REGISTRY_AUTH_FILE", &file).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!said.contains("secret") && !said.contains("dXNlcj"), "{said}");
        (output.status.code(), said)
    };
    let (code, said) = push();
    assert!(code == Some(1) && said.contains("podman login"), "{said}");
    let auth = |text: &str| {
        let host = format!("127.0.0.1:{}", registry.port);
        fs::write(&file, format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{text}\"}}}}}}")).unwrap();
    };
    // user:wrong
    auth("dXNlcjp3cm9uZw==");
    let (code, said) = push();
    assert!(code == Some(1) && said.contains("log in again"), "{said}");
    auth("???");
    let (code, said) = push();
    assert!(code == Some(1) && said.contains("damaged"), "{said}");
    // user:secret
    auth("dXNlcjpzZWNyZXQ=");
    let (code, said) = push();
    assert!(code == Some(0) && said.contains(&digest), "{said}");
    assert_eq!(digest_of(&there, &["--creds", "user:secret"]), digest);
}

#[test]
fn a_push_over_a_flaky_connection_completes() {
    let (images, digest) = of_size(24);
    let registry = Registry::new(images.shop.stele.scratch());
    let (port, left) = breaking(registry.port, 3, 6 << 20);
    let pushed =
        images.shop.stele.json(&["image", "push", "large-image", &format!("127.0.0.1:{port}/box:1")]);
    assert_eq!(
        (left.load(Ordering::SeqCst), pushed["digest"].as_str()),
        (0, Some(digest.as_str())),
        "{pushed}"
    );
    // This registry forgets an interrupted upload, and reports that: everything is sent again.
    assert_eq!(digest_of(&format!("127.0.0.1:{}/box:1", registry.port), &[]), digest);
}

#[test]
fn a_connection_that_always_breaks_fails_with_a_hint() {
    let (images, _) = of_size(24);
    let registry = Registry::new(images.shop.stele.scratch());
    let (port, _) = breaking(registry.port, usize::MAX, 1 << 10);
    let said =
        images.shop.stele.fails(&["image", "push", "large-image", &format!("127.0.0.1:{port}/box:1")], 1);
    assert!(said.contains("hint"), "{said}");
}

#[test]
fn an_import_over_a_flaky_connection_is_resumed() {
    let (images, digest) = of_size(24);
    let endpoint = Endpoint::of(&images, &[]);
    let port = endpoint.host().rsplit(':').next().unwrap().parse().unwrap();
    let (port, left) = breaking(port, 3, 6 << 20);
    let said = images.shop.stele.ok(&[
        "image",
        "import",
        "--name",
        "back",
        &format!("127.0.0.1:{port}/large-image"),
    ]);
    assert_eq!((said, left.load(Ordering::SeqCst)), (format!("{digest}  back"), 0));
}

#[test]
fn missing_or_invalid_references_are_reported() {
    let images = Images::new();
    images.build("box");
    let endpoint = Endpoint::of(&images, &[]);
    let fails = |args: &[&str], code| images.shop.stele.fails(&[&["image"], args].concat(), code);
    let host = endpoint.host();
    let zeros = format!("{host}/box@sha256:{}", "0".repeat(64));
    for (args, code, says) in [
        (&["import", &format!("{host}/nothing:1")][..], 3, "nothing"),
        (&["import", &zeros], 3, "box"),
        (&["import", &format!("{host}/Box")], 2, "lower-case"),
        (&["import", "--ref", "x", &format!("{host}/box")], 2, "--ref"),
        (&["push", "box", "box:1"], 2, "REGISTRY/NAME"),
        (&["push", "nothing", &format!("{host}/box")], 3, "nothing"),
        (&["push", "box", &zeros], 2, "digest"),
        // Our own endpoint is read-only.
        (&["push", "box", &format!("{host}/other")], 1, "registry"),
        (&["push", "box", "127.0.0.1:1/box"], 1, "127.0.0.1:1"),
    ] {
        let said = fails(args, code);
        assert!(said.contains(says), "{args:?}: {said}");
    }
}
