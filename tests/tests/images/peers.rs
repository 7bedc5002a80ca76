//! Third-party tools accept our images without warnings, and agree with us about their content.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use stele_tests::docker_registry::Registry;

/// Where Debian's package golang-github-opencontainers-image-spec-dev puts the specification's schemas.
const SCHEMAS: &str = "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema";

/// Validates each document on the command line by the schema named before it. Schemas refer to each other by URLs,
/// which resolve to the file of that name in the folder.
const VALIDATE: &str = "\
import json, os, sys
from jsonschema import Draft4Validator, RefResolver
folder, pairs = sys.argv[1], sys.argv[2:]
load = lambda path: json.load(open(path, encoding='utf-8'))
at_hand = lambda address: load(os.path.join(folder, os.path.basename(address)))
for name, document in zip(pairs[::2], pairs[1::2]):
    schema = at_hand(name)
    resolver = RefResolver.from_schema(schema, handlers={'https': at_hand, 'http': at_hand})
    Draft4Validator(schema, resolver=resolver).validate(load(document))
    print('valid', name)
";
/// Debian's, since its module jsonschema is.
const PYTHON: &str = "/usr/bin/python3";

/// A folder with a lower-case path: podman and buildah derive the image's name from it.
pub struct Lower(pub PathBuf);

impl Lower {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("stele-images-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Lower {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The image `box`, the folder of a layout with it, and its name there for podman and buildah.
fn for_engines() -> (Images, Lower, String) {
    let images = Images::new();
    images.build("box");
    let folder = Lower::new();
    let layout = folder.0.join("layout");
    images.shop.stele.ok(&["image", "export", "box", text(&layout)]);
    let image = format!("oci:{}:box", text(&layout));
    (images, folder, image)
}

/// The blob of a digest in a layout.
fn blob(layout: &Path, digest: &serde_json::Value) -> PathBuf {
    layout.join("blobs/sha256").join(digest.as_str().unwrap().strip_prefix("sha256:").unwrap())
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_document_is_valid_by_the_specifications_own_schemas() {
    let images = Images::new();
    images.images(&format!(
        "x = image(name = 'box-x', inputs = [box], {ALL})\n\
         y = image(name = 'box-y', files = {{'/a': 'y'}}, platform = 'aarch64-linux', compression = 'zstd')\n\
         image_index(name = 'box', images = [x, y], annotations = {{'k': 'v'}})\n"
    ));
    images.build("box");
    images.shop.stele.ok(&["image", "attach", "box", "/etc/passwd", "--type", "text/x.note"]);
    let layout = images.layout("box");
    let index = json(&layout.join("index.json"));
    let inner = blob(&layout, &index["manifests"][0]["digest"]);
    let note = blob(&layout, &index["manifests"][1]["digest"]);
    let mut pairs = vec![
        ("image-layout-schema.json", layout.join("oci-layout")),
        ("image-index-schema.json", layout.join("index.json")),
        ("image-index-schema.json", inner.clone()),
        ("image-manifest-schema.json", note),
    ];
    for entry in json(&inner)["manifests"].as_array().unwrap() {
        let manifest = blob(&layout, &entry["digest"]);
        pairs.push(("config-schema.json", blob(&layout, &json(&manifest)["config"]["digest"])));
        pairs.push(("image-manifest-schema.json", manifest));
    }
    let mut args = vec!["-c", VALIDATE, SCHEMAS];
    args.extend(pairs.iter().flat_map(|(schema, document)| [*schema, text(document)]));
    let said = peer(PYTHON, &args);
    assert_eq!(said.lines().count(), pairs.len(), "{said}");
    // The control: an invalid document is refused.
    let wrong = images.scratch("wrong.json");
    fs::write(&wrong, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x\"}]}").unwrap();
    let args = ["-c", VALIDATE, SCHEMAS, "image-index-schema.json", text(&wrong)];
    assert!(!Command::new(PYTHON).args(args).output().unwrap().status.success());
}

#[test]
fn skopeo_copies_in_every_direction_and_changes_no_digest() {
    for compression in ["none", "gzip", "zstd"] {
        let images = Images::new();
        images.image("box", &format!("inputs = [box], compression = '{compression}', {ALL}"));
        let digest = images.build("box");
        let (layout, tar, docker) =
            (images.scratch("layout"), images.scratch("box.tar"), images.scratch("docker.tar"));
        for to in [&layout, &tar] {
            images.shop.stele.ok(&["image", "export", "box", text(to)]);
        }
        images.shop.stele.ok(&["image", "export", "--format", "docker-archive", "box", text(&docker)]);
        let (layout, tar) = (format!("oci:{}:box", text(&layout)), format!("oci-archive:{}:box", text(&tar)));
        for from in [&layout, &tar] {
            let shown: serde_json::Value = serde_json::from_str(&peer("skopeo", &["inspect", from])).unwrap();
            assert_eq!(shown["Digest"], digest);
            assert_eq!(shown["Labels"]["org.example.a"], "b");
            let to = images.scratch(&format!("dir-{}", from.split(':').next().unwrap()));
            peer("skopeo", &["copy", "--quiet", "--preserve-digests", from, &format!("dir:{}", text(&to))]);
            let manifest = fs::read(to.join("manifest.json")).unwrap();
            use sha2::Digest as _;
            let found: String =
                sha2::Sha256::digest(manifest).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(format!("sha256:{found}"), digest);
        }
        // What Docker would load has the same config, so its image ID is our content digest.
        let docker = format!("docker-archive:{}", text(&docker));
        let config = peer("skopeo", &["inspect", "--config", "--raw", &docker]);
        assert_eq!(config, images.shop.file("image-box/config.json"));
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Shown {
    kind: char,
    mode: u32,
    owner: String,
    content: Vec<u8>,
}

/// What `stele image tree` lists for the layers of an image, the highest winning.
fn said(images: &Images, name: &str) -> BTreeMap<String, Shown> {
    let mut seen = BTreeMap::new();
    for line in images.shop.stele.ok(&["--json", "image", "tree", name]).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let path = word("path");
        let kind = word("kind").chars().next().unwrap();
        let content = match kind {
            'd' => Vec::new(),
            'l' => word("target").into_bytes(),
            _ => {
                let reference = format!("image-{name}/rootfs{path}");
                images.shop.stele.run(&["store", "cat", &reference]).stdout
            }
        };
        let mode = u32::from_str_radix(&word("mode"), 8).unwrap();
        let kind = if kind == 'x' { 'f' } else { kind };
        seen.insert(path, Shown { kind, mode, owner: word("owner"), content });
    }
    seen
}

/// The content of a folder.
fn unpacked(root: &Path) -> BTreeMap<String, Shown> {
    let mut seen = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let kind = match meta.file_type() {
            it if it.is_dir() => 'd',
            it if it.is_symlink() => 'l',
            _ => 'f',
        };
        let content = match kind {
            'd' => {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            }
            'l' => fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec(),
            _ => fs::read(&path).unwrap(),
        };
        let below = path.strip_prefix(root).unwrap();
        let owner = format!("{}:{}", meta.uid(), meta.gid());
        assert_eq!(meta.mtime(), 1, "{path:?}");
        let mut name = String::from("/");
        stele_store::model::escape(below.as_os_str().as_bytes(), &mut name);
        seen.insert(name, Shown { kind, mode: meta.mode() & 0o7777, owner, content });
    }
    seen
}

#[test]
fn umoci_unpacks_the_same_as_the_store_shows_with_owners_and_modes() {
    if !is_root() {
        return stele_tests::skip("owners can only be set by root");
    }
    let images = Images::new();
    images.shop.recipe(
        "odd",
        &[],
        "cd $OUT; mkdir -p a/b/c empty 'with space'; echo x > \"with space/é\"; echo > $(seq -s _ 1 80); \
         ln -s /nowhere a/b/l; \
         cp /bin/busybox a/prog; seq 1 400000 > a/big",
    );
    images.shop.put(
        "pkgs/odd-image/recipe.star",
        "load('//pkgs/odd/recipe.star', 'odd')\nload('//pkgs/box/recipe.star', 'box')\n\
         image(name = 'odd-image', inputs = [box, odd], owners = {'/a': '5:6', '/a/b': '7:8'}, \
         modes = {'/a/b/c': '2770'})",
    );
    for (name, compression) in [("odd-image", "gzip"), ("box", "zstd")] {
        if name == "box" {
            images.image("box", &format!("inputs = [box], compression = '{compression}', {ALL}"));
        }
        images.build(name);
        let layout = images.scratch(&format!("layout-{name}"));
        images.shop.stele.ok(&["image", "export", name, text(&layout)]);
        // This umoci is older than zstd in images.
        let from = match compression {
            "zstd" => {
                let repacked = images.scratch("repacked");
                let (from, to) =
                    (format!("oci:{}:{name}", text(&layout)), format!("oci:{}:{name}", text(&repacked)));
                peer(
                    "skopeo",
                    &["copy", "--quiet", "--dest-compress-format", "gzip", "--dest-compress", &from, &to],
                );
                repacked
            }
            _ => layout,
        };
        let bundle = images.scratch(&format!("bundle-{name}"));
        peer("umoci", &["unpack", "--image", &format!("{}:{name}", text(&from)), text(&bundle)]);
        assert_eq!(unpacked(&bundle.join("rootfs")), said(&images, name));
    }
}

#[test]
fn runc_runs_it_and_finds_owners_and_modes() {
    if !is_root() {
        return stele_tests::skip("runc without root needs more than every machine has");
    }
    let images = Images::new();
    let layout = images.layout("box");
    let bundle = images.scratch("bundle");
    peer("umoci", &["unpack", "--image", &format!("{}:box", text(&layout)), text(&bundle)]);
    let file = bundle.join("config.json");
    let mut config = json(&file);
    config["process"]["terminal"] = false.into();
    config["process"]["rlimits"] = serde_json::json!([]);
    fs::write(&file, config.to_string()).unwrap();
    let name = format!("stele-test-{}", std::process::id());
    let state = images.scratch("runc");
    let said = peer("runc", &["--root", text(&state), "run", "--bundle", text(&bundle), &name]);
    assert_eq!(said, "it runs\n1000\n4755:0:0\n1777:0:0\n755:1000:1000\nhello");
}

/// Runs podman with a storage of its own.
pub fn podman(images: &Images, args: &[&str]) -> String {
    let (root, run) = (images.scratch("root"), images.scratch("run"));
    let place = ["--root", text(&root), "--runroot", text(&run), "--storage-driver", "vfs"];
    let way = ["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc"];
    peer("podman", &[&place[..], &way, args].concat())
}

#[test]
fn podman_runs_it_and_calls_it_by_its_content_digest() {
    if !is_root() {
        return stele_tests::skip("podman without root needs more than every machine has");
    }
    let (images, _folder, image) = for_engines();
    let podman = |args: &[&str]| podman(&images, args);
    let limits = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
    let said = podman(&[&["run", "--quiet", "--rm"], &limits[..], &[&image]].concat());
    assert_eq!(said, "it runs\n1000\n4755:0:0\n1777:0:0\n755:1000:1000\nhello");
    let shown = images.shop.stele.json(&["image", "inspect", "box"]);
    let ids = podman(&["images", "--quiet", "--no-trunc"]);
    assert_eq!(ids, shown["content"].as_str().unwrap());
    // The same image from a `docker load` archive has the same ID.
    let tar = images.scratch("docker.tar");
    images.shop.stele.ok(&[
        "image",
        "export",
        "--format",
        "docker-archive",
        "--as",
        "box:1",
        "box",
        text(&tar),
    ]);
    podman(&["load", "--quiet", "--input", text(&tar)]);
    assert_eq!(podman(&["images", "--quiet", "--no-trunc"]).lines().next(), shown["content"].as_str());
}

#[test]
fn buildah_begins_from_it() {
    if !is_root() {
        return stele_tests::skip("buildah without root needs more than every machine has");
    }
    let (images, _folder, image) = for_engines();
    let (root, run) = (images.scratch("root"), images.scratch("run"));
    let buildah = |args: &[&str]| {
        let place = ["--root", text(&root), "--runroot", text(&run), "--storage-driver", "vfs"];
        peer("buildah", &[&place[..], args].concat())
    };
    let container = buildah(&["from", "--quiet", &image]);
    assert_eq!(
        buildah(&["run", "--isolation", "chroot", &container, "--", "/bin/tac", "/etc/motd"]),
        "hello"
    );
}

#[test]
fn a_registry_accepts_it_and_returns_it() {
    let images = Images::new();
    let layout = images.layout("box");
    let registry = Registry::new(images.shop.stele.scratch());
    let there = format!("docker://127.0.0.1:{}/box:1", registry.port);
    let back = images.scratch("back");
    let (from, to) = (format!("oci:{}:box", text(&layout)), format!("oci:{}:box", text(&back)));
    peer("skopeo", &["copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", &from, &there]);
    peer("skopeo", &["copy", "--quiet", "--preserve-digests", "--src-tls-verify=false", &there, &to]);
    let blobs = |layout: &Path| {
        let mut names: Vec<_> = fs::read_dir(layout.join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(blobs(&layout), blobs(&back));
}
