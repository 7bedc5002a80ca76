//! Packs the project's recipes, which `stele init` gives to new trees: one tar.gz, the same on every machine.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

/// The folder at the archive's top.
const TOP: &str = "stele-recipes";
/// What is packed of the folder `recipes`: recipes, and not the crate that reads them.
const PARTS: [&str; 3] = ["foreign", "lib", "pkgs"];
/// Every time in it: 1980-01-02.
const TIME: u64 = 315_619_200;

fn main() -> io::Result<()> {
    let recipes = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../recipes");
    let to = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("recipes.tar.gz");
    let mut out = GzBuilder::new().write(File::create(to)?, Compression::best());
    for part in PARTS {
        println!("cargo:rerun-if-changed=../recipes/{part}");
        pack(&mut out, &recipes.join(part), &format!("{TOP}/{part}"))?;
    }
    // POSIX, "ustar Interchange Format": two empty blocks end it.
    out.write_all(&[0; 1024])?;
    out.finish().map(drop)
}

fn pack(out: &mut impl Write, from: &Path, name: &str) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_symlink() {
        let target = fs::read_link(from)?;
        let target = target.to_str().ok_or_else(|| io::Error::other("a link's target is not UTF-8"))?;
        return header(out, name, b'2', 0o777, 0, target);
    }
    if found.is_dir() {
        header(out, &format!("{name}/"), b'5', 0o755, 0, "")?;
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(from)? {
            let entry = entry?.file_name().into_string();
            names.push(entry.map_err(|_| io::Error::other("a file's name is not UTF-8"))?);
        }
        names.sort_unstable();
        return names.iter().try_for_each(|entry| pack(out, &from.join(entry), &format!("{name}/{entry}")));
    }
    let bytes = fs::read(from)?;
    let mode = if found.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    header(out, name, b'0', mode, bytes.len(), "")?;
    out.write_all(&bytes)?;
    out.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()])
}

/// POSIX, "ustar Interchange Format".
fn header(
    out: &mut impl Write,
    name: &str,
    kind: u8,
    mode: u32,
    size: usize,
    target: &str,
) -> io::Result<()> {
    if name.len() > 100 || target.len() > 100 {
        return Err(io::Error::other(format!("{name} is too long for a header of tar")));
    }
    let mut block = [0; 512];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, &format!("{TIME:011o}"));
    put(148, "        ");
    put(157, target);
    put(257, "ustar\0");
    put(263, "00");
    block[156] = kind;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.write_all(&block)
}
