//! Hostile images: documents that readers interpret differently, paths that lead out, records that could be written but
//! not read again, and terminal control sequences.

use serde_json::{Value, json};

use super::layouts::{Layout, Tar, digest};
use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A layer whose bytes can be generated again from its files: one that Stele wrote.
fn exact_layer(images: &Images) -> Vec<u8> {
    images.image("box", "files = {'/a': 'a'}, compression = 'none'");
    let layout = images.layout("box");
    let read = |name: &Value| {
        let digits = name.as_str().unwrap().trim_start_matches("sha256:");
        fs::read(layout.join("blobs/sha256").join(digits)).unwrap()
    };
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let manifest: Value = serde_json::from_slice(&read(&index["manifests"][0]["digest"])).unwrap();
    read(&manifest["layers"][0]["digest"])
}

fn layer(name: &str) -> Vec<u8> {
    Tar::default().file(name, name).end()
}

/// Writes the manifest of one layer; its descriptor.
fn image(layout: &Layout, layer: &[u8], media_type: &str) -> Value {
    let kind =
        |oci: &str, docker: &str| if media_type == DOCKER { docker.to_owned() } else { oci.to_owned() };
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    });
    let config = layout.put(
        &kind("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"),
        config.to_string().as_bytes(),
    );
    let layer = layout.put(
        &kind("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"),
        layer,
    );
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]});
    layout.put(media_type, manifest.to_string().as_bytes())
}

fn named(mut entry: Value, name: &str) -> Value {
    entry["annotations"] = json!({REF_NAME: name});
    entry
}

#[test]
fn an_image_with_an_unreadable_record_is_refused_and_a_large_one_is_accepted() {
    let images = Images::new();
    let long = |at: usize| format!("{}/{at:0>90}/", "d".repeat(150));
    let mut tar = Tar::default();
    for at in 0..17_000 {
        tar = tar.entry_of(b'5', 0o700, &long(at), "", b"");
    }
    let layout = Layout::new(&images, "large", &[tar.end()]);
    images.shop.stele.ok(&["image", "import", "--name", "large", text(&layout.path)]);
    let shown: Value =
        serde_json::from_str(&images.shop.stele.ok(&["--json", "image", "inspect", "large"])).unwrap();
    assert_eq!(shown["name"], "large");
    let listed = images.shop.stele.ok(&["image", "tree", "large"]);
    assert!(listed.lines().count() >= 17_000, "every entry is read again");
    // What no record can hold is refused on import.
    let owner = |id: &str| {
        let record = format!("uid={id}\n");
        let length = record.len() + 3;
        Tar::default().entry(b'x', "p", "", format!("{length} {record}").as_bytes()).file("f", "").end()
    };
    let layout = Layout::new(&images, "owner", &[owner("4294967295")]);
    let said = images.shop.stele.fails(&["image", "import", "--name", "owner", text(&layout.path)], 1);
    assert!(said.contains("user is 4294967295"), "{said}");
    let layout = Layout::new(&images, "last", &[owner("4294967294")]);
    images.shop.stele.ok(&["image", "import", "--name", "last", text(&layout.path)]);
    images.shop.stele.ok(&["image", "inspect", "last"]);
}

#[test]
fn an_ambiguous_document_is_refused() {
    let images = Images::new();
    let layout = Layout::new(&images, "two", &[layer("a")]);
    let other = image(&layout, &layer("b"), MANIFEST);
    let first = image(&layout, &layer("a"), MANIFEST);
    let path = layout.path.join("blobs/sha256").join(&first["digest"].as_str().unwrap()[7..]);
    let mut both: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    both["manifests"] = json!([other]);
    let both = layout.put(MANIFEST, both.to_string().as_bytes());
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [other]}).to_string();
    let mislabelled = layout.put(MANIFEST, index.as_bytes());
    for entry in [both, mislabelled] {
        layout.index(&[named(entry, "t")]);
        let said = images.shop.stele.fails(&["image", "import", text(&layout.path)], 1);
        assert!(
            said.contains("both a manifest and an index") || said.contains("contradict each other"),
            "{said}"
        );
    }
    layout.index(&[named(layout.put(INDEX, index.as_bytes()), "t")]);
    images.shop.stele.ok(&["image", "import", text(&layout.path)]);
}

#[test]
fn a_device_removes_what_it_replaces() {
    let images = Images::new();
    let lower = Tar::default().dir("etc").file("etc/secret", "key\n").file("etc/fifo/x", "y").end();
    let upper = Tar::default().entry(b'3', "etc/secret", "", b"").entry(b'6', "etc/fifo", "", b"").end();
    let layout = Layout::new(&images, "device", &[lower, upper]);
    images.shop.stele.ok(&["image", "import", "--name", "it", text(&layout.path)]);
    assert_eq!(images.shop.stele.ok(&["store", "ls", "image-it/rootfs/etc"]), "");
}

#[test]
fn aufs_metadata_is_skipped_and_no_directory_is_a_whiteout() {
    let images = Images::new();
    let tar = Tar::default().dir(".wh..wh.plnk").file(".wh..wh.plnk/1.2", "x").file("a", "b");
    let layout = Layout::new(&images, "aufs", &[tar.end()]);
    images.shop.stele.ok(&["image", "import", "--name", "it", text(&layout.path)]);
    let tree = images.shop.stele.ok(&["image", "tree", "it"]);
    assert!(tree.contains("/a") && !tree.contains("plnk"), "{tree}");
    let layout = Layout::new(&images, "folder", &[Tar::default().file("etc/.wh.x/y", "z").end()]);
    let said = images.shop.stele.fails(&["image", "import", "--name", "no", text(&layout.path)], 1);
    assert!(said.contains("begins with the reserved `.wh.`"), "{said}");
}

#[test]
fn a_hard_link_to_itself_is_refused() {
    let images = Images::new();
    let tar = Tar::default().file("a", "b").entry(b'1', "a", "./a", b"");
    let layout = Layout::new(&images, "itself", &[tar.end()]);
    let said = images.shop.stele.fails(&["image", "import", "--name", "it", text(&layout.path)], 1);
    assert!(said.contains("/a is a hard link to /a"), "{said}");
}

#[test]
fn a_docker_folder_does_not_lead_outside() {
    let images = Images::new();
    let tar = layer("private");
    let elsewhere = images.scratch("elsewhere");
    let folder = images.scratch("folder");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::create_dir_all(&folder).unwrap();
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest(&tar)]},
    });
    fs::write(elsewhere.join("c.json"), config.to_string()).unwrap();
    fs::write(elsewhere.join("l.tar"), &tar).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.join("link")).unwrap();
    fs::create_dir(folder.join("x")).unwrap();
    for place in ["../elsewhere", text(&elsewhere), "link", "./x/../../elsewhere"] {
        let manifest = json!([{
            "Config": format!("{place}/c.json"), "RepoTags": ["x:1"], "Layers": [format!("{place}/l.tar")],
        }]);
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        images.shop.stele.fails(&["image", "import", text(&folder)], 1);
    }
    // The control: the same files within.
    fs::copy(elsewhere.join("c.json"), folder.join("c.json")).unwrap();
    fs::copy(elsewhere.join("l.tar"), folder.join("l.tar")).unwrap();
    let manifest = json!([{"Config": "./c.json", "RepoTags": ["x:1", "y:2"], "Layers": ["./l.tar"]}]);
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    assert!(images.shop.stele.ok(&["image", "import", text(&folder)]).contains("  x"));
    assert!(images.shop.stele.ok(&["image", "import", "--ref", "y:2", text(&folder)]).contains("  y"));
    let manifest = json!([{"Config": "none.json", "RepoTags": ["z:1"], "Layers": null}]);
    let none = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
    fs::write(folder.join("none.json"), none.to_string()).unwrap();
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    images.shop.stele.ok(&["image", "import", text(&folder)]);
}

#[test]
fn an_image_has_the_name_that_its_engine_wrote() {
    let images = Images::new();
    let layout = Layout::new(&images, "names", &[layer("a")]);
    let entry = |name: &str, layer: &[u8]| {
        let mut entry = named(image(&layout, layer, MANIFEST), "latest");
        entry["annotations"]["io.containerd.image.name"] = name.into();
        entry
    };
    let busybox = entry("docker.io/library/busybox:latest", &layer("a"));
    let alpine = entry("docker.io/library/alpine:latest", &layer("b"));
    layout.index(std::slice::from_ref(&busybox));
    assert!(images.shop.stele.ok(&["image", "import", text(&layout.path)]).contains("  busybox"));
    layout.index(&[busybox, alpine]);
    for ambiguous in [
        &["image", "import", text(&layout.path)][..],
        &["image", "import", "--ref", "latest", text(&layout.path)],
    ] {
        let said = images.shop.stele.fails(ambiguous, 2);
        assert!(said.contains("alpine:latest"), "{said}");
    }
    for name in ["alpine:latest", "docker.io/library/alpine:latest"] {
        let came = images.shop.stele.ok(&["image", "import", "--ref", name, text(&layout.path)]);
        assert!(came.contains("  alpine"), "{came}");
        assert!(images.shop.stele.ok(&["store", "ls", "image-alpine/rootfs"]).contains(" b"));
    }
}

#[test]
fn no_wrapper_stands_for_another_image() {
    let images = Images::new();
    let layout = Layout::new(&images, "two", &[layer("a")]);
    let (first, second) = (image(&layout, &layer("a"), DOCKER), image(&layout, &layer("b"), DOCKER));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [first]}).to_string();
    let mut wrapper = named(layout.put(INDEX, index.as_bytes()), "t");
    wrapper["annotations"]["stele.original"] = second["digest"].clone();
    layout.index(std::slice::from_ref(&wrapper));
    let said = images.shop.stele.fails(&["image", "import", text(&layout.path)], 1);
    assert!(said.contains("not those of the document"), "{said}");
    // One whose document is gone is an index like any other.
    wrapper["annotations"]["stele.original"] = format!("sha256:{}", "5".repeat(64)).into();
    layout.index(&[wrapper]);
    images.shop.stele.ok(&["image", "import", text(&layout.path)]);
}

#[test]
fn an_image_of_dockers_media_types_keeps_its_digest_and_is_found_by_its_name() {
    let images = Images::new();
    let exact = exact_layer(&images);
    let layout = Layout::new(&images, "docker", std::slice::from_ref(&exact));
    let manifest = image(&layout, &exact, DOCKER);
    let mut listed = manifest.clone();
    listed["platform"] = json!({"architecture": "amd64", "os": "linux"});
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [listed]});
    let list = layout.put(DOCKER_LIST, list.to_string().as_bytes());
    let identity = |name: &str| {
        let shown = images.shop.stele.ok(&["--json", "image", "inspect", name]);
        serde_json::from_str::<Value>(&shown).unwrap()["digest"].clone()
    };
    for (entry, name) in [(&manifest, "manifest"), (&list, "list")] {
        layout.index(&[named(entry.clone(), name)]);
        images.shop.stele.ok(&["image", "import", text(&layout.path)]);
        let (folder, archive) =
            (images.scratch(&format!("{name}-out")), images.scratch(&format!("{name}.tar")));
        images.shop.stele.ok(&["image", "export", name, text(&folder)]);
        images.shop.stele.ok(&["image", "export", name, text(&archive)]);
        for place in [format!("oci:{}", text(&folder)), format!("oci-archive:{}", text(&archive))] {
            // Engines look for names among OCI's media types only, and take the only image of a layout without one.
            for place in [format!("{place}:{name}"), place] {
                let raw = peer("skopeo", &["inspect", "--format", "{{.Layers}}", &place]);
                assert!(raw.contains(&digest(&exact)), "{place}: {raw}");
            }
        }
        for from in [&folder, &archive] {
            let back = format!("{name}-back");
            images.shop.stele.ok(&["image", "import", "--ref", name, "--name", &back, text(from)]);
            assert_eq!(identity(&back), entry["digest"]);
        }
    }
}

#[test]
fn an_archive_with_attachments_is_loaded_by_engines_and_imported_whole() {
    let images = Images::new();
    let layout = Layout::new(&images, "attach", &[exact_layer(&images)]);
    images.shop.stele.ok(&["image", "import", "--name", "it", text(&layout.path)]);
    let note = images.scratch("note.txt");
    fs::write(&note, "note").unwrap();
    images.shop.stele.ok(&["image", "attach", "it", text(&note), "--type", "text/x.note"]);
    let archive = images.scratch("it.tar");
    images.shop.stele.ok(&["image", "export", "it", text(&archive)]);
    peer("skopeo", &["inspect", &format!("oci-archive:{}", text(&archive))]);
    images.shop.stele.ok(&["image", "import", "--name", "back", text(&archive)]);
    let referrers = images.shop.stele.ok(&["image", "referrers", "back"]);
    assert!(referrers.contains("text/x.note"), "{referrers}");
}

#[test]
fn an_incomplete_referrer_is_left_out_and_the_image_is_imported() {
    let images = Images::new();
    let layout = Layout::new(&images, "stray", &[layer("a")]);
    let subject = image(&layout, &layer("a"), MANIFEST);
    let config = layout.put("application/vnd.oci.empty.v1+json", b"{}");
    let gone = json!({"mediaType": "a/b", "digest": format!("sha256:{}", "5".repeat(64)), "size": 3});
    let referrer = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "a/b", "config": config, "layers": [gone],
        "subject": subject,
    });
    let referrer = layout.put(MANIFEST, referrer.to_string().as_bytes());
    layout.index(&[named(subject, "t"), referrer]);
    images.shop.stele.ok(&["image", "import", text(&layout.path)]);
    assert_eq!(images.shop.stele.ok(&["image", "referrers", "t"]), "");
}

#[test]
fn no_text_of_an_image_commands_a_terminal_or_forges_a_line() {
    let images = Images::new();
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;pwned\u{7}\nsha256:forged  line\u{202e}\u{61c}\u{85}";
    let layout = Layout::new(&images, "evil", &[layer("a")]);
    let layer = layer("a\u{1b}x");
    let evil = |text: &str| format!("{text}{EVIL}");
    let config = json!({
        "architecture": "amd64", "os": evil("linux"), "variant": evil("v1"), "author": evil(""),
        "created": evil("2020"),
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        "config": {
            "Labels": {evil("k"): evil("v")}, "Env": [evil("A=")], "Entrypoint": [evil("/x")], "User": evil("u"),
            "WorkingDir": evil("/"), "Volumes": {evil("/v"): {}}, "StopSignal": evil("S"),
        },
    });
    let config = layout.put("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let blob = layout.put("application/vnd.oci.image.layer.v1.tar", &layer);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [blob],
        "annotations": {evil("k"): evil("v")},
    });
    let subject = layout.put(MANIFEST, manifest.to_string().as_bytes());
    let mut payload = layout.put("text/plain", b"p");
    payload["mediaType"] = evil("text/plain").into();
    payload["annotations"] = json!({"org.opencontainers.image.title": evil("t")});
    let empty = layout.put("application/vnd.oci.empty.v1+json", b"{}");
    let referrer = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": evil("a/b"), "config": empty, "layers": [payload],
        "subject": subject, "annotations": {evil("k"): evil("v")},
    });
    let referrer = layout.put(MANIFEST, referrer.to_string().as_bytes());
    layout.index(&[named(subject, "t"), referrer]);
    let out = images.scratch("out.tar");
    for args in [
        &["image", "import", "--name", "it", text(&layout.path)][..],
        &["image", "ls"],
        &["image", "inspect", "it"],
        &["image", "referrers", "it"],
        &["image", "tree", "it"],
        &["image", "export", "--format", "docker-archive", "--as", EVIL, "it", text(&out)],
        &["image", "import", "--ref", "nope", text(&layout.path)],
        &["image", "inspect", EVIL],
    ] {
        let output = images.shop.stele.command(args).output().expect("the command runs");
        for bytes in [&output.stdout, &output.stderr] {
            let shown = String::from_utf8_lossy(bytes);
            let obeyed = |c: char| {
                (c.is_control() && c != '\n')
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
            };
            assert!(!shown.contains(obeyed), "{args:?}: {shown:?}");
            assert!(!shown.lines().any(|line| line.starts_with("sha256:forged")), "{args:?}: {shown:?}");
        }
    }
}
