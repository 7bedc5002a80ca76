//! File capabilities in images: as they are declared, in what engines unpack, and through an import.

use serde_json::json;

use super::peers::{Lower, podman};
use super::*;

const NET: &str = "check = False, capabilities = {'/bin/busybox': 'cap_net_raw,cap_net_bind_service'}";
const VALUE: [u8; 20] = [1, 0, 0, 2, 0, 0x24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn capabilities_are_shown_and_come_through_an_import() {
    let images = Images::new();
    let plain = images.build("box");
    images.image("box", &format!("inputs = [box], {ALL} {NET}"));
    let digest = images.build("box");
    assert_ne!(digest, plain);
    let shown = images.shop.stele.ok(&["image", "tree", "box"]);
    let line = shown.lines().find(|line| line.contains("/bin/busybox")).unwrap();
    assert!(line.ends_with(" /bin/busybox cap_net_bind_service,cap_net_raw=ep"), "{line}");
    let tar = images.scratch("image.tar");
    images.shop.stele.ok(&["image", "export", "--format", "oci-archive", "box", text(&tar)]);
    let said = images.shop.stele.json(&["image", "import", "--name", "again", text(&tar)]);
    assert!(said.get("left_out").is_none_or(|it| it == &json!([])), "{said}");
    assert_eq!(said["image"]["digest"], digest.as_str(), "{said}");
    assert!(images.shop.stele.ok(&["image", "tree", "again"]).contains(line));
}

#[test]
fn capabilities_of_nothing_or_of_no_meaning_are_refused() {
    let images = Images::new();
    for (capabilities, code, said) in [
        ("{'/bin/busybox': 'net_raw'}", 1, "are not capabilities"),
        ("{'/bin/busybox': 7}", 1, "are not capabilities"),
        ("{'/bin/busybox': 'cap_everything'}", 1, "`cap_everything` is not a capability"),
        ("{'/bin/busybox': 'cap_kill,cap_kill'}", 1, "`cap_kill` is there twice"),
        ("{'/bin': 'cap_kill'}", 1, "the set of capabilities of /bin is declared, but it is not a file"),
        ("{'/bin/sh': 'cap_kill'}", 1, "it is not a file"),
        ("{'/bin/nothing': 'cap_kill'}", 1, "the image does not have it"),
    ] {
        images.image("box", &format!("inputs = [box], check = False, capabilities = {capabilities}"));
        let found = images.shop.stele.fails(&["image", "build", "box"], code);
        assert!(found.contains(said), "{capabilities}: {found}");
    }
}

#[test]
fn umoci_sets_them_and_tar_too() {
    if !is_root() {
        return stele_tests::skip("capabilities can only be set by root");
    }
    let images = Images::new();
    images.image("box", &format!("inputs = [box], {ALL} {NET}"));
    let layout = images.layout("box");
    let bundle = images.scratch("bundle");
    peer("umoci", &["unpack", "--image", &format!("{}:box", text(&layout)), text(&bundle)]);
    let value = |file: &Path| {
        let mut value = [0; 64];
        let length = rustix::fs::getxattr(file, c"security.capability", &mut value).unwrap();
        value[..length].to_vec()
    };
    assert_eq!(value(&bundle.join("rootfs/bin/busybox")), VALUE);
    // The layer of the package is the larger one.
    let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap().flatten().map(|it| it.path());
    let layer = blobs.max_by_key(|it| it.metadata().unwrap().len()).unwrap();
    let folder = images.scratch("tar");
    fs::create_dir(&folder).unwrap();
    peer("tar", &["--xattrs", "--xattrs-include=*", "-xf", text(&layer), "-C", text(&folder)]);
    assert_eq!(value(&folder.join("bin/busybox")), VALUE);
}

#[test]
fn a_user_in_a_container_of_podman_has_them() {
    if !is_root() {
        return stele_tests::skip("podman without root needs more than every machine has");
    }
    let effective = |capabilities: &str| {
        let images = Images::new();
        images.image(
            "box",
            &format!(
                "inputs = [box], check = False, user = '1000:1000', env = {{'PATH': '/bin'}}, \
                 entrypoint = ['/bin/cat', '/proc/self/status'], {capabilities}"
            ),
        );
        images.build("box");
        let folder = Lower::new();
        let layout = folder.0.join("layout");
        images.shop.stele.ok(&["image", "export", "box", text(&layout)]);
        let image = format!("oci:{}:box", text(&layout));
        let limits = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
        let said = podman(&images, &[&["run", "--quiet", "--rm"], &limits[..], &[&image]].concat());
        said.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim().to_owned()
    };
    assert_eq!(effective("capabilities = {'/bin/busybox': 'cap_net_bind_service'}"), "0000000000000400");
    // The control: without, that user has none.
    assert_eq!(effective(""), "0000000000000000");
}
