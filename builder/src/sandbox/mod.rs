//! The sandbox: what an action may see and do, as a list of set-up operations ([`ops`], pure), and the
//! processes that apply it and watch the build.
//!
//! ```text
//! daemon ── supervisor ── (enters the namespaces) ── first process of the sandbox ── steps
//!           outside        ends with the first       sets up, runs the steps, PID 1
//! ```
//!
//! Each process ends with its parent, and the kernel kills all processes of a sandbox with its first: whichever
//! is killed, nothing stays behind. The supervisor removes the build's folder; if it was killed too, this
//! daemon or the next one does ([`clear_left`]).

mod answer;
mod beside;
mod blame;
mod cgroup;
mod execute;
pub mod filter;
pub mod folder;
mod inside;
mod job;
mod limits;
mod nodes;
mod note;
pub mod ops;
mod running;
mod supervise;
mod sys;
mod thread;
mod used;
pub(crate) mod users;
mod words;

use std::path::Path;
use std::time::{Duration, Instant};

use stele_recipes::action::{Action, Special};

pub use cgroup::is_usable as has_cgroups;
pub use execute::{Given, Undone, apply};
pub use job::{Ending, Job, Limit, Limits, Order, Report, Streams};
pub use running::{Guard, Running, StartError};
pub use supervise::supervise;

use crate::machine::Machine;
use crate::profile;

pub(crate) use running::Supervisor;
pub(crate) use sys::unshare;

/// An action as a job for the processes of its sandbox. Pure.
///
/// `folder` is the build's folder on this machine; its name is unique among all builds of the store.
pub fn job(action: &Action, folder: &Path, limits: Limits) -> Job {
    job_on(action, folder, limits, Machine::default())
}

/// The same on a machine that may not be the profile's.
pub(crate) fn job_on(action: &Action, folder: &Path, limits: Limits, machine: Machine) -> Job {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut env: std::collections::BTreeMap<String, String> =
        profile::ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    env.extend(action.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut directories: Vec<String> =
        action.outputs.values().map(|place| place.as_str().to_owned()).collect();
    // Elsewhere it must exist.
    let writable = ["/build", "/tmp"]
        .iter()
        .any(|top| action.workdir.as_str().strip_prefix(top).is_some_and(|rest| rest.starts_with('/')));
    if writable {
        directories.push(action.workdir.as_str().to_owned());
    }
    let date = env.get("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok()).filter(|it| *it >= 0);
    Job {
        ops: ops::sandbox_ops(&action.root, &name, &machine, action.special.contains(&Special::RealRandom)),
        steps: action.steps.clone(),
        env: env.into_iter().collect(),
        directories,
        workdir: action.workdir.as_str().to_owned(),
        folder: folder.to_owned(),
        limits,
        machine,
        date: action.special.contains(&Special::FixedClock).then(|| date.unwrap_or(profile::DATE)),
        seed: if action.special.contains(&Special::RealRandom) { None } else { Some(seed(action)) },
        streams: Streams::Log,
        kept: false,
        notes: false,
    }
}

/// What the random numbers of an action's builds follow from.
fn seed(action: &Action) -> String {
    // One without a name is never built.
    action.id().map(|id| id.to_string()).unwrap_or_default()
}

/// Removes the remains of killed builds below `builds`, except folders in use.
pub fn clear_left(builds: &Path) {
    let Ok(entries) = std::fs::read_dir(builds) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if !folder::is_used(&path) {
            clear_one(&path);
        }
    }
}

/// How long to wait for the last processes of a killed build.
const ENDING: Duration = Duration::from_secs(5);

/// Removes the remains of a killed build: its cgroups, whose last processes may only be ending now, and then
/// its folder. While the folder exists, the next daemon finds the cgroups by its name, should this one be
/// killed meanwhile.
pub(crate) fn clear_one(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let begun = Instant::now();
    loop {
        let removed = cgroup::remove_left(&name).and_then(|()| folder::remove(path));
        match removed {
            Ok(()) => return tracing::info!("removed {}, which a killed build left", path.display()),
            Err(e) if begun.elapsed() >= ENDING => {
                return tracing::warn!(
                    "{} could not be removed; the next daemon tries again: {e}",
                    path.display()
                );
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_golden, lines};

    const LIMITS: Limits = Limits { seconds: Some(60), memory: 1 << 30, log: 1 << 20, processes: 100 };

    const BEFORE: &str = r#""action":1,"env":{"CC":"tcc","PATH":"/bin"}"#;
    const AFTER: &str = concat!(
        r#""platform":"x86_64-linux","profile":2,"#,
        r#""root":"92a2b787a06d7272df43eaf87acc3b9c1d315d79d599d61c285983483e431998","#,
        r#""steps":[["/bin/cc","-o","/out/hello"],["true"]]"#
    );

    fn of(outputs: &str, workdir: &str) -> Job {
        let text = format!(r#"{{{BEFORE},"outputs":{outputs},{AFTER},"workdir":"{workdir}"}}"#);
        job(&Action::decode(text.as_bytes()).unwrap(), Path::new("/store/builds/0123456789abcdef"), LIMITS)
    }

    #[test]
    fn a_job_matches_the_golden_file() {
        let jobs = [
            of(r#"{"out":"/out"}"#, "/build"),
            of(r#"{"doc":"/out/doc","out":"/out/out"}"#, "/build/below"),
            of(r#"{"out":"/out"}"#, "/usr/src"),
        ];
        // The operations have a golden file of their own.
        assert_golden("jobs", &lines(&jobs.map(|job| Job { ops: Vec::new(), ..job })));
    }

    #[test]
    fn nothing_of_this_machine_is_in_the_environment_of_a_job() {
        let job = of(r#"{"out":"/out"}"#, "/build");
        let value = |name: &str| job.env.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
        assert_eq!((value("PATH"), value("CC"), value("HOME")), (Some("/bin"), Some("tcc"), Some("/build")));
        assert_eq!(job.env.len(), profile::ENVIRONMENT.len() + 1);
    }
}
