//! The helper processes of an engine: those that evaluate recipes, make the namespaces of builds, and supervise builds.

use std::ffi::OsStr;
use std::process::ExitCode;

use stele_builder::program::HELPER;

use crate::failure::Failure;
use crate::recipes;

/// Runs a helper, if this process was started as one. A program whose engine uses [`Program::this`] calls this at the
/// beginning of its `main`, before it parses its arguments, and exits with the exit code if there is one.
///
/// [`Program::this`]: crate::Program::this
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(HELPER)) {
        return None;
    }
    let name = arguments.next()?;
    let in_sandbox = |e| Failure::io("the sandbox cannot be made", &e);
    let done = match name.to_str() {
        Some(recipes::EVALUATE) => recipes::evaluate(),
        Some(stele_builder::HOLD) => stele_builder::hold::help().map_err(in_sandbox),
        Some(stele_builder::SUPERVISE) => stele_builder::sandbox::supervise().map_err(in_sandbox),
        _ => return None,
    };
    Some(done.map_or_else(|failure| ExitCode::from(failure.kind.exit_code()), |()| ExitCode::SUCCESS))
}
