//! The doors by which something comes into a store, each with more than a small disk takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stele_tests::Stele;
use stele_tests::sandboxed::{Tree, compiled};
use stele_tests::trees::Random;

/// More than the largest disk of a round takes, in MiB.
const PLENTY: u64 = 130;

/// A way into the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// `store add`.
    Add,
    /// `image import` of a layout with one layer.
    Image,
    /// Outputs of a build, of so many MiB.
    Build(u64),
    /// The same outputs, from another store.
    Substitute,
    /// `source add` of many files.
    Sources,
    /// `store rebuild-index --from`.
    Rebuild,
}

/// What comes by the doors, made once for each size of file.
pub struct Supply {
    folder: tempfile::TempDir,
    scatter: PathBuf,
    made: BTreeMap<(&'static str, u64), PathBuf>,
    elsewhere: BTreeMap<u64, Stele>,
}

impl Supply {
    /// `None` where nothing can be compiled.
    pub fn new() -> Option<Self> {
        let scatter = compiled("tests/full_disk/scatter.c")?;
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self { folder, scatter, made: BTreeMap::new(), elsewhere: BTreeMap::new() })
    }

    fn make(&mut self, what: &'static str, size: u64, make: impl FnOnce(&mut Self, &Path)) -> PathBuf {
        if let Some(path) = self.made.get(&(what, size)) {
            return path.clone();
        }
        let path = self.folder.path().join(format!("{what}-{size}"));
        fs::create_dir_all(&path).expect("a folder");
        make(self, &path);
        self.made.insert((what, size), path.clone());
        path
    }

    /// A folder of files of `size` bytes.
    fn files(&mut self, size: u64) -> PathBuf {
        let scatter = |it: &mut Self, path: &Path| it.scatter(path, PLENTY, size, size);
        self.make("files", size, scatter)
    }

    /// Makes a folder of so many MiB of files of `size` bytes.
    pub fn scatter(&self, path: &Path, mib: u64, size: u64, seed: u64) {
        fs::create_dir_all(path).expect("a folder");
        let numbers = [mib, size, seed].map(|it| it.to_string());
        let status = Command::new(&self.scatter).arg(path).args(numbers).status().expect("it runs");
        assert!(status.success());
    }

    /// A layout with one layer of such files.
    fn layout(&mut self, size: u64) -> PathBuf {
        let files = self.files(size);
        self.make("layout", size, |_, path| layout(path, &files))
    }

    /// The recipes of a build's outputs: `small`, and `of_N` of N MiB.
    pub fn recipes(&self, tree: &Tree, size: u64, amount: u64) {
        for (name, amount) in [("small".to_owned(), 1), (format!("of_{amount}"), amount)] {
            let arguments = ["/out", &amount.to_string(), &size.to_string(), &(size + 1).to_string()];
            tree.program(&name, &self.scatter, &arguments);
        }
    }

    /// Another store, that has what the recipe `of_130` makes. `None` where nothing can be built.
    fn elsewhere(&mut self, size: u64) -> Option<PathBuf> {
        if !self.elsewhere.contains_key(&size) {
            let tree = Tree::new()?;
            self.recipes(&tree, size, PLENTY);
            tree.ok(&format!("of_{PLENTY}"));
            self.elsewhere.insert(size, tree.stele);
        }
        Some(self.elsewhere[&size].store().to_owned())
    }

    /// The command that brings more than the disk takes by this door, in files of `size` bytes. `kept` is what the
    /// store has already. `None` where nothing can be built.
    pub fn command(&mut self, door: Door, size: u64, tree: &Tree, kept: &Path) -> Option<Command> {
        let text = |path: PathBuf| path.into_os_string().into_string().expect("a path of plain letters");
        let mut args: Vec<String> = match door {
            Door::Add => {
                vec!["store".into(), "add".into(), "--root".into(), "much".into(), text(self.files(size))]
            }
            Door::Image => {
                vec!["image".into(), "import".into(), "--name".into(), "much".into(), text(self.layout(size))]
            }
            Door::Build(amount) => vec!["build".into(), format!("of_{amount}")],
            Door::Substitute => {
                let from = text(self.elsewhere(size)?);
                vec!["build".into(), format!("of_{PLENTY}"), "--substituter".into(), from]
            }
            Door::Sources => vec!["source".into(), "add".into()],
            Door::Rebuild => {
                let (files, kept) = (text(self.files(size)), text(kept.to_owned()));
                ["store", "rebuild-index", "--from", &kept, "--from", &files].map(str::to_owned).into()
            }
        };
        match door {
            Door::Build(amount) => self.recipes(tree, size, amount),
            Door::Substitute => self.recipes(tree, size, PLENTY),
            Door::Sources => {
                let files = self.files(size);
                // As many as a command line takes (execve(2): a quarter of the stack's limit).
                let names = fs::read_dir(&files).expect("a folder").flatten().map(|entry| text(entry.path()));
                args.extend(names.take((1 << 20) / (files.as_os_str().len() + 32)));
            }
            _ => {}
        }
        Some(tree.stele.command(&args))
    }
}

/// Writes an OCI layout with one layer, of all that is in `files`.
fn layout(path: &Path, files: &Path) {
    use serde_json::json;
    let blobs = path.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let put = |kind: &str, bytes: &[u8]| {
        let hex: String =
            sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha256 as sha2::Digest>::new(), bytes))
                .iter()
                .map(|byte: &u8| format!("{byte:02x}"))
                .collect();
        fs::write(blobs.join(&hex), bytes).expect("a blob");
        json!({"mediaType": kind, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    };
    let tar = Command::new("tar").arg("-C").arg(files).args(["-c", "."]).output().expect("tar runs");
    assert!(tar.status.success());
    let layer = put("application/vnd.oci.image.layer.v1.tar", &tar.stdout);
    let rootfs = json!({"type": "layers", "diff_ids": [layer["digest"]]});
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    let config = put("application/vnd.oci.image.config.v1+json", config.as_bytes());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]});
    let mut entry = put(kind, manifest.to_string().as_bytes());
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "much"});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    fs::write(path.join("index.json"), index).expect("an index");
    fs::write(path.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").expect("a layout");
}

/// Some files of all kinds, the same for each seed.
pub fn few(folder: &Path, seed: u64) -> PathBuf {
    let path = folder.join(format!("few-{seed}"));
    stele_tests::trees::generate(&path, Random::new(seed).next(), 60);
    path
}
