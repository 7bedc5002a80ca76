//! Over ssh itself, to a server of the tests on loopback.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use stele_tests::workshop::Workshop;
use stele_tests::{Stele, binary, cache, skip, wait_for};

use super::{filled, root};

/// An ssh server with a configuration, keys and a log of its own.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn new() -> Option<Self> {
        // `tools/install-deps test` unpacks it there.
        let unpacked = cache().join("peers-sshd");
        let sshd =
            [unpacked.join("usr/sbin/sshd"), "/usr/sbin/sshd".into()].into_iter().find(|it| it.exists());
        let Some(sshd) = sshd else {
            skip("there is no sshd: tools/install-deps test unpacks it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(key))
                .status();
            assert!(made.unwrap().success());
        }
        fs::copy(at("user.pub"), at("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n",
            folder.path().display()
        );
        // Newer ones run other programs for a connection.
        let helpers =
            [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")].map(|(key, name)| {
                let path = unpacked.join("usr/lib/openssh").join(name);
                if path.exists() { format!("{key} {}\n", path.display()) } else { String::new() }
            });
        fs::write(at("sshd"), config + &helpers.concat()).unwrap();
        let client = format!(
            "IdentityFile {0}/user\nIdentitiesOnly yes\nUserKnownHostsFile {0}/known\n\
             StrictHostKeyChecking accept-new\nLogLevel ERROR\nBatchMode yes\n",
            folder.path().display()
        );
        fs::write(at("ssh"), client).unwrap();
        // As root it separates privileges in a folder that Debian's service makes.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let mut command = Command::new(sshd);
        command.arg("-D").arg("-e").arg("-f").arg(at("sshd")).stdin(Stdio::null());
        let child = command.stderr(fs::File::create(at("log")).unwrap()).spawn().unwrap();
        let server = Self { child, folder, port };
        wait_for("sshd listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(server)
    }

    fn address(&self, store: &Stele) -> String {
        format!("ssh://127.0.0.1:{}{}", self.port, store.store().display())
    }

    /// Lets a store's commands use the server.
    fn use_in(&self, stele: &mut Stele) {
        stele.set_env("STELE_SSH", &format!("ssh -F {}/ssh", self.folder.path().display()));
        stele.set_env("STELE_FAR", binary().to_str().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_store_on_another_machine_is_copied_to_and_from_by_ssh() {
    let Some(server) = Server::new() else { return };
    let ((mut one, digest), two, mut three) = (filled(), Stele::new(), Stele::new());
    server.use_in(&mut one);
    server.use_in(&mut three);
    let far = server.address(&two);
    let outcome = one.run(&["copy", "project", "--to", &far]);
    assert_eq!((outcome.code, outcome.text()), (0, digest.clone()), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("copied"), "{}", outcome.stderr);
    let again = one.run(&["copy", "project", "--to", &far]);
    assert!(again.stderr.contains("nothing was missing"), "{}", again.stderr);
    assert_eq!(root(&two, "project"), Some(digest.clone()));
    two.assert_sound();
    three.ok(&["copy", "project", "--from", &far]);
    assert_eq!(root(&three, "project"), Some(digest));
    three.assert_exports_as("project", &one.scratch().join("project"));
}

#[test]
fn failures_of_the_far_store_are_those_of_the_command() {
    let Some(server) = Server::new() else { return };
    let ((mut one, _), two) = (filled(), Stele::new());
    server.use_in(&mut one);
    let far = server.address(&two);
    let said = one.fails(&["copy", "nothing", "--from", &far], 3);
    assert!(said.contains("there is no root named nothing"), "{said}");
    one.set_env("STELE_FAR", "/nowhere/stele");
    let said = one.fails(&["copy", "project", "--to", &far], 1);
    assert!(said.contains("/nowhere/stele") && said.contains("ended without an answer"), "{said}");
    let said = one.fails(&["copy", "project", "--to", "ssh://127.0.0.1:1/s"], 1);
    assert!(said.contains("Connection refused"), "{said}");
    one.set_env("STELE_SSH", "/nowhere/ssh");
    let said = one.fails(&["copy", "project", "--to", &far], 1);
    assert!(said.contains("/nowhere/ssh") && said.contains("STELE_SSH"), "{said}");
}

#[test]
fn a_store_on_another_machine_is_a_substituter() {
    let Some(server) = Server::new() else { return };
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    let digest = shop.build("a");
    let mut near = Stele::new();
    server.use_in(&mut near);
    near.set_env("STELE_RECIPES", shop.path().to_str().unwrap());
    let far = server.address(&shop.stele);
    let outcome = near.run(&["build", "a", "--substituter", &far]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.text().starts_with(&digest), "{}", outcome.text());
    assert!(
        outcome.stderr.contains("substituted a from") && !outcome.stderr.contains("built a"),
        "{}",
        outcome.stderr
    );
    near.assert_sound();
    // What cannot be reached is told before anything is built.
    near.set_env("STELE_FAR", "/nowhere/stele");
    shop.recipe("a", &[], "echo b > $OUT/a");
    let said = near.fails(&["build", "a", "--substituter", &far], 1);
    assert!(said.contains("/nowhere/stele"), "{said}");
}

#[test]
fn a_store_on_another_machine_builds() {
    let Some(server) = Server::new() else { return };
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    let mut near = Stele::new();
    server.use_in(&mut near);
    near.set_env("STELE_RECIPES", shop.path().to_str().unwrap());
    // A store is not made there for a mistyped address.
    let said = near.fails(&["build", "a", "--builder", &server.address(&shop.stele)], 1);
    assert!(said.contains("there is no store in"), "{said}");
    shop.stele.add(shop.path());
    let outcome = near.run(&["build", "a", "--builder", &server.address(&shop.stele)]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("built a by"), "{}", outcome.stderr);
    // The same as here.
    assert!(outcome.text().starts_with(&shop.build("a")), "{}", outcome.text());
}
