//! `stele serve --reapi`: the cache of the Remote Execution API, to a client of the tests' own, to buildbox-casd and to
//! Bazel.
//!
//! `tools/install-deps test` installs the peers. Nothing here reaches beyond the loopback interface.

mod access;
mod bazel;
mod casd;
mod client;
mod contents;
mod keeping;
mod results;
mod streams;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use sha2::Digest as _;

use client::Client;
use stele_tests::Stele;

/// A server that ends with the test.
struct Endpoint {
    child: Child,
    /// `HOST:PORT`.
    host: String,
}

impl Endpoint {
    /// Serves a store, to clients that may all write unless the options say otherwise.
    fn writable(stele: &Stele, options: &[&str]) -> Self {
        Self::start(stele, &[&["--writable"], options].concat())
    }

    fn start(stele: &Stele, options: &[&str]) -> Self {
        let all = [&["serve", "--reapi", "127.0.0.1:0"], options].concat();
        let log = File::options().create(true).append(true).open(stele.scratch().join("endpoint.log"));
        let mut command = stele.command(&all);
        let mut child = command.stdout(Stdio::piped()).stderr(log.unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().split("://").nth(1).map(str::to_owned);
        let log = || std::fs::read_to_string(stele.scratch().join("endpoint.log"));
        Self { child, host: host.unwrap_or_else(|| panic!("it does not serve: {:?}", log())) }
    }

    fn client(&self) -> Client {
        Client::new(&self.host, None)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The body of a page, by HTTP/1.1.
    fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// A value of `/metrics`.
    fn metric(&self, name: &str) -> i64 {
        let page = self.page("/metrics");
        let line = page.lines().find(|line| line.starts_with(&format!("stele_reapi_{name} ")));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {page}"))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(bytes: &[u8]) -> api::Digest {
    let size_bytes = i64::try_from(bytes.len()).unwrap();
    api::Digest { hash: hex(&sha2::Sha256::digest(bytes)), size_bytes }
}

/// Bytes that do not compress.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}
