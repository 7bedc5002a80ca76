//! Programs of a newer Debian, in a root of their own: `tools/install-deps test` unpacks them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Enters the root, whose `/scratch` is the test's folder. A root that was only changed to is no mount point, and
/// podman needs one.
const ENTER: &str = r#"
set -eu
root=$1 scratch=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$scratch" "$root/scratch"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/var"
mkdir "$root/var/tmp"
cd "$root"
pivot_root . old
exec "$@"
"#;

fn root() -> PathBuf {
    super::cache().join("peers-newer")
}

/// Whether the programs are there.
pub fn is_there() -> bool {
    root().join("made-of").exists()
}

/// Runs a program with `scratch` as its `/scratch`.
///
/// # Panics
/// When it cannot be started.
pub fn run(scratch: &Path, argv: &[&str]) -> Output {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", ENTER, "sh"]).arg(root()).arg(scratch).args(argv);
    command.env_clear().env("HOME", "/scratch/home").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.output().expect("util-linux is installed")
}
