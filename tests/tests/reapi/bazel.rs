//! Bazel builds a small C++ project with the store as its cache: cold, warm, without its outputs, and after a
//! collection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Endpoint;
use stele_tests::{Stele, skip};

/// A folder with a project, and Bazel's own folder.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Option<Self> {
        let is_there = Command::new("bazel").arg("--version").output().is_ok();
        if !is_there || !Path::new("/usr/share/bazel/rules/java").exists() {
            skip("there is no bazel: tools/install-deps test installs it");
            return None;
        }
        let project = Self { folder: tempfile::tempdir().unwrap() };
        let write = |name: &str, text: &str| {
            let path = project.at().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // Bazel would fetch these. Debian's rules for C++ are for a newer Bazel, and few of them are used.
        let debian = |kind: &str| {
            format!("local_repository(name = 'rules_{kind}', path = '/usr/share/bazel/rules/{kind}')\n")
        };
        let own = "local_repository(name = 'rules_cc', path = 'rules_cc')\n";
        write("WORKSPACE", &[own, &debian("java"), &debian("proto")].concat());
        write("rules_cc/WORKSPACE", "");
        write("rules_cc/cc/BUILD", "");
        let rules = ["cc_binary", "cc_library", "cc_toolchain", "cc_toolchain_suite"];
        write("rules_cc/cc/defs.bzl", &rules.map(|rule| format!("{rule} = native.{rule}\n")).concat());
        write(
            "BUILD",
            "cc_library(name = 'words', srcs = ['words.cc'], hdrs = ['words.h'])\n\
             cc_binary(name = 'hello', srcs = ['hello.cc', 'made.cc'], deps = [':words'])\n\
             genrule(name = 'gen', outs = ['made.cc'], \
             cmd = 'echo \"const char *made() { return \\\\\"made\\\\\"; }\" > $@')\n\
             genrule(name = 'all', srcs = [':hello'], outs = ['text'], cmd = '$(location :hello) > $@')\n",
        );
        write("words.h", "const char *words();\n");
        write("words.cc", "#include \"words.h\"\nconst char *words() { return \"words\"; }\n");
        write(
            "hello.cc",
            "#include <iostream>\n#include \"words.h\"\nconst char *made();\n\
             int main() { std::cout << words() << ' ' << made() << std::endl; }\n",
        );
        Some(project)
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn bazel(&self, args: &[&str]) -> String {
        let base = self.base();
        let mut command = Command::new("bazel");
        command.arg(format!("--output_user_root={}", base.display())).arg("--batch").args(args);
        command.current_dir(self.at()).env("HOME", self.at()).env_remove("STELE_STORE");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "bazel {args:?}: {said}");
        said
    }

    /// Where Bazel keeps what is its own: it must not be below the project.
    fn base(&self) -> PathBuf {
        let name = self.at().file_name().unwrap().to_str().unwrap().to_owned();
        self.at().parent().unwrap().join(format!("{name}-bazel"))
    }

    /// Builds; what Bazel says.
    fn build(&self, endpoint: &Endpoint, options: &[&str]) -> String {
        let cache = format!("--remote_cache=grpc://{}", endpoint.host);
        let local = [
            "--spawn_strategy=local",
            "--genrule_strategy=local",
            "--verbose_failures",
            "--remote_instance_name=team/main",
            "--experimental_repository_disable_download",
        ];
        self.bazel(&[&["build", "//:all", &cache], &local[..], options].concat())
    }

    fn clean(&self) {
        self.bazel(&["clean"]);
    }

    fn text(&self) -> PathBuf {
        self.at().join("bazel-bin/text")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let base = self.base();
        // Bazel makes what it installs read-only.
        let _ = Command::new("chmod").args(["-R", "u+w"]).arg(&base).status();
        let _ = fs::remove_dir_all(base);
    }
}

/// How many actions came from the cache, and how many were run: `INFO: 9 processes: 4 remote cache hit, 5 internal.`
fn processes(said: &str) -> (u32, u32) {
    let line = said.lines().find(|line| line.contains(" process")).unwrap_or_else(|| panic!("{said}"));
    let count = |what: &str| {
        let part = line.split([':', ',', '.']).find(|part| part.contains(what));
        part.and_then(|part| part.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    (count("remote cache hit"), count("local"))
}

#[test]
fn bazel_builds_from_the_cache_alone_what_it_built_once() {
    let Some(project) = Project::new() else { return };
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let (hits, run) = processes(&project.build(&endpoint, &[]));
    assert!(hits == 0 && run >= 6, "{hits} {run}");
    assert_eq!(fs::read_to_string(project.text()).unwrap(), "words made\n");
    project.clean();
    assert_eq!(processes(&project.build(&endpoint, &[])), (run, 0));
    assert_eq!(fs::read_to_string(project.text()).unwrap(), "words made\n");
    // Without fetching outputs, and after a collection within the time that they are kept.
    stele.ok(&["store", "gc"]);
    project.clean();
    let in_memory = ["--experimental_inmemory_jdeps_files", "--experimental_inmemory_dotd_files"];
    let minimal = [&["--experimental_remote_download_outputs=minimal"], &in_memory[..]].concat();
    let said = project.build(&endpoint, &minimal);
    assert_eq!(processes(&said), (run, 0));
    assert!(!project.text().exists());
    project.clean();
    assert_eq!(processes(&project.build(&endpoint, &["--remote_download_minimal"])), (run, 0));
    // A collection that ends all leases: everything is built again, and nothing fails.
    stele.ok(&["store", "gc", "--end-leases"]);
    project.clean();
    assert_eq!(processes(&project.build(&endpoint, &[])), (0, run));
    assert_eq!(fs::read_to_string(project.text()).unwrap(), "words made\n");
    stele.assert_sound();
}

#[test]
fn bazel_writes_with_the_token_and_only_reads_without() {
    let Some(project) = Project::new() else { return };
    let stele = Stele::new();
    let token = stele.scratch().join("token");
    fs::write(&token, "secret").unwrap();
    let endpoint = Endpoint::start(&stele, &["--write-token", token.to_str().unwrap()]);
    let reads = ["--remote_upload_local_results=false"];
    let (hits, run) = processes(&project.build(&endpoint, &reads));
    assert!(hits == 0 && run >= 6);
    project.clean();
    assert_eq!(processes(&project.build(&endpoint, &reads)), (0, run));
    project.clean();
    assert_eq!(
        processes(&project.build(&endpoint, &["--remote_header=authorization=Bearer secret"])),
        (0, run)
    );
    project.clean();
    assert_eq!(processes(&project.build(&endpoint, &reads)), (run, 0));
}
