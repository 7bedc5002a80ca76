//! A substituter that answers as no honest store would: at the end of every test the recipe was built here, the daemon
//! is still the same process, used little memory, and the store is intact.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use stele_store::model::{BlobId, Digest, Name, Node, SymlinkTarget, Tree, TreeId};
use stele_tests::Stele;
use stele_tests::peer::{Peer, Reply, realised, unknown};
use stele_tests::workshop::Workshop;

/// The maximum memory of a daemon in KiB.
const MAX_MEMORY: u64 = 400 << 10;

/// The digest of an honest build of `box`.
fn honest() -> &'static str {
    static HONEST: OnceLock<String> = OnceLock::new();
    HONEST.get_or_init(|| Workshop::new().build("box"))
}

fn peak_memory(daemon: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{daemon}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Builds `box` with that peer, which has to end within `time` and with the output of an honest build. Its stderr.
#[track_caller]
fn built_here_within(time: Duration, peer: &Peer) -> String {
    let shop = Workshop::new();
    shop.stele.add(shop.path());
    let daemon = shop.stele.daemon().unwrap();
    let begun = Instant::now();
    let outcome = shop.stele.run(&["build", "box", "--substituter", peer.path().to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.text(), format!("{}  box", honest()));
    assert!(
        outcome.stderr.contains("built box") && !outcome.stderr.contains("] substituted box"),
        "{}",
        outcome.stderr
    );
    assert!(begun.elapsed() < time, "it took {:?}", begun.elapsed());
    assert_eq!(shop.stele.daemon(), Some(daemon), "the daemon is another");
    let memory = peak_memory(daemon);
    assert!(memory < MAX_MEMORY, "the daemon used {memory} KiB");
    shop.stele.assert_sound();
    outcome.stderr
}

#[track_caller]
fn built_here(peer: &Peer) -> String {
    built_here_within(Duration::from_secs(18), peer)
}

fn request(asked: &Value) -> &str {
    asked["request"].as_str().unwrap_or_default()
}

fn reference(asked: &Value) -> &str {
    asked["reference"].as_str().unwrap_or_default()
}

/// A peer that gives `root` as the output of each action, and has only these texts.
fn peer_of(root: TreeId, texts: HashMap<String, Vec<u8>>) -> Peer {
    Peer::start(move |asked| match request(asked) {
        "realisation" => realised(&[("out", &root.to_string())]),
        "cat" => match texts.get(reference(asked)) {
            Some(text) => Reply::Bytes(text.clone()),
            None => unknown(),
        },
        _ => unknown(),
    })
}

fn tree(entries: Vec<(&str, Node)>) -> Tree {
    let entries = entries.into_iter().map(|(name, node)| (Name::new(name.as_bytes()).unwrap(), node));
    Tree::new(entries.collect()).unwrap()
}

fn file(bytes: &[u8], size: u64) -> Node {
    Node::File { blob: BlobId(Digest::of(bytes)), size, executable: false }
}

fn directory(of: &Tree) -> Node {
    Node::Directory { tree: of.id(), size: of.encode().len() as u64 }
}

fn text_of(tree: &Tree) -> Vec<u8> {
    tree.encode().into_bytes()
}

/// Trees by their digests.
fn texts<'a>(trees: impl IntoIterator<Item = &'a Tree>) -> HashMap<String, Vec<u8>> {
    trees.into_iter().map(|tree| (tree.id().to_string(), text_of(tree))).collect()
}

/// The control of all tests here: honest output is accepted, over the same connection.
#[test]
fn an_honest_peer_is_used() {
    let (inner, bytes) = (tree(vec![("x", file(b"some bytes", 10))]), b"some bytes".to_vec());
    let link = Node::Symlink { target: SymlinkTarget::new(b"d/x").unwrap() };
    let root = tree(vec![("d", directory(&inner)), ("e", directory(&inner)), ("link", link)]);
    let mut texts = texts([&inner, &root]);
    texts.insert(Digest::of(&bytes).to_string(), bytes);
    let peer = peer_of(root.id(), texts);
    let shop = Workshop::new();
    for place in [peer.path().to_owned(), peer.socket()] {
        let outcome = shop.stele.run(&["build", "box", "--substituter", place.to_str().unwrap()]);
        assert_eq!(outcome.text(), format!("{}  box", root.id()), "{}", outcome.stderr);
    }
    assert_eq!(shop.file("build-box/e/x"), "some bytes");
    // A blob at two places is requested once.
    let asked = peer.asked();
    let count = asked.iter().filter(|it| reference(&it["store"]) == inner.id().to_string()).count();
    assert_eq!(count, 1, "{asked:?}");
    shop.stele.assert_sound();
}

#[test]
fn a_missing_output_is_built_here() {
    built_here(&peer_of(TreeId(Digest::of(b"nothing")), HashMap::new()));
    let lost = tree(vec![("x", file(b"lost", 4))]);
    built_here(&peer_of(lost.id(), texts([&lost])));
    let root = tree(vec![("a", directory(&lost))]);
    built_here(&peer_of(root.id(), texts([&root])));
}

#[test]
fn wrong_bytes_are_built_here() {
    let root = tree(vec![("x", file(b"right", 5))]);
    let mut wrong = texts([&root]);
    wrong.insert(Digest::of(b"right").to_string(), b"wrong".to_vec());
    assert!(built_here(&peer_of(root.id(), wrong)).contains("cannot be substituted from"));
    // Another tree than the requested one; bytes that are not a tree, under their own digest.
    let other = tree(vec![("y", file(b"right", 5))]);
    built_here(&peer_of(root.id(), HashMap::from([(root.id().to_string(), text_of(&other))])));
    for bytes in [&b"stele-tree 1\nf x\n"[..], b"", b"\xff\xff"] {
        let named = TreeId(Digest::of(bytes));
        built_here(&peer_of(named, HashMap::from([(named.to_string(), bytes.to_vec())])));
    }
}

#[test]
fn wrong_sizes_are_built_here() {
    // The digest is right each time.
    for size in [0, 4, 6, u64::MAX] {
        let root = tree(vec![("x", file(b"right", size))]);
        let mut all = texts([&root]);
        all.insert(Digest::of(b"right").to_string(), b"right".to_vec());
        let said = built_here(&peer_of(root.id(), all));
        assert!(said.contains("cannot be substituted from"), "{said}");
    }
    let inner = tree(vec![]);
    let root = tree(vec![("d", Node::Directory { tree: inner.id(), size: 5 })]);
    built_here(&peer_of(root.id(), texts([&inner, &root])));
    let root = tree(vec![("d", Node::Directory { tree: inner.id(), size: 500 })]);
    built_here(&peer_of(root.id(), texts([&inner, &root])));
}

/// A chain of so many trees, the outermost first.
fn chain(levels: usize) -> (TreeId, HashMap<String, Vec<u8>>) {
    let mut top = tree(vec![]);
    let mut all = HashMap::from([(top.id().to_string(), text_of(&top))]);
    for _ in 0..levels {
        top = tree(vec![("a", directory(&top))]);
        all.insert(top.id().to_string(), text_of(&top));
    }
    (top.id(), all)
}

#[test]
fn trees_in_each_other_without_end_are_built_here_and_end_no_stack() {
    let (root, all) = chain(1_000_000);
    let said = built_here(&peer_of(root, all));
    assert!(said.contains("is nested deeper than 2048"), "{said}");
    // A chain that is one too deep is refused, and one at the limit is accepted and can be exported.
    let (root, all) = chain(2049);
    built_here(&peer_of(root, all));
    let (root, all) = chain(2000);
    let shop = Workshop::new();
    let peer = peer_of(root, all);
    let outcome = shop.stele.run(&["build", "box", "--substituter", peer.path().to_str().unwrap()]);
    assert_eq!(outcome.text(), format!("{root}  box"), "{}", outcome.stderr);
    shop.stele.ok(&["store", "export", "build-box", shop.stele.scratch().join("out").to_str().unwrap()]);
}

/// The number of paths through it is astronomical.
#[test]
fn trees_that_are_reached_by_many_paths_are_fetched_once() {
    let mut top = tree(vec![]);
    let mut all = vec![top.clone()];
    for _ in 0..300 {
        top = tree(vec![("a", directory(&top)), ("b", directory(&top))]);
        all.push(top.clone());
    }
    let peer = peer_of(top.id(), texts(&all));
    let shop = Workshop::new();
    let outcome =
        shop.stele.run(&["build", "box", "--no-root", "--substituter", peer.path().to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(peer.asked().len() < 1000);
}

#[test]
fn endless_content_is_cut_off() {
    // The text of the topmost tree.
    let named = TreeId(Digest::of(b"endless"));
    let peer = Peer::start(move |asked| match request(asked) {
        "realisation" => realised(&[("out", &named.to_string())]),
        "cat" => Reply::Endless,
        _ => unknown(),
    });
    built_here(&peer);
    // It is requested twice: before sources are fetched, and before the action is run.
    assert!(peer.sent() < 2 * (70 << 20), "{} bytes were taken", peer.sent());
    // A blob that should have five bytes; a tree below another.
    let inner = Node::Directory { tree: named, size: 100 };
    for node in [file(b"right", 5), inner] {
        let root = tree(vec![("x", node)]);
        let (id, text) = (root.id().to_string(), text_of(&root));
        let peer = Peer::start(move |asked| match request(asked) {
            "realisation" => realised(&[("out", &id)]),
            "cat" if reference(asked) == id => Reply::Bytes(text.clone()),
            "cat" => Reply::Endless,
            _ => unknown(),
        });
        built_here(&peer);
        assert!(peer.sent() < 10 << 20, "{} bytes were taken", peer.sent());
    }
}

#[test]
fn an_endless_log_is_dropped_and_the_output_accepted() {
    let root = tree(vec![]);
    let (id, text) = (root.id().to_string(), text_of(&root));
    let log = Digest::of(b"log").to_string();
    let of = id.clone();
    let peer = Peer::start(move |asked| match request(asked) {
        "realisation" => Reply::Answer(
            "realised",
            serde_json::json!({ "outputs": { "out": of }, "log": log, "gone": false }),
        ),
        "cat" if reference(asked) == of => Reply::Bytes(text.clone()),
        _ => Reply::Endless,
    });
    let shop = Workshop::new();
    let outcome = shop.stele.run(&["build", "box", "--substituter", peer.path().to_str().unwrap()]);
    assert_eq!(outcome.text(), format!("{id}  box"), "{}", outcome.stderr);
    assert!(peer.sent() < 300 << 20, "{} bytes were taken", peer.sent());
    let memory = peak_memory(shop.stele.daemon().unwrap());
    assert!(memory < MAX_MEMORY, "the daemon used {memory} KiB");
}

#[test]
fn an_invalid_answer_leads_to_a_local_build() {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let frame = |bytes: &[u8]| [&length(bytes)[..], b"J", bytes].concat();
    for bytes in [
        b"\0\0\0\0\0\0\0\0".to_vec(),
        vec![0xff; 64],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        frame(b"{"),
        frame(b"{\"reply\":\"answer\",\"value\":{\"answer\":\"realised\",\"value\":{\"outputs\":7}}}"),
        frame("[".repeat(100_000).as_bytes()),
    ] {
        built_here(&Peer::start(move |_| Reply::Raw(bytes.clone())));
    }
    built_here(&Peer::start(|_| Reply::HangUp));
    // It does not make us start one daemon after the other.
    built_here(&Peer::start(|_| Reply::Going));
    built_here(&Peer::start(|_| Reply::Answer("done", serde_json::json!({}))));
    let peer = Peer::start(|_| Reply::EndlessMessage);
    built_here(&peer);
    assert!(peer.sent() < 20 << 20, "{} bytes were taken", peer.sent());
}

#[test]
fn outputs_that_the_action_lacks_are_refused() {
    let named = Digest::of(b"x").to_string();
    let (a, b, c) = (named.clone(), named.clone(), named);
    built_here(&Peer::start(move |_| realised(&[("out", &a), ("other", &a)])));
    built_here(&Peer::start(move |_| realised(&[("other", &b)])));
    built_here(&Peer::start(move |_| realised(&[("out", &c[..63])])));
    built_here(&Peer::start(|_| realised(&[])));
    built_here(&Peer::start(|_| realised(&[("out", "../../etc/passwd")])));
}

#[test]
fn its_output_controls_no_terminal_and_forges_no_line() {
    let text = "m \x1b[31mRED\x1b]0;title\x07\nerror: forged\n \u{061c}\u{202e} end";
    let check = |said: &str| {
        assert!(!said.contains(['\x1b', '\x07', '\u{061c}', '\u{202e}']), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("error: forged")), "{said:?}");
    };
    let root = tree(vec![("x", file(b"lost", 4))]).id().to_string();
    let peer = Peer::start(move |asked| match request(asked) {
        "realisation" => realised(&[("out", &root)]),
        _ => Reply::Failure("corrupt", text.to_owned(), text.to_owned()),
    });
    check(&built_here(&peer));
}

/// The time limit for a peer is 20 s, in total: not for each request.
#[test]
fn a_peer_that_hangs_is_abandoned_and_not_queried_again() {
    let said = built_here_within(Duration::from_secs(45), &Peer::start(|_| Reply::Hang));
    assert_eq!(said.matches("does not answer").count(), 1, "{said}");
}

#[test]
fn a_peer_that_sends_progress_and_no_answer_is_abandoned() {
    built_here_within(Duration::from_secs(45), &Peer::start(|_| Reply::EndlessProgress));
}

#[test]
fn a_peer_that_trickles_is_abandoned() {
    let root = tree(vec![("x", file(b"lost", 4))]).id().to_string();
    let peer = Peer::start(move |asked| match request(asked) {
        "realisation" => realised(&[("out", &root)]),
        _ => Reply::Trickle,
    });
    built_here_within(Duration::from_secs(45), &peer);
}

/// Waits until the peer received a request.
fn wait_until_asked(peer: &Peer) {
    stele_tests::wait_for("a question", || !peer.asked().is_empty());
}

#[test]
fn the_daemon_ends_at_once_though_a_peer_hangs() {
    for hang in [|| Reply::Hang, || Reply::EndlessProgress, || Reply::Trickle] {
        let peer = Peer::start(move |_| hang());
        let shop = Workshop::new();
        // A peer that answers too much is given up at once: then it is built here, which must not be done before the
        // daemon is stopped.
        shop.recipe("slow", &[], "sleep 60; echo > $OUT/a");
        let mut build = shop.begin(&["slow", "--substituter", peer.path().to_str().unwrap()]);
        wait_until_asked(&peer);
        let begun = Instant::now();
        shop.stele.ok(&["daemon", "stop", "--now"]);
        assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
        assert_eq!(shop.stele.daemon(), None);
        assert!(!build.wait().unwrap().success());
    }
}

#[test]
fn the_daemon_ends_at_once_though_a_peer_does_not_even_greet() {
    let peer = Peer::mute();
    let shop = Workshop::new();
    shop.stele.add(shop.path());
    let mut build = shop.begin(&["box", "--substituter", peer.path().to_str().unwrap()]);
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    shop.stele.ok(&["daemon", "stop", "--now"]);
    assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
    assert!(!build.wait().unwrap().success());
}

#[test]
fn a_client_that_stops_waiting_for_a_peer_leaves_nothing_behind() {
    let peer = Peer::start(|_| Reply::Hang);
    let shop = Workshop::new();
    let mut build = shop.begin(&["box", "--substituter", peer.path().to_str().unwrap()]);
    wait_until_asked(&peer);
    build.kill().unwrap();
    build.wait().unwrap();
    stele_tests::wait_for("the request to end", || shop.stele.json(&["daemon", "status"])["working"] == 0);
}

#[test]
fn querying_a_peer_starts_no_daemon_at_its_socket_and_replaces_none() {
    // A socket that nothing listens on any more.
    let other = Stele::new();
    other.add(Path::new("src"));
    let daemon = other.daemon().unwrap();
    other.kill_daemon();
    let socket = other.store().join("socket");
    let shop = Workshop::new();
    let said = shop.stele.fails(&["build", "box", "--substituter", socket.to_str().unwrap()], 1);
    assert!(said.contains("no daemon listens"), "{said}");
    assert_eq!(other.daemon(), None, "no daemon was started in the place of {daemon}");
}

#[test]
fn a_peer_whose_store_is_damaged_is_not_this_stores_damage() {
    let other = Stele::new();
    other.add(Path::new("src"));
    other.ok(&["daemon", "stop"]);
    ruin(&other.store().join("db"));
    let shop = Workshop::new();
    let said = shop.stele.fails(&["build", "box", "--substituter", other.store().to_str().unwrap()], 1);
    assert!(said.contains("substituter"), "{said}");
    shop.stele.assert_sound();
    // The control: without it, everything works.
    shop.build("box");
}

/// Overwrites every file of a database.
fn ruin(db: &Path) {
    for entry in std::fs::read_dir(db).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::write(path, "ruined").unwrap();
        }
    }
}
