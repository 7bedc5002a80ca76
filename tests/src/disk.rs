//! Small disks for one test, to fill, make read-only, or cut off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountPropagationFlags, mount_change};
use tempfile::TempDir;

/// Something mounted, unmounted when dropped.
pub struct Disk {
    dir: TempDir,
    image: Option<PathBuf>,
}

/// What this thread, and what it starts, mounts from now on goes with them, and nobody else sees it. `None` without the
/// right to mount.
pub fn own_mounts() -> Option<()> {
    crate::sys::unshare_mounts().ok()?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).ok()
}

fn run(program: &str, args: &[&std::ffi::OsStr]) -> bool {
    let output = Command::new(program).args(args).output();
    match output {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(e) => {
            eprintln!("{program}: {e}");
            false
        }
    }
}

macro_rules! args {
    ($($arg:expr),*) => { &[$(std::ffi::OsStr::new($arg)),*] };
}

impl Disk {
    /// A tmpfs of `mib` MiB. `None` without the right to mount.
    pub fn tmpfs(mib: u64) -> Option<Self> {
        Self::tmpfs_of(&format!("size={mib}m"))
    }

    /// A tmpfs that holds so many files and folders. `None` without the right to mount.
    pub fn tmpfs_of_inodes(count: u64) -> Option<Self> {
        Self::tmpfs_of(&format!("nr_inodes={count}"))
    }

    fn tmpfs_of(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        run("mount", args!["-t", "tmpfs", "-o", size, "tmpfs", dir.path()])
            .then_some(Self { dir, image: None })
    }

    /// A journalled ext4 in a file of `mib` MiB. `None` without the right to mount.
    pub fn ext4(mib: u64) -> Option<Self> {
        Self::ext4_with(mib, "256")
    }

    /// The same with inodes too small for fractions of a second.
    pub fn ext4_of_whole_seconds(mib: u64) -> Option<Self> {
        Self::ext4_with(mib, "128")
    }

    fn ext4_with(mib: u64, inode: &str) -> Option<Self> {
        let name = format!("stele-test-{}-{mib}-{inode}.ext4", std::process::id());
        let image = std::env::temp_dir().join(name);
        fs::File::create(&image).and_then(|file| file.set_len(mib << 20)).expect("an image");
        let options = "lazy_itable_init=0,lazy_journal_init=0";
        if !run("mkfs.ext4", args!["-q", "-F", "-I", inode, "-E", options, &image]) {
            let _ = fs::remove_file(image);
            return None;
        }
        Self::mount_image(image)
    }

    /// A btrfs in a file of `mib` MiB, of which a quota grants `quota` MiB. `None` without the right to mount, or
    /// without its programs.
    pub fn btrfs_of_quota(mib: u64, quota: u64) -> Option<Self> {
        let name = format!("stele-test-{}-{mib}-{quota}.btrfs", std::process::id());
        let image = std::env::temp_dir().join(name);
        fs::File::create(&image).and_then(|file| file.set_len(mib << 20)).expect("an image");
        if !run("mkfs.btrfs", args!["-q", "-f", &image]) {
            let _ = fs::remove_file(image);
            return None;
        }
        let disk = Self::mount_image(image)?;
        let limit = format!("{quota}M");
        let limited = run("btrfs", args!["quota", "enable", disk.path()])
            && run("btrfs", args!["qgroup", "limit", &limit, disk.path()]);
        limited.then_some(disk)
    }

    fn mount_image(image: PathBuf) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        if run("mount", args!["-o", "loop", &image, dir.path()]) {
            return Some(Self { dir, image: Some(image) });
        }
        let _ = fs::remove_file(image);
        None
    }

    /// This disk after a power failure now: a copy of the image as the device has it, without what the file system
    /// still holds in memory. The copy is mounted, its journal replayed.
    pub fn after_power_cut(&self, name: &str) -> Self {
        let image = self.image.as_ref().expect("only an image can be copied");
        let copy = image.with_extension(format!("cut-{name}"));
        assert!(run("cp", args!["--sparse=always", image, &copy]), "the image could not be copied");
        Self::mount_image(copy).expect("a journalled file system mounts after a power cut")
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Bytes that are taken on it, its own tables of contents included.
    pub fn used(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.path()).expect("a mounted disk");
        (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    }

    /// Mounts it read-only, or for writing again.
    pub fn set_read_only(&self, read_only: bool) {
        let option = if read_only { "remount,ro" } else { "remount,rw" };
        assert!(run("mount", args!["-o", option, self.path()]), "{option} failed");
    }

    /// Writes until the disk is full.
    pub fn fill(&self) {
        use std::io::Write;
        // Without an inode that is left there is nothing to write to.
        let Ok(mut file) = fs::File::create(self.path().join("filler")) else { return };
        for step in [1 << 20, 4096, 1] {
            let zeros = vec![7; step];
            while file.write_all(&zeros).is_ok() {}
        }
        let _ = file.sync_all();
    }

    /// Frees space again.
    pub fn drain(&self) {
        let _ = fs::remove_file(self.path().join("filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A daemon that is just ending may hold it for a moment.
        for _ in 0..100 {
            if run("umount", args![self.path()]) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        if let Some(image) = &self.image {
            let _ = fs::remove_file(image);
        }
    }
}
