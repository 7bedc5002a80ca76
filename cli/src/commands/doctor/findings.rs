//! From facts about a machine to what they mean here.

use indicatif::HumanBytes;
use serde::Serialize;

use super::machine::{Cgroups, Machine};

/// The least kernel, and the one with a pidfd of threads (`docs/sandbox.md`, "What a kernel needs").
const LEAST: (u32, u32) = (5, 19);
const BETTER: (u32, u32) = (6, 9);
/// Builds of real software need more than this; 2024-01-01, before which no clock can be right.
const LITTLE: u64 = 2 << 30;
const EARLIEST: u64 = 1_704_067_200;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What.
    pub about: &'static str,
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Ok,
    /// Something works less well.
    Limited,
    /// Nothing can be built or mounted.
    Missing,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Missing => "MISSING",
        }
    }
}

/// Everything that is looked at, in the order in which a build needs it.
pub fn all(machine: &Machine) -> Vec<Finding> {
    vec![
        kernel(machine),
        namespaces(machine),
        fuse(machine),
        overlay(machine),
        cgroups(machine),
        room(machine),
        clock(machine),
        sources(machine),
        engines(machine),
        ok("processors", machine.processors.to_string()),
    ]
}

fn ok(about: &'static str, found: String) -> Finding {
    Finding { about, state: State::Ok, found, hint: None }
}

fn limited(about: &'static str, found: String, hint: &str) -> Finding {
    Finding { about, state: State::Limited, found, hint: Some(hint.to_owned()) }
}

fn missing(about: &'static str, found: String, hint: &str) -> Finding {
    Finding { about, state: State::Missing, found, hint: Some(hint.to_owned()) }
}

fn kernel(machine: &Machine) -> Finding {
    let about = "kernel";
    let found = format!("Linux {}", machine.kernel);
    let mut numbers = machine.kernel.split(['.', '-']).map(|it| it.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < LEAST {
        return missing(about, found, "builds need Linux 5.19 or newer");
    }
    if !machine.has_time_namespaces {
        return missing(
            about,
            format!("{found}, without time namespaces"),
            "use a kernel with CONFIG_TIME_NS",
        );
    }
    if version < BETTER {
        let hint = "everything works; binary formats of the machine are seen in builds before 6.7";
        return limited(about, found, hint);
    }
    ok(about, found)
}

fn namespaces(machine: &Machine) -> Finding {
    let about = "user namespaces";
    let value = |name: &str| machine.sysctls.iter().find(|it| it.0 == name).map(|it| it.1.trim());
    if value("user/max_user_namespaces") == Some("0") {
        return missing(
            about,
            "user.max_user_namespaces is 0".to_owned(),
            "as root: sysctl user.max_user_namespaces=15000",
        );
    }
    if !machine.is_root && value("kernel/unprivileged_userns_clone") == Some("0") {
        let found = "only root may create them: kernel.unprivileged_userns_clone is 0".to_owned();
        return missing(about, found, "as root: sysctl kernel.unprivileged_userns_clone=1");
    }
    if !machine.is_root && value("kernel/apparmor_restrict_unprivileged_userns") == Some("1") {
        let found = "AppArmor restricts them: kernel.apparmor_restrict_unprivileged_userns is 1".to_owned();
        return missing(about, found, "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0");
    }
    ok(about, "allowed".to_owned())
}

fn fuse(machine: &Machine) -> Finding {
    let about = "FUSE";
    if let Some((kind, error)) = &machine.fuse {
        let hint = match *kind == std::io::ErrorKind::PermissionDenied {
            true => "as root: chmod 0666 /dev/fuse, which is what udev does",
            false => "as root: modprobe fuse; in a container: --device /dev/fuse",
        };
        return missing(about, format!("/dev/fuse: {error}"), hint);
    }
    if !machine.is_root && !machine.programs.contains(&"fusermount3") {
        let hint = "install fuse3; without it, `stele mount DIR -- COMMAND` mounts for one command";
        return limited(about, "/dev/fuse opens; fusermount3 is not on PATH".to_owned(), hint);
    }
    ok(about, "/dev/fuse opens".to_owned())
}

fn overlay(machine: &Machine) -> Finding {
    let about = "overlayfs";
    match machine.filesystems.lines().any(|line| line.split_whitespace().last() == Some("overlay")) {
        true => ok(about, "in the kernel".to_owned()),
        false => limited(
            about,
            "not loaded".to_owned(),
            "as root: modprobe overlay, unless a mount loads it by itself",
        ),
    }
}

fn cgroups(machine: &Machine) -> Finding {
    let about = "control groups";
    let hint = "limits are kept by counting, ten times a second; \
                `systemd-run --user --scope -p Delegate=yes stele daemon run` lets the kernel keep them";
    match machine.cgroups {
        Cgroups::Usable => ok(about, "the kernel keeps the limits of builds".to_owned()),
        Cgroups::Others => limited(about, "not delegated to this user".to_owned(), hint),
        Cgroups::None => limited(about, "not mounted".to_owned(), hint),
    }
}

fn room(machine: &Machine) -> Finding {
    let about = "room";
    let store = machine.store.display();
    if let Some(why) = &machine.no_room {
        let hint =
            "`stele store gc` removes what nothing keeps; or name a store on another disk with --store";
        return missing(about, format!("{store}: {why}"), hint);
    }
    let Some((bytes, inodes)) = machine.free else {
        return limited(about, format!("{store}: unknown"), "does the disk answer?");
    };
    let found = format!("{store}: {} and {inodes} inodes are free", HumanBytes(bytes));
    if bytes < LITTLE {
        return limited(about, found, "a compiler and its sources take several GiB");
    }
    ok(about, found)
}

fn clock(machine: &Machine) -> Finding {
    let about = "clock";
    match machine.now < EARLIEST {
        true => limited(
            about,
            format!("{} s since 1970", machine.now),
            "set it: mirrors' certificates are not valid yet",
        ),
        false => ok(about, "plausible".to_owned()),
    }
}

fn sources(machine: &Machine) -> Finding {
    let about = "debian: sources";
    let lacks: Vec<&str> =
        ["apt-get", "gpgv"].into_iter().filter(|it| !machine.programs.contains(it)).collect();
    match lacks.is_empty() {
        true => ok(about, "apt-get and gpgv are there".to_owned()),
        false => {
            let hint = "sources come from their other mirrors and from Debian's archive of past versions";
            limited(about, format!("not on PATH: {}", lacks.join(", ")), hint)
        }
    }
}

fn engines(machine: &Machine) -> Finding {
    let about = "engines";
    let there: Vec<&str> =
        ["podman", "docker"].into_iter().filter(|it| machine.programs.contains(it)).collect();
    match there.is_empty() {
        false => ok(about, there.join(", ")),
        true => limited(
            about,
            "neither podman nor docker".to_owned(),
            "images can be built, exported and pushed, but not run here",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Machine {
        Machine {
            is_root: false,
            kernel: "6.12.38-amd64".to_owned(),
            sysctls: vec![("user/max_user_namespaces", "95000\n".to_owned())],
            filesystems: "nodev\tsysfs\nnodev\toverlay\n".to_owned(),
            has_time_namespaces: true,
            fuse: None,
            cgroups: Cgroups::Usable,
            programs: super::super::machine::PROGRAMS.to_vec(),
            store: "/var/lib/x".into(),
            free: Some((1 << 40, 1 << 20)),
            no_room: None,
            now: EARLIEST + 1,
            processors: 2,
        }
    }

    fn state(machine: &Machine, about: &str) -> State {
        all(machine).iter().find(|it| it.about == about).map(|it| it.state).unwrap()
    }

    #[test]
    fn a_machine_with_everything_has_no_hint() {
        assert!(all(&good()).iter().all(|it| it.state == State::Ok && it.hint.is_none()));
    }

    #[test]
    fn what_is_missing_is_said_with_a_hint() {
        type Case = (&'static str, State, fn(&mut Machine));
        let cases: [Case; 15] = [
            ("kernel", State::Missing, |it| it.kernel = "5.15.0-91-generic".to_owned()),
            ("kernel", State::Missing, |it| it.kernel = "x".to_owned()),
            ("kernel", State::Missing, |it| it.has_time_namespaces = false),
            ("kernel", State::Limited, |it| it.kernel = "6.1.0-18-amd64".to_owned()),
            ("user namespaces", State::Missing, |it| it.sysctls[0].1 = "0\n".to_owned()),
            ("user namespaces", State::Missing, |it| {
                it.sysctls.push(("kernel/unprivileged_userns_clone", "0\n".to_owned()));
            }),
            ("user namespaces", State::Missing, |it| {
                it.sysctls.push(("kernel/apparmor_restrict_unprivileged_userns", "1\n".to_owned()));
            }),
            ("FUSE", State::Missing, |it| {
                it.fuse = Some((std::io::ErrorKind::NotFound, "No such file or directory".to_owned()));
            }),
            ("FUSE", State::Limited, |it| it.programs.retain(|name| *name != "fusermount3")),
            ("overlayfs", State::Limited, |it| it.filesystems.clear()),
            ("control groups", State::Limited, |it| it.cgroups = Cgroups::Others),
            ("room", State::Missing, |it| it.no_room = Some("1 MiB is left".to_owned())),
            ("room", State::Limited, |it| it.free = Some((1 << 30, 1000))),
            ("clock", State::Limited, |it| it.now = 0),
            ("debian: sources", State::Limited, |it| it.programs.clear()),
        ];
        for (about, expected, change) in cases {
            let mut machine = good();
            change(&mut machine);
            assert_eq!(state(&machine, about), expected, "{about}: {machine:?}");
            let found = all(&machine);
            assert!(found.iter().all(|it| (it.state == State::Ok) == it.hint.is_none()), "{found:?}");
        }
    }

    #[test]
    fn what_restricts_users_does_not_restrict_root() {
        let mut machine = good();
        machine.is_root = true;
        machine.programs.retain(|name| *name != "fusermount3");
        machine.sysctls.push(("kernel/unprivileged_userns_clone", "0".to_owned()));
        machine.sysctls.push(("kernel/apparmor_restrict_unprivileged_userns", "1".to_owned()));
        assert!(all(&machine).iter().all(|it| it.state == State::Ok));
    }
}
