//! Debian's docker-registry.

use std::process::Child;

use super::*;

/// A registry on the loopback interface, which ends with the test.
pub struct Registry {
    process: Child,
    pub port: u16,
}

impl Registry {
    pub fn new(scratch: &Path) -> Self {
        Self::with(scratch, "")
    }

    /// One that only admits `user` with the password `secret`.
    pub fn locked(scratch: &Path) -> Self {
        let hash =
            "import crypt; print(crypt.crypt('secret', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))";
        let file = scratch.join("htpasswd");
        fs::write(&file, format!("user:{}\n", peer("/usr/bin/python3", &["-W", "ignore", "-c", hash])))
            .unwrap();
        Self::with(scratch, &format!("auth: {{htpasswd: {{realm: here, path: '{}'}}}}\n", file.display()))
    }

    fn with(scratch: &Path, more: &str) -> Self {
        // If another process takes the port before the registry starts, the test reports it.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = scratch.join("registry.yml");
        let folder = scratch.join("registry");
        let address = format!("127.0.0.1:{port}");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
                 http: {{addr: '{address}'}}\n{more}",
                folder.display()
            ),
        )
        .unwrap();
        let quiet = || Stdio::null();
        let process =
            Command::new("docker-registry").arg("serve").arg(&config).stdout(quiet()).stderr(quiet()).spawn();
        let process = process.expect("Debian's package docker-registry is installed");
        stele_tests::wait_for("the registry", || std::net::TcpStream::connect(&address).is_ok());
        Self { process, port }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
