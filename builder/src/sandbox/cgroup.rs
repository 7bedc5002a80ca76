//! The kernel's own limits on memory and processes (cgroups(7)), where the user may set them: they act faster
//! than polling from outside. Version 2, or the controllers of version 1.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The prefix of the groups' names.
pub const PREFIX: &str = "stele-build-";
/// How often the removal of a group whose processes have ended is tried.
const TRIES: usize = 100;

/// The cgroups of one build; dropping it removes them.
pub(super) struct Group {
    folders: Vec<PathBuf>,
}

impl Group {
    /// Creates groups with these limits. None where the user may not, or none are mounted.
    pub fn new(name: &str, memory: u64, processes: u64) -> Option<Self> {
        let mut group = Self { folders: Vec::new() };
        for parent in parents() {
            let folder = parent.path.join(format!("{PREFIX}{name}"));
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            group.folders.push(folder.clone());
            let set = |file: &str, value: u64| {
                let path = folder.join(file);
                if path.exists() { fs::write(path, value.to_string()) } else { Ok(()) }
            };
            let files: &[(&str, u64)] = match parent.unified {
                true => &[("memory.max", memory), ("memory.swap.max", 0), ("pids.max", processes)],
                // The second is memory and swap together, which exists where the kernel counts swap.
                false => &[
                    ("memory.limit_in_bytes", memory),
                    ("memory.memsw.limit_in_bytes", memory),
                    ("pids.max", processes),
                ],
            };
            let limited: io::Result<()> = files.iter().try_for_each(|(file, value)| set(file, *value));
            if limited.is_err() {
                let _ = fs::remove_dir(&folder);
                group.folders.pop();
            }
        }
        (!group.folders.is_empty()).then_some(group)
    }

    /// Moves the calling process, which has one thread. Where that fails, only the polling from outside
    /// enforces the limits.
    pub fn enter(&self) {
        for folder in &self.folders {
            // A thread that moves itself stops no other; to move a process, the kernel waits until no process
            // of the machine forks, some 20 ms. Version 2 moves processes only.
            let _ =
                fs::write(folder.join("tasks"), "0").or_else(|_| fs::write(folder.join("cgroup.procs"), "0"));
        }
    }

    /// Whether the kernel has killed a process of the group for lack of memory.
    pub fn is_out_of_memory(&self) -> bool {
        self.has("memory.events", "oom_kill ") || self.has("memory.oom_control", "oom_kill ")
    }

    /// Whether the kernel has refused the group a process because it had too many.
    pub fn is_out_of_processes(&self) -> bool {
        self.has("pids.events", "max ")
    }

    /// Whether one of these files has a non-zero count.
    fn has(&self, file: &str, what: &str) -> bool {
        self.folders.iter().any(|folder| {
            let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
            text.lines().any(|line| line.strip_prefix(what).is_some_and(|count| count != "0"))
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            for _ in 0..TRIES {
                if remove(folder).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Removes a group, if it exists and may be removed.
///
/// # Errors
/// When a process of it lives, or has just ended and is still counted: that passes. Other failures are ignored,
/// such as groups that are mounted read-only.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::ResourceBusy => Err(e),
        _ => Ok(()),
    }
}

/// Removes the groups that a killed supervisor of the build `name` left.
///
/// # Errors
/// As long as a process of them lives.
pub(super) fn remove_left(name: &str) -> io::Result<()> {
    parents().iter().try_for_each(|parent| remove(&parent.path.join(format!("{PREFIX}{name}"))))
}

/// Whether this process can limit its builds by cgroups.
pub fn is_usable() -> bool {
    let writable = |it: &Parent| rustix::fs::access(&it.path, rustix::fs::Access::WRITE_OK).is_ok();
    parents().iter().any(writable)
}

struct Parent {
    path: PathBuf,
    unified: bool,
}

/// The cgroups of this process that can limit something.
fn parents() -> Vec<Parent> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut parents = Vec::new();
    for line in own.lines() {
        let mut columns = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (columns.next(), columns.next()) else { continue };
        let below = path.trim_start_matches('/');
        if controllers.is_empty() {
            let path = Path::new("/sys/fs/cgroup").join(below);
            let text = fs::read_to_string(path.join("cgroup.subtree_control")).unwrap_or_default();
            if text.split_whitespace().any(|it| it == "memory" || it == "pids") {
                parents.push(Parent { path, unified: true });
            }
        }
        for controller in controllers.split(',').filter(|it| matches!(*it, "memory" | "pids")) {
            let path = Path::new("/sys/fs/cgroup").join(controller).join(below);
            if path.is_dir() {
                parents.push(Parent { path, unified: false });
            }
        }
    }
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_unremovable_group_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(remove(&file).is_ok() && remove(&file.join("below")).is_ok());
        assert!(remove(&folder.path().join("absent")).is_ok());
    }
}
