//! `doctor`

mod findings;
mod machine;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::args::Global;
use crate::render;
use crate::where_store;
use findings::{Finding, State};
use machine::Machine;
use stele::Untrusted;
use stele::failure::Failure;

/// Check whether this machine has what Stele needs, and say what to do where it lacks something.
///
/// Nothing is changed and no daemon is started. The exit code is 1 when something is missing without which nothing can
/// be built or mounted.
#[derive(Args, Debug)]
pub struct Doctor {}

impl Doctor {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let store = where_store::find(global.store.clone())?;
        let found = findings::all(&Machine::this(&store));
        if global.json {
            render::json(&found)?;
        } else {
            render::out(text(&found).as_bytes())?;
        }
        let is_bad = found.iter().any(|it| it.state == State::Missing);
        Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn text(found: &[Finding]) -> String {
    let wide = found.iter().map(|it| it.about.len()).max().unwrap_or(0);
    let mut text = String::new();
    for it in found {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:7} {:wide$}  {}", it.state.word(), it.about, Untrusted(&it.found));
        if let Some(hint) = &it.hint {
            let _ = writeln!(text, "        {:wide$}  hint: {}", "", Untrusted(hint));
        }
    }
    text
}
