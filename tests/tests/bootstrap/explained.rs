//! `bootstrap/README.md` explains every byte of the seed, correctly.

use super::*;

fn page() -> String {
    fs::read_to_string(top().join("bootstrap/README.md")).expect("the README")
}

/// The rows of its tables of bytes: offset, bytes, explanation.
fn rows(page: &str) -> Vec<(usize, Vec<u8>, String)> {
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| 0x")?.split(" | ").collect();
        let [at, bytes, is, meaning] = cells[..] else { panic!("{line:?} has no four cells") };
        assert!(meaning.len() > 3, "{line:?} explains nothing");
        let at = usize::from_str_radix(at, 16).expect("an offset");
        let bytes = hex0::decode(bytes.trim_matches('`').as_bytes()).expect("bytes");
        Some((at, bytes, is.trim_matches('`').to_owned()))
    });
    rows.collect()
}

#[test]
fn every_line_of_the_seed_is_explained_as_it_is() {
    let listing = Listing::of(&source());
    let lines: Vec<_> = listing.0.iter().map(|it| (it.at, it.bytes.clone(), it.is.clone())).collect();
    assert_eq!(rows(&page()), lines);
    assert!(lines.iter().flat_map(|(_, bytes, _)| bytes).copied().eq(seed()));
}

#[test]
fn size_and_digest_are_those_of_the_seed() {
    let (page, seed) = (page(), seed());
    assert!(page.contains(&format!("| size | {} bytes: 64 of ELF header, 56 of", seed.len())));
    assert!(page.contains(&format!("| SHA-256 | `{}` |", Sha256::of(&seed))));
    assert!(page.contains(&format!("program header, {} of code |", seed.len() - 0x78)));
}

/// Each jump's row derives its target: `0x86 + 0x74 = 0xFA`, or with a decimal number below 16 or 0.
#[test]
fn the_sums_of_jumps_are_right() {
    let (page, listing) = (page(), Listing::of(&source()));
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let mut sums = 0;
    for line in listing.code() {
        let resolved = line.resolved();
        let Some((_, target)) = resolved.rsplit_once(" 0x4000") else { continue };
        let row = page.lines().find(|row| row.starts_with(&format!("| 0x{:02X} ", line.at))).expect("a row");
        let end = line.at + line.bytes.len();
        let equation = row.match_indices(&format!("0x{end:X} ")).find_map(|(at, _)| {
            let words: Vec<&str> = row[at..].split([' ', ',', ':', '.']).take(5).collect();
            let [left, sign, right, "=", sum] = words[..] else { return None };
            let right = number(right).ok()? * if sign == "−" { -1 } else { 1 };
            Some((number(left).ok()? + right, number(sum).ok()?))
        });
        let (calculated, said) = equation.unwrap_or_else(|| panic!("no sum in {row:?}"));
        let target = i64::from_str_radix(target, 16).expect("an address");
        assert_eq!((calculated, said), (target, target), "{row}");
        sums += 1;
    }
    assert!(sums > 15, "{sums}");
}

#[test]
fn the_commands_of_the_page_work_as_documented() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = page();
    let blocks: Vec<&str> = page.split("```\n").skip(1).step_by(2).collect();
    let commands: String =
        blocks.iter().filter(|it| it.contains("/tmp/seed") || it.contains("sed '")).copied().collect();
    assert!(commands.lines().count() >= 6, "{commands}");
    let commands = commands.replace("/tmp/", &format!("{}/", dir.path().display()));
    let text = printed(Command::new("sh").args(["-euc", &commands]).current_dir(top()));
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with(&Sha256::of(&seed()).to_string()) && text.ends_with("the same\n"), "{text}");
}
