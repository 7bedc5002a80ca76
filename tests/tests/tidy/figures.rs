//! Numbers that pages quote from the code: each must equal its constant.

use super::Violation;
use super::rust_file::RustFile;

/// A sentence of a page with `{}` for a number, and the constant with that value.
struct Quoted {
    page: &'static str,
    sentence: &'static str,
    file: &'static str,
    constant: &'static str,
}

const fn quoted(
    page: &'static str,
    sentence: &'static str,
    file: &'static str,
    constant: &'static str,
) -> Quoted {
    Quoted { page, sentence, file, constant }
}

const FORMATS: &str = "docs/formats.md";
const RECIPES: &str = "docs/recipes.md";

const QUOTED: &[Quoted] = &[
    quoted(
        FORMATS,
        "directories below a tree's root | at most {} levels",
        "store/src/model/mod.rs",
        "MAX_DEPTH",
    ),
    quoted(FORMATS, "a canonical text has | at most {} bytes", "store/src/model/mod.rs", "MAX_TREE_TEXT"),
    quoted(FORMATS, "- is larger than {} bytes, or", "store/src/session/mod.rs", "MAX_INLINE"),
    quoted(FORMATS, "length of the payload, `u32`, at most {} |", "daemon/src/protocol/mod.rs", "MAX_FRAME"),
    quoted(FORMATS, "A request has at most {} bytes in all", "daemon/src/protocol/mod.rs", "MAX_REQUEST"),
    quoted(FORMATS, "an answer at most {}.", "daemon/src/protocol/mod.rs", "MAX_ANSWER"),
    quoted(FORMATS, "little-endian, at most {}) and so many bytes of JSON", "fs/src/passing.rs", "MAX"),
    quoted(FORMATS, "come with the length (`SCM_RIGHTS`), at most {}.", "fs/src/passing.rs", "FDS"),
    quoted(FORMATS, "`daemon.log` grew beyond {} |", "daemon/src/process/log.rs", "MAX_LOG"),
    quoted(FORMATS, "| size | at most {} bytes of", "recipes/src/hex0.rs", "MAX_HEX0"),
    quoted(FORMATS, "any other encoding is refused. At most {}.", "recipes/src/action/mod.rs", "MAX_TEXT"),
    quoted(FORMATS, "with its name and `=`, more than {} bytes", "recipes/src/action/mod.rs", "MAX_ARGUMENT"),
    quoted(FORMATS, "`image.json` has at most {}, the documents", "oci/src/record/mod.rs", "MAX_TEXT"),
    quoted(FORMATS, "the documents at most {} each", "oci/src/record/mod.rs", "MAX_DOCUMENT"),
    quoted(FORMATS, "an index at most {} images", "oci/src/record/mod.rs", "MAX_IMAGES"),
    quoted(FORMATS, "white space around it: at most {}. It is kept", "store/src/evidence.rs", "MAX_EVIDENCE"),
    quoted(FORMATS, "An extended header has at most {}, a file", "archive/src/tar/mod.rs", "MAX_EXTENDED"),
    quoted(FORMATS, "a file at most {} segments", "archive/src/tar/sparse.rs", "MAX_PIECES"),
    quoted(RECIPES, "More than {} evaluation steps", "recipes/src/language/modules.rs", "MAX_STEPS"),
    quoted(RECIPES, "evaluation steps, {} of values", "recipes/src/language/modules.rs", "MAX_HEAP"),
    quoted(RECIPES, "of values or {} nested calls", "recipes/src/language/modules.rs", "MAX_CALL_DEPTH"),
    quoted(
        RECIPES,
        "nested calls for one file; files above {};",
        "recipes/src/language/files.rs",
        "MAX_STARLARK",
    ),
    quoted(RECIPES, "is limited to {} of memory", "engine/src/recipes/evaluator.rs", "MAX_MEMORY"),
    quoted(RECIPES, "of memory and {} s of processor time", "engine/src/recipes/evaluator.rs", "MAX_SECONDS"),
];

/// The sentences that are missing, or whose number differs from the code's.
pub(crate) fn wrong(page: &str, text: &str, files: &[RustFile]) -> Vec<Violation> {
    let rows = QUOTED.iter().filter(|it| it.page == page);
    rows.filter_map(|it| compare(it, text, files).err().map(|why| Violation::new(page, 0, why))).collect()
}

fn compare(it: &Quoted, text: &str, files: &[RustFile]) -> Result<(), String> {
    let file = files.iter().find(|file| file.path == it.file);
    let file = file.ok_or_else(|| format!("{} is gone, which a page quotes", it.file))?;
    let in_code = constant(&file.text, it.constant)
        .ok_or_else(|| format!("{} has no number `{}`, which a page quotes", it.file, it.constant))?;
    let in_page =
        number(text, it.sentence).ok_or_else(|| format!("the sentence `{}` is gone", it.sentence))?;
    if in_page == in_code {
        return Ok(());
    }
    Err(format!("`{}` is {in_page} here and {in_code} in {}", it.sentence, it.file))
}

/// The value of a constant whose expression is numbers with `<<` or `*` between them.
fn constant(text: &str, name: &str) -> Option<u64> {
    let declared = format!("const {name}: ");
    let line = text.lines().find_map(|line| line.split_once(&declared).map(|(_, rest)| rest))?;
    let expression = line.split_once('=')?.1.split(';').next()?;
    let mut factors = expression.split('*').map(|factor| {
        let (number, shift) = factor.split_once("<<").unwrap_or((factor, "0"));
        digits(number)?.checked_shl(u32::try_from(digits(shift)?).ok()?)
    });
    factors.try_fold(1_u64, |product, factor| product.checked_mul(factor?))
}

/// The number in a page at the `{}` of a sentence, in bytes where it has a unit.
fn number(text: &str, sentence: &str) -> Option<u64> {
    let page = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) = sentence.split_once("{}")?;
    page.match_indices(before).find_map(|(at, _)| {
        let rest = &page[at + before.len()..];
        let quantity = &rest[..rest.find(after)?];
        let (number, unit) = quantity.split_once(' ').unwrap_or((quantity, ""));
        let shift = match unit {
            "" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        digits(number)?.checked_shl(shift)
    })
}

/// A decimal number, with the separators of Rust or of a page.
fn digits(text: &str) -> Option<u64> {
    text.trim().replace(['_', ','], "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str =
        "/// Bytes.\npub const A: usize = 3 << 20;\nconst B: u64 = 2 * 1_000;\nconst C: u8 = f();\n";

    fn told(sentence: &'static str, constant: &'static str, text: &str) -> Result<(), String> {
        let files = [RustFile::parse("a/src/a.rs", CODE)];
        compare(&quoted("docs/a.md", sentence, "a/src/a.rs", constant), text, &files)
    }

    #[test]
    fn tidy_notices_a_number_that_is_not_the_codes() {
        assert!(told("at most {} bytes", "A", "It has at most 3,145,727 bytes.").is_err());
        assert!(told("at most {}.", "A", "It has at most 3 KiB.").is_err());
        assert!(told("at most {} lines", "B", "It has at most 200 lines.").is_err());
    }

    #[test]
    fn tidy_notices_a_missing_sentence_or_constant() {
        assert!(told("at most {} bytes", "A", "It has 3,145,728 bytes at most.").is_err());
        assert!(told("at most {} bytes", "A", "It has at most many bytes.").is_err());
        assert!(told("at most {} bytes", "C", "It has at most 3 bytes.").is_err());
        assert!(told("at most {} bytes", "D", "It has at most 3 bytes.").is_err());
    }

    #[test]
    fn numbers_of_the_code_pass_with_units_separators_and_line_ends() {
        assert_eq!(told("at most {} bytes", "A", "It has at most\n  3,145,728 bytes."), Ok(()));
        assert_eq!(told("at most {}.", "A", "It has at most 3\nMiB."), Ok(()));
        assert_eq!(told("at most {} lines", "B", "At most it; at most 2,000 lines."), Ok(()));
    }
}
