//! Who may do what: tokens, and certificates of either side.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::slice::from_ref;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use tonic::Code;

use super::{Client, Endpoint, digest};
use stele_tests::Stele;

#[test]
fn without_the_token_nobody_writes_and_with_a_wrong_one_nobody_reads() {
    let stele = Stele::new();
    let token = stele.scratch().join("token");
    fs::write(&token, "secret-of-writers\nsecond line\n").unwrap();
    let endpoint = Endpoint::start(&stele, &["--write-token", token.to_str().unwrap()]);
    let (reader, writer) = (endpoint.client(), Client::new(&endpoint.host, Some("secret-of-writers")));
    let enabled = |client: &Client| {
        let cache = client.capabilities().unwrap().cache_capabilities.unwrap();
        cache.action_cache_update_capabilities.unwrap().update_enabled
    };
    assert_eq!((enabled(&reader), enabled(&writer)), (false, true));
    let blob = digest(b"blob");
    let upload = format!("uploads/1/blobs/{}/4", blob.hash);
    let result = api::ActionResult::default();
    let denied = Code::PermissionDenied;
    assert_eq!(reader.update(&[(blob.clone(), b"blob")]).unwrap_err().code(), denied);
    assert_eq!(reader.write(&upload, 0, &[b"blob"], true).unwrap_err().code(), denied);
    assert_eq!(reader.put_result(&blob, &result).unwrap_err().code(), denied);
    assert!(!reader.has(&blob));
    writer.put(b"blob");
    writer.write(&upload, 0, &[b"blob"], true).unwrap();
    writer.put_result(&blob, &result).unwrap();
    assert!(reader.has(&blob) && reader.result(&blob).is_ok());
    for wrong in ["secret-of-writer", "secret-of-writers2", "second line", ""] {
        let stranger = Client::new(&endpoint.host, Some(wrong));
        assert_eq!(stranger.missing(from_ref(&blob)).unwrap_err().code(), Code::Unauthenticated, "{wrong}");
        assert_eq!(stranger.capabilities().unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(stranger.update(&[(blob.clone(), b"blob")]).unwrap_err().code(), Code::Unauthenticated);
    }
}

#[test]
fn where_reading_needs_a_token_nobody_reads_without_one() {
    let stele = Stele::new();
    let [read, write] = ["read", "write"].map(|name| {
        let file = stele.scratch().join(name);
        fs::write(&file, name).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let endpoint = Endpoint::start(&stele, &["--read-token", &read, "--write-token", &write]);
    let blob = digest(b"blob");
    let stranger = endpoint.client();
    assert_eq!(stranger.missing(from_ref(&blob)).unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(
        stranger.read(&format!("blobs/{}/4", blob.hash), 0, 0).unwrap_err().code(),
        Code::Unauthenticated
    );
    assert!(endpoint.page("/metrics").starts_with("HTTP/1.1 401"));
    let reader = Client::new(&endpoint.host, Some("read"));
    assert!(!reader.has(&blob));
    assert_eq!(reader.update(&[(blob.clone(), b"blob")]).unwrap_err().code(), Code::PermissionDenied);
    Client::new(&endpoint.host, Some("write")).put(b"blob");
    assert!(reader.has(&blob));
}

#[test]
fn options_that_make_no_sense_are_refused_with_a_hint() {
    let stele = Stele::new();
    let empty = stele.scratch().join("empty");
    fs::write(&empty, "\n").unwrap();
    let empty = empty.to_str().unwrap();
    for options in [
        &["--reapi", "127.0.0.1:0", "--write-token", empty][..],
        &["--reapi", "127.0.0.1:0", "--write-token", "/nowhere"],
        &["--reapi", "127.0.0.1:0", "--tls-clients", empty],
        &["--reapi", "127.0.0.1:0", "--oci", "127.0.0.1:0"],
        &["--reapi", "127.0.0.1:0", "--quota", "much"],
        &["--oci", "127.0.0.1:0", "--writable"],
        &["--reapi", "nowhere"],
        &[],
    ] {
        stele.fails(&[&["serve"], options].concat(), 2);
    }
}

fn openssl(folder: &Path, args: &str) {
    let mut command = Command::new("openssl");
    let done = command.args(args.split(' ')).current_dir(folder).stderr(Stdio::null()).status();
    assert!(done.unwrap().success(), "{args}");
}

/// Says a request by TLS, and hears the answer.
fn ask(folder: &Path, host: &str, options: &str, request: &str) -> String {
    let text =
        format!("s_client -connect {host} -CAfile authority.pem -verify_return_error -quiet {options}");
    let mut command = Command::new("openssl");
    command.args(text.split(' ').filter(|it| !it.is_empty())).current_dir(folder);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), request.as_bytes()).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn with_an_authority_for_clients_only_those_with_its_certificates_are_served() {
    let stele = Stele::new();
    let at = stele.scratch();
    let pair = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        at,
        &format!("req -x509 {pair} -keyout authority.key -out authority.pem -subj /CN=authority -days 2"),
    );
    for name in ["server", "client"] {
        openssl(at, &format!("req {pair} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        fs::write(at.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
        openssl(
            at,
            &format!(
                "x509 -req -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
                 -extfile names -out {name}.pem"
            ),
        );
    }
    openssl(at, &format!("req -x509 {pair} -keyout other.key -out other.pem -subj /CN=other -days 2"));
    let path = |name: &str| at.join(name).to_str().unwrap().to_owned();
    let tls = ["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")];
    let endpoint =
        Endpoint::writable(&stele, &[&tls[..], &["--tls-clients", &path("authority.pem")]].concat());
    let request = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let alpn = "-alpn http/1.1";
    let known = format!("{alpn} -cert client.pem -key client.key");
    assert!(ask(at, &endpoint.host, &known, request).starts_with("HTTP/1.1 200"));
    assert_eq!(ask(at, &endpoint.host, alpn, request), "");
    assert_eq!(ask(at, &endpoint.host, &format!("{alpn} -cert other.pem -key other.key"), request), "");
    // Without that option, TLS alone.
    let endpoint = Endpoint::writable(&stele, &tls);
    assert!(ask(at, &endpoint.host, alpn, request).starts_with("HTTP/1.1 200"));
    let clear = endpoint.client().missing(&[digest(b"a")]).unwrap_err();
    assert!(matches!(clear.code(), Code::Unavailable | Code::Unknown | Code::Internal), "{clear}");
}
