//! What code may name: the database only in its own folder, the model nothing outside itself, and no library the
//! terminal.

use super::Violation;
use super::rust_file::{RustFile, Token};

pub(crate) fn rocksdb_outside_db(file: &RustFile) -> Vec<Violation> {
    if file.path.starts_with("store/src/db/") || file.path == "store/src/db.rs" {
        return Vec::new();
    }
    let named = file.tokens.iter().filter(|token| token.text == "rocksdb");
    let at = |token: &Token| Violation::new(&file.path, token.line, "`rocksdb` outside of store/src/db/");
    named.map(at).collect()
}

/// Tests of the model may read files, such as those in `tests/golden/`.
pub(crate) fn model_reaching_out(file: &RustFile) -> Vec<Violation> {
    if !file.path.starts_with("store/src/model/") && file.path != "store/src/model.rs" {
        return Vec::new();
    }
    let mut violations = Vec::new();
    let mut in_use = false;
    for (at, token) in file.tokens.iter().enumerate() {
        let beside = |offset: usize| file.tokens.get(at.wrapping_add(offset)).is_some_and(|t| t.text == "::");
        let in_path = in_use || beside(1) || beside(usize::MAX);
        match token.text.as_str() {
            "use" => in_use = true,
            ";" => in_use = false,
            "rocksdb" | "rustix" | "db" | "fs" if in_path && !file.is_test(token) => {
                let what = format!("a file of the model names `{}`", token.text);
                violations.push(Violation::new(&file.path, token.line, what));
            }
            _ => {}
        }
    }
    violations
}

/// A library returns values and sends events; only the command line renders them.
pub(crate) fn printing_library(file: &RustFile) -> Vec<Violation> {
    let mut folders = file.path.split('/');
    let is_library = !matches!(folders.next(), Some("cli" | "tests")) && folders.next() == Some("src");
    let printing = file.tokens.windows(2).filter(|pair| {
        let prints = matches!(pair[0].text.as_str(), "print" | "println" | "eprint" | "eprintln");
        is_library && prints && pair[1].text == "!" && !file.is_test(&pair[0])
    });
    let at = |pair: &[Token]| {
        Violation::new(&file.path, pair[0].line, format!("`{}!` in a library", pair[0].text))
    };
    printing.map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&RustFile) -> Vec<Violation>;

    fn lines(rule: Rule, path: &str, text: &str) -> Vec<usize> {
        rule(&RustFile::parse(path, text)).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn tidy_notices_rocksdb_outside_of_db() {
        for text in
            ["use rocksdb::DB;", "fn a(b: &rocksdb::DB) {}", "extern crate rocksdb;", "use ::rocksdb as r;"]
        {
            assert_eq!(lines(rocksdb_outside_db, "store/src/gc.rs", text), [1], "{text}");
            assert_eq!(lines(rocksdb_outside_db, "cli/src/main.rs", text), [1], "{text}");
            assert_eq!(lines(rocksdb_outside_db, "store/src/db/open.rs", text), [0; 0], "{text}");
        }
        assert_eq!(
            lines(rocksdb_outside_db, "store/src/gc.rs", "// rocksdb::DB\nlet a = \"rocksdb\";"),
            [0; 0]
        );
    }

    #[test]
    fn tidy_notices_a_model_that_reaches_out() {
        let planted = [
            "use crate::db::Db;",
            "use crate::{digest::Digest, db};",
            "use super::super::db;",
            "use std::fs;",
            "use std::{\n fs::File, io};",
            "fn a() { std::fs::read(p); }",
            "fn a() { rustix::fs::fsync(f); }",
            "use rustix;",
        ];
        for text in planted {
            assert!(!lines(model_reaching_out, "store/src/model/tree.rs", text).is_empty(), "{text}");
            assert_eq!(lines(model_reaching_out, "store/src/ingest.rs", text), [0; 0], "{text}");
        }
    }

    #[test]
    fn a_model_that_keeps_to_itself_passes() {
        let text =
            "use super::digest;\nfn a(fs: u8) { let db = fs; }\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert_eq!(lines(model_reaching_out, "store/src/model/tree.rs", text), [0; 0]);
    }

    #[test]
    fn tidy_notices_a_library_that_prints() {
        let text = "fn a() {\n println!();\n eprintln!(\"b\");\n print!(\"c\"); eprint!(\"d\");\n}";
        assert_eq!(lines(printing_library, "store/src/gc.rs", text), [2, 3, 4, 4]);
        assert_eq!(lines(printing_library, "oci/src/lib.rs", text), [2, 3, 4, 4]);
        assert_eq!(lines(printing_library, "cli/src/main.rs", text), [0; 0]);
    }

    #[test]
    fn code_that_only_resembles_printing_passes() {
        let code = "/// println!(\"example\")\nfn a() { write!(f, \"println!\"); print(); }";
        let text = format!("{code}\n#[cfg(test)]\nfn b() {{ println!() }}");
        assert_eq!(lines(printing_library, "store/src/gc.rs", &text), [0; 0]);
    }
}
