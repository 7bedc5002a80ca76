//! An evaluated recipe has exactly the fields that were written.

use stele_store::model::{BlobId, Digest, Node};

use super::*;
use crate::action::SandboxPath;
use crate::recipe::{Origin, OutputName};

#[test]
fn a_script_is_a_step_with_a_shell() {
    let recipe = one("recipe(name = 'a', version = '1', script = 'make')");
    assert_eq!(recipe.steps, [["/bin/sh", "-eu", "-c", "make"]]);
    let recipe = one("recipe(name = 'a', version = '1', script = 'make', shell = '/bin/dash')");
    assert_eq!(recipe.steps[0][0], "/bin/dash");
}

#[test]
fn outputs_have_places_and_variables() {
    let shown = |text: &str| {
        let recipe = one(&format!("recipe(name = 'a', version = '1', steps = [['/x']]{text})"));
        let outputs = recipe.outputs.iter().map(|(name, place)| format!("{name}={place}"));
        let env = recipe.env.iter().map(|(name, value)| format!("{name}={value}"));
        outputs.chain(env).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(""), "out=/out OUT=/out");
    assert_eq!(shown(", outputs = ['lib']"), "lib=/out OUT_LIB=/out");
    assert_eq!(
        shown(", outputs = ['out', 'x-y']"),
        "out=/out/out x-y=/out/x-y OUT=/out/out OUT_X_Y=/out/x-y"
    );
    assert_eq!(shown(", outputs = {'out': '/out/usr'}, env = {'A': 'b'}"), "out=/out/usr A=b OUT=/out/usr");
}

#[test]
fn a_source_has_a_name_a_place_and_is_unpacked_when_it_is_an_archive() {
    let source = |more: &str| {
        let recipe = one(&format!(
            "recipe(name = 'a', version = '1', script = 'x', sources = [source(sha256 = '{PIN}', {more})])"
        ));
        let source = &recipe.sources[0];
        format!("{} {} {}", source.source.file, source.place, source.unpack.is_some())
    };
    assert_eq!(source("mirrors = ['https://example.org/x-1.tar.gz?raw=1']"), "x-1.tar.gz /src true");
    assert_eq!(source("mirrors = ['gnu:make/make-4.tar.lz']"), "make-4.tar.lz /src true");
    assert_eq!(source("name = 'x.c'"), "x.c /src/x.c false");
    assert_eq!(source("name = 'x.TGZ', unpack = False, at = '/opt/x'"), "x.TGZ /opt/x false");
    assert_eq!(source("name = 'x', unpack = True"), "x /src true");
}

#[test]
fn local_files_and_patches_are_named_by_what_they_hold() {
    let recipe = one(&format!(
        "recipe(name = 'a', version = '1', script = 'x', sources = [
            local('fix.patch'), local('dir', at = '/etc'), local('//lib/shared.txt'),
            source(sha256 = '{PIN}', name = 'x.zip', patches = ['fix.patch'], patch_strip = 0, strip = 2,
                   subdir = 'b/c'),
        ])"
    ));
    let shown = |path: &str| {
        let local = recipe.locals.iter().find(|local| local.path.to_string() == path).unwrap();
        (local.place.as_str().to_owned(), local.node.clone())
    };
    let file = |bytes: &[u8]| Node::File {
        blob: BlobId(Digest::of(bytes)),
        size: bytes.len() as u64,
        executable: false,
    };
    assert_eq!(shown("pkgs/a/fix.patch"), ("/src/fix.patch".to_owned(), file(b"-")));
    assert_eq!(shown("lib/shared.txt"), ("/src/shared.txt".to_owned(), file(b"shared")));
    let (place, node) = shown("pkgs/a/dir");
    assert!(place == "/etc" && matches!(node, Node::Directory { .. }));
    let unpack = recipe.sources[0].unpack.as_ref().unwrap();
    assert_eq!((unpack.strip, unpack.patches[0].strip, &unpack.patches[0].node), (2, 0, &file(b"-")));
    assert_eq!(unpack.subdir.as_ref().unwrap().to_string(), "b/c");
}

#[test]
fn hex0_is_the_executable_that_it_says() {
    let files = tree(&[
        (
            "pkgs/a/recipe.star",
            "recipe(name = 'a', version = '1', steps = [['/x']], sources = [hex0('x.hex0', at = '/x'), \
             local('x.hex0')])",
        ),
        ("pkgs/a/x.hex0", "7f 45 ; magic\n4C 46 # more\n"),
    ]);
    let recipes = evaluate_all(&files).unwrap_or_else(|error| panic!("{}", shown(&error)));
    let locals = recipes.by_name[&name("a")].locals.clone();
    assert_eq!((locals[0].place.as_str(), locals[1].place.as_str()), ("/x", "/src/x.hex0"));
    assert_eq!((locals[0].hex0, locals[1].hex0), (true, false));
    let blob = BlobId(Digest::of(b"\x7fELF"));
    assert_eq!(locals[0].node, Node::File { blob, size: 4, executable: true });
    // What was written before there was hex0 is read as it was meant.
    let text = serde_json::to_string(&locals[1]).unwrap().replace("\"hex0\":false,", "");
    assert_eq!(serde_json::from_str::<crate::recipe::LocalInput>(&text).unwrap(), locals[1]);
}

#[test]
fn inputs_are_values_and_keep_their_place() {
    let files = tree(&[
        (
            "pkgs/a/recipe.star",
            "a = recipe(name = 'a', version = '1.2', script = 'x', outputs = ['out', 'lib'])",
        ),
        (
            "lib/build.star",
            "def build(name, uses):\n    return \
             recipe(name = name, version = uses.version, script = uses.name,\n\
             inputs = [uses, input(uses, output = 'lib', at = '/opt')], prefer = {'/usr/bin': uses})",
        ),
        (
            "pkgs/b/recipe.star",
            "load('//pkgs/a/recipe.star', 'a')\nload('//lib/build.star', 'build')\n\nb = build('b', a)",
        ),
    ]);
    let recipes = evaluate_all(&files).unwrap();
    let b = &recipes.by_name[&name("b")];
    assert_eq!((b.version.as_str(), b.steps[0][3].as_str()), ("1.2", "a"));
    let inputs: Vec<_> =
        b.inputs.iter().map(|it| format!("{} {} {}", it.recipe, it.output, it.place)).collect();
    assert_eq!(inputs, ["a out /", "a lib /opt"]);
    let usual = Origin::Recipe(name("a"), OutputName::usual());
    assert_eq!(b.prefer[&SandboxPath::new("/usr/bin").unwrap()], usual);
    // Its location is where the author of the package wrote it, not in the library.
    assert_eq!(b.at.to_string(), "pkgs/b/recipe.star:4:5");
    assert_eq!(b.needs(), [&name("a")]);
}

#[test]
fn an_error_in_a_function_of_a_library_says_who_called_it() {
    let found = refused(&[
        ("lib/build.star", "def build(name):\n    return recipe(name = name, version = 'x', script = 'x')"),
        ("pkgs/a/recipe.star", "load('//lib/build.star', 'build')\na = build('a')"),
    ]);
    assert!(found.contains("| lib/build.star:2:42") && found.contains("< pkgs/a/recipe.star:2:5"), "{found}");
}

#[test]
fn a_debian_package_is_an_opaque_source_at_the_root_that_apt_is_asked_for() {
    let args = format!("'1:2.0+x~1-3+b1', sha256 = '{PIN}', size = 7");
    let recipe = one(&format!(
        "packages = [debian_binary('g++-12', {args}, mirrors = ['file:/srv/x.deb'])]\n\
         recipe(name = 'a', version = '1', script = 'x', sources = packages + [\
         debian_binary('gcc-12-base', {args}, architecture = 'all', at = '/opt')])"
    ));
    let [first, second] = &recipe.sources[..] else { panic!("{:?}", recipe.sources) };
    assert!(first.opaque && second.opaque);
    assert_eq!(first.source.size, Some(7));
    assert_eq!(first.unpack.as_ref().map(|it| it.form), Some(stele_archive::Form::DebianPackage));
    assert_eq!((first.place.as_str(), second.place.as_str()), ("/", "/opt"));
    let mirrors: Vec<&str> = first.source.mirrors.iter().map(|it| it.as_str()).collect();
    let apt = "debian:g++-12/1:2.0+x~1-3+b1/g++-12_2.0+x~1-3+b1_amd64.deb";
    assert_eq!(mirrors, [apt, "file:/srv/x.deb"]);
    assert_eq!(second.source.file.as_str(), "gcc-12-base_2.0+x~1-3+b1_all.deb");
    // What another version wrote says nothing of it, and nothing opaque was known then.
    let mut json = serde_json::to_value(&*recipe).unwrap();
    let source = json["sources"][0].as_object_mut().unwrap();
    assert_eq!(
        (source["opaque"].as_bool(), source["unpack"]["form"].as_str()),
        (Some(true), Some("debian-package"))
    );
    source.remove("opaque");
    source["unpack"].as_object_mut().unwrap().remove("form");
    let read: Recipe = serde_json::from_value(json).unwrap();
    assert!(!read.sources[0].opaque);
}
