//! `recipe add-debian`

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use stele_recipes::fetch::{DebianPin, FetchError, debian_closure};
use stele_recipes::language::is_debian_package;

use crate::args::Global;
use crate::commands::source::fetch::{How, options};
use crate::render;
use stele::failure::{Failure, Kind};

/// `stele recipe add-debian`
#[derive(Args, Debug)]
#[command(after_help = "\
The pins come from Debian's signed indexes, as apt verifies them on this machine; no package is fetched. Recommended \
packages are left out.")]
pub struct AddDebian {
    /// Binary packages of Debian
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Only these packages, not what they need
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    how: How,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Pinned<'a> {
    package: &'a str,
    version: &'a str,
    architecture: &'a str,
    size: u64,
    sha256: String,
}

impl AddDebian {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        if let Some(wrong) = self.packages.iter().find(|name| !is_debian_package(name)) {
            return Err(Failure::new(
                Kind::Usage,
                format!("`{wrong}` cannot be the name of a package of Debian"),
            ));
        }
        let options = options(global, &self.how)?;
        let found = debian_closure::<Failure>(&self.packages, &options, &|text| render::note(text));
        let mut found = found.map_err(|error| {
            let why = match &error {
                FetchError::Unavailable { tried } => tried.iter().map(|it| it.failure.to_string()).collect(),
                error => error.to_string(),
            };
            let message = format!("{} cannot be pinned: {why}", self.packages.join(" "));
            Failure::new(Kind::NotFound, message).hint(
                "another release of Debian is asked, too, after `stele config set debian.suites '[\"…\"]'`",
            )
        })?;
        if self.alone {
            found.retain(|pin| self.packages.contains(&pin.package));
        }
        if global.json {
            let pins = found.iter().map(|pin| Pinned {
                package: &pin.package,
                version: &pin.version,
                architecture: &pin.architecture,
                size: pin.size,
                sha256: pin.sha256.to_string(),
            });
            return render::json(&pins.collect::<Vec<_>>());
        }
        let text: String = found.iter().map(text).collect();
        render::out(text.as_bytes())?;
        let size: u64 = found.iter().map(|pin| pin.size).sum();
        render::detail(&format!("{} packages, {size} opaque bytes", found.len()));
        Ok(())
    }
}

/// As a recipe has it.
fn text(pin: &DebianPin) -> String {
    let mut text = String::new();
    let DebianPin { package, version, architecture, size, sha256 } = pin;
    let other = match architecture.as_str() {
        "amd64" => String::new(),
        other => format!("    architecture = \"{other}\",\n"),
    };
    // Writing to a string cannot fail.
    let _ = write!(text, "debian_binary(\n    \"{package}\",\n    \"{version}\",\n    size = {size},\n");
    let _ = write!(text, "    sha256 = \"{sha256}\",\n{other}),\n");
    text
}
