//! Content by digest, to clients that mean well and to others.

use std::slice::from_ref;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use prost::Message;
use tonic::Code;

use super::{Endpoint, digest, hex, noise};
use stele_tests::Stele;

fn file(name: &str, bytes: &[u8]) -> api::FileNode {
    api::FileNode { name: name.to_owned(), digest: Some(digest(bytes)), ..api::FileNode::default() }
}

fn below(name: &str, directory: &[u8]) -> api::DirectoryNode {
    api::DirectoryNode { name: name.to_owned(), digest: Some(digest(directory)) }
}

#[test]
fn bytes_that_are_not_what_their_digest_says_are_refused_and_nothing_of_them_stays() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let (right, lie) = (digest(b"right"), api::Digest { size_bytes: 3, ..digest(b"lie!") });
    let wrong_size = api::Digest { size_bytes: 4, ..digest(b"right") };
    let malformed = api::Digest { hash: "xyz".to_owned(), size_bytes: 3 };
    let negative = api::Digest { size_bytes: -1, ..digest(b"") };
    let codes = client.update(&[
        (right.clone(), b"right"),
        (lie.clone(), b"lie"),
        (wrong_size.clone(), b"right"),
        (malformed, b"abc"),
        (negative, b""),
        (right.clone(), b"right"),
    ]);
    let bad = Code::InvalidArgument;
    assert_eq!(codes.unwrap(), [Code::Ok, bad, bad, bad, bad, Code::Ok]);
    assert_eq!(
        client.missing(&[right.clone(), lie.clone(), wrong_size.clone()]).unwrap(),
        [lie, wrong_size.clone()]
    );
    assert_eq!(client.read_all(&[right, wrong_size]).unwrap(), [Ok(b"right".to_vec()), Err(Code::NotFound)]);
    stele.assert_sound();
}

#[test]
fn batches_that_are_too_large_are_refused_before_anything_is_done() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let half = noise(2 << 20, 1);
    let other = noise(3 << 19, 2);
    let batch = [(digest(&half), &*half), (digest(&other), &*other)];
    assert_eq!(client.update(&batch).unwrap_err().code(), Code::InvalidArgument);
    assert!(!client.has(&digest(&half)));
    let huge = api::Digest { size_bytes: i64::MAX, ..digest(b"") };
    assert_eq!(client.read_all(from_ref(&huge)).unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client.missing(from_ref(&huge)).unwrap(), [huge]);
    // A million digests are one message of 70 MB: gRPC's bound.
    let many: Vec<_> = (0..1_000_000).map(|_| digest(b"")).collect();
    assert_eq!(client.missing(&many).unwrap_err().code(), Code::OutOfRange);
    assert!(client.has(&digest(b"")));
}

#[test]
fn no_bytes_are_always_there_and_a_question_has_each_answer_once() {
    let stele = Stele::new();
    let endpoint = Endpoint::start(&stele, &[]);
    let client = endpoint.client();
    let (empty, absent) = (digest(b""), digest(b"absent"));
    assert_eq!(client.missing(&[empty.clone(), absent.clone(), absent.clone()]).unwrap(), from_ref(&absent));
    assert_eq!(client.read_all(&[empty.clone(), absent]).unwrap(), [Ok(Vec::new()), Err(Code::NotFound)]);
    assert_eq!(client.read(&format!("blobs/{}/0", empty.hash), 0, 0).unwrap(), b"");
}

#[test]
fn thousands_of_tiny_blobs_are_stored_and_found() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let blobs: Vec<Vec<u8>> = (0..30_000_u32).map(|it| it.to_le_bytes().to_vec()).collect();
    for some in blobs.chunks(10_000) {
        let batch: Vec<_> = some.iter().map(|it| (digest(it), &**it)).collect();
        assert!(client.update(&batch).unwrap().iter().all(|code| *code == Code::Ok));
    }
    let mut digests: Vec<_> = blobs.iter().map(|it| digest(it)).collect();
    digests.push(digest(b"absent"));
    assert_eq!(client.missing(&digests).unwrap(), [digest(b"absent")]);
    assert_eq!(endpoint.metric("kept_blobs"), 30_000);
}

#[test]
fn blake3_names_the_same_blobs_also_what_the_store_has_of_its_own() {
    let stele = Stele::new();
    let path = stele.scratch().join("file");
    std::fs::write(&path, "a file of the store").unwrap();
    let id = stele.add(&path);
    let endpoint = Endpoint::writable(&stele, &[]);
    let mut client = endpoint.client();
    assert_eq!(
        client.read_all(&[digest(b"a file of the store")]).unwrap(),
        [Ok(b"a file of the store".to_vec())]
    );
    client.function = api::digest_function::Value::Blake3.into();
    let named = api::Digest { hash: id.clone(), size_bytes: 19 };
    assert!(client.has(&named));
    assert_eq!(client.read(&format!("main/blobs/blake3/{id}/19"), 6, 4).unwrap(), b" of ");
    let hash = hex(blake3::hash(b"sent").as_bytes());
    let sent = api::Digest { hash, size_bytes: 4 };
    assert_eq!(client.update(&[(sent.clone(), b"sent")]).unwrap(), [Code::Ok]);
    assert_eq!(client.update(&[(digest(b"sent"), b"sent")]).unwrap(), [Code::InvalidArgument]);
    client.function = 0;
    assert!(client.has(&digest(b"sent")));
    client.function = api::digest_function::Value::Md5.into();
    assert_eq!(client.missing(&[sent]).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn a_tree_comes_whole_each_directory_once_however_deep_it_is() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    // Each holds the next one twice: by paths there would be 2^200 of them.
    let mut inner = api::Directory { files: vec![file("leaf", b"leaf")], ..api::Directory::default() };
    for _ in 0..200 {
        let bytes = inner.encode_to_vec();
        client.put(&bytes);
        let directories = vec![below("a", &bytes), below("b", &bytes)];
        inner = api::Directory { directories, ..api::Directory::default() };
    }
    let root = client.put(&inner.encode_to_vec());
    let all = client.tree(&root).unwrap();
    assert_eq!((all.len(), &all[0]), (201, &inner));
    // What is not there is left out; without the root there is nothing.
    let lacking =
        api::Directory { directories: vec![below("absent", b"absent")], ..api::Directory::default() };
    let lacking = client.put(&lacking.encode_to_vec());
    assert_eq!(client.tree(&lacking).unwrap().len(), 1);
    assert_eq!(client.tree(&digest(b"absent")).unwrap_err().code(), Code::NotFound);
    let text = client.put(b"this is text, and no directory");
    assert_eq!(client.tree(&text).unwrap_err().code(), Code::FailedPrecondition);
}

#[test]
fn the_server_says_what_it_can() {
    let stele = Stele::new();
    let endpoint = Endpoint::start(&stele, &[]);
    let told = endpoint.client().capabilities().unwrap();
    let cache = told.cache_capabilities.unwrap();
    assert_eq!(cache.digest_functions, [1, api::digest_function::Value::Blake3 as i32]);
    assert_eq!(cache.supported_compressors, [api::compressor::Value::Zstd as i32]);
    assert!(!cache.action_cache_update_capabilities.unwrap().update_enabled);
    assert!(told.execution_capabilities.is_none());
    assert_eq!(told.low_api_version.unwrap().major, 2);
    assert!(endpoint.page("/healthz").starts_with("HTTP/1.1 200"));
    assert!(endpoint.page("/metrics").contains("calls_total{method=\"GetCapabilities\",code=\"0\"} 1"));
}
