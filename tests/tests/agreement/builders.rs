//! Three builders with stores and keys of their own, and one recipe tree.

use std::fs;
use std::path::{Path, PathBuf};

use stele_store::model::{BlobId, Digest, TreeId};
use stele_store::{Origin, Origins, Outputs, Store};
use stele_tests::Stele;
use stele_tests::workshop::Workshop;

/// The builders of all tests here.
pub const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// An image of the application, in the file of its recipe.
const IMAGE: &str = "\nimage(name = 'app', inputs = [app], entrypoint = ['/busybox', 'cat', '/hello'])\n";

/// Writes the application, a recipe and an image.
pub fn write_app(shop: &Workshop, text: &str) {
    shop.recipe(
        "app",
        &["cc"],
        &format!("echo {text} > src; sh /bin/cc src > $OUT/hello; cp /bin/busybox $OUT/busybox"),
    );
    let file = shop.path().join("pkgs/app/recipe.star");
    let recipe = fs::read_to_string(&file).unwrap();
    fs::write(file, recipe + IMAGE).unwrap();
}

/// Three builders who build the same recipes.
pub struct Builders {
    /// The recipes, and the first builder's store.
    pub shop: Workshop,
    others: [Stele; 2],
}

impl Builders {
    pub fn new() -> Self {
        let shop = Workshop::new();
        shop.recipe(
            "cc",
            &[],
            "mkdir -p $OUT/bin; echo 'cat $1 # compiled' > $OUT/bin/cc; chmod +x $OUT/bin/cc",
        );
        write_app(&shop, "hello");
        let other = || {
            let mut stele = Stele::new();
            stele.set_env("STELE_RECIPES", shop.path().to_str().unwrap());
            stele
        };
        let others = [other(), other()];
        let it = Self { shop, others };
        for name in NAMES {
            it.of("alice").ok(&["key", "new", &it.path(name)]);
        }
        let principals = NAMES.map(|name| format!("{name}={}.pub", it.path(name)));
        let args = [&["policy", "init"][..], &principals.each_ref().map(String::as_str)].concat();
        it.put("policy", &it.of("alice").ok(&args));
        it
    }

    /// Where the keys and files of the test are.
    pub fn path(&self, name: &str) -> String {
        self.shop.stele.scratch().join(name).to_str().unwrap().to_owned()
    }

    pub fn put(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A builder's store.
    pub fn of(&self, name: &str) -> &Stele {
        match NAMES.iter().position(|it| *it == name).unwrap() {
            0 => &self.shop.stele,
            other => &self.others[other - 1],
        }
    }

    /// A builder builds and attests, with everything below; the file of evidence.
    pub fn attests(&self, builder: &str, reference: &str) -> String {
        let file = self.path(&format!("{builder}.{reference}.jsonl"));
        let key = self.path(builder);
        self.of(builder).ok(&["attest", reference, "--closure", "--key", &key, "--output", &file]);
        file
    }

    /// All builders build a recipe.
    pub fn all_build(&self, recipe: &str) {
        for name in NAMES {
            self.of(name).ok(&["build", recipe]);
        }
    }

    /// A policy's decision on something in a builder's store.
    #[track_caller]
    pub fn decides(&self, builder: &str, reference: &str, more: &[&str], verdict: &str) -> serde_json::Value {
        let policy = self.path("policy");
        let args = [&["verify", reference, "--policy", &policy, "--json"][..], more].concat();
        let outcome = self.of(builder).run(&args);
        let json: serde_json::Value =
            serde_json::from_str(&outcome.text()).unwrap_or_else(|e| panic!("{e}: {outcome:?}"));
        assert_eq!(json["verdict"], verdict, "{}", json["explanation"].as_str().unwrap());
        assert_eq!(Some(i64::from(outcome.code)), json["exit_code"].as_i64());
        json
    }

    /// A builder's machine is not what it was: see [`tamper`].
    pub fn tamper(&self, builder: &str, recipe: &str, file: &str, text: &str) -> (String, String) {
        let folder = PathBuf::from(self.path(&format!("{builder}.tampered")));
        tamper(self.of(builder), &folder, recipe, file, text)
    }
}

/// A machine is not what it was: its build of a recipe came out as a tree in which one file is another. Returns the
/// digests of the honest output and of this one; `folder` is made for it.
pub fn tamper(stele: &Stele, folder: &Path, recipe: &str, file: &str, text: &str) -> (String, String) {
    let honest = stele.ok(&["build", recipe]).split_once("  ").unwrap().0.to_owned();
    stele.ok(&["store", "export", &format!("build-{recipe}"), folder.to_str().unwrap()]);
    fs::write(folder.join(file), text).unwrap();
    let other = stele.add(folder);
    stele.ok(&["daemon", "stop"]);
    let store = Store::open(stele.store()).unwrap();
    let log = store.last(recipe).unwrap().unwrap();
    let about: serde_json::Value = serde_json::from_slice(&log.text).unwrap();
    let of: Digest = about["action"].as_str().unwrap().parse().unwrap();
    let request = store.request(&of).unwrap().unwrap();
    let tree = TreeId(other.parse().unwrap());
    let before = store.realisation(&of, Origins::Own).unwrap().unwrap();
    assert!(before.outputs.0.contains_key("out") && log.log != BlobId(of));
    let outputs = Outputs([("out".to_owned(), tree)].into());
    store.remember(&request, &outputs, Origin::Built).unwrap();
    store.close().unwrap();
    (honest, other)
}
