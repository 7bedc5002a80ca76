//! buildbox-casd, of BuildStream, as a proxy in front of the store: it is another client of the protocol.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use tonic::Code;

use super::{Client, Endpoint, digest, noise};
use stele_tests::{Stele, cache, skip, wait_for};

/// The proxy, until it is dropped.
struct Casd {
    child: Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl Casd {
    fn of(endpoint: &Endpoint) -> Option<Self> {
        let program: PathBuf = cache().join("peers-buildbox/buildbox-casd");
        if !program.exists() {
            skip("there is no buildbox-casd: tools/install-deps test unpacks it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let mut command = Command::new(program);
        command.arg(format!("--bind={host}")).arg(format!("--cas-remote=http://{}", endpoint.host));
        command.arg(format!("--ac-remote=http://{}", endpoint.host));
        command.arg(folder.path().join("casd")).stdin(Stdio::null());
        command.stderr(fs::File::create(folder.path().join("log")).unwrap());
        let child = command.spawn().unwrap();
        wait_for("casd listens", || std::net::TcpStream::connect(&host).is_ok());
        Some(Self { child, host, _folder: folder })
    }
}

impl Drop for Casd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn casd_passes_on_what_its_clients_write_and_fetches_what_they_read() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let Some(casd) = Casd::of(&endpoint) else { return };
    let (behind, direct) = (Client::new(&casd.host, None), endpoint.client());
    let large = noise(5_000_000, 1);
    let name = format!("uploads/6d1c3a52-3d1c-4f3a-9d39-0a4ad1f5d0f1/blobs/{}/5000000", digest(&large).hash);
    let pieces: Vec<&[u8]> = large.chunks(1 << 20).collect();
    assert_eq!(behind.write(&name, 0, &pieces, true).unwrap(), 5_000_000);
    let small = behind.put(b"small");
    assert!(direct.has(&small) && direct.has(&digest(&large)));
    let other = noise(4_000_000, 2);
    let name = format!("uploads/1/blobs/{}/4000000", digest(&other).hash);
    direct.write(&name, 0, &[&other], true).unwrap();
    let text = direct.put(b"text");
    assert_eq!(behind.read_all(&[text]).unwrap(), [Ok(b"text".to_vec())]);
    assert_eq!(behind.read(&format!("blobs/{}/4000000", digest(&other).hash), 0, 0).unwrap(), other);
    let file = api::OutputFile { path: "a".to_owned(), digest: Some(small), ..api::OutputFile::default() };
    let result = api::ActionResult { output_files: vec![file], ..api::ActionResult::default() };
    assert_eq!(behind.result(&digest(b"action")).unwrap_err().code(), Code::NotFound);
    behind.put_result(&digest(b"action"), &result).unwrap();
    assert_eq!(direct.result(&digest(b"action")).unwrap().output_files, result.output_files);
    stele.assert_sound();
}
