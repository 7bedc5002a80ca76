//! Layouts and archives on disk: complete or absent, and never more written than is missing.

use std::os::unix::fs::MetadataExt;

use super::*;

/// All files of a folder with their inodes, which another write would change.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => left.push(entry.path()),
                false => found.push((entry.path(), entry.metadata().unwrap().ino())),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_second_export_writes_nothing() {
    let images = Images::new();
    let to = images.layout("box");
    let before = files(&to);
    let done = images.shop.stele.json(&["image", "export", "box", text(&to)]);
    assert_eq!(done, serde_json::json!({"written": 0, "bytes": 0, "kept": 4, "unchanged": true}));
    assert_eq!(files(&to), before);
}

#[test]
fn missing_or_short_files_are_written_again() {
    let images = Images::new();
    let to = images.layout("box");
    let before = files(&to);
    let blobs: Vec<_> =
        before.iter().map(|(path, _)| path).filter(|path| path.starts_with(to.join("blobs"))).collect();
    fs::remove_file(blobs[0]).unwrap();
    fs::write(blobs[1], "x").unwrap();
    fs::remove_file(to.join("index.json")).unwrap();
    images.shop.stele.ok(&["image", "export", "box", text(&to)]);
    let names = |files: &[(PathBuf, u64)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&files(&to)), names(&before));
    peer(
        "skopeo",
        &[
            "copy",
            "--quiet",
            &format!("oci:{}:box", text(&to)),
            &format!("dir:{}", text(&images.scratch("dir"))),
        ],
    );
}

#[test]
fn a_third_party_layout_keeps_its_entries() {
    let images = Images::new();
    let to = images.layout("box");
    let others = images.scratch("others");
    let copy = |name: &str| {
        let (from, to) = (format!("oci:{}:box", text(&to)), format!("oci:{}:{name}", text(&others)));
        peer("skopeo", &["copy", "--quiet", &from, &to]);
    };
    copy("theirs");
    images.image("box", "inputs = [box]");
    images.build("box");
    images.shop.stele.ok(&["image", "export", "--as", "ours:1.0", "box", text(&others)]);
    for name in ["theirs", "ours:1.0"] {
        peer("skopeo", &["inspect", &format!("oci:{}:{name}", text(&others))]);
    }
    // Another image of the same name replaces it.
    images.image("box", "inputs = [box], labels = {'a': 'b'}");
    images.build("box");
    images.shop.stele.ok(&["image", "export", "--as", "ours:1.0", "box", text(&others)]);
    let index = fs::read_to_string(others.join("index.json")).unwrap();
    assert_eq!(index.matches("ref.name").count(), 2, "{index}");
    let shown = peer("skopeo", &["inspect", &format!("oci:{}:ours:1.0", text(&others))]);
    assert!(shown.contains("\"a\": \"b\""), "{shown}");
}

#[test]
fn a_place_that_is_something_else_is_not_touched() {
    let images = Images::new();
    images.build("box");
    let (folder, file) = (images.scratch("folder"), images.scratch("file"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("precious"), "x").unwrap();
    fs::write(&file, "x").unwrap();
    let refused = |args: &[&str], code: i32| {
        let all = [&["image", "export"], args].concat();
        images.shop.stele.fails(&all, code)
    };
    assert!(refused(&["box", text(&folder)], 1).contains("exists, and is not an OCI image layout"));
    assert!(refused(&["box", text(&file)], 1).contains("exists, and is not a folder"));
    assert!(refused(&["--format", "docker-archive", "box", text(&folder)], 1).contains("is not a file"));
    assert_eq!(files(&folder).len(), 1);
    refused(&["box", text(&images.scratch("no/such/folder"))], 1);
    for name in ["", "a b", "../x", "-x", "a\nb", "é"] {
        let as_name = format!("--as={name}");
        assert!(
            refused(&[&as_name, "box", text(&images.scratch("new"))], 2)
                .contains("is not a valid image name")
        );
    }
    refused(&["--format", "docker-archive", "--as", "Upper", "box", text(&images.scratch("x.tar"))], 2);
    assert!(!images.scratch("new").exists() && !images.scratch("x.tar").exists());
    // A layout of another version, or one with an invalid index.
    for (file, bytes) in
        [("oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}"), ("index.json", "{"), ("index.json", "[]")]
    {
        let to = images.scratch("broken");
        let _ = fs::remove_dir_all(&to);
        images.shop.stele.ok(&["image", "export", "box", text(&to)]);
        fs::write(to.join(file), bytes).unwrap();
        let before = files(&to);
        assert!(refused(&["box", text(&to)], 1).contains("cannot be added to"));
        assert_eq!(files(&to), before);
    }
}

#[test]
fn a_damaged_file_of_an_image_is_reported_and_no_blob_of_it_appears() {
    let images = Images::new();
    images.build("box");
    let info = images.shop.stele.json(&["store", "info", "image-box/rootfs/bin/busybox"]);
    let file = PathBuf::from(info["file"].as_str().unwrap());
    stele_tests::damage::flip(&file, 1000);
    let to = images.scratch("layout");
    let found = images.shop.stele.fails(&["image", "export", "box", text(&to)], 4);
    assert!(found.contains("layer box: blob "), "{found}");
    let blobs = files(&to.join("blobs"));
    assert!(blobs.is_empty(), "{blobs:?}");
    assert!(!to.join("index.json").exists());
}

/// The payload file of that size, if the store has one.
fn payload_of_size(images: &Images, size: u64) -> Option<PathBuf> {
    let objects = files(&images.shop.stele.store().join("objects"));
    objects.into_iter().map(|(path, _)| path).find(|path| path.metadata().unwrap().len() == size)
}

#[test]
fn a_compressed_layer_is_kept_for_a_while_and_made_anew_when_it_is_damaged() {
    let images = Images::new();
    images.shop.recipe("noise", &[], "head -c 6000000 /dev/urandom > $OUT/noise");
    let file = images.shop.path().join("pkgs/noise/recipe.star");
    let recipe = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("{recipe}\nimage(name = 'noise-image', inputs = [noise], compression = 'gzip')\n"),
    )
    .unwrap();
    images.build("noise-image");
    let export = |name: &str| {
        let to = images.scratch(name);
        images.shop.stele.ok(&["image", "export", "noise-image", text(&to)]);
        to
    };
    let first = export("first");
    let layer = files(&first).into_iter().map(|(path, _)| path).max_by_key(|it| it.metadata().unwrap().len());
    let layer = layer.unwrap();
    let kept = payload_of_size(&images, layer.metadata().unwrap().len()).expect("it is kept");
    assert_eq!(fs::read(&kept).unwrap(), fs::read(&layer).unwrap());

    stele_tests::damage::flip(&kept, 1_000_000);
    stele_tests::trees::assert_same(&first, &export("after-damage"));
    assert_eq!(fs::read(&kept).unwrap(), fs::read(&layer).unwrap(), "it was made anew");

    // Nothing of the layer's own files is read while it is there.
    let noise = PathBuf::from(
        images.shop.stele.json(&["store", "info", "image-noise-image/rootfs/noise"])["file"]
            .as_str()
            .unwrap(),
    );
    stele_tests::damage::flip(&noise, 1_000_000);
    stele_tests::trees::assert_same(&first, &export("from-kept"));

    images.shop.stele.ok(&["store", "gc", "--end-leases"]);
    assert!(!kept.exists());
    let refused =
        images.shop.stele.fails(&["image", "export", "noise-image", text(&images.scratch("not"))], 4);
    assert!(refused.contains("layer noise: blob "), "{refused}");
}

#[test]
fn two_exports_at_once_lose_no_image() {
    let images = Images::new();
    images.build("box");
    let to = images.scratch("layout");
    let children: Vec<_> = (0..6)
        .map(|n| {
            let called = format!("n{n}");
            images
                .shop
                .stele
                .command(&["image", "export", "--as", &called, "box", text(&to)])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let index = fs::read_to_string(to.join("index.json")).unwrap();
    assert_eq!(index.matches("ref.name").count(), 6, "{index}");
}

#[test]
fn an_archive_is_the_same_each_time() {
    let images = Images::new();
    images.build("box");
    for format in ["oci-archive", "docker-archive"] {
        let (one, other) = (images.scratch("one.tar"), images.scratch("other.tar"));
        for to in [&one, &other, &one] {
            images.shop.stele.ok(&["image", "export", "--format", format, "box", text(to)]);
        }
        assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap());
        peer("skopeo", &["inspect", &format!("{format}:{}", text(&one))]);
    }
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let (one, other) = (Images::new(), Images::new());
    let digest = one.build("box");
    let mut export = one.shop.stele.command(&["image", "export", "box", "-"]);
    let mut export = export.stdout(Stdio::piped()).spawn().unwrap();
    let mut import = other.shop.stele.command(&["image", "import", "-"]);
    let import = import.stdin(export.stdout.take().unwrap()).output().unwrap();
    assert!(export.wait().unwrap().success());
    assert_eq!(String::from_utf8(import.stdout).unwrap(), format!("{digest}  box\n"));
    // A folder is no archive, and nothing is no image.
    one.shop.stele.fails(&["image", "export", "--format", "oci", "box", "-"], 2);
    let mut nothing = other.shop.stele.command(&["image", "import", "-"]);
    let nothing = nothing.stdin(Stdio::null()).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing came on stdin"));
    for shop in [&one.shop, &other.shop] {
        let left: Vec<_> = fs::read_dir(shop.stele.store().join("fetch")).unwrap().flatten().collect();
        assert!(left.iter().all(|it| !it.file_name().to_string_lossy().starts_with("pull-")), "{left:?}");
    }
}
