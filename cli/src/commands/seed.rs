//! `seed`

use clap::Args;
use serde::Serialize;

use stele_recipes::hex0;
use stele_store::model::Sha256;

use crate::args::Global;
use crate::render;
use stele::failure::{Failure, Kind};

/// The seed's text, as it is in the repository.
const TEXT: &str = include_str!("../../../recipes/pkgs/seed/seed.hex0");

/// Print the commented source of the seed, from which the compiler chain is built, and how to check it
///
/// The text goes to stdout unchanged; instructions for checking it follow as comments. bootstrap/README.md explains
/// each byte.
#[derive(Args, Debug)]
pub struct Seed {}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    bytes: usize,
    sha256: String,
    text: &'a str,
}

impl Seed {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let seed = hex0::decode(TEXT.as_bytes())
            .map_err(|e| Failure::new(Kind::Corrupt, format!("the seed in this program: {e}")))?;
        let (bytes, sha256) = (seed.len(), Sha256::of(&seed).to_string());
        if global.json {
            return render::json(&Shown { bytes, sha256, text: TEXT });
        }
        let checks = format!(
            "\n\
             ; To check it: it is {bytes} bytes, SHA-256 {sha256}.\n\
             ;   stele seed | sed 's/[;#].*//' | xxd -r -p > seed; sha256sum seed\n\
             ;   objdump -D -b binary -m i386:x86-64 -M intel --adjust-vma=0x400000 --start-address=0x400078 seed\n\
             ;   chmod +x seed; stele seed > seed.hex0; ./seed seed.hex0 again; cmp seed again\n\
             ; bootstrap/README.md in the repository explains each byte, without assuming knowledge of assembly.\n"
        );
        render::exact([TEXT, &checks].concat().as_bytes())
    }
}
