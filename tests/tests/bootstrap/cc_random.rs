//! Random programs: csmith's, by cc and by gcc. `STELE_RANDOM_PROGRAMS=300` tries so many.

use stele_tests::skip;

use super::cc::{Room, compile, ran, same_lines};
use super::*;

/// Debian's headers for csmith's programs.
const HEADERS: &str = "/usr/include/csmith";

/// What cc refuses is left out: packed bit-fields. So are floating-point numbers: csmith converts them to integers that
/// cannot hold them, and then two compilers may differ.
const CSMITH: [&str; 3] = ["--no-packed-struct", "--max-funcs", "6"];

#[test]
fn random_programs_behave_as_with_gcc() {
    let Some(room) = Room::new() else { return };
    if Command::new("csmith").arg("--version").output().is_err() || !Path::new(HEADERS).is_dir() {
        return skip("no csmith, or no libcsmith-dev");
    }
    let many = std::env::var("STELE_RANDOM_PROGRAMS").ok().map_or(8, |it| it.parse().expect("a number"));
    let (ours, theirs) = (room.path("ours"), room.path("theirs"));
    let (mut seed, mut done) = (0, 0);
    while done < many {
        seed += 1;
        let text = printed(Command::new("csmith").args(CSMITH).args(["--seed", &seed.to_string()]));
        let file = room.path("random.c");
        fs::write(&file, text).expect("a text");
        printed(
            Command::new("gcc").args(["-w", "-O1", "-fwrapv", "-I", HEADERS, "-o"]).args([&theirs, &file]),
        );
        // Some run for ever, with any compiler.
        let ends =
            Command::new("timeout").args(["-s", "KILL", "2"]).arg(&theirs).output().expect("timeout runs");
        if !ends.status.success() {
            continue;
        }
        compile(&room.path("cc"), &ours, &[Path::new(HEADERS)], &[file]);
        let within = room.path("");
        same_lines(&ran(&ours, &within), &ran(&theirs, &within), &format!("program {seed}"));
        done += 1;
    }
}
