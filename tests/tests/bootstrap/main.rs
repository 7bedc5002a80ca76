//! The chain: the seed, its digits, its README, and its behaviour; and the links after it.
//!
//! Third-party programs are the judges where possible: `sed` and `xxd` decode it, `objdump` and `readelf` read it.

mod asm;
mod asm_model;
mod before_coreutils;
mod cases;
mod cc;
mod cc_declarations;
mod cc_random;
mod cc_random_wrong;
mod cc_wrong;
mod columns;
mod damaged;
mod every_byte;
mod explained;
mod flipped;
mod hex1;
mod hex2;
mod links;
mod listing;
mod model;
mod mutated;
mod pins;
mod running;
mod said;
mod subc;
mod subc_random;
mod subc_wrong;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use listing::Listing;
use stele_recipes::hex0;
use stele_store::model::Sha256;

/// The maximum size of a seed in bytes.
const MAX_SEED_SIZE: usize = 256;
/// The address of the seed's first byte in memory.
const BASE: usize = 0x40_0000;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the checkout").to_owned()
}

/// The seed's source.
fn source() -> String {
    fs::read_to_string(top().join("bootstrap/seed/seed.hex0")).expect("the seed's source")
}

/// The seed.
fn seed() -> Vec<u8> {
    hex0::decode(source().as_bytes()).expect("the seed is hex0")
}

/// The output of a program that has to succeed.
#[track_caller]
fn printed(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; see tools/install-deps"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The instructions of the seed after its headers, as `objdump` reads them: each with its offset and its bytes.
fn disassembled() -> Vec<(usize, Vec<u8>, String)> {
    disassembled_bytes(&seed(), 0x78)
}

/// The instructions of a program from `start` on.
fn disassembled_bytes(program: &[u8], start: usize) -> Vec<(usize, Vec<u8>, String)> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("program");
    fs::write(&file, program).expect("the program");
    let mut command = Command::new("objdump");
    command.args(["-D", "-z", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--insn-width=16"]);
    command.args([format!("--adjust-vma={BASE:#x}"), format!("--start-address={:#x}", BASE + start)]);
    let text = String::from_utf8(printed(command.arg(&file))).expect("objdump prints ASCII");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        let at = usize::from_str_radix(cells.next()?.trim().strip_suffix(':')?, 16).ok()?;
        let bytes = hex0::decode(cells.next()?.as_bytes()).expect("objdump prints bytes");
        Some((at - BASE, bytes, one_space(cells.next()?)))
    });
    rows.collect()
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_seed_has_at_most_256_bytes() {
    let seed = seed();
    assert!(seed.len() <= MAX_SEED_SIZE, "{} bytes", seed.len());
    // No byte is left over: the disassembly ends where the file does.
    let (at, bytes, _) = disassembled().pop().expect("instructions");
    assert_eq!(at + bytes.len(), seed.len());
}

#[test]
fn sed_and_xxd_decode_the_seed_as_we_do() {
    let script = r#"sed 's/[;#].*//' "$0" | xxd -r -p"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(top().join("bootstrap/seed/seed.hex0"));
    assert!(printed(&mut shell) == seed());
}

#[test]
fn every_instruction_matches_its_comment() {
    let listing = Listing::of(&source());
    let claimed: Vec<_> = listing.code().map(|line| (line.at, line.bytes.clone(), line.resolved())).collect();
    assert!(claimed.len() > 60, "{}", claimed.len());
    assert_eq!(claimed, disassembled());
}

#[test]
fn readelf_finds_an_ordinary_program_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("seed");
    fs::write(&file, seed()).expect("the seed");
    let output = Command::new("readelf").args(["-W", "-h", "-l"]).arg(&file).output();
    let output = output.expect("readelf is in Debian's binutils");
    // It warns of oddities, and still succeeds.
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = one_space(&String::from_utf8_lossy(&output.stdout));
    for said in [
        "Class: ELF64 Data: 2's complement, little endian Version: 1 (current) OS/ABI: UNIX - System V",
        "Type: EXEC (Executable file) Machine: Advanced Micro Devices X86-64 Version: 0x1",
        "Entry point address: 0x400078 Start of program headers: 64 (bytes into file)",
        "Start of section headers: 0 (bytes into file) Flags: 0x0 Size of this header: 64 (bytes)",
        "Size of program headers: 56 (bytes) Number of program headers: 1 Size of section headers: 0 (bytes) \
         Number of section headers: 0",
        "LOAD 0x000000 0x0000000000400000 0x0000000000400000 0x000100 0x000100 R E 0x1000",
    ] {
        assert!(text.contains(said), "{said:?} is not in:\n{text}");
    }
}

#[test]
fn the_recipe_pins_the_seed_and_sees_nothing_but_it_and_its_source() {
    let stele = stele_tests::Stele::new();
    let recipes = top().join("recipes");
    let show = ["recipe", "show", "seed", "--recipes", recipes.to_str().expect("a plain path")];
    let recipe = stele.json(&show);
    assert_eq!((&recipe["inputs"], &recipe["sources"]), (&serde_json::json!([]), &serde_json::json!([])));
    let locals: Vec<_> = recipe["locals"].as_array().expect("a list").iter().collect();
    let seen: Vec<_> = locals.iter().map(|it| (it["place"].as_str(), it["hex0"].as_bool())).collect();
    assert_eq!(seen, [(Some("/seed"), Some(true)), (Some("/src/seed.hex0"), Some(false))]);
    assert_eq!(recipe["steps"], serde_json::json!([["/seed", "/src/seed.hex0", "/out/seed"]]));
    let pin = fs::read_to_string(recipes.join("pkgs/seed/recipe.star")).expect("the recipe");
    assert!(pin.contains(&format!("sha256 = \"{}\"", Sha256::of(&seed()))), "{pin}");
}
