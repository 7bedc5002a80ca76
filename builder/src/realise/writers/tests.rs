//! Notes of small builds, and who is named.

use std::collections::BTreeSet;

use super::*;
use crate::notes::Process;

/// A build in the making: processes by their names, contents by their texts.
#[derive(Default)]
struct Build(Notes);

impl Build {
    fn process(&mut self, argv: &str, reads: &[Version]) -> usize {
        let argv = argv.split(' ').map(str::to_owned).collect();
        let reads: BTreeSet<Version> = reads.iter().copied().collect();
        self.0.processes.push(Process { argv, directory: "/build".to_owned(), reads });
        self.0.processes.len() - 1
    }

    fn content(&mut self, path: Option<&str>, writer: usize, text: &str) -> Version {
        let order = self.0.contents.len() as u64 + 1;
        let digest = Some(Digest::of(text.as_bytes()));
        let written = Written { writers: vec![writer], order, until: order, digest };
        let path = path.map(str::to_owned);
        self.0.contents.push(Content { path: path.clone(), last: path, versions: vec![written] });
        Version { content: self.0.contents.len() - 1, number: 0 }
    }
}

fn named(before: &Build, now: &Build, path: &str) -> Vec<String> {
    let text = |it: Writer| format!("{}: {}", it.wrote.as_deref().unwrap_or("pipe"), it.argv.join(" "));
    writers(&before.0, &now.0, path).into_iter().map(text).collect()
}

#[test]
fn what_was_not_noted_is_written_by_nobody() {
    assert!(named(&Build::default(), &Build::default(), "/out/x").is_empty());
}

#[test]
fn the_writer_is_named_alone_when_all_that_it_read_is_the_same() {
    let build = |says: &str| {
        let mut build = Build::default();
        let cc = build.process("cc -c x.c", &[]);
        let object = build.content(Some("/build/x.o"), cc, "object");
        let ld = build.process("ld x.o", &[object]);
        build.content(Some("/out/x"), ld, says);
        build
    };
    assert_eq!(named(&build("one"), &build("other"), "/out/x"), ["/out/x: ld x.o"]);
}

#[test]
fn a_copy_of_a_copy_is_followed_to_the_pipe_that_it_came_from() {
    let build = |says: &str| {
        let mut build = Build::default();
        let date = build.process("date", &[]);
        let pipe = build.content(None, date, says);
        let sh = build.process("sh configure", &[pipe]);
        let header = build.content(Some("/build/config.h"), sh, &format!("#define {says}"));
        let other = build.content(Some("/build/other.h"), sh, "same");
        let cc = build.process("cc", &[header, other]);
        let program = build.content(Some("/build/x"), cc, &format!("program {says}"));
        let install = build.process("install x", &[program]);
        build.content(Some("/out/x"), install, &format!("program {says}"));
        build
    };
    let all = ["/out/x: install x", "/build/x: cc", "/build/config.h: sh configure", "pipe: date"];
    assert_eq!(named(&build("one"), &build("other"), "/out/x"), all);
}

#[test]
fn two_processes_that_read_what_the_other_wrote_are_an_answer_too() {
    let build = |says: &str| {
        let mut build = Build::default();
        let one = build.process("one", &[]);
        let to_other = build.content(None, one, &format!("to {says}"));
        let other = build.process("other", &[to_other]);
        let to_one = build.content(None, other, &format!("from {says}"));
        build.0.processes[one].reads.insert(to_one);
        build.0.contents[to_other.content].versions[0].until = 9;
        build.content(Some("/out/x"), one, says);
        build
    };
    assert_eq!(named(&build("1"), &build("2"), "/out/x"), ["/out/x: one", "pipe: other", "pipe: one"]);
}

#[test]
fn a_path_with_the_same_bytes_was_changed_by_who_made_it() {
    let build = || {
        let mut build = Build::default();
        let cp = build.process("cp x /out/x", &[]);
        build.content(Some("/out/x"), cp, "same");
        let chmod = build.process("chmod +x /out/x", &[]);
        build.0.makers.insert("/out/x".to_owned(), chmod);
        build
    };
    assert_eq!(named(&build(), &build(), "/out/x"), ["/out/x: chmod +x /out/x"]);
}
