//! Tidiness: rules of this project that the compiler does not check.
//!
//! Each rule is a pure function from the text of files to violations. It is in the module of its kind, with tests that
//! plant violations: a rule that cannot fail guards nothing. The tests here apply all rules to the checkout. The files
//! are those that git tracks or would add, so build folders never count.

mod crates;
mod figures;
mod imports;
mod layout;
mod left_out;
mod pages;
mod rust_file;
mod unfinished;
mod unsafe_code;
mod words;

use rust_file::RustFile;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    /// Counted from 1; 0 for the whole file.
    line: usize,
    what: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// A file of the checkout and its text; the path is relative to the top, with `/` between its parts.
struct TextFile {
    path: String,
    text: String,
}

fn top() -> PathBuf {
    let tests =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or(env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    tests.parent().expect("the tests crate lies in a folder of the workspace").to_owned()
}

/// Reads every text file. One that git still lists although it was removed is skipped.
fn text_files() -> Vec<TextFile> {
    // In CI the checkout may belong to another user, which git distrusts by default.
    let git = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(top())
        .output()
        .expect("git is needed to know which files belong to the project");
    assert!(git.status.success(), "git ls-files: {}", String::from_utf8_lossy(&git.stderr));
    let paths = String::from_utf8(git.stdout).expect("file names are UTF-8");
    let mut paths: Vec<&str> = paths.split_terminator('\0').collect();
    paths.sort_unstable();
    paths.dedup();
    let files = paths.into_iter().filter_map(|path| {
        let text = String::from_utf8(std::fs::read(top().join(path)).ok()?).ok()?;
        Some(TextFile { path: path.to_owned(), text })
    });
    let files: Vec<TextFile> = files.collect();
    assert!(files.iter().any(|file| file.path == "Cargo.toml"), "{} is no checkout", top().display());
    files
}

fn rust_files() -> Vec<RustFile> {
    let sources = text_files().into_iter().filter(|file| file.path.ends_with(".rs"));
    rust_file::parse_all(sources.map(|file| (file.path, file.text)))
}

fn assert_none(violations: Vec<Violation>) {
    let list: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(list.is_empty(), "this rule is broken here:\n{}", list.join("\n"));
}

fn assert_none_in_rust(rule: impl Fn(&RustFile) -> Vec<Violation>) {
    assert_none(rust_files().iter().flat_map(rule).collect());
}

fn assert_none_in_text(rule: impl Fn(&str, &str) -> Vec<Violation>) {
    assert_none(text_files().iter().flat_map(|file| rule(&file.path, &file.text)).collect());
}

#[test]
fn crates_depend_on_each_other_only_as_documented() {
    assert_none_in_text(crates::forbidden_edges);
}

#[test]
fn rocksdb_is_named_only_where_the_database_lives() {
    assert_none_in_rust(imports::rocksdb_outside_db);
}

#[test]
fn the_model_reaches_neither_database_nor_disk() {
    assert_none_in_rust(imports::model_reaching_out);
}

#[test]
fn libraries_never_print() {
    assert_none_in_rust(imports::printing_library);
}

#[test]
fn unsafe_code_is_in_sys_files_and_justified() {
    assert_none_in_rust(unsafe_code::unjustified);
}

#[test]
fn nothing_is_left_unfinished() {
    let files = text_files();
    let notes = files.iter().flat_map(|file| unfinished::markers(&file.path, &file.text));
    assert_none(rust_files().iter().flat_map(unfinished::macros).chain(notes).collect());
    assert_none_in_text(unfinished::merges);
}

#[test]
fn rust_files_are_short() {
    assert_none_in_rust(layout::too_long);
}

#[test]
fn rust_lines_are_narrow_and_without_stray_whitespace() {
    assert_none_in_rust(layout::untidy_lines);
}

#[test]
fn no_rust_file_is_named_for_what_it_might_hold() {
    assert_none_in_rust(layout::vague_name);
}

#[test]
fn every_rust_file_opens_with_its_purpose() {
    assert_none_in_rust(layout::missing_module_doc);
}

#[test]
fn no_rust_file_is_dead() {
    assert_none(layout::unreachable(&rust_files()));
}

#[test]
fn no_file_names_a_home_folder_or_a_registry() {
    assert_none_in_text(pages::machine_places);
}

#[test]
fn every_relative_link_in_the_docs_leads_somewhere() {
    let exists = |path: &Path| top().join(path).exists();
    assert_none_in_text(|path, text| pages::dead_links(path, text, &exists));
}

#[test]
fn every_code_fence_in_the_docs_is_closed() {
    assert_none_in_text(pages::unclosed_fence);
}

#[test]
fn numbers_in_the_docs_are_those_of_the_code() {
    let files = rust_files();
    assert_none_in_text(|path, text| figures::wrong(path, text, &files));
}

#[test]
fn things_are_called_by_the_words_of_the_field() {
    assert_none_in_rust(words::old_identifiers);
    assert_none_in_text(words::old_phrases);
}

#[test]
fn no_test_is_for_a_feature_that_make_test_does_not_name() {
    let files = text_files();
    let makefile = files.iter().find(|file| file.path == "Makefile").expect("there is a Makefile");
    let tests =
        files.iter().filter(|file| file.path.ends_with(".rs") && !file.path.ends_with("tidy/left_out.rs"));
    assert_none(tests.flat_map(|file| left_out::features(&makefile.text, &file.path, &file.text)).collect());
}
