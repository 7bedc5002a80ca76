//! What others built: `debian_binary`, and how it is counted. The peer is `dpkg-deb`.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use stele_store::model::Sha256;
use stele_tests::skip;

use super::*;

/// Runs `dpkg-deb`; whether it is there.
#[track_caller]
fn dpkg_deb(args: &[&str]) -> bool {
    let Ok(output) = Command::new("dpkg-deb").args(args).output() else {
        skip("no dpkg-deb");
        return false;
    };
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A folder as a package has one, with what only packages hold: links that belong at `/`.
fn folder(tree: &Tree) -> PathBuf {
    let folder = tree.stele.scratch().join("package");
    for below in ["DEBIAN", "usr/bin", "usr/lib/x86_64-linux-gnu", "lib", "tmp"] {
        fs::create_dir_all(folder.join(below)).unwrap();
    }
    let control = "Package: foo\nVersion: 1:1-1\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\
                   Description: a test\n";
    fs::write(folder.join("DEBIAN/control"), control).unwrap();
    fs::write(folder.join("usr/bin/foo"), "#!/bin/sh\n").unwrap();
    // No tree has it, and so nobody gets more rights by it.
    fs::set_permissions(folder.join("usr/bin/foo"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(folder.join("usr/bin/foo"), folder.join("usr/bin/foo1")).unwrap();
    fs::write(folder.join("lib/libfoo.so.1"), vec![7; 100_000]).unwrap();
    symlink("/lib/libfoo.so.1", folder.join("usr/lib/x86_64-linux-gnu/libfoo.so")).unwrap();
    symlink("foo", folder.join("usr/bin/bar")).unwrap();
    folder
}

/// The call for a package `foo` of these bytes.
fn call(bytes: &[u8], more: &str) -> String {
    let (sha256, size) = (Sha256::of(bytes), bytes.len());
    format!("debian_binary('foo', '1:1-1', sha256 = '{sha256}', size = {size}, {more})")
}

fn recipe(name: &str, sources: &str) -> String {
    format!("{name} = recipe(name = '{name}', version = '1', script = 'x', sources = [{sources}])")
}

#[test]
fn a_package_that_is_not_declared_as_one_is_no_archive_and_the_hint_says_how_it_is() {
    let tree = Tree::new(&[]);
    let deb = tree.stele.scratch().join("foo.deb");
    if !dpkg_deb(&["-b", folder(&tree).to_str().unwrap(), deb.to_str().unwrap()]) {
        return;
    }
    tree.stele.ok(&["source", "add", deb.to_str().unwrap()]);
    let sha256 = Sha256::of(&fs::read(&deb).unwrap());
    let source = format!("source(sha256 = '{sha256}', name = 'foo.deb', unpack = True)");
    tree.put("pkgs/a/recipe.star", &recipe("a", &source));
    let said = tree.stele.fails(&["source", "unpack", "a"], 1);
    assert!(said.contains("it seems to be an ar archive") && said.contains("`debian_binary`"), "{said}");
}

#[test]
fn what_is_declared_as_a_package_and_is_none_is_refused() {
    let tree = Tree::new(&[]);
    let file = tree.stele.scratch().join("foo.deb");
    for bytes in [&b"text"[..], b"!<arch>\n", b"!<arch>\nfoo.o/"] {
        fs::write(&file, bytes).unwrap();
        tree.stele.ok(&["source", "add", file.to_str().unwrap()]);
        tree.put("pkgs/a/recipe.star", &recipe("a", &call(bytes, "")));
        let said = tree.stele.fails(&["source", "unpack", "a"], 1);
        assert!(said.contains("the archive is refused: the Debian package, at byte"), "{said}");
    }
    tree.stele.assert_sound();
}

#[test]
fn a_package_is_unpacked_to_what_dpkg_unpacks_however_it_is_compressed() {
    let tree = Tree::new(&[]);
    let folder = folder(&tree);
    let scratch = tree.stele.scratch();
    for compression in ["none", "gzip", "xz", "zstd"] {
        let deb = scratch.join(format!("{compression}.deb"));
        let option = format!("-Z{compression}");
        if !dpkg_deb(&[&option, "--root-owner-group", "-b", folder.to_str().unwrap(), deb.to_str().unwrap()])
        {
            return;
        }
        let peer = scratch.join(format!("{compression}.peer"));
        dpkg_deb(&["-x", deb.to_str().unwrap(), peer.to_str().unwrap()]);
        tree.stele.ok(&["source", "add", deb.to_str().unwrap()]);
        tree.put("pkgs/a/recipe.star", &recipe("a", &call(&fs::read(&deb).unwrap(), "")));
        let unpacked = tree.stele.json(&["source", "unpack", "a"]);
        assert_eq!(unpacked[0]["digest"], *tree.stele.add(&peer), "{compression}");
        assert_eq!(unpacked[0]["at"], "/");
    }
    // Its empty /tmp is nobody's business; two packages that disagree are somebody's.
    tree.stele.ok(&["build", "--dry-run"]);
    tree.stele.assert_sound();
}

#[test]
fn packages_merge_at_the_root_and_what_they_disagree_on_is_named() {
    let tree = Tree::new(&[]);
    let (folder, scratch) = (folder(&tree), tree.stele.scratch());
    let mut calls = Vec::new();
    for (name, text) in [("one", "1"), ("same", "1"), ("other", "2")] {
        fs::write(folder.join("lib/shared"), text).unwrap();
        fs::write(folder.join("lib").join(name), "x").unwrap();
        let deb = scratch.join(format!("{name}.deb"));
        if !dpkg_deb(&["-b", folder.to_str().unwrap(), deb.to_str().unwrap()]) {
            return;
        }
        fs::remove_file(folder.join("lib").join(name)).unwrap();
        tree.stele.ok(&["source", "add", deb.to_str().unwrap()]);
        calls.push(call(&fs::read(&deb).unwrap(), "").replace("'foo'", &format!("'{name}'")));
    }
    tree.put("pkgs/a/recipe.star", &recipe("a", &calls[..2].join(", ")));
    tree.stele.ok(&["source", "unpack", "a"]);
    tree.stele.ok(&["build", "--dry-run", "a"]);
    tree.put("pkgs/a/recipe.star", &recipe("a", &calls.join(", ")));
    tree.stele.ok(&["source", "unpack", "a"]);
    let said = tree.stele.fails(&["build", "--dry-run", "a"], 1);
    assert!(
        said.contains("source one_1-1_amd64.deb") && said.contains("source other_1-1_amd64.deb"),
        "{said}"
    );
    assert!(said.contains("both provide /lib/shared"), "{said}");
}

/// A compiler of 2,000 opaque bytes, made with a tool of 34; a program made by it; and one that needs neither.
fn opaque() -> Tree {
    let gcc = call(&[1; 2000], "").replace("'foo'", "'gcc'");
    let awk = call(&[2; 34], "").replace("'foo'", "'awk'");
    let needs = |name: &str, needed: &str, sources: &str| {
        let recipe = recipe(name, sources).replace("script", &format!("inputs = [{needed}], script"));
        format!("load('//pkgs/{needed}/recipe.star', '{needed}')\n{recipe}")
    };
    let source = format!("source(sha256 = '{PIN}', name = 'x.tar'), local('x.c')");
    Tree::new(&[
        ("pkgs/tool/recipe.star", &recipe("tool", &awk)),
        ("pkgs/cc/recipe.star", &needs("cc", "tool", &format!("{gcc}, {awk}"))),
        ("pkgs/prog/recipe.star", &needs("prog", "cc", &source)),
        ("pkgs/prog/x.c", "x"),
        ("pkgs/pure/recipe.star", &recipe("pure", "")),
    ])
}

#[test]
fn info_of_what_is_no_recipe_fails() {
    let tree = opaque();
    tree.stele.fails(&["info", "prag"], 3);
    tree.stele.fails(&["info", "Prog"], 2);
}

#[test]
fn what_is_built_with_something_opaque_is_marked_with_all_of_it() {
    let tree = opaque();
    let path = tree.path().display();
    assert_eq!(
        tree.stele.ok(&["info", "prog"]),
        format!(
            "prog 1\n  defined at  {path}/pkgs/prog/recipe.star:2:8\n  \
             built       no: never built; unpacks x.tar; after cc\n\
             source x.tar at /src\nlocal pkgs/prog/x.c at /src/x.c\ninput cc (output out) at /\n\
             opaque bytes: 2,034 in 2 packages\n  named by cc, tool; --all lists them"
        )
    );
    let all = tree.stele.ok(&["info", "prog", "--all"]);
    let (awk, gcc) = (Sha256::of(&[2; 34]), Sha256::of(&[1; 2000]));
    let lines = format!("  {awk}     34  awk_1-1_amd64.deb  tool, cc\n  {gcc}  2,000  gcc_1-1_amd64.deb  cc");
    assert!(all.ends_with(&lines), "{all}");
    let json = tree.stele.json(&["info", "prog"]);
    assert_eq!((json["opaque"]["bytes"].as_u64(), json["there"].as_bool()), (Some(2034), Some(false)));
    assert!(
        tree.stele
            .ok(&["info", "tool"])
            .ends_with("opaque bytes: 34 in 1 package\n  named by tool; --all lists them")
    );
    assert!(tree.stele.ok(&["info", "pure"]).ends_with("opaque bytes: none"));
    assert!(tree.stele.ok(&["recipe", "show", "tool"]).contains("  opaque: prebuilt"));
}

/// A store with the sources of `recipes/foreign`, from the bundle `STELE_FOREIGN=DIR` that `stele source export --all`
/// wrote of them. None when there is no bundle: nobody has these packages at hand who did not ask for this.
fn with_bundle() -> Option<(Stele, PathBuf)> {
    let bundle = std::env::var_os("STELE_FOREIGN").map(PathBuf::from)?;
    let mut stele = Stele::new();
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("recipes/foreign");
    stele.set_env("STELE_RECIPES", recipes.to_str().unwrap());
    stele.ok(&["source", "add", bundle.to_str().unwrap()]);
    Some((stele, bundle))
}

#[test]
fn real_programs_are_built_twice_to_the_same_bytes_and_run() {
    let Some((stele, _)) = with_bundle() else { return };
    let built = stele.ok(&["build", "--offline", "hello", "cxx-tour"]);
    assert_eq!(stele.ok(&["build", "--offline", "--rebuild", "hello", "cxx-tour"]), built);
    let info = stele.json(&["info", "hello"]);
    let output = info["outputs"]["out"].as_str().unwrap();
    assert!(info["there"] == true && built.contains(output), "{info}");
    assert!(stele.ok(&["info", "hello"]).contains(&format!("  built       yes\n  output out  {output}\n")));
    let place = stele.scratch().join("hello");
    stele.ok(&["store", "export", output, place.to_str().unwrap()]);
    let said = Command::new(place.join("usr/bin/hello")).output().unwrap();
    assert_eq!(said.stdout, b"Hello, world!\n");
}

#[test]
fn the_toolchain_is_what_dpkg_unpacks() {
    let Some((stele, bundle)) = with_bundle() else { return };
    let unpacked = stele.json(&["source", "unpack", "busybox"]);
    let packages =
        unpacked.as_array().unwrap().iter().filter(|it| it["file"].as_str().unwrap().ends_with(".deb"));
    let mut count = 0;
    for package in packages {
        let file = package["file"].as_str().unwrap();
        let peer = stele.scratch().join(file);
        dpkg_deb(&["-x", bundle.join(file).to_str().unwrap(), peer.to_str().unwrap()]);
        assert_eq!(package["digest"], *stele.add(&peer), "{file}");
        count += 1;
    }
    let json = stele.json(&["info", "busybox"]);
    assert_eq!(json["opaque"]["sources"].as_array().map(Vec::len), Some(count));
}
