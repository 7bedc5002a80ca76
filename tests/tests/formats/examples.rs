//! The examples of a page, and a folder in which only standard tools run them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The tools that examples may use, besides shell builtins, and their Debian packages.
const TOOLS: &[(&str, &str)] = &[
    ("b3sum", "b3sum"),
    ("xxd", "xxd"),
    ("tar", "tar"),
    ("cat", "coreutils"),
    ("chmod", "coreutils"),
    ("cut", "coreutils"),
    ("env", "coreutils"),
    ("ln", "coreutils"),
    ("mkdir", "coreutils"),
    ("printf", "coreutils"),
    ("sha256sum", "coreutils"),
    ("wc", "coreutils"),
];

/// A command and what it prints.
#[derive(Clone, Debug)]
pub struct Example {
    /// The line of the page on which the command begins, counted from 1.
    pub line: usize,
    /// Its heading, with its `#`.
    pub heading: String,
    pub command: String,
    pub expected: String,
}

/// All commands in blocks that are marked `console`, in order. A line that begins with `$ ` begins a command, one that
/// is indented by four spaces continues it, and any other is its output.
pub fn of(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let (mut heading, mut in_block, mut in_example) = (String::new(), false, false);
    for (number, line) in (1..).zip(page.lines()) {
        if line.starts_with("```") {
            in_block = !in_block;
            in_example = in_block && line == "```console";
        } else if !in_block && line.starts_with('#') {
            heading = line.to_owned();
        } else if in_example {
            if let Some(command) = line.strip_prefix("$ ") {
                let (heading, command) = (heading.clone(), command.to_owned());
                examples.push(Example { line: number, heading, command, expected: String::new() });
                continue;
            }
            let example =
                examples.last_mut().unwrap_or_else(|| panic!("line {number}: no command before it"));
            let text = if line.starts_with("    ") { &mut example.command } else { &mut example.expected };
            if !text.is_empty() && line.starts_with("    ") {
                text.push('\n');
            }
            text.push_str(line);
            if !line.starts_with("    ") {
                text.push('\n');
            }
        }
    }
    examples
}

/// A folder in which examples run in sequence, with no other programs than [`TOOLS`].
pub struct Workshop {
    dir: TempDir,
    shell: PathBuf,
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

impl Workshop {
    /// `None` when a tool is missing here.
    pub fn new() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        for folder in ["tools", "work"] {
            fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        for (tool, package) in TOOLS {
            let Some(file) = find(tool) else {
                stele_tests::skip(&format!("`{tool}` is missing: install the Debian package {package}"));
                return None;
            };
            symlink(file, dir.path().join("tools").join(tool)).expect("a link");
        }
        Some(Self { dir, shell: find("sh").expect("every system has a shell") })
    }

    /// Where the examples run.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn tools(&self) -> PathBuf {
        self.dir.path().join("tools")
    }

    /// Runs a command. Returns its stdout and stderr.
    pub fn run(&self, example: &Example) -> String {
        let output = self.shell(&example.command).output().expect("the shell runs");
        let status = if output.status.success() { String::new() } else { format!("{}\n", output.status) };
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
        stdout + &stderr + &status
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new(&self.shell);
        shell.arg("-c").arg(command).current_dir(self.folder()).env_clear();
        shell.env("PATH", self.tools()).env("LC_ALL", "C");
        shell
    }

    /// Runs an example; returns how its output differs from the page's.
    pub fn difference(&self, example: &Example) -> Option<String> {
        let printed = self.run(example);
        let Example { line, command, expected, .. } = example;
        let differs = printed != *expected;
        differs.then(|| format!("line {line}: $ {command}\nprints\n{printed}and not\n{expected}"))
    }
}

#[test]
fn no_example_can_use_a_program_that_the_page_does_not_promise() {
    let Some(workshop) = Workshop::new() else { return };
    for program in ["stele", "python3", "cargo", "ls"] {
        let found = workshop.shell(&format!("command -v {program}")).status().expect("the shell runs");
        assert!(!found.success(), "{program} can be run");
    }
    assert!(Path::new(&workshop.folder()).is_dir());
}

#[test]
fn commands_and_their_output_are_distinguished() {
    let page = "# A\n```console\n$ a \\\n    b\nc\n\nd\n$ e\n```\n```text\n$ f\n```\n## B\n```console\n$ g\nh\n```\n";
    let examples = of(page);
    let found: Vec<(&str, &str, &str)> =
        examples.iter().map(|it| (&*it.heading, &*it.command, &*it.expected)).collect();
    assert_eq!(found, [("# A", "a \\\n    b", "c\n\nd\n"), ("# A", "e", ""), ("## B", "g", "h\n")]);
    assert_eq!(examples[2].line, 15);
}
