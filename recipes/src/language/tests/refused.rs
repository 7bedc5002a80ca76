//! Each wrong argument is refused, at its location.

use super::*;

/// A recipe with `more` as its further arguments on line 1.
fn with(more: &str) -> String {
    refused_one(&format!("recipe(name = 'a', version = '1', steps = [['/x']], {more})"))
}

/// One source with `more` as its further arguments.
fn source(more: &str) -> String {
    with(&format!("sources = [source(sha256 = '{PIN}', {more})]"))
}

#[track_caller]
fn says(found: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(found.contains(wanted), "{wanted:?} is not in:\n{found}");
    }
}

#[test]
fn names_and_versions_that_are_none() {
    let define = |name: &str, version: &str| {
        refused_one(&format!("recipe(name = '{name}', version = '{version}', steps = [['/x']])"))
    };
    says(&define("", "1"), &["1 to 64 characters, not 0", "recipe.star:1:15"]);
    says(&define("A", "1"), &["'A' cannot stand at position 0"]);
    says(&define("b", "1"), &["in the folder a is called `a`, or `a-` and more, not `b`"]);
    says(&define("ab", "1"), &["not `ab`"]);
    says(&define("a-", "1"), &["not `a-`"]);
    says(&define("a", ""), &["a version has 1 to 64 characters", "recipe.star:1:30"]);
    says(&define("a", "v1"), &["version \"v1\" does not begin with a digit", "without a `v` before it"]);
    says(&define("a", "1 2"), &["' ' cannot stand in a version"]);
    says(&define("a", &"1".repeat(65)), &["not 65"]);
    says(
        &refused_one("recipe(name = 'a', version = 1, steps = [['/x']])"),
        &["`version`", "int", "recipe.star:1:30"],
    );
}

#[test]
fn what_no_build_could_run() {
    says(&refused_one("recipe(name = 'a', version = '1')"), &["something to do", "recipe.star:1:1"]);
    says(&with("script = 'x'"), &["`steps` and `script` exclude each other"]);
    says(&with("shell = '/bin/bash'"), &["`shell` means nothing without `script`"]);
    says(
        &refused_one("recipe(name = 'a', version = '1', steps = [[]])"),
        &["step 1 names no program", ":1:43"],
    );
    says(&refused_one("recipe(name = 'a', version = '1', steps = [['']])"), &["step 1 names no program"]);
    says(&refused_one("recipe(name = 'a', version = '1', steps = ['x'])"), &["`steps`"]);
    says(&with("env = {'A=B': ''}"), &["name of an environment variable", "recipe.star:1:59"]);
    says(&with("env = {'OUT': '/x'}"), &["OUT is set by Stele"]);
    says(&with("workdir = 'src'"), &["\"src\" is not absolute"]);
    says(&with("platform = 'riscv'"), &["\"riscv\"", "x86_64-linux, aarch64-linux"]);
    says(&with("typo = 1"), &["typo"]);
}

#[test]
fn outputs_that_are_none() {
    says(&with("outputs = ['out', 'out']"), &["output `out` is there twice"]);
    says(&with("outputs = ['Out']"), &["'O' cannot stand"]);
    says(&with("outputs = 'out'"), &["a list of names, or a dict"]);
    says(&with("outputs = [1]"), &["a list of names, or a dict"]);
    says(&with("outputs = []"), &["no outputs"]);
    says(&with("outputs = {'out': '/usr'}"), &["only what lies in /out can be kept"]);
    says(&with("outputs = {'out': '/out', 'doc': '/out/doc'}"), &["output doc lies in output out"]);
    says(&with("outputs = ['a-b', 'a_b']"), &["would both be told by the variable OUT_A_B"]);
}

#[test]
fn what_people_are_told_is_checked() {
    says(&with("license = 'GPL2'"), &["\"GPL2\" is no SPDX licence expression", "LicenseRef-NAME"]);
    says(&with("license = ''"), &["no SPDX licence expression"]);
    says(&with("homepage = 'example.org'"), &["no address"]);
    says(&with("description = 'two\\nlines'"), &["one line of at most 200"]);
}

#[test]
fn sources_that_are_none() {
    says(
        &with("sources = ['x.tar']"),
        &[
            "a list of source(...), debian_binary(...), foreign_image(...), local(...) and hex0(...)",
            "string x.tar",
        ],
    );
    says(
        &with("sources = [source(sha256 = 'abc', name = 'x')]"),
        &["not a SHA-256", "`sha256sum FILE` prints it", ":1:80"],
    );
    says(
        &with(&format!("sources = [source(sha256 = '{}', name = 'x')]", PIN.to_uppercase())),
        &["not a SHA-256"],
    );
    says(&source(""), &["a source without mirrors needs a `name`"]);
    says(&source("name = 'a/b'"), &["'/' cannot stand"]);
    says(&source("mirrors = ['x.tar.gz']"), &["does not begin with a scheme"]);
    says(&source("mirrors = ['https://example.org/']"), &["1 to 128 characters, not 0"]);
    says(&source("name = 'x', sha512 = 'ab'"), &["not a SHA-512"]);
    says(&source("name = 'x', size = -1"), &["-1 is no number of bytes"]);
    says(&source("name = 'x.tar', strip = -1"), &["-1 is no number of components"]);
    says(&source("name = 'x.c', strip = 1"), &["`strip` means nothing without `unpack`"]);
    says(&source("name = 'x.c', patches = ['fix.patch']"), &["`patches` means nothing without `unpack`"]);
    says(&source("name = 'x.tar', patches = ['no.patch']"), &["there is no pkgs/a/no.patch"]);
    says(&source("name = 'x.tar', patches = ['dir']"), &["pkgs/a/dir is no file"]);
    says(&source("name = 'x.tar', patches = ['../b/x']"), &["names nothing in the recipe tree"]);
    says(&source("name = 'x.tar', patches = ['/etc/passwd']"), &["names nothing in the recipe tree"]);
    says(&source("name = 'x.tar', subdir = '../x'"), &["no path in an archive"]);
    says(&source("name = 'x.tar', executable = True"), &["`unpack` and `executable` exclude each other"]);
    says(&source("name = 'x', keys = 'key'"), &["`keys` means nothing without `signature`"]);
    let signature = format!("signature = source(sha256 = '{PIN}', name = 'x.sig')");
    says(&source(&format!("name = 'x', {signature}")), &["`signature` means nothing without `keys`"]);
    says(&source(&format!("name = 'x', {signature}, keys = 'nokey'")), &["there is no pkgs/a/nokey"]);
    says(&source("name = 'x', signature = 'x', keys = 'key'"), &["a source(...) that is not unpacked"]);
    says(&with("sources = [local('nothing')]"), &["there is no pkgs/a/nothing"]);
}

#[test]
fn hex0_that_is_none() {
    let hex0 = |text: &str, more: &str| {
        let sources = format!("sources = [hex0('a.hex0', {more})]");
        refused(&[
            (
                "pkgs/a/recipe.star",
                &format!("recipe(name = 'a', version = '1', steps = [['/x']], {sources})"),
            ),
            ("pkgs/a/a.hex0", text),
        ])
    };
    says(
        &hex0("7f 45\n4x", "at = '/a'"),
        &["line 2, column 2 of pkgs/a/a.hex0: 'x' is neither", "recipe.star:1:64", "| pkgs/a/a.hex0:2:2 "],
    );
    says(&hex0("7f 4", "at = '/a'"), &["line 1, column 4 of pkgs/a/a.hex0: a digit stands alone"]);
    let pin = format!("sha256 = '{PIN}'");
    let found = hex0("", &format!("at = '/a', {pin}"));
    says(&found, &["pkgs/a/a.hex0 comes to other bytes", "is e3b0c442", "recipe.star:1:", "if the change"]);
    says(&hex0("", "at = '/a', sha256 = 'x'"), &["not a SHA-256"]);
    says(&hex0("", "at = '/dev/a'"), &["/dev/a would be hidden"]);
    says(&hex0("", ""), &["`at`"]);
    says(&hex0(&" ".repeat(MAX_STARLARK + 1), "at = '/a'"), &["more than 1048576 bytes"]);
    says(&with("sources = [hex0('nothing', at = '/a')]"), &["there is no pkgs/a/nothing"]);
    says(&with("sources = [hex0('../x', at = '/a')]"), &["names nothing in the recipe tree"]);
}

#[test]
fn places_that_would_be_hidden() {
    for place in ["/proc", "/dev/x", "/build", "/tmp/x", "/out", "/sys"] {
        says(
            &source(&format!("name = 'x', at = '{place}'")),
            &[place, "would be hidden", "choose a place such as /src"],
        );
    }
    says(&source("name = 'x', at = 'src'"), &["not absolute"]);
    says(&source("name = 'x', at = '/src/../etc'"), &["`..`"]);
    let two = |one: &str, other: &str| {
        with(&format!(
            "sources = [\n  source(sha256 = '{PIN}', {one}),\n  source(sha256 = '{PIN}', {other})]"
        ))
    };
    let found = two("name = 'x', at = '/src'", "name = 'y.tar', at = '/src'");
    says(&found, &["two inputs have the place /src, and one of them is a file", "recipe.star:2:3 source x"]);
    let found = two("name = 'x', at = '/src/x'", "name = 'y.tar', at = '/src/x/y'");
    says(&found, &["/src/x/y cannot be there: /src/x is a file", "recipe.star:2:3 source x"]);
    let found = two("name = 'y.tar', at = '/src/x/y'", "name = 'x', at = '/src/x'");
    says(&found, &["/src/x/y cannot be there: /src/x is a file", "recipe.star:3:3 source x"]);
}

#[test]
fn inputs_that_are_none() {
    let both = |b: &str| {
        refused(&[
            (
                "pkgs/a/recipe.star",
                "a = recipe(name = 'a', version = '1', steps = [['/x']], outputs = ['lib', 'bin'])",
            ),
            ("pkgs/b/recipe.star", &format!("load('//pkgs/a/recipe.star', 'a')\n{b}")),
        ])
    };
    let with = |inputs: &str| both(&format!("recipe(name = 'b', version = '1', steps = [['/x']], {inputs})"));
    says(
        &with("inputs = ['a']"),
        &["a list of recipes and input(...)", "string a", "pkgs/b/recipe.star:2:62"],
    );
    says(
        &with("inputs = [a]"),
        &[
            "recipe `a` has no output `out`; it has bin, lib",
            "pkgs/b/recipe.star:2:62",
            "pkgs/a/recipe.star:1:5 recipe `a` is",
        ],
    );
    says(&with("inputs = [input(a, output = 'doc')]"), &["no output `doc`", "pkgs/b/recipe.star:2:81"]);
    says(&with("inputs = [input(a, output = 'lib', at = '/out')]"), &["would be hidden"]);
    says(
        &with("inputs = [input(a, output = 'lib'), input(a, output = 'lib')]"),
        &["output lib of recipe a is given twice at /"],
    );
    says(
        &with("prefer = {'/usr': input(a, output = 'lib')}"),
        &["is preferred, and is no input of this recipe"],
    );
    says(&with("prefer = {'/usr': 'a'}"), &["a dict of paths"]);
    says(&with("inputs = [c]"), &["c", "pkgs/b/recipe.star:2:63"]);
}

/// One Debian package with `more` as its further arguments.
fn package(package: &str, version: &str, more: &str) -> String {
    with(&format!("sources = [debian_binary('{package}', '{version}', {more})]"))
}

#[test]
fn packages_that_are_none() {
    let rest = format!("sha256 = '{PIN}', size = 1");
    for name in ["", "g", "GCC", "-gcc", "gcc_12", "gcc/12", "../gcc"] {
        says(&package(name, "1", &rest), &["is no name of a package", "recipe.star:1:"]);
    }
    for version in ["", "v1", ":1", "a:1", "1/2", "1:", "1 2", "1_2", "1:2:3"] {
        says(&package("gcc", version, &rest), &["is no version of a package"]);
    }
    says(&package("gcc", "1", &format!("{rest}, architecture = 'AMD64'")), &["is no architecture"]);
    says(&package("gcc", "1", &format!("{rest}, architecture = '../x'")), &["is no architecture"]);
    says(&package(&"g".repeat(128), "1", &rest), &["1 to 128 characters"]);
    says(&package("gcc", "1", "sha256 = 'abc', size = 1"), &["SHA-256"]);
    says(&package("gcc", "1", &format!("sha256 = '{PIN}', size = -1")), &["-1"]);
    // What is opaque is counted.
    says(&package("gcc", "1", &format!("sha256 = '{PIN}'")), &["size"]);
    says(&package("gcc", "1", &format!("{rest}, at = '/proc'")), &["/proc"]);
    says(&package("gcc", "1", &format!("{rest}, mirrors = ['gcc.deb']")), &["does not begin with a scheme"]);
    let twice = format!("debian_binary('gcc', '1', {rest})");
    says(&with(&format!("sources = [{twice}, {twice}]")), &["source gcc_1_amd64.deb"]);
}
