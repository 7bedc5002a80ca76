//! Conversions from the builder's errors to failures.

use std::path::Path;

use stele_builder::hold::HoldError;
use stele_builder::realise::{Differs, Ended, Failed, Refused, SourceError};
use stele_builder::sandbox::{Ending, Limit};
use stele_store::WriteError;

use super::store::{FREE_SPACE, cancelled, plain};
use super::{Failure, Kind};
use crate::recipes::planned::plan_failure;

const REFUSED: &str = "docs/formats.md lists what an archive may not contain; if upstream's archive is like this, use \
     another format of it, or the file as it is with `unpack = False`";

/// A failed build as a message for the user; `tree` is the recipe tree.
pub fn failure(error: &Failed, tree: &Path) -> Failure {
    match error {
        Failed::Source(error) => source(error),
        Failed::Plan(error) => plan_failure(error, tree),
        Failed::Gone { .. } => plain(error).hint("run the command again: the build is planned again"),
        Failed::Damaged { .. } => plain(error).hint(
            "run the command again: damaged content is built or fetched again; `stele store verify` finds the rest",
        ),
        Failed::Furnish { .. } => plain(error).hint("drop one of the recipes of `--with`"),
        Failed::Platform { .. } => plain(error).hint("run it on a machine of that platform"),
        Failed::Hold(error) => hold(error),
        Failed::Folder { .. } => plain(error),
        Failed::Start(_) => plain(error),
        Failed::Thread { .. } => {
            plain(error).hint("let something else end first, or raise the limit of processes")
        }
        Failed::Panicked { .. } => {
            plain(error).hint("`daemon.log` in the store's folder has more of it; please report it")
        }
        Failed::Ended(ended) => {
            let Ended { recipe, ending, argv, tail, kept } = &**ended;
            let mut message = error.to_string();
            if let Some(program) = argv.first() {
                message.push_str("\n  step: ");
                message.push_str(program);
                argv[1..].iter().for_each(|it| message.push_str(&format!(" {}", shortened(it))));
            }
            if !tail.is_empty() {
                for line in tail.lines() {
                    message.push_str("\n  | ");
                    message.push_str(line);
                }
            }
            let kind = match ending {
                Ending::Limit { limit: Limit::Room { .. } | Limit::Files { .. }, .. } => Kind::NoSpace,
                _ => Kind::Failed,
            };
            let log = format!("`stele log {recipe}` shows the whole log");
            let hint = match (ending, kept) {
                (Ending::NotSetUp { .. }, _) => NOT_SET_UP.to_owned(),
                (Ending::Limit { limit, .. }, _) => format!("{log}; {}", raise(*limit)),
                (_, Some(kept)) => format!(
                    "{log}; its build directory is {}: `stele shell {recipe}` continues there",
                    kept.display()
                ),
                (_, None) => format!("{log}; `--keep-failed` keeps its build directory"),
            };
            Failure::new(kind, message).hint(hint)
        }
        Failed::Elsewhere { .. } => {
            plain(error).hint("without --builder it is built here, where `stele log` has its log")
        }
        Failed::Profile { .. } => plain(error).hint("install the same version of stele in both places"),
        Failed::Output { why, kept, .. } => {
            let hint = match why {
                Refused::Empty { .. } => "install to `$OUT`: `make install DESTDIR=\"$OUT\"`",
                Refused::Kind { .. } | Refused::Privileged { .. } => {
                    "remove it in the recipe; modes and owners of an image are set in the image's own recipe"
                }
                Refused::Link { .. } => {
                    "make it relative, or absolute from the `/` of the tree that it is merged into"
                }
                Refused::Host { .. } => {
                    "the build recorded the host path of its folder, most likely from /proc/self/mountinfo"
                }
                Refused::NoDirectory { .. } => {
                    "the build replaced the directory it was given"
                }
                Refused::Large { .. } => {
                    "a sparse file is hashed as if it had no holes; shrink it, or compress it"
                }
                Refused::Deep { .. } => {
                    "something makes directories in a loop, most likely a copy into itself"
                }
                Refused::Read { .. } | Refused::Cancelled(_) => "run the command again",
            };
            let kept = kept.as_ref().map(|kept| format!("; it is in {}", kept.display())).unwrap_or_default();
            plain(error).hint(format!("{hint}{kept}"))
        }
        Failed::Differs(differs) => {
            let Differs { before, now, .. } = &**differs;
            plain(error).hint(format!(
                "`stele diff {before} {now}` shows how they differ; both are kept for a day"
            ))
        }
        Failed::Import(error) => import(error),
        Failed::Read(error) => plain(error),
        Failed::Write(error) => write(error),
        Failed::Cancelled(_) => cancelled(),
    }
}

/// An argument for a message: quoted if needed; of a script, only the beginning.
fn shortened(argument: &str) -> String {
    const MAX: usize = 60;
    let line = argument.trim_start().lines().next().unwrap_or_default();
    let cut: String = line.chars().take(MAX).collect();
    let is_whole = cut.len() == argument.len();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c);
    match is_whole {
        true if !cut.is_empty() && cut.chars().all(is_plain) => cut,
        true => format!("'{cut}'"),
        false => format!("'{cut} …'"),
    }
}

const NOT_SET_UP: &str = "the kernel needs user namespaces, a /proc without overmounts that hide parts of it, and \
     seccomp; docs/sandbox.md lists what else, and how to find what is missing";

fn raise(limit: Limit) -> &'static str {
    match limit {
        Limit::Time { .. } => "`--timeout` sets the time limit of a build",
        Limit::Memory { .. } => "`--memory` sets the memory limit of a build",
        Limit::Log { .. } => "check whether the build is in an endless loop",
        Limit::Processes { .. } => "check whether the build starts processes without end",
        Limit::Room { .. } | Limit::Files { .. } => FREE_SPACE,
    }
}

fn hold(error: &HoldError) -> Failure {
    let hint = match error {
        HoldError::Refused { doing, .. } if doing.contains("/dev/fuse") => {
            "FUSE is missing or not accessible: `modprobe fuse` loads it; a container needs the device /dev/fuse"
        }
        HoldError::Refused { .. } => {
            "user namespaces may be disabled here: check user.max_user_namespaces, and \
             kernel.unprivileged_userns_clone or AppArmor's restriction where the distribution has them"
        }
        _ => "`daemon.log` in the store's folder may say more",
    };
    plain(error).hint(hint)
}

/// A source that cannot be provided to a build.
pub fn source(error: &SourceError) -> Failure {
    match error {
        SourceError::Missing { recipe, .. } => Failure::new(Kind::NotFound, error.to_string())
            .hint(format!("`stele source fetch {recipe}` fetches it")),
        SourceError::NoImage { image, .. } => Failure::new(Kind::NotFound, error.to_string())
            .hint(format!("`stele image import {image}` imports it; `stele image inspect` shows its rootfs")),
        SourceError::ImageSize { found, .. } => plain(error).hint(format!("write `size = {found}`")),
        SourceError::Refused { recipe, file, why } => {
            let of_store = why.content().and_then(|it| it.inner().downcast_ref::<WriteError>());
            let full = of_store.is_some_and(WriteError::is_no_space);
            // The archive is not to blame when the store is full.
            let what =
                why.content().map_or_else(|| why.to_string(), |it| format!("it cannot be unpacked: {it}"));
            let message = format!("source {file} of recipe `{recipe}`: {what}");
            match full {
                true => Failure::new(Kind::NoSpace, message).hint(FREE_SPACE),
                false => Failure::new(Kind::Failed, message).hint(why.hint().unwrap_or(REFUSED)),
            }
        }
        SourceError::Local { .. } => plain(error),
        SourceError::Changes { .. } => plain(error).hint("run it again when no process writes to it"),
        SourceError::Import(error) => import(error),
        SourceError::Read(error) => plain(error),
        SourceError::Write(error) => write(error),
        SourceError::Realise(error) => plain(error),
        SourceError::Cancelled(_) => cancelled(),
    }
}

fn import(error: &stele_store::ImportError) -> Failure {
    match error.is_no_space() {
        true => Failure::new(Kind::NoSpace, error.to_string()).hint(FREE_SPACE),
        false => plain(error),
    }
}

fn write(error: &WriteError) -> Failure {
    match error.is_no_space() {
        true => Failure::new(Kind::NoSpace, error.to_string()).hint(FREE_SPACE),
        false => plain(error),
    }
}
