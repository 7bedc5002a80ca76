//! Blobs as streams of bytes: parts, resumption, compression, and whatever else a client may send.

use std::time::{Duration, Instant};

use bazel_remote_apis::google::bytestream::WriteRequest;
use tonic::Code;

use super::{Endpoint, digest, noise};
use stele_tests::Stele;

fn upload(bytes: &[u8], id: &str) -> String {
    let digest = digest(bytes);
    format!("a/b/uploads/{id}/blobs/{}/{}", digest.hash, digest.size_bytes)
}

fn packed(kind: &str, bytes: &[u8]) -> String {
    let digest = digest(bytes);
    format!("{kind}compressed-blobs/zstd/{}/{}", digest.hash, digest.size_bytes)
}

fn download(bytes: &[u8]) -> String {
    let digest = digest(bytes);
    format!("blobs/{}/{}", digest.hash, digest.size_bytes)
}

#[test]
fn a_blob_is_written_in_pieces_and_read_in_parts() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    for (size, seed) in [(10, 1), (300_000, 2), (5_000_000, 3)] {
        let blob = noise(size, seed);
        let length = i64::try_from(size).unwrap();
        let pieces: Vec<&[u8]> = blob.chunks(size / 3 + 1).collect();
        assert_eq!(client.write(&upload(&blob, "1"), 0, &pieces, true).unwrap(), length);
        // Again: it is there, and the server need not read what comes.
        assert_eq!(client.write(&upload(&blob, "2"), 0, &pieces, true).unwrap(), length);
        assert_eq!(client.written(&upload(&blob, "3")).unwrap(), (length, true));
        assert_eq!(client.read(&download(&blob), 0, 0).unwrap(), blob);
        assert_eq!(client.read(&download(&blob), 3, 0).unwrap(), blob[3..]);
        assert_eq!(client.read(&download(&blob), 3, 4).unwrap(), blob[3..7]);
        assert_eq!(client.read(&download(&blob), length, 0).unwrap(), b"");
        for (offset, limit, code) in
            [(length + 1, 0, Code::OutOfRange), (-1, 0, Code::OutOfRange), (0, -1, Code::InvalidArgument)]
        {
            assert_eq!(client.read(&download(&blob), offset, limit).unwrap_err().code(), code);
        }
    }
    assert_eq!(client.read(&download(b"absent"), 0, 0).unwrap_err().code(), Code::NotFound);
    stele.assert_sound();
}

#[test]
fn uploads_that_lie_are_refused_and_leave_nothing() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let blob = noise(2_000_000, 1);
    let other = noise(2_000_000, 2);
    let name = upload(&blob, "1");
    let refused = |offset, pieces: &[&[u8]]| client.write(&name, offset, pieces, true).unwrap_err().code();
    assert_eq!(refused(0, &[&other]), Code::InvalidArgument);
    assert_eq!(refused(0, &[&blob[1..]]), Code::InvalidArgument);
    assert_eq!(refused(0, &[&blob, b"!"]), Code::InvalidArgument);
    assert_eq!(refused(7, &[&blob[7..]]), Code::OutOfRange);
    let message = |offset, name: &str, data: &[u8]| WriteRequest {
        resource_name: name.to_owned(),
        write_offset: offset,
        finish_write: false,
        data: data.to_vec(),
    };
    for (first, second) in [
        (message(0, &name, &blob[..10]), message(11, "", &blob[11..20])),
        (message(0, &name, &blob[..10]), message(10, &upload(&other, "1"), &blob[10..20])),
        (message(0, "blobs", b""), message(0, "", b"")),
        (message(0, "", b""), message(0, "", b"")),
        (message(0, &download(&blob), b""), message(0, "", b"")),
    ] {
        let refused = client.write_messages(vec![first, second]).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    assert_eq!(client.write_messages(Vec::new()).unwrap_err().code(), Code::InvalidArgument);
    assert!(!client.has(&digest(&blob)) && !client.has(&digest(&other)));
    assert_eq!((endpoint.metric("kept_blobs"), endpoint.metric("uploads")), (0, 0));
    assert_eq!(client.write(&name, 0, &[&blob], true).unwrap(), 2_000_000);
}

#[test]
fn an_endless_stream_ends_at_the_size_that_its_name_says() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let blob = noise(100_000, 1);
    let endless: Vec<&[u8]> = std::iter::repeat_n(&*blob, 10_000).collect();
    assert_eq!(
        client.write(&upload(&blob, "1"), 0, &endless, true).unwrap_err().code(),
        Code::InvalidArgument
    );
    // More than any disk has.
    let huge = format!("uploads/1/blobs/{}/{}", digest(&blob).hash, i64::MAX);
    assert_eq!(client.write(&huge, 0, &[&blob], true).unwrap_err().code(), Code::ResourceExhausted);
    // A compressed gibibyte of zeros, as a small blob.
    let bomb = zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap();
    let begun = Instant::now();
    let refused = client.write(&packed("uploads/1/", &blob), 0, &[&bomb], true).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!client.has(&digest(&blob)));
}

#[test]
fn an_upload_that_was_cut_off_goes_on_where_it_was() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let blob = noise(3_000_000, 1);
    let name = upload(&blob, "1");
    endpoint.client().write_and_break(&name, &[&blob[..1_000_000], &blob[1_000_000..1_500_000]]);
    let client = endpoint.client();
    assert_eq!(client.written(&name).unwrap(), (1_500_000, false));
    assert_eq!(client.written(&upload(&blob, "2")).unwrap(), (0, false));
    assert_eq!(
        client.write(&name, 1_400_000, &[&blob[1_400_000..]], true).unwrap_err().code(),
        Code::OutOfRange
    );
    // A client may stop without an end, and go on later.
    assert_eq!(client.write(&name, 1_500_000, &[&blob[1_500_000..2_000_000]], false).unwrap(), 2_000_000);
    assert_eq!(client.write(&name, 2_000_000, &[&blob[2_000_000..]], true).unwrap(), 3_000_000);
    assert_eq!(client.written(&name).unwrap(), (3_000_000, true));
    assert_eq!(client.read(&download(&blob), 0, 0).unwrap(), blob);
}

#[test]
fn compressed_blobs_are_checked_as_what_they_decompress_to() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let blob = "a text that repeats itself; ".repeat(100_000).into_bytes();
    let bytes = zstd::encode_all(&*blob, 3).unwrap();
    let name = packed("uploads/1/", &blob);
    let wrong = zstd::encode_all(&blob[1..], 3).unwrap();
    for lie in [&wrong[..], &blob[..1000], &bytes[..bytes.len() - 1], b""] {
        assert_eq!(client.write(&name, 0, &[lie], true).unwrap_err().code(), Code::InvalidArgument);
    }
    assert_eq!(client.write(&name, 0, &[&bytes[..100], &bytes[100..]], true).unwrap(), -1);
    assert_eq!(client.write(&name, 0, &[&bytes], true).unwrap(), -1);
    assert_eq!(client.written(&name).unwrap(), (-1, true));
    assert_eq!(client.read(&download(&blob), 0, 0).unwrap(), blob);
    let came = client.read(&packed("main/", &blob), 0, 0).unwrap();
    assert!(came.len() < blob.len() / 100);
    assert_eq!(zstd::decode_all(&*came).unwrap(), blob);
    let rest = client.read(&packed("", &blob), 1_000_000, 0).unwrap();
    assert_eq!(zstd::decode_all(&*rest).unwrap(), blob[1_000_000..]);
    assert_eq!(client.read(&packed("", &blob), 0, 5).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn a_client_that_reads_nothing_holds_up_nobody_for_long() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &["--stall", "1"]);
    let client = endpoint.client();
    let blob = noise(3_000_000, 1);
    client.write(&upload(&blob, "1"), 0, &[&blob], true).unwrap();
    // An upload of which nothing comes is given up, and remembered.
    let started = Instant::now();
    let other = noise(1_000_000, 2);
    endpoint.client().write_and_break(&upload(&other, "1"), &[&other[..10]]);
    assert_eq!(client.read(&download(&blob), 0, 0).unwrap(), blob);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(client.written(&upload(&other, "1")).unwrap(), (10, false));
}

#[test]
fn many_large_transfers_at_once_need_little_memory() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let blob = noise(60_000_000, 1);
    let client = endpoint.client();
    client.write(&upload(&blob, "0"), 0, &blob.chunks(1 << 20).collect::<Vec<_>>(), true).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let (client, blob) = (endpoint.client(), &blob);
            scope.spawn(move || {
                let own = [&[number][..], &blob[1..20_000_000]].concat();
                let pieces: Vec<&[u8]> = own.chunks(1 << 20).collect();
                assert_eq!(client.write(&upload(&own, "1"), 0, &pieces, true).unwrap(), 20_000_000);
                let packed = client.read(&packed("", blob), 0, 0).unwrap();
                assert_eq!(zstd::decode_all(&*packed).unwrap().len(), blob.len());
            });
        }
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", endpoint.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 200_000, "{kib} KiB");
    assert_eq!(endpoint.metric("uploads"), 0);
}

#[test]
fn damaged_bytes_are_never_read_as_whole_and_can_be_sent_again() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let blob = noise(100_000, 1);
    client.write(&upload(&blob, "1"), 0, &[&blob], true).unwrap();
    let info = stele.json(&["store", "info", &format!("sha256:{}", digest(&blob).hash)]);
    let path = std::path::PathBuf::from(info["file"].as_str().unwrap());
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&path, noise(100_000, 2)).unwrap();
    assert_eq!(client.read(&download(&blob), 0, 0).unwrap_err().code(), Code::DataLoss);
    assert!(!client.has(&digest(&blob)));
    assert_eq!(client.write(&upload(&blob, "2"), 0, &[&blob], true).unwrap(), 100_000);
    assert_eq!(client.read(&download(&blob), 0, 0).unwrap(), blob);
    stele.assert_sound();
}
