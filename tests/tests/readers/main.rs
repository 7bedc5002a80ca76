//! A store that all users of the machine may read: another user copies and substitutes from it, and does no more.

mod builders;
mod users;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stele_tests::workshop::Workshop;
use stele_tests::{Stele, binary, wait_for};

use users::{Other, Service};

#[test]
fn another_user_copies_from_the_store_and_substitutes_what_it_built() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    let digest = shop.build("a");
    shop.stele.ok(&["daemon", "stop"]);
    let Some(service) = Service::of(&shop.stele) else { return };
    let other = Other::new();
    // The same recipes, in a folder of its own.
    let recipes = other.recipes(shop.path());
    let (code, built, said) =
        other.run(&["build", "a", "--recipes", &recipes, "--substituter", service.at()]);
    assert!(code == 0 && built.starts_with(&digest) && said.contains("substituted a"), "{built} {said}");
    let (code, copied, said) = other.run(&["copy", "build-a", "--from", service.at(), "--root", "copied"]);
    assert_eq!((code, &copied), (0, &digest), "{said}");
}

#[test]
fn another_user_writes_nothing_and_ends_nothing() {
    let stele = Stele::new();
    let file = stele.scratch().join("file");
    fs::write(&file, "kept").unwrap();
    let digest = stele.ok(&["store", "add", "--root", "kept", file.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    let Some(service) = Service::of(&stele) else { return };
    let other = Other::new();
    fs::write(other.home().join("mine"), "mine").unwrap();
    let (code, _, said) = other.run(&["store", "add", "--root", "mine", "mine"]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = other.run(&["copy", "mine", "--to", service.at()]);
    assert!(
        code == 1 && said.contains("who lets others only read it") && said.contains("--substituter"),
        "{said}"
    );
    // The store's own folder and its own socket are closed to it.
    let (code, _, said) = other.run(&["--store", stele.store().to_str().unwrap(), "store", "root", "ls"]);
    assert!(code != 0, "{said}");
    assert_eq!(fs::metadata(stele.store().join("socket")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(stele.ok(&["store", "cat", "kept"]), "kept");
    assert_eq!(stele.json(&["store", "root", "ls"])[0]["digest"], digest.as_str());
}

/// A script in Python as another user; `peer` is a connection on which it has greeted.
fn stranger(other: &Other, socket: &str, script: &str) -> Command {
    let greeting = r#"
import json, os, socket, struct, sys
def send(it, kind=b'J'):
    text = json.dumps(it).encode()
    peer.sendall(struct.pack('<I', len(text)) + kind + text)
def hand_over(fd):
    socket.send_fds(peer, [struct.pack('<I', 0) + b'D'], [fd])
def answer():
    head = b''
    while len(head) < 5:
        part = peer.recv(5 - len(head))
        if not part: return 'closed'
        head += part
    length, = struct.unpack('<I', head[:4])
    text = b''
    while len(text) < length: text += peer.recv(length - len(text))
    return text.decode()
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(20)
peer.connect(sys.argv[1])
send({'stele': 'x', 'protocol': 2, 'build': 'x'})
answer()
"#;
    other.command(Path::new("/usr/bin/python3"), &["-c", &format!("{greeting}{script}"), socket])
}

/// What such a script prints.
fn as_stranger(other: &Other, socket: &str, script: &str) -> String {
    let output = stranger(other, socket, script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn a_stranger_that_speaks_the_protocol_itself_gets_no_further() {
    let stele = Stele::new();
    let secret = stele.scratch().join("secret");
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    fs::set_permissions(stele.scratch(), PermissionsExt::from_mode(0o755)).unwrap();
    stele.ok(&["store", "add", "--root", "kept", secret.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    let Some(service) = Service::of(&stele) else { return };
    let other = Other::new();
    let path = secret.display();
    let said = |script: &str| as_stranger(&other, service.at(), script);
    // It may read what is in the store: the control.
    let list = said("send({'call': 'store', 'store': {'request': 'root-list'}}); print(answer())");
    assert!(list.contains("kept"), "{list}");
    for call in [
        "{'call': 'stop', 'now': True}".to_owned(),
        format!(
            "{{'call': 'store', 'store': {{'request': 'add', 'path': '{path}', 'root': 'x', 'keep_seconds': 9}}}}"
        ),
        format!(
            "{{'call': 'store', 'store': {{'request': 'copy', 'ask': {{'copy': 'send', 'wanted': {{'items': []}}, \
             'to': '{path}'}}}}}}"
        ),
        "{'call': 'store', 'store': {'request': 'root-remove', 'name': 'kept'}}".to_owned(),
        "{'call': 'mounts'}".to_owned(),
    ] {
        let refused = said(&format!("send({call}); print(answer()); print(answer())"));
        assert!(refused.contains("only read it") && refused.ends_with("closed"), "{call}: {refused}");
    }
    // Root's daemon would write to a file of root's, if it opened again what only a path was opened of; and whoever
    // holds a pipe can hold up who writes to it. So no descriptor is taken.
    let handed = format!(
        "send({{'call': 'store', 'opened': True, 'store': {{'request': 'copy', 'ask': {{'copy': 'send', \
         'wanted': {{'items': []}}, 'to': '{path}'}}}}}})\n"
    );
    for open in [format!("os.open('{path}', os.O_PATH)"), "os.pipe()[1]".to_owned()] {
        let refused = said(&format!("{handed}hand_over({open}); print(answer()); print(answer())"));
        assert!(refused.contains("only read it") && refused.ends_with("closed"), "{open}: {refused}");
    }
    let call =
        "{'call': 'store', 'store': {'request': 'copy', 'ask': {'copy': 'send', 'wanted': {'items': []}}}}";
    let taken = said(&format!("send({call}); print(answer())"));
    assert!(taken.contains("stele-bundle 1"), "{taken}");
    assert_eq!(fs::read(&secret).unwrap(), b"secret");
    let many = said(
        "peers = [socket.socket(socket.AF_UNIX) for _ in range(20)]\n\
         for it in peers: it.settimeout(9); it.connect(sys.argv[1])\n\
         print(sum(it.recv(1) == b'' for it in peers[16:]))",
    );
    assert_eq!(many, "4");
    assert_eq!(stele.ok(&["store", "cat", "kept"]), "secret");
}

#[test]
fn a_service_takes_over_from_a_daemon_and_listens_on_a_socket_that_it_inherits() {
    let stele = Stele::new();
    let file = stele.scratch().join("file");
    fs::write(&file, "kept").unwrap();
    let digest = stele.ok(&["store", "add", "--root", "kept", file.to_str().unwrap()]);
    let before = stele.daemon().unwrap();
    let socket = stele.scratch().join("inherited");
    let listener = UnixListener::bind(&socket).unwrap();
    // As systemd hands it over: descriptor 3, and two variables.
    let script =
        r#"exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" daemon run --readers inherited"#;
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(binary()).env("STELE_STORE", stele.store());
    let mut service = command.stdin(OwnedFd::from(listener)).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the service owns the store", || stele.daemon().is_some_and(|pid| pid != before));
    let two = Stele::new();
    two.ok(&["copy", &digest, "--from", socket.to_str().unwrap()]);
    assert_eq!(two.ok(&["store", "cat", &digest]), "kept");
    stele.ok(&["daemon", "stop"]);
    assert!(service.wait().unwrap().success());
    // It was not the daemon's to remove.
    assert!(socket.exists());
    let refused = stele.fails(&["daemon", "run", "--readers", "inherited"], 1);
    assert!(refused.contains("LISTEN_FDS"), "{refused}");
}

#[test]
fn a_reader_that_stalls_does_not_keep_the_daemon_from_ending() {
    let stele = Stele::new();
    let file = stele.scratch().join("file");
    fs::write(&file, vec![7; 50_000_000]).unwrap();
    stele.ok(&["store", "add", "--root", "large", file.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    let Some(service) = Service::of(&stele) else { return };
    let other = Other::new();
    let call = "{'call': 'store', 'store': {'request': 'cat', 'reference': 'large'}}";
    let script = format!("send({call}); answer(); open('stalls', 'w'); import time; time.sleep(100)");
    let mut stalled = stranger(&other, service.at(), &script).spawn().unwrap();
    wait_for("the reader stalls", || other.home().join("stalls").exists());
    let begun = Instant::now();
    stele.ok(&["daemon", "stop"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    stalled.kill().unwrap();
    stalled.wait().unwrap();
}
