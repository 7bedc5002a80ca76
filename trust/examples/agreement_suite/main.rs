//! Writes the conformance suite of rebuild agreement: `agreement_suite FOLDER`.
//!
//! FOLDER is `tests/conformance/agreement`, and its README.md says what the suite is. Ed25519 signs the same bytes
//! the same way each time, so only what was changed here changes there; signatures by P-256 are kept while they verify.

mod suite;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

fn write(folder: &Path) -> io::Result<usize> {
    let cases = suite::cases(&|path| fs::read(folder.join(path)).ok());
    for case in &cases {
        let place = folder.join(case.name());
        // A file that a case no longer has would be evidence.
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        for (name, bytes) in case.files() {
            let file = place.join(name);
            fs::create_dir_all(file.parent().unwrap_or(&place))?;
            fs::write(file, bytes)?;
        }
    }
    Ok(cases.len())
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: agreement_suite FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder)) {
        Ok(count) => {
            println!("{count} cases");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
