//! The parts of an image, what remains of it, and what is refused.

use super::*;

#[test]
fn an_image_is_the_same_in_another_store_and_nothing_is_measured_twice() {
    let (one, other) = (Images::new(), Images::new());
    let digest = one.build("box");
    assert_eq!(other.build("box"), digest);
    assert_eq!(one.build("box"), digest);
    let shown = one.shop.stele.json(&["image", "inspect", "box"]);
    assert_eq!(shown["digest"], digest);
    // The content digest is that of the config, which is the same for all compressions of the layers.
    let contents = ["none", "gzip", "zstd"].map(|compression| {
        one.image("box", &format!("inputs = [box], compression = '{compression}', {ALL}"));
        one.build("box");
        let shown = one.shop.stele.json(&["image", "inspect", "box"]);
        assert_eq!(shown["images"][0]["layers"][0]["compression"], compression);
        (shown["content"].as_str().unwrap().to_owned(), shown["digest"].as_str().unwrap().to_owned())
    });
    assert!(contents.iter().all(|(content, _)| *content == contents[0].0), "{contents:?}");
    assert!(contents[0].1 != contents[1].1 && contents[1].1 != contents[2].1, "{contents:?}");
    assert_eq!(contents[0].1, digest);
}

#[test]
fn a_collection_removes_nothing_that_an_image_needs() {
    let images = Images::new();
    let digest = images.build("box");
    images.shop.stele.ok(&["store", "gc", "--end-leases"]);
    images.shop.stele.assert_sound();
    let to = images.scratch("layout");
    images.shop.stele.ok(&["image", "export", "box", text(&to)]);
    assert_eq!(images.build("box"), digest);
    let listed = images.shop.stele.ok(&["image", "ls"]);
    assert!(listed.starts_with(&digest[..19]) && listed.ends_with("  box  linux/amd64"), "{listed}");
    // Released, it is removed.
    images.shop.stele.ok(&["store", "root", "rm", "image-box"]);
    assert_eq!(images.shop.stele.ok(&["image", "ls"]), "");
    images.shop.stele.fails(&["image", "inspect", "box"], 3);
    images.shop.stele.fails(&["image", "export", "box", text(&to)], 3);
}

#[test]
fn an_image_is_found_by_its_name_and_by_its_digests() {
    let images = Images::new();
    let digest = images.build("box");
    let shown = images.shop.stele.json(&["image", "inspect", "box"]);
    let content = shown["content"].as_str().unwrap();
    for reference in [&digest, content, &digest[..15], &content[..20]] {
        assert_eq!(images.shop.stele.json(&["image", "inspect", reference]), shown);
    }
    for reference in ["bo", "sha256:", "sha256:1234567", "sha256:00000000", "a/b", ""] {
        let code = if reference == "a/b" { 2 } else { 3 };
        images.shop.stele.fails(&["image", "inspect", reference], code);
    }
}

#[test]
fn the_mount_shows_an_image_as_the_store_keeps_it() {
    let images = Images::new();
    images.build("box");
    let motd = images.shop.file("image-box/rootfs/etc/motd");
    assert_eq!(motd, "hello");
    let config = images.shop.file("image-box/config.json");
    let content = format!("sha256:{}", peer_sha256(config.as_bytes()));
    assert_eq!(images.shop.stele.json(&["image", "inspect", "box"])["content"], content);
    let tree = images.shop.stele.ok(&["image", "tree", "box"]);
    assert!(tree.contains("-rwsr-xr-x         0:0 "), "{tree}");
    assert!(tree.contains("drwxr-xr-x   1000:1000            0 /var/app"), "{tree}");
    assert!(tree.contains("lrwxrwxrwx         0:0            0 /bin/tac -> busybox"), "{tree}");
}

fn peer_sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn one_changed_package_changes_one_layer() {
    let images = Images::new();
    let shop = &images.shop;
    shop.recipe("one", &[], "mkdir -p $OUT/usr; echo 1 > $OUT/usr/one");
    shop.recipe("two", &[], "mkdir -p $OUT/usr; echo 2 > $OUT/usr/two");
    let loads = "load('//pkgs/one/recipe.star', 'one')\nload('//pkgs/two/recipe.star', 'two')\n";
    shop.put(
        "pkgs/all/recipe.star",
        &format!("{loads}image(name = 'all', inputs = [one, input(two, at = '/opt')])"),
    );
    images.build("all");
    let layers = |shown: &serde_json::Value| -> Vec<String> {
        let layers = shown["images"][0]["layers"].as_array().unwrap().clone();
        layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
    };
    let before = layers(&shop.stele.json(&["image", "inspect", "all"]));
    assert_eq!(shop.file("image-all/rootfs/opt/usr/two"), "2");
    let to = images.scratch("layout");
    shop.stele.ok(&["image", "export", "all", text(&to)]);
    shop.recipe("two", &[], "mkdir -p $OUT/usr; echo 3 > $OUT/usr/two");
    images.build("all");
    let after = layers(&shop.stele.json(&["image", "inspect", "all"]));
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    let done = shop.stele.json(&["image", "export", "all", text(&to)]);
    // A layer, the config and the manifest.
    assert_eq!((&done["written"], &done["kept"]), (&3.into(), &1.into()));
}

#[test]
fn an_invalid_image_is_refused_with_a_hint() {
    let images = Images::new();
    let shop = &images.shop;
    shop.recipe("one", &[], "mkdir -p $OUT/etc; echo 1 > $OUT/etc/a; ln -s a $OUT/etc/b");
    shop.recipe("two", &[], "mkdir -p $OUT/etc; echo 2 > $OUT/etc/a; mkdir $OUT/etc/c");
    shop.recipe("white", &[], "echo > $OUT/.wh.etc");
    for (arguments, said) in [
        ("inputs = [one, two]", "one and two both provide /etc/a with different content"),
        ("inputs = [one], files = {'/etc/a': 'x'}", "one and declared files both provide /etc/a"),
        ("inputs = [one], overrides = ['/etc/a']", "/etc/a is in `overrides`, but no two layers have it"),
        (
            "inputs = [one, two], overrides = ['/etc']",
            "/etc is in `overrides`, but a layer has a directory there",
        ),
        (
            "inputs = [one], modes = {'/etc/x': '600'}",
            "the mode of /etc/x is declared, but the image does not have it",
        ),
        ("inputs = [one], modes = {'/etc/b': '600'}", "the mode of /etc/b is declared, but it is a link"),
        (
            "inputs = [one], owners = {'/x': '1:1'}",
            "the owner of /x is declared, but the image does not have it",
        ),
        ("inputs = [white]", "layer white: /.wh.etc cannot be in an image"),
    ] {
        let loads =
            ["one", "two", "white"].map(|it| format!("load('//pkgs/{it}/recipe.star', '{it}')\n")).concat();
        shop.put("pkgs/bad/recipe.star", &format!("{loads}image(name = 'bad', {arguments})"));
        let found = shop.stele.fails(&["image", "build", "bad"], 1);
        assert!(found.contains(said), "{arguments}: {found}");
    }
    assert_eq!(shop.stele.ok(&["image", "ls"]), "");
    // The higher layer wins, and the rest is unchanged.
    let loads = ["one", "two"].map(|it| format!("load('//pkgs/{it}/recipe.star', '{it}')\n")).concat();
    shop.put(
        "pkgs/bad/recipe.star",
        &format!("{loads}image(name = 'bad', inputs = [one, two], overrides = ['/etc/a'])"),
    );
    images.build("bad");
    assert_eq!(shop.file("image-bad/rootfs/etc/a"), "2");
    shop.stele.fails(&["image", "build", "none"], 3);
    shop.stele.fails(&["image", "build", "BAD"], 2);
    let wrong = shop.stele.fails(&["image", "build", "box-x"], 3);
    assert!(wrong.contains("there is no image `box-x`"), "{wrong}");
}

#[test]
fn an_index_names_an_image_for_each_platform() {
    let images = Images::new();
    // An image for another machine does not need anything built for it.
    images.images(
        "x = image(name = 'box-x', files = {'/a': 'x'})\n\
         y = image(name = 'box-y', files = {'/a': 'y'}, platform = 'aarch64-linux')\n\
         image_index(name = 'box', images = [x, y], annotations = {'k': 'v'})\n",
    );
    let digest = images.build("box");
    let shown = images.shop.stele.json(&["image", "inspect", "box"]);
    assert_eq!(shown["kind"], "index");
    assert_eq!(shown["images"][1]["platform"]["architecture"], "arm64");
    let to = images.scratch("index");
    images.shop.stele.ok(&["image", "export", "box", text(&to)]);
    let raw = peer("skopeo", &["inspect", "--raw", &format!("oci:{}:box", text(&to))]);
    assert_eq!(format!("sha256:{}", peer_sha256(raw.as_bytes())), digest);
    let arm = peer(
        "skopeo",
        &[
            "--override-arch",
            "arm64",
            "--override-variant",
            "v8",
            "inspect",
            &format!("oci:{}:box", text(&to)),
        ],
    );
    assert!(arm.contains("\"Architecture\": \"arm64\""), "{arm}");
    // A Docker archive has one image.
    let tar = images.scratch("docker.tar");
    let export = ["image", "export", "--format", "docker-archive", "box", text(&tar)];
    let several = images.shop.stele.fails(&export, 2);
    assert!(several.contains("linux/amd64, linux/arm64/v8"), "{several}");
    images.shop.stele.ok(&[&export[..], &["--platform", "linux/arm64"]].concat());
    images.shop.stele.fails(&[&export[..], &["--platform", "linux/riscv64"]].concat(), 3);
    peer("skopeo", &["inspect", &format!("docker-archive:{}", text(&tar))]);
}

#[test]
fn a_diff_lists_exactly_the_differences() {
    let images = Images::new();
    let stele = &images.shop.stele;
    images.images(&format!(
        "image(name = 'box', inputs = [box], {ALL})\n\
         image(name = 'box-same', inputs = [box], compression = 'gzip', {ALL})\n\
         image(name = 'box-other', inputs = [box], cmd = ['x'], files = {{'/etc/motd': 'hello!', '/new': ''}}, \
         links = {{'/bin/tac': 'sh'}}, modes = {{'/bin/busybox': '0755'}}, owners = {{'/bin': '7:0'}}, check = False)\n"
    ));
    for name in ["box", "box-same", "box-other"] {
        stele.ok(&["image", "build", name]);
    }
    assert_eq!(stele.ok(&["image", "diff", "box", "box"]), "the same image");
    // Two encodings of one content; the manifest says by which encoder.
    let same = stele.ok(&["image", "diff", "box", "box-same"]);
    let (encoder, same) = same.split_once('\n').unwrap();
    assert!(encoder.starts_with("annotation stele.encoder: nothing -> \"gzip: libdeflate"), "{encoder}");
    assert_eq!(same, "the same content");
    let said = stele.ok(&["image", "diff", "box", "box-other"]);
    let has = |line: &str| assert!(said.lines().any(|it| it == line), "{line}: {said}");
    has("! /bin/busybox  mode 4755 -> 0755, owner 0:0 -> 7:0");
    has("! /bin/tac  owner 0:0 -> 7:0, target busybox -> sh");
    has("! /etc/motd  content, 6 -> 6 bytes");
    has("- /tmp");
    has("+ /new");
    has("config User: \"1000:1000\" -> nothing");
    assert!(!said.contains("+ /bin/sh"), "{said}");
    let shown = stele.json(&["image", "diff", "box", "box-other"]);
    assert_eq!(shown["paths"]["/new"]["second"]["size"], 0);
    assert_eq!(
        (&shown["same_digest"], &shown["paths"]["/new"]["first"]),
        (&false.into(), &serde_json::Value::Null)
    );
    stele.fails(&["image", "diff", "box", "nothing"], 3);
    stele.fails(&["image", "diff", "box", "box-other", "--platform", "linux/s390x"], 3);
}
