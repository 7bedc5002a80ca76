//! HTTPS, against `openssl s_server` with the test's own authority.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use stele_tests::{skip, wait_for};

use super::{Sources, random};

/// A server that answers with the files of a folder, each a whole answer with its headers.
struct Tls {
    port: u16,
    child: Child,
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl(folder: &Path, args: &[&str]) -> bool {
    let output = Command::new("openssl").current_dir(folder).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

impl Tls {
    fn start(folder: &Path) -> Option<Self> {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let authority = ["req", "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"];
        let request = ["req", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"];
        fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
        let sign = [
            "x509",
            "-req",
            "-in",
            "request.pem",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "cert.pem",
        ];
        let made = openssl(folder, &[&authority[..], &key].concat())
            && openssl(folder, &[&request[..], &key[..5]].concat())
            && openssl(folder, &sign);
        if !made {
            skip("no openssl that makes certificates");
            return None;
        }
        // Free a moment ago, and requested again at once.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .current_dir(folder)
            .args(["s_server", "-HTTP", "-quiet", "-cert", "cert.pem", "-key", "key.pem"])
            .args(["-accept", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { port, child };
        wait_for("openssl to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(server)
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}/{path}", self.port)
    }
}

#[test]
fn only_the_machines_authorities_are_trusted_and_https_does_not_redirect_to_http() {
    let mut sources = Sources::new();
    let bytes = random(70, 50_000);
    let folder = tempfile::tempdir().unwrap();
    let answer = |head: &str, body: &[u8]| [format!("HTTP/1.0 {head}\r\n\r\n").as_bytes(), body].concat();
    fs::write(folder.path().join("file"), answer("200 OK", &bytes)).unwrap();
    let plain = stele_tests::server::Server::of(&bytes);
    let location = format!("302 Found\r\nLocation: {}", plain.url("a"));
    fs::write(folder.path().join("away"), answer(&location, b"")).unwrap();
    let Some(server) = Tls::start(folder.path()) else { return };
    let said = sources.fails(&bytes, &[&server.url("file")], 1);
    assert!(said.to_lowercase().contains("certificate"), "{said}");
    // A machine without authorities trusts no server.
    sources.stele.set_env("SSL_CERT_FILE", "/dev/null");
    sources.fails(&bytes, &[&server.url("file")], 1);
    // The location of a machine's authorities can be set, for instance to include a company's own one.
    let authority = folder.path().join("ca.pem");
    sources.stele.set_env("SSL_CERT_FILE", authority.to_str().unwrap());
    let said = sources.fails(&bytes, &[&server.url("away")], 1);
    assert!(said.contains("a redirect leads from https to http://"), "{said}");
    assert!(plain.asked().is_empty());
    sources.fetches(&bytes, &[&server.url("file")]);
}
