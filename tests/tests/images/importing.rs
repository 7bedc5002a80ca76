//! Third-party images as trees; damaged and hostile ones refused.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::layouts::{Layout, Tar, digest};
use super::*;

impl Images {
    /// Imports as `it`; the layers as the store lists them.
    #[track_caller]
    fn import(&self, layout: &Layout) -> Vec<String> {
        self.shop.stele.ok(&["image", "import", "--name", "it", text(&layout.path)]);
        let listed = self.shop.stele.ok(&["--json", "store", "tree", "image-it/rootfs"]);
        let line = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let target = entry["target"].as_str().map(|target| format!(" -> {target}")).unwrap_or_default();
            format!("{} {}{target}", entry["kind"].as_str().unwrap(), entry["path"].as_str().unwrap())
        };
        listed.lines().map(line).collect()
    }

    #[track_caller]
    fn refuses(&self, layout: &Layout, code: i32) -> String {
        let found = self.shop.stele.fails(&["image", "import", "--name", "it", text(&layout.path)], code);
        assert_eq!(self.shop.stele.ok(&["image", "ls"]), "", "nothing of it is kept");
        found
    }
}

#[test]
fn an_image_of_ours_is_imported_unchanged() {
    for compression in ["none", "gzip", "zstd"] {
        let (one, other) = (Images::new(), Images::new());
        one.image("box", &format!("inputs = [box], compression = '{compression}', {ALL}"));
        let digest = one.build("box");
        let shown = one.shop.stele.json(&["image", "inspect", "box"]);
        for (format, name) in [("oci", "layout"), ("oci-archive", "a.tar"), ("docker-archive", "d.tar")] {
            let to = one.scratch(name);
            one.shop.stele.ok(&["image", "export", "--format", format, "box", text(&to)]);
            let said = other.shop.stele.json(&["image", "import", text(&to)]);
            assert_eq!(said["left_out"], json!([]));
            assert_eq!(said["image"]["content"], shown["content"], "{format}");
            assert_eq!(said["image"]["images"][0]["rootfs"], shown["images"][0]["rootfs"]);
            if format != "docker-archive" {
                assert_eq!(said["image"]["digest"], digest);
            }
            // An import can be exported again, unchanged.
            let again = other.scratch(&format!("again-{format}"));
            other.shop.stele.ok(&["image", "export", "box", text(&again)]);
            peer("skopeo", &["inspect", &format!("oci:{}:box", text(&again))]);
        }
        other.shop.stele.assert_sound();
    }
}

#[test]
fn an_image_that_other_tools_recompressed_has_the_same_content() {
    let images = Images::new();
    let layout = images.layout("box");
    let shown = images.shop.stele.json(&["image", "inspect", "box"]);
    for (program, packed) in [("zstd", "zstd"), ("gzip", "gzip")] {
        let to = images.scratch(packed);
        let (from, out) = (format!("oci:{}:box", text(&layout)), format!("oci:{}:box", text(&to)));
        let args = ["copy", "--quiet", "--dest-compress", "--dest-compress-format", program, &from, &out];
        peer("skopeo", &args);
        let said = images.shop.stele.json(&["image", "import", "--name", "again", text(&to)]);
        assert_eq!(said["image"]["content"], shown["content"]);
    }
}

#[test]
fn an_image_of_umoci_unpacks_as_with_umoci() {
    let images = Images::new();
    let layout = images.layout("box");
    let bundle = images.scratch("bundle");
    let image = format!("{}:box", text(&layout));
    let mut rootless = vec!["unpack"];
    if !is_root() {
        rootless.push("--rootless");
    }
    peer("umoci", &[&rootless[..], &["--image", &image, text(&bundle)]].concat());
    let rootfs = bundle.join("rootfs");
    fs::write(rootfs.join("etc/new"), "new\n").unwrap();
    fs::remove_file(rootfs.join("etc/motd")).unwrap();
    fs::remove_dir_all(rootfs.join("var")).unwrap();
    fs::hard_link(rootfs.join("etc/new"), rootfs.join("etc/hard")).unwrap();
    symlink("/absolute", rootfs.join("etc/link")).unwrap();
    peer("umoci", &["repack", "--image", &format!("{}:changed", text(&layout)), text(&bundle)]);
    images.shop.stele.ok(&["image", "import", "--ref", "changed", text(&layout)]);
    images.shop.stele.assert_exports_as("image-changed/rootfs", &rootfs);
    // It holds what our layers never do, so its bytes cannot be generated again; and that is reported.
    let failed = images.shop.stele.fails(&["image", "export", "changed", text(&images.scratch("x"))], 1);
    assert!(failed.contains("was imported, and its bytes cannot be generated again"), "{failed}");
    images.shop.stele.fails(&["image", "import", text(&layout)], 2);
    images.shop.stele.fails(&["image", "import", "--ref", "none", text(&layout)], 3);
}

#[test]
fn whiteouts_apply_to_the_layers_below_only() {
    let images = Images::new();
    let below = Tar::default()
        .dir("a")
        .file("a/one", "1")
        .file("a/two", "2")
        .dir("b")
        .file("b/one", "1")
        .dir("b/deep")
        .file("b/deep/x", "x")
        .file("c", "c")
        .file("d", "d")
        .end();
    let above = Tar::default()
        .file("a/.wh.one", "")
        .file("b/new", "n")
        .dir("b/deep")
        .file("b/deep/y", "y")
        // After the layer's own entries, which stay.
        .file("b/.wh..wh..opq", "")
        .file(".wh.c", "")
        .file("c", "another")
        .file(".wh..wh.plnk", "")
        .dir("d")
        .file("d/in", "a directory in the place of a file")
        .end();
    let found = images.import(&Layout::new(&images, "layout", &[below, above]));
    assert_eq!(found, ["d a", "x a/two", "d b", "d b/deep", "x b/deep/y", "x b/new", "x c", "d d", "x d/in"]);
    assert_eq!(images.shop.file("image-it/rootfs/c"), "another");
}

#[test]
fn links_lead_only_into_the_image() {
    let images = Images::new();
    let below =
        Tar::default().dir("usr").dir("usr/lib").link("lib", "usr/lib").link("up", "../../../..").end();
    let above = Tar::default()
        .file("lib/in", "x")
        .file("up/here", "x")
        .link("away", "/etc/passwd")
        .link("usr/out", "../../../../etc")
        .entry(b'1', "hard", "lib/in", b"")
        .file("/rooted", "x")
        .end();
    let found = images.import(&Layout::new(&images, "layout", &[below, above]));
    assert_eq!(
        found,
        [
            "l away -> /etc/passwd",
            "x hard",
            "x here",
            "l lib -> usr/lib",
            "x rooted",
            "l up -> ../../../..",
            "d usr",
            "d usr/lib",
            "x usr/lib/in",
            "l usr/out -> ../../../../etc"
        ]
    );
}

#[test]
fn entries_that_no_tree_can_hold_are_left_out_and_named() {
    let images = Images::new();
    let layer = Tar::default()
        .entry(b'3', "null", "", b"")
        .entry(b'6', "fifo", "", b"")
        .entry(b'x', "pax", "", b"31 SCHILY.xattr.user.a=binary\0\n")
        .file("capable", "x")
        .end();
    let layout = Layout::new(&images, "layout", &[layer]);
    let said = images.shop.stele.json(&["image", "import", "--name", "it", text(&layout.path)]);
    assert_eq!(
        said["left_out"],
        json!([
            {"path": "/null", "what": "a character device"},
            {"path": "/fifo", "what": "a fifo"},
            {"path": "/capable", "what": "its extended attributes"},
        ])
    );
    let said = images.shop.stele.run(&["image", "import", "--name", "it", text(&layout.path)]).stderr;
    assert!(said.contains("left out: /null (a character device)"), "{said}");
}

#[test]
fn hostile_layers_are_refused() {
    let images = Images::new();
    let many = (0..50).fold(Tar::default(), |tar, n| tar.link(&format!("l{n}"), &format!("l{}", n + 1)));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Tar::default().file("../x", "x").end(), "it has `..`"),
        (Tar::default().file("a/../../x", "x").end(), "it has `..`"),
        (Tar::default().entry(b'1', "a", "../../etc/shadow", b"").end(), "it has `..`"),
        (
            Tar::default().entry(b'1', "a", "etc/shadow", b"").end(),
            "is a hard link to /etc/shadow, which is missing",
        ),
        (Tar::default().dir("d").entry(b'1', "a", "d", b"").end(), "which is missing or a directory"),
        (Tar::default().file("", "x").end(), "it is empty"),
        (Tar::default().file("a/.wh.", "").end(), "is a whiteout without a name"),
        (Tar::default().file(".wh...", "").end(), "is a whiteout without a name"),
        (Tar::default().link("a", "").end(), "is an invalid link"),
        (Tar::default().entry(b'S', "a", "", b"").end(), "a sparse file"),
        (Tar::default().entry(b'V', "a", "", b"").end(), "is of an unsupported kind"),
        (Tar::default().link("a", "b").link("b", "a").file("a/x", "x").end(), "is behind more than 40 links"),
        (many.file("l0/x", "x").end(), "is behind more than 40 links"),
        (Tar::default().entry(b'x', "p", "", b"9 path=a").end(), "pax record"),
        (Tar::default().entry(b'x', "p", "", b"99 path=a\n").end(), "a pax record is malformed"),
        (
            Tar::default().entry(b'x', "p", "", b"8 path=\n").end(),
            "an extended header is the last thing before the end",
        ),
        (Tar::default().file("a", &"x".repeat(600)).0[..700].to_vec(), "unexpected end of file"),
        (vec![b'x'; 1024], "the header's checksum is wrong"),
    ];
    for (number, (layer, said)) in cases.into_iter().enumerate() {
        let layout = Layout::new(&images, &format!("layout{number}"), &[layer]);
        let found = images.refuses(&layout, 1);
        assert!(found.contains(said), "{said}: {found}");
    }
}

#[test]
fn damaged_layouts_are_refused() {
    let images = Images::new();
    let layer = || Tar::default().file("a", &"text ".repeat(1000)).end();
    let fresh = |name: &str| Layout::new(&images, name, &[layer()]);
    let flipped = fresh("flipped");
    flipped.spoil(|bytes| bytes[700] ^= 1);
    assert!(images.refuses(&flipped, 4).contains("has the digest sha256:"));
    let header = fresh("header");
    header.spoil(|bytes| bytes[3] ^= 1);
    assert!(images.refuses(&header, 4).contains("has the digest sha256:"));
    let short = fresh("short");
    short.spoil(|bytes| bytes.truncate(1000));
    assert!(images.refuses(&short, 4).contains("has 1000 bytes, not "));
    let long = fresh("long");
    long.spoil(|bytes| bytes.push(0));
    assert!(images.refuses(&long, 4).contains("as stated"));
    let missing = fresh("missing");
    fs::remove_dir_all(missing.path.join("blobs")).unwrap();
    assert!(images.refuses(&missing, 4).contains("is missing"));
    // The layer matches its digest, and the config has another.
    let other = fresh("other");
    let descriptor = other.put("application/vnd.oci.image.layer.v1.tar", &layer());
    other.manifest(&[descriptor], &[digest(b"else")]);
    assert!(images.refuses(&other, 4).contains("layer 0 unpacks to sha256:"));
    let none = fresh("none");
    none.manifest(&[], &[digest(b"else")]);
    assert!(images.refuses(&none, 1).contains("1 diffIDs for 0 layers of the manifest"));
    // A blob path that leads out of the layout.
    let way_out = fresh("way-out");
    let secret = images.scratch("secret");
    fs::write(&secret, layer()).unwrap();
    let blob = way_out.path.join("blobs/sha256").join(&digest(&layer())[7..]);
    fs::remove_file(&blob).unwrap();
    symlink(&secret, &blob).unwrap();
    images.refuses(&way_out, 1);
    for (file, bytes, said) in [
        ("oci-layout", "{}", "oci-layout is invalid"),
        ("oci-layout", "\0", "oci-layout is invalid"),
        ("index.json", "[]", "index.json is invalid"),
        ("index.json", "{\"schemaVersion\":2,\"manifests\":[]}", "the image has no manifest"),
        (
            "index.json",
            "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x\",\"size\":1,\"digest\":\"sha256:../../x\"}]}",
            "index.json is invalid",
        ),
    ] {
        let layout = fresh("again");
        fs::write(layout.path.join(file), bytes).unwrap();
        let found = images.refuses(&layout, 1);
        assert!(found.contains(said), "{said}: {found}");
    }
}

#[test]
fn anything_but_an_image_is_refused() {
    let images = Images::new();
    let (empty, text_file) = (images.scratch("empty"), images.scratch("text"));
    fs::create_dir(&empty).unwrap();
    fs::write(&text_file, "no image\n").unwrap();
    let import = |path: &Path, code: i32| images.shop.stele.fails(&["image", "import", text(path)], code);
    assert!(import(&empty, 1).contains("neither an OCI layout"));
    assert!(import(&text_file, 1).contains("neither a layout nor an archive of images"));
    import(&images.scratch("none"), 3);
    import(Path::new("/dev/null"), 1);
    for packed in [&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd, 1]] {
        fs::write(&text_file, packed).unwrap();
        import(&text_file, 1);
    }
}

#[test]
fn an_imported_image_is_an_opaque_input_of_a_recipe() {
    let images = Images::new();
    let stele = &images.shop.stele;
    let layout = images.layout("box");
    stele.ok(&["image", "import", "--name", "base", text(&layout)]);
    let rootfs =
        stele.json(&["image", "inspect", "base"])["images"][0]["rootfs"].as_str().unwrap().to_owned();
    let size = stele.json(&["store", "info", "image-base/rootfs"])["closure"]["bytes"].as_u64().unwrap();
    let recipe = |rootfs: &str, size: u64| {
        images.shop.put(
            "pkgs/on-base/recipe.star",
            &format!(
                "on_base = recipe(name = 'on-base', version = '1', \
                 sources = [foreign_image('example/base@sha256:00', rootfs = '{rootfs}', size = {size})], \
                 steps = [['/bin/sh', '-c', 'cat /etc/motd /bin/busybox > $OUT/all']])\n"
            ),
        );
    };
    recipe(&rootfs, size + 1);
    let said = stele.fails(&["build", "on-base"], 1);
    assert!(said.contains(&format!("size = {size}")), "{said}");
    recipe(&rootfs, size);
    stele.ok(&["build", "on-base"]);
    let all = stele.run(&["store", "cat", "build-on-base/all"]).stdout;
    assert_eq!(all, [b"hello\n", &fs::read("/bin/busybox").unwrap()[..]].concat());
    assert!(stele.ok(&["recipe", "show", "on-base"]).contains(&format!("rootfs {rootfs}")));
    let info = stele.json(&["info", "on-base"]);
    assert_eq!(
        (&info["opaque"]["bytes"], &info["opaque"]["sources"][0]["tree"]),
        (&size.into(), &rootfs.as_str().into())
    );
    assert!(stele.ok(&["lineage", "on-base"]).contains("prebuilt"));
    // Its inputs may be removed; the output stays.
    stele.ok(&["store", "root", "rm", "image-base"]);
    stele.ok(&["store", "root", "rm", "image-box"]);
    stele.ok(&["store", "gc", "--end-leases"]);
    assert_eq!(stele.run(&["build", "on-base"]).code, 0);
    recipe(&"0".repeat(64), size);
    let said = stele.fails(&["build", "on-base"], 3);
    assert!(said.contains("stele image import example/base@sha256:00"), "{said}");
    recipe("00", size);
    assert!(stele.fails(&["build", "on-base"], 1).contains("rootfs"));
}
