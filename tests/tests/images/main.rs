//! Images as users meet them: made from built outputs, accepted by third-party programs, and refused when they are
//! wrong.
//!
//! The peers (skopeo, umoci, runc, podman, buildah, docker-registry, jsonschema) are Debian's; `tools/install-deps
//! test` installs them. Nothing here reaches beyond the loopback interface.

mod attached;
mod bills;
mod building;
mod capabilities;
mod evidence;
mod exporting;
mod importing;
mod layouts;
mod naming;
mod peers;
mod pushing;
mod ranges;
mod resuming;
mod serving;
mod starting;
mod strangers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stele_tests::workshop::Workshop;

/// A workshop with the image `box`: static busybox, and every setting of an image.
struct Images {
    shop: Workshop,
}

const ALL: &str = "\
    entrypoint = ['/bin/sh', '-c'],
    cmd = ['echo it runs; id -u; stat -c %a:%u:%g /bin/busybox /tmp /var/app; cat /etc/motd'],
    env = {'PATH': '/bin', 'HOME': '/'},
    user = '1000:1000',
    workdir = '/var/app',
    labels = {'org.example.a': 'b', 'org.example.c': 'd'},
    ports = ['8080', '53/udp'],
    volumes = ['/data'],
    stop_signal = 'SIGINT',
    files = {'/etc/passwd': 'root:x:0:0::/:\\napp:x:1000:1000::/:\\n', '/etc/motd': local('motd')},
    links = {'/bin/tac': 'busybox'},
    directories = ['/tmp', '/var/app'],
    owners = {'/var/app': '1000:1000'},
    modes = {'/tmp': '1777', '/bin/busybox': '4755'},
    annotations = {'org.example.note': 'é'},
";

impl Images {
    fn new() -> Self {
        let shop = Workshop::new();
        shop.put("pkgs/box/motd", "hello\n");
        let images = Self { shop };
        images.image("box", &format!("inputs = [box], {ALL}"));
        images
    }

    /// Writes the image `name` after the recipe `box`; others are removed.
    fn image(&self, name: &str, arguments: &str) {
        self.images(&format!("image(name = '{name}', {arguments})\n"));
    }

    /// Writes `text` after the recipe `box`.
    fn images(&self, text: &str) {
        let file = self.shop.path().join("pkgs/box/recipe.star");
        let before = fs::read_to_string(&file).unwrap();
        let recipe = before.split("# images\n").next().unwrap();
        fs::write(&file, format!("{recipe}# images\n{text}")).unwrap();
    }

    /// The image `box` is an index of two, for amd64 and arm64.
    fn two_platforms(&self) {
        self.images(&format!(
            "x = image(name = 'box-x', inputs = [box], {ALL})\n\
             y = image(name = 'box-y', files = {{'/a': 'y'}}, platform = 'aarch64-linux', compression = 'gzip')\n\
             image_index(name = 'box', images = [x, y])\n"
        ));
    }

    /// Builds an image; the digest of its manifest.
    #[track_caller]
    fn build(&self, name: &str) -> String {
        let text = self.shop.stele.ok(&["image", "build", name]);
        let (digest, label) = text.split_once("  ").expect("a digest and a name");
        assert_eq!(label, name);
        digest.to_owned()
    }

    /// Builds it, and exports it to a folder.
    #[track_caller]
    fn layout(&self, name: &str) -> PathBuf {
        self.build(name);
        let to = self.scratch("layout");
        self.shop.stele.ok(&["image", "export", name, text(&to)]);
        to
    }

    fn scratch(&self, name: &str) -> PathBuf {
        self.shop.stele.scratch().join(name)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}

/// Runs a third-party program, which must succeed. Its stdout.
#[track_caller]
fn peer(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{program}, which tools/install-deps installs: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The Python with the PyPI packages that the tests need.
fn python() -> String {
    let python = stele_tests::cache().join("peers-python/bin/python");
    text(&python).to_owned()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
