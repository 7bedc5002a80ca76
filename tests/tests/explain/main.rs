//! `stele explain`: a deliberately irreproducible recipe of each class, and what is said of it.

mod reprotest;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use stele_tests::sandboxed::compiled;
use stele_tests::workshop::Workshop;

/// What it prints as JSON, and its exit code.
#[track_caller]
fn explain(shop: &Workshop, recipe: &str) -> (Value, i32) {
    let run = shop.stele.run(&["explain", "--json", recipe]);
    let explanation = serde_json::from_str(run.text().lines().last().unwrap_or_default());
    (explanation.unwrap_or_else(|error| panic!("{error}: {}", run.stderr)), run.code)
}

fn vectors(explanation: &Value) -> Vec<&str> {
    explanation["vectors"].as_array().unwrap().iter().map(|it| it["vector"].as_str().unwrap()).collect()
}

#[test]
fn a_reproducible_recipe_needs_no_explanation() {
    let shop = Workshop::new();
    shop.recipe("same", &[], "echo same > $OUT/x");
    let (explanation, code) = explain(&shop, "same");
    assert_eq!((code, &explanation["cause"]), (0, &"none".into()));
    assert_eq!(explanation["builds"].as_array().unwrap().len(), 3);
    assert!(vectors(&explanation).is_empty());
    shop.stele.fails(&["explain", "nothing"], 3);
}

/// The class, what its recipe does, and the vector that is to be named.
const CLASSES: [(&str, &str, &str); 21] = [
    ("timezone", "echo $TZ > $OUT/x", "environment TZ"),
    ("locale", "echo $LC_ALL > $OUT/x", "environment LC_ALL"),
    ("terminal", "echo $TERM > $OUT/x", "environment TERM"),
    ("hostname", "busybox hostname > $OUT/x", "host name"),
    ("uname", "busybox uname -r > $OUT/x", "kernel release"),
    ("processors", "busybox nproc > $OUT/x", "processors"),
    ("umask", "umask > $OUT/x", "umask"),
    ("memory", "busybox head -n 1 /proc/meminfo > $OUT/x", "memory"),
    ("uptime", "busybox cut -d . -f 1 /proc/uptime | busybox cut -c 1-3 > $OUT/x", "uptime"),
    (
        "directories",
        "mkdir /build/d; for n in 1 2 3 4 5 6 7 8; do echo > /build/d/$n; done; (cd /build/d; busybox find .) > $OUT/x",
        "directory order",
    ),
    ("addresses", "busybox grep heap /proc/self/maps > $OUT/x", "addresses"),
    ("clock", "busybox date +%s > $OUT/x", "date"),
    ("archives", "echo > f; busybox tar -c f > $OUT/x", "date"),
    ("file_times", "echo > f; busybox stat -c %Y f > $OUT/x", "date"),
    ("random", "head -c 9 /dev/urandom > $OUT/x", "random numbers"),
    ("build_path", "busybox pwd > $OUT/x", "build folder"),
    ("domain", "busybox cat /proc/sys/kernel/domainname > $OUT/x", "domain name"),
    ("home", "echo $HOME > $OUT/x", "environment HOME"),
    ("search_path", "echo $PATH > $OUT/x", "environment PATH"),
    ("user", "busybox id -u > $OUT/x; busybox id -g >> $OUT/x", "user and group"),
    ("input_times", "busybox stat -c %Y /bin/busybox > $OUT/x", "times of inputs"),
];

/// What the sandbox makes the same, with a fixed clock, whatever is varied.
const THE_SAME: [(&str, &str); 5] = [
    ("inodes", "echo > b; echo > a; mkdir d; ls -i > $OUT/x; busybox stat -c '%i %d' a b d >> $OUT/x"),
    (
        "free_space",
        "busybox df /build > $OUT/x; busybox df -i /tmp >> $OUT/x; busybox stat -f /out >> $OUT/x",
    ),
    (
        "blocks",
        "head -c 70000 /dev/zero > f; echo > g; busybox du f g > $OUT/x; busybox stat -c %b f >> $OUT/x",
    ),
    ("paths_below_build", "mkdir /build/a; cd /build/a; busybox pwd > $OUT/x"),
    ("links", "mkdir -p a/b/c a/d; busybox stat -c '%h %s' a a/b a/b/c > $OUT/x"),
];

#[test]
fn what_the_sandbox_makes_the_same_needs_no_explanation() {
    let shop = Workshop::new();
    for (class, script) in THE_SAME {
        shop.recipe_with_clock(class, script);
        let (explanation, code) = explain(&shop, class);
        assert_eq!((code, &explanation["cause"]), (0, &"none".into()), "{class}: {explanation}");
    }
}

#[test]
fn each_vector_that_alone_changes_an_output_is_named_with_the_file() {
    let shop = Workshop::new();
    for (class, script, vector) in CLASSES {
        let script = format!("echo always > $OUT/same\n{script}");
        match vector {
            "date" => shop.recipe_with_clock(class, &script),
            _ => shop.recipe(class, &[], &script),
        }
        let (explanation, code) = explain(&shop, class);
        assert_eq!((code, &explanation["cause"]), (1, &"vectors".into()), "{class}: {explanation}");
        assert_eq!(vectors(&explanation), [vector], "{class}");
        let builds = explanation["builds"].as_array().unwrap();
        assert!(builds.len() <= 13, "{class}: {} builds", builds.len());
        let last = builds.iter().rev().find(|it| it["result"] == "differs").unwrap();
        assert_eq!(last["paths"][0]["path"], "x", "{class}");
    }
    let run = shop.stele.run(&["explain", "timezone"]);
    assert!(run.text().contains("environment TZ (UTC to CHECK-14) alone changes it"), "{}", run.text());
    assert!(run.text().contains("changed x"), "{}", run.text());
}

#[test]
fn what_the_sandbox_lets_through_is_told_apart_from_what_it_fixes() {
    let shop = Workshop::new();
    shop.recipe_of_machine("clock", &[], "busybox date +%s%N > $OUT/x; echo $TZ >> $OUT/x");
    shop.recipe_of_machine("random", &[], "head -c 16 /dev/urandom > $OUT/x");
    shop.recipe(
        "durations",
        &[],
        "busybox cut -d ' ' -f 22 /proc/self/stat > $OUT/x; echo $RANDOM >> $OUT/x",
    );
    shop.recipe(
        "race",
        &[],
        "for who in a b; do
             (n=0; while [ $n -lt 5000 ]; do echo $who; n=$((n+1)); done >> x) &
         done; wait; mv x $OUT/x",
    );
    for recipe in ["clock", "random", "durations", "race"] {
        let (explanation, code) = explain(&shop, recipe);
        assert_eq!((code, &explanation["cause"]), (1, &"let-through".into()), "{recipe}");
        assert_eq!(explanation["builds"].as_array().unwrap().len(), 3);
    }
}

/// Puts programs of this machine into a recipe's folder, with the libraries that they need, and writes the recipe.
fn programs_of_this_machine(shop: &Workshop, name: &str, files: &[PathBuf]) {
    let top = shop.path().join(format!("pkgs/{name}/files"));
    let put = |file: &Path| {
        let to = top.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    };
    for file in files {
        put(file);
        if file.extension().is_some_and(|it| it == "py") {
            continue;
        }
        let needed = Command::new("ldd").arg(file).output().unwrap();
        let needed = String::from_utf8(needed.stdout).unwrap();
        needed.split_whitespace().filter(|word| word.starts_with('/')).for_each(|word| put(Path::new(word)));
    }
    let text = format!(
        "load('//pkgs/box/recipe.star', 'box')
{name} = recipe(name = '{name}', version = '1', inputs = [box], sources = [local('files', at = '/src')],
    script = 'cp -r /src/. $OUT')"
    );
    shop.put(&format!("pkgs/{name}/recipe.star"), &text);
}

/// What a compiler says of itself on this machine.
fn said(program: &str, args: &[&str]) -> PathBuf {
    let output = Command::new(program).args(args).output().unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// SOURCE_DATE_EPOCH is in the environment of every build, and these programs heed it. Without it they ask the clock.
#[test]
fn compilers_that_write_the_date_are_told_one() {
    let shop = Workshop::new();
    let cc1 = said("gcc", &["-print-prog-name=cc1"]);
    programs_of_this_machine(&shop, "cc", std::slice::from_ref(&cc1));
    let library = said("python3", &["-c", "import os; print(os.path.dirname(os.__file__))"]);
    let python = said("python3", &["-c", "import os, sys; print(os.path.realpath(sys.executable))"]);
    let mut files = vec![python.clone()];
    for folder in ["", "collections", "encodings", "importlib", "re"] {
        let entries = fs::read_dir(library.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|it| it == "py")));
    }
    programs_of_this_machine(&shop, "python", &files);
    let date = format!(
        "echo 'const char *made = __DATE__ \" \" __TIME__;' > x.c; {} -quiet -ffreestanding x.c -o $OUT/x",
        cc1.display()
    );
    let pyc = format!(
        "echo 'made = 1' > x.py
         {} -I -S -c 'import py_compile; py_compile.compile(\"x.py\", cfile=\"/out/x\", doraise=True)'",
        python.display()
    );
    for (class, script) in [("cc", date), ("python", pyc)] {
        let (told, untold) = (format!("{class}_told"), format!("{class}_untold"));
        shop.recipe(&told, &[class], &script);
        shop.build(&told);
        let (explanation, code) = explain(&shop, &told);
        assert_eq!((code, &explanation["cause"]), (0, &"none".into()), "{class}: {explanation}");
        shop.recipe(&untold, &[class], &format!("unset SOURCE_DATE_EPOCH\n{script}"));
        let (explanation, code) = explain(&shop, &untold);
        assert_eq!((code, &explanation["cause"]), (1, &"let-through".into()), "{class}: {explanation}");
    }
}

/// The processor's own answer cannot be replaced: one machine always gives the same, another another.
#[test]
fn what_the_processor_says_of_itself_is_the_machines_own() {
    let Some(program) = compiled("tests/sandbox/cpuid.c") else { return };
    let shop = Workshop::new();
    programs_of_this_machine(&shop, "cpuid", &[]);
    fs::create_dir_all(shop.path().join("pkgs/cpuid/files/bin")).unwrap();
    fs::copy(program, shop.path().join("pkgs/cpuid/files/bin/cpuid")).unwrap();
    shop.recipe("vendor", &["cpuid"], "cpuid > $OUT/x");
    shop.build("vendor");
    let (explanation, code) = explain(&shop, "vendor");
    assert_eq!((code, &explanation["cause"]), (0, &"none".into()), "{explanation}");
    let here = fs::read_to_string("/proc/cpuinfo").unwrap();
    let vendor = here.lines().find_map(|line| line.strip_prefix("vendor_id")).unwrap();
    assert_eq!(shop.file("build-vendor/x").trim(), vendor.trim_start_matches([' ', '\t', ':']));
}

#[test]
fn vectors_that_only_together_change_an_output_are_all_named() {
    let shop = Workshop::new();
    let script = "if [ $TZ != UTC ] && [ $(umask) != 0022 ]; then echo both; else echo usual; fi > $OUT/x";
    shop.recipe("both", &[], script);
    let (explanation, _) = explain(&shop, "both");
    assert_eq!(explanation["cause"], "vectors");
    let mut named = vectors(&explanation);
    named.sort_unstable();
    assert_eq!(named, ["environment TZ", "umask"]);
}

#[test]
fn a_recipe_that_fails_under_a_condition_is_explained_and_what_a_check_recorded_is_not_built_again() {
    let shop = Workshop::new();
    shop.recipe("single", &[], "[ $(busybox nproc) -gt 1 ]; echo > $OUT/x");
    shop.stele.run(&["check", "single", "--rounds", "3"]);
    let (explanation, code) = explain(&shop, "single");
    assert_eq!((code, &explanation["cause"]), (1, &"fails".into()), "{explanation}");
    assert_eq!(vectors(&explanation), ["processors"]);
    let builds = explanation["builds"].as_array().unwrap();
    assert!(builds.iter().any(|it| it["seconds"].is_null()), "{explanation}");
}

/// What each named process wrote, and its last arguments.
fn writers(explanation: &Value) -> Vec<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap_or("a pipe").to_owned();
    let last = |it: &Value| {
        let argv: Vec<String> = it["argv"].as_array().unwrap().iter().map(text).collect();
        argv[argv.len().saturating_sub(3)..].join(" ")
    };
    let writers = explanation["writers"].as_array();
    writers.into_iter().flatten().map(|it| (text(&it["wrote"]), last(it))).collect()
}

/// A name, a step, and what is expected of it.
type Way = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Ways of a difference into an output, and the processes that are to be named: what was written, and the end of the
/// command line. With a path, the shell starts each program; without one, this shell does what most do itself.
const WAYS: [Way; 10] = [
    (
        "written",
        "/bin/dd if=/dev/urandom of=$OUT/x bs=9 count=1 2>&1",
        &[("/out/x", "of=/out/x bs=9 count=1")],
    ),
    ("redirected", "/bin/busybox date +%s%N > $OUT/x", &[("/out/x", "/bin/busybox date +%s%N")]),
    (
        "copied",
        "/bin/busybox date +%s%N > /build/stamp; /bin/cp /build/stamp $OUT/x",
        &[("/out/x", "/bin/cp /build/stamp /out/x"), ("/build/stamp", "/bin/busybox date +%s%N")],
    ),
    (
        "renamed",
        "/bin/busybox date +%s%N > $OUT/.stamp; /bin/busybox mv $OUT/.stamp $OUT/x",
        &[("/out/.stamp", "/bin/busybox date +%s%N")],
    ),
    (
        // Between two mounts a move is a copy.
        "moved",
        "/bin/busybox date +%s%N > /tmp/stamp; /bin/busybox mv /tmp/stamp $OUT/x",
        &[("/out/x", "mv /tmp/stamp /out/x"), ("/tmp/stamp", "/bin/busybox date +%s%N")],
    ),
    (
        "linked",
        "/bin/busybox date +%s%N > $OUT/.y; /bin/ln $OUT/.y $OUT/x; rm $OUT/.y",
        &[("/out/.y", "/bin/busybox date +%s%N")],
    ),
    (
        "piped",
        "/bin/busybox date +%s%N | /bin/busybox tr 0 1 > $OUT/x",
        &[("/out/x", "tr 0 1"), ("a pipe", "/bin/busybox date +%s%N")],
    ),
    (
        "archived",
        "mkdir d; cd d; /bin/busybox date +%s%N > a; echo same > b; cd ..
/bin/busybox tar -cf t d; /bin/busybox gzip t; /bin/cp t.gz $OUT/x",
        &[
            ("/out/x", "/bin/cp t.gz /out/x"),
            ("/build/t.gz", "/bin/busybox gzip t"),
            ("/build/t", "-cf t d"),
            ("/build/d/a", "/bin/busybox date +%s%N"),
        ],
    ),
    (
        "appended",
        "echo same > h; /bin/busybox date +%s%N >> h; echo same >> h; /bin/sed s/a/b/ h > $OUT/x",
        &[("/out/x", "/bin/sed s/a/b/ h"), ("/build/h", "/bin/busybox date +%s%N")],
    ),
    (
        "mode",
        "echo same > $OUT/x; if [ $(umask) != 0022 ]; then /bin/chmod a+x $OUT/x; fi",
        &[("/out/x", "/bin/chmod a+x /out/x")],
    ),
];

#[test]
fn the_process_that_wrote_the_first_file_that_differs_is_named_however_it_came_there() {
    let shop = Workshop::new();
    for (way, script, expected) in WAYS {
        shop.recipe(way, &[], &format!("echo always > $OUT/same\n{script}"));
        let (explanation, code) = explain(&shop, way);
        assert_eq!(code, 1, "{way}: {explanation}");
        let named = writers(&explanation);
        let named: Vec<(&str, &str)> = named.iter().map(|(what, argv)| (&what[..], &argv[..])).collect();
        for it in expected {
            assert!(named.contains(it), "{way}: {it:?} is not in {named:?}");
        }
        assert_eq!(named.first(), expected.first(), "{way}: {named:?}");
    }
    let run = shop.stele.run(&["explain", "copied"]);
    assert!(
        run.text().contains("  /out/x was written by `/bin/cp /build/stamp /out/x` in /build"),
        "{}",
        run.text()
    );
    assert!(
        run.text().contains("    from /build/stamp, written by `/bin/busybox date +%s%N`"),
        "{}",
        run.text()
    );
}

#[test]
fn taking_notes_changes_no_output() {
    let shop = Workshop::new();
    let script =
        "seq 1 2000 | sed s/1/x/ | sort -r > $OUT/a; mkdir -p $OUT/d; cp $OUT/a $OUT/d/b; ln -s a $OUT/c
        dd if=$OUT/a of=$OUT/e bs=7 seek=3 count=5 conv=notrunc 2>/dev/null";
    shop.recipe("same", &[], script);
    let (explanation, code) = explain(&shop, "same");
    assert_eq!((code, &explanation["cause"]), (0, &"none".into()), "{explanation}");
}
