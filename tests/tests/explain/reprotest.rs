//! reprotest, Debian's program that builds twice under conditions of its own, is the peer of what a check varies: each
//! of its variations is a vector here, and where both run, both notice the same.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use stele_tests::workshop::Workshop;
use stele_tests::{cache, python, skip};

/// A variation of reprotest, a build that depends on it, and the vectors that are it here; whether reprotest varies it
/// without more than this machine has.
struct Idea {
    variation: &'static str,
    script: &'static str,
    vectors: &'static [&'static str],
    runs: bool,
}

const fn idea(variation: &'static str, script: &'static str, vectors: &'static [&'static str]) -> Idea {
    Idea { variation, script, vectors, runs: true }
}

/// One for which reprotest needs sudo, faketime or disorderfs.
const fn named(variation: &'static str, script: &'static str, vectors: &'static [&'static str]) -> Idea {
    Idea { variation, script, vectors, runs: false }
}

const IDEAS: [Idea; 14] = [
    idea(
        "environment",
        "env | wc -l > x",
        &["environment LANG", "environment LANGUAGE", "environment STELE_CHECK_NOISE"],
    ),
    idea("build_path", "pwd > x", &["build folder"]),
    idea("kernel", "uname -r > x", &["kernel release"]),
    idea("aslr", "grep heap /proc/self/maps > x", &["addresses"]),
    idea("num_cpus", "nproc > x", &["processors"]),
    named("time", "date +%s > x", &["date"]),
    named("user_group", "id -u > x; id -g >> x", &["user and group"]),
    named(
        "fileordering",
        "mkdir d; for n in 1 2 3 4 5 6 7 8; do echo > d/$n; done; (cd d; find .) > x",
        &["directory order"],
    ),
    idea("domain_host", "uname -n > x", &["host name"]),
    idea("home", "echo $HOME > x", &["environment HOME"]),
    idea("locales", "echo $LC_ALL > x", &["environment LANG", "environment LC_ALL", "environment LANGUAGE"]),
    idea("exec_path", "echo $PATH > x", &["environment PATH"]),
    idea("timezone", "echo $TZ > x", &["environment TZ"]),
    idea("umask", "umask > x", &["umask"]),
];

/// Reprotest, with nothing varied but this. Returns its exit code, which is 1 where the outputs differ, and what it
/// said.
fn reprotest(variation: &str, script: &str) -> (i32, String) {
    let unpacked = cache().join("peers-reprotest/usr/lib/python3/dist-packages");
    let packages = python(&["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
    let packages = String::from_utf8(packages.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("source"), "source").unwrap();
    let output = Command::new(cache().join("peers-python/bin/python"))
        .args([
            "-m",
            "reprotest",
            "--no-diffoscope",
            &format!("--variations=-all,+{variation}"),
            "-c",
            script,
        ])
        .args([folder.path().to_str().unwrap(), "x"])
        .env("PYTHONPATH", format!("{}:{}", unpacked.display(), packages.trim()))
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn each_idea_of_reprotest_is_a_vector_that_both_notice() {
    let unpacked = cache().join("peers-reprotest/usr/lib/python3/dist-packages/reprotest/build.py");
    let Ok(source) = fs::read_to_string(unpacked) else { return skip("there is no reprotest") };
    // Its list, whatever version it is.
    let list = source.split_once("VARIATIONS = ").unwrap().1.split_once("\n])").unwrap().0;
    let theirs: Vec<&str> =
        list.lines().filter_map(|line| line.trim().strip_prefix("('")?.split('\'').next()).collect();
    let ours: Vec<&str> = IDEAS.iter().map(|it| it.variation).collect();
    assert_eq!(theirs, ours);

    let (code, said) = reprotest("umask", "echo the same > x");
    assert_eq!(code, 0, "the control: {said}");
    for Idea { variation, script, .. } in IDEAS.iter().filter(|it| it.runs) {
        let (code, said) = reprotest(variation, script);
        assert_eq!(code, 1, "{variation}: {said}");
    }

    // Here one check varies all of them; a record lists up to ten paths. That each vector alone is named is for the
    // tests of the classes.
    let shop = Workshop::new();
    for (number, ideas) in IDEAS.chunks(7).enumerate() {
        let name = format!("ideas{number}");
        let scripts = ideas.iter().map(|Idea { variation, script, .. }| {
            let script = script.replace("echo $PATH", "echo ${PATH%:/tmp}");
            format!("mkdir {variation}; (cd {variation}; {script}); cp {variation}/x $OUT/{variation}\n")
        });
        // The working directory is what it was.
        let scripts: String = scripts.collect::<String>().replace("; pwd >", "; (cd ..; pwd) >");
        shop.recipe_with_clock(&name, &format!("busybox --install -s /tmp; PATH=$PATH:/tmp\n{scripts}"));
        shop.build(&name);
        let run = shop.stele.run(&["check", "--json", "--rounds", "2", &name]);
        let record: Value = serde_json::from_str(run.text().lines().last().unwrap_or_default()).unwrap();
        let texts = |list: &Value, key: &str| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(|it| it[key].as_str().unwrap().to_owned()).collect()
        };
        let round = &record["rounds"][1];
        let differ = texts(&round["paths"], "path");
        assert_eq!(differ, ideas.iter().map(|it| it.variation.to_owned()).collect(), "{record}");
        let varied = texts(&round["varied"], "vector");
        for Idea { variation, vectors, .. } in ideas {
            assert!(vectors.iter().all(|it| varied.contains(*it)), "{variation}: {varied:?}");
        }
    }
}
