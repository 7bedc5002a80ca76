//! A substituter whose store lies consistently: it unpacked another archive, or merged another root, than it says, and
//! all that it built upon that fits together. Whoever takes an output of it gets that output; nothing else that it says
//! may reach a later build.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use stele_recipes::action::SandboxPath;
use stele_recipes::language::{OnDisk, evaluate_all};
use stele_recipes::plan::{Part, merging, unpacking};
use stele_recipes::recipe::{Origin as OfPart, RecipeName};
use stele_store::model::{Digest, Node, TreeId};
use stele_store::{Keep, Origin, Origins, Outputs, Progress, Store, Target};
use stele_tests::Stele;
use stele_tests::peer::{Peer, Reply, realised, unknown};
use stele_tests::workshop::Workshop;

/// A store, and another with the same recipes and the same source; `good` and `other` have equal inputs.
struct Shops {
    victim: Workshop,
    peer: Stele,
}

impl Shops {
    fn new() -> Self {
        let victim = Workshop::new();
        let archive = archive(victim.stele.scratch());
        let sha256 = victim.stele.json(&["source", "add", archive.to_str().unwrap()]);
        let sha256 = sha256["sha256"].as_str().unwrap().to_owned();
        for (name, script) in [("good", "cp -r /src $OUT/src"), ("other", "cat /src/file > $OUT/file")] {
            let source = format!("source(sha256 = '{sha256}', name = 's.tar', strip = 1)");
            victim.put(
                &format!("pkgs/{name}/recipe.star"),
                &format!(
                    "load('//pkgs/box/recipe.star', 'box')\n{name} = recipe(name = '{name}', version = '1', \
                     inputs = [box], sources = [{source}], script = '{script}')\n"
                ),
            );
        }
        let mut peer = Stele::new();
        peer.set_env("STELE_RECIPES", victim.path().to_str().unwrap());
        peer.ok(&["source", "add", archive.to_str().unwrap()]);
        Self { victim, peer }
    }

    /// The text by which the unpacked source is remembered.
    fn unpacking(&self) -> Vec<u8> {
        let recipes = evaluate_all(&OnDisk::open(self.victim.path()).unwrap()).unwrap();
        unpacking(&recipes.by_name[&RecipeName::new("good").unwrap()].sources[0]).unwrap()
    }

    /// What the peer remembers of something, from now on: the tree in that folder.
    fn forge(&self, request: &[u8], folder: &Path) {
        self.peer.ok(&["daemon", "stop"]);
        let store = Store::open(self.peer.store()).unwrap();
        let session = store.session().unwrap();
        let Target::Tree(tree) = session.import(folder, &Progress::default()).unwrap() else {
            panic!("a folder is a tree")
        };
        let keep = Keep { root: Some("forged".parse().unwrap()), ..Keep::default() };
        session.finish(&[Target::Tree(tree)], &keep).unwrap();
        let outputs = Outputs(BTreeMap::from([("tree".to_owned(), tree)]));
        store.remember(request, &outputs, Origin::Built).unwrap();
        store.close().unwrap();
    }

    /// Takes `good` from the peer, which lies; then looks whether anything of it is to be seen that was not asked for.
    fn take_and_look(&self) {
        let (victim, from) = (&self.victim, self.peer.store().to_str().unwrap());
        let forged = self.peer.ok(&["build", "good"]);
        let outcome = victim.stele.run(&["build", "good", "--offline", "--substituter", from]);
        assert_eq!(outcome.text(), forged, "{}", outcome.stderr);
        assert_eq!(victim.file("build-good/src/file"), "evil", "what was asked for is what it gives");
        // It stays in use: that much is trusted.
        assert_eq!(victim.stele.ok(&["build", "good", "--offline"]), forged);
        self.peer.ok(&["daemon", "stop"]);
        for restarted in [false, true] {
            if restarted {
                victim.stele.ok(&["daemon", "stop"]);
            }
            victim.stele.ok(&["build", "other", "--offline"]);
            assert_eq!(victim.file("build-other/file"), "honest", "restarted: {restarted}");
        }
        let unpacked = victim.stele.json(&["source", "unpack", "other"]);
        let digest = unpacked[0]["digest"].as_str().unwrap();
        assert_eq!(victim.file(&format!("{digest}/file")), "honest");
        victim.stele.ok(&["build", "other", "--rebuild"]);
        // A rebuild of what was taken tells, and from then on this store's own work counts.
        let said = victim.stele.fails(&["build", "good", "--rebuild"], 1);
        assert!(said.contains("good") && said.contains(from), "{said}");
        victim.stele.ok(&["build", "good"]);
        assert_eq!(victim.file("build-good/src/file"), "honest");
        victim.stele.ok(&["build", "good", "--rebuild"]);
        victim.stele.assert_sound();
    }
}

fn archive(scratch: &Path) -> PathBuf {
    let (folder, archive) = (scratch.join("s-1"), scratch.join("s.tar"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "honest").unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-C", scratch.to_str().unwrap(), "-cf", archive.to_str().unwrap(), "s-1"]);
    assert!(tar.status().unwrap().success());
    archive
}

#[test]
fn what_another_store_says_of_a_source_reaches_no_build() {
    let shops = Shops::new();
    let evil = shops.peer.scratch().join("evil");
    std::fs::create_dir(&evil).unwrap();
    std::fs::write(evil.join("file"), "evil").unwrap();
    shops.forge(&shops.unpacking(), &evil);
    shops.take_and_look();
}

#[test]
fn what_another_store_says_of_a_merged_root_reaches_no_build() {
    let shops = Shops::new();
    let output = shops.peer.ok(&["build", "box", "good"]);
    let of_box: TreeId = output.lines().next().unwrap()[..64].parse().unwrap();
    shops.peer.ok(&["daemon", "stop"]);
    let store = Store::open(shops.peer.store()).unwrap();
    let own = |text: &[u8]| {
        store.realisation(&Digest::of(text), Origins::Own).unwrap().map(|it| it.outputs.0["tree"])
    };
    let source = own(&shops.unpacking()).unwrap();
    let part = |at: &str, tree| Part {
        origin: OfPart::Source(at.to_owned()),
        place: SandboxPath::new(at).unwrap(),
        node: Node::Directory { tree, size: 0 },
    };
    let request = merging(&[part("/", of_box), part("/src", source)], &BTreeMap::new());
    let root = own(&request).expect("the peer merged that");
    store.close().unwrap();
    drop(store);
    let evil = shops.peer.scratch().join("evil");
    shops.peer.ok(&["store", "export", &root.to_string(), evil.to_str().unwrap()]);
    std::fs::remove_file(evil.join("src/file")).unwrap();
    std::fs::write(evil.join("src/file"), "evil").unwrap();
    shops.forge(&request, &evil);
    shops.take_and_look();
}

/// The control: the same steps, and a peer that does not lie.
#[test]
fn an_honest_store_is_taken_from_and_rebuilt_to_the_same() {
    let Shops { victim, peer } = Shops::new();
    let honest = peer.ok(&["build", "good"]);
    let from = peer.store().to_str().unwrap();
    let outcome = victim.stele.run(&["build", "good", "--offline", "--substituter", from]);
    assert_eq!(outcome.text(), honest, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("substituted good"), "{}", outcome.stderr);
    assert_eq!(victim.stele.ok(&["build", "good", "--rebuild"]), honest);
    assert_eq!(victim.file("build-good/src/file"), "honest");
}

/// A peer that says of every unpacking, merge and action that it came to one tree.
#[test]
fn what_another_store_says_of_needs_that_were_not_taken_is_forgotten() {
    let tree = "stele-tree 1\n";
    let evil = Digest::of(tree.as_bytes()).to_string();
    let asked = Mutex::new(HashSet::new());
    let peer = Peer::start(move |request| match request["request"].as_str() {
        // The first time it may be asked about anything; the second, an action is about to be taken.
        Some("realisation") if asked.lock().unwrap().insert(request["of"].to_string()) => {
            realised(&[("out", &evil), ("tree", &evil)])
        }
        Some("realisation") => realised(&[("out", &evil)]),
        Some("cat") => Reply::Bytes(tree.into()),
        _ => unknown(),
    });
    let Shops { victim, .. } = Shops::new();
    let from = peer.path().to_str().unwrap();
    let outcome = victim.stele.run(&["build", "good", "--offline", "--substituter", from]);
    assert!(outcome.stderr.contains("substituted good"), "{}", outcome.stderr);
    assert!(outcome.text().starts_with(&Digest::of(tree.as_bytes()).to_string()), "{}", outcome.text());
    // `box` was asked about, because `good` needs it.
    let outcome = victim.stele.run(&["build", "box"]);
    assert!(outcome.stderr.contains("built box"), "{}", outcome.stderr);
    victim.stele.ok(&["build", "other", "--offline"]);
    assert_eq!(victim.file("build-other/file"), "honest");
    victim.stele.assert_sound();
}
