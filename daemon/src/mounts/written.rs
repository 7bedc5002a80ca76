//! The file `mounts` in the store's folder: what to mount again after daemon and keeper were both killed.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Record;

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// The boot ID (random(4)): a mount does not survive a reboot.
    boot: String,
    mounts: Vec<Record>,
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Writes the list of mounts. A failure, such as a full disk, is no reason not to mount.
pub(super) fn write(store: &Path, mounts: Vec<Record>) {
    let path = store.join("mounts");
    if mounts.is_empty() {
        drop(std::fs::remove_file(path));
        return;
    }
    let Ok(text) = serde_json::to_vec(&Written { boot: boot(), mounts }) else { return };
    let new = store.join("mounts.new");
    let _ = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
}

/// The mounts made since the machine was booted.
pub(super) fn read(store: &Path) -> Vec<Record> {
    let text = std::fs::read(store.join("mounts")).unwrap_or_default();
    match serde_json::from_slice::<Written>(&text) {
        Ok(written) if written.boot == boot() => written.mounts,
        _ => Vec::new(),
    }
}
