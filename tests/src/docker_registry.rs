//! Debian's docker-registry.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::wait_for;

/// A registry on the loopback interface, which ends with the test.
pub struct Registry {
    process: Child,
    /// Its port.
    pub port: u16,
}

impl Registry {
    /// One with its files in `scratch`.
    pub fn new(scratch: &Path) -> Self {
        Self::with(scratch, "")
    }

    /// One that only admits `user` with the password `secret`.
    pub fn locked(scratch: &Path) -> Self {
        let hash = "import crypt; print(crypt.crypt('secret', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)), end='')";
        let python = Command::new("/usr/bin/python3").args(["-W", "ignore", "-c", hash]).output();
        let hash = python.expect("Debian's package python3 is installed").stdout;
        let file = scratch.join("htpasswd");
        fs::write(&file, [b"user:", &hash[..], b"\n"].concat()).expect("a file of passwords");
        Self::with(scratch, &format!("auth: {{htpasswd: {{realm: here, path: '{}'}}}}\n", file.display()))
    }

    fn with(scratch: &Path, more: &str) -> Self {
        // If another process takes the port before the registry starts, the test reports it.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let config = scratch.join("registry.yml");
        let folder = scratch.join("registry");
        let address = format!("127.0.0.1:{port}");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
             http: {{addr: '{address}'}}\n{more}",
            folder.display()
        );
        fs::write(&config, text).expect("its configuration");
        let quiet = || Stdio::null();
        let process =
            Command::new("docker-registry").arg("serve").arg(&config).stdout(quiet()).stderr(quiet()).spawn();
        let process = process.expect("Debian's package docker-registry is installed");
        wait_for("the registry", || TcpStream::connect(&address).is_ok());
        Self { process, port }
    }

    /// Its address, as part of an image's name.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
