//! `diff`

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::render;
use stele::Request;
use stele::answers::{Answer, Compared};
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;

/// Show how two outputs, images, directories or files in the store differ
///
/// Paths are compared first, then what is in files that differ: members of archives, what is compressed, sections and
/// symbols of ELF files, lines of text, bytes. Where a difference looks like a timestamp, a build path, another order
/// or random bytes, that is said: it is a guess.
#[derive(Args, Debug)]
#[command(after_help = "\
A and B are a REF each, or the name of a built recipe (also `NAME-OUTPUT`) or of an image; a path may follow: \
hello/bin/hello.\n\
`-` is only in A, `+` only in B, `!` differs. With --json, prints the comparison as docs/formats.md describes it.\n\
Exit codes: 0 A and B are equal; 1 they differ, or the comparison failed, with an error on stderr; others as \
everywhere.")]
pub struct Diff {
    /// What to compare
    #[arg(value_name = "A")]
    before: OsString,
    /// What to compare it with
    #[arg(value_name = "B")]
    after: OsString,
    /// Also write an HTML page to FILE, by diffoscope, which must be installed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Diff {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let mut context = Context::new(global, true)?;
        let request = Request::Diff { before: to_wire(&self.before), after: to_wire(&self.after) };
        let Answer::Compared(compared) = context.ask(request)? else { return Err(unexpected()) };
        if let Some(page) = &self.html {
            write_page(&mut context, page, &compared)?;
        }
        match global.json {
            true => render::json(&*compared)?,
            false => render::out(compared.report.text().as_bytes())?,
        }
        Ok(if compared.report.same { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// Exports both, and has diffoscope compare the copies.
fn write_page(context: &mut Context, page: &Path, compared: &Compared) -> Result<(), Failure> {
    let failed = |doing: &str| {
        let doing = doing.to_owned();
        move |error: io::Error| Failure::io(&doing, &error)
    };
    let page = std::path::absolute(page).map_err(failed("the working directory"))?;
    let folder = tempfile::tempdir().map_err(failed("a temporary folder"))?;
    // The page shows these names.
    for (name, digest) in [("A", compared.before), ("B", compared.after)] {
        let to = to_wire(folder.path().join(name).as_os_str());
        context.ask(Request::Export { reference: digest.to_string(), to, umask: 0o077 })?;
    }
    let run = Command::new("diffoscope")
        .args(["--exclude-directory-metadata=yes", "--html"])
        .arg(&page)
        .args(["A", "B"])
        .current_dir(folder.path())
        .output();
    let output = run.map_err(|error| {
        let failure = Failure::io("diffoscope", &error);
        failure.hint("install it (Debian: diffoscope-minimal), or leave out --html")
    })?;
    match output.status.code() {
        // Like diff(1): without and with differences.
        Some(0) => write_empty(&page),
        Some(1) => Ok(()),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or_default();
            Err(Failure::new(Kind::Failed, format!("diffoscope failed ({}): {last}", output.status)))
        }
    }
}

/// diffoscope writes nothing when there is nothing to show.
fn write_empty(page: &Path) -> Result<(), Failure> {
    const EMPTY: &str = "<!DOCTYPE html>\n<title>No difference</title>\n<p>No difference</p>\n";
    fs::write(page, EMPTY).map_err(|error| Failure::io(&page.display().to_string(), &error))
}
