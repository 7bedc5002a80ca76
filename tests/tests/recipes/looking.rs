//! `recipe ls`, `show` and `check`, `graph`, `why`.

use super::*;

fn chain() -> Tree {
    let tree = Tree::new(&[]);
    for (name, needs) in [("a", &[][..]), ("b", &["a"]), ("c", &["a", "b"])] {
        tree.put(&format!("pkgs/{name}/recipe.star"), &plain(name, needs));
    }
    tree
}

#[test]
fn an_error_shows_the_line_the_place_in_it_and_a_hint() {
    let tree = Tree::new(&[(
        "pkgs/a/recipe.star",
        "a = recipe(\n    name = \"a\",\n    version = \"v1\",\n    script = \"x\",\n)\n",
    )]);
    let said = tree.stele.fails(&["recipe", "show", "a"], 1);
    let path = tree.path().display();
    let expected = format!(
        "error: recipe `a`: version \"v1\" does not begin with a digit\n --> {path}/pkgs/a/recipe.star:3:15\n  |\n\
         3 |     version = \"v1\",\n  |               ^^^^\nhint: "
    );
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn check_lists_all_faults_and_fails() {
    let tree = chain();
    assert_eq!(tree.stele.ok(&["recipe", "check"]), "3 recipes OK");
    tree.put("pkgs/b/recipe.star", "b = recipe(name = 'b', version = '', script = 'x')");
    let source = format!("source(sha256 = '{PIN}', name = 'x.tar', patches = ['x.patch'])");
    tree.put(
        "pkgs/d/recipe.star",
        &format!("recipe(name = 'd', version = '1', script = 'x', sources = [{source}])"),
    );
    tree.put("pkgs/d/x.patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n");
    let outcome = tree.stele.run(&["recipe", "check"]);
    assert_eq!(outcome.code, 1);
    assert_eq!(outcome.text(), "2 recipes OK; 2 errors");
    assert!(outcome.stderr.contains("a version has 1 to 64 characters"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the patch pkgs/d/x.patch cannot be used"), "{}", outcome.stderr);
    let outcome = tree.stele.run(&["recipe", "check", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!((json["recipes"].as_u64(), json["problems"].as_array().map(Vec::len)), (Some(2), Some(2)));
    assert_eq!(json["problems"][0]["places"][0]["span"]["file"], "pkgs/b/recipe.star");
}

#[test]
fn an_unknown_name_is_answered_with_a_known_one() {
    let tree = Tree::new(&[("pkgs/zlib/recipe.star", &plain("zlib", &[]))]);
    for args in [
        &["recipe", "show", "zlob"][..],
        &["graph", "zlob"],
        &["why", "zlob", "zlib"],
        &["build", "--dry-run", "zlob"],
    ] {
        let said = tree.stele.fails(args, 3);
        assert!(
            said.contains("there is no recipe `zlob`") && said.contains("did you mean `zlib`"),
            "{args:?}: {said}"
        );
    }
    let said = tree.stele.fails(&["recipe", "show", "../etc"], 2);
    assert!(said.contains("cannot be the name of a recipe"), "{said}");
}

#[test]
fn without_recipes_the_error_lists_the_searched_places() {
    let mut stele = Stele::new();
    let nowhere = stele.scratch().join("nowhere");
    let said = stele.fails(&["recipe", "ls", "--recipes", nowhere.to_str().unwrap()], 3);
    assert!(said.contains("nowhere") && said.contains("--recipes"), "{said}");
    stele.set_env("STELE_RECIPES", stele.scratch().to_str().unwrap().to_owned().as_str());
    assert!(stele.fails(&["recipe", "ls"], 3).contains("has no folder `pkgs`"));
}

#[test]
fn the_tree_is_found_from_a_folder_below_it() {
    let mut tree = chain();
    tree.stele.clear_env();
    for folder in
        [tree.path().join("pkgs/a"), tree.path().to_owned(), tree.path().parent().unwrap().to_owned()]
    {
        let output = tree.stele.command(&["recipe", "ls"]).current_dir(&folder).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3, "{}", folder.display());
    }
}

#[test]
fn show_lists_everything_and_so_does_json() {
    let tree = Tree::new(&[("pkgs/a/recipe.star", &plain("a", &[])), ("pkgs/b/x.patch", "")]);
    tree.put(
        "pkgs/b/recipe.star",
        &format!(
            "load('//pkgs/a/recipe.star', 'a')\nb = recipe(name = 'b', version = '2', license = 'MIT OR Apache-2.0', \
             description = 'what it is', script = 'make\\nmake install', env = {{'X': 'y'}}, inputs = [input(a, at = \
             '/opt')], sources = [local('x.patch'), source(sha256 = '{PIN}', size = 12, mirrors = \
             ['gnu:x/x.tar.gz'], strip = 1)])"
        ),
    );
    let shown = tree.stele.ok(&["recipe", "show", "b"]);
    for line in [
        "b 2",
        "  description what it is",
        "  license     MIT OR Apache-2.0",
        "source x.tar.gz at /src",
        &format!("  sha256 {PIN}"),
        "  12 bytes",
        "  from gnu:x/x.tar.gz",
        "  unpacked with strip 1",
        "local pkgs/b/x.patch at /src/x.patch",
        "input a (output out) at /opt",
        "env X=\"y\"",
        "output out from /out",
        "  | make install",
    ] {
        assert!(shown.lines().any(|it| it == line), "{line:?} is not in:\n{shown}");
    }
    let json = tree.stele.json(&["recipe", "show", "b", "--json"]);
    assert_eq!(json["sources"][0]["source"]["sha256"], PIN);
    assert_eq!(json["inputs"][0]["place"], "/opt");
    assert_eq!(tree.stele.ok(&["recipe", "ls"]), "a  1\nb  2  what it is");
}

#[test]
fn graphs_are_text_dot_json_and_svg() {
    let tree = chain();
    assert_eq!(tree.stele.ok(&["graph", "c"]), "a\nb ← a\nc ← a b");
    assert_eq!(tree.stele.ok(&["graph", "b"]), "a\nb ← a");
    let dot = tree.stele.ok(&["graph", "--format", "dot"]);
    assert!(dot.starts_with("digraph") && dot.contains("\"c\" -> \"b\";"), "{dot}");
    assert_eq!(
        tree.stele.json(&["graph", "c", "--format", "json"])[2]["needs"],
        serde_json::json!(["a", "b"])
    );
    let svg = tree.stele.ok(&["graph", "--format", "svg"]);
    // Three boxes and the legend; what follows from the other two lines is not drawn.
    assert_eq!((svg.matches("<rect").count(), svg.matches("<path").count()), (4, 2));
    assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>"), "{svg}");
}

#[test]
fn peers_read_the_pictures() {
    let tree = chain();
    let svg = tree.stele.scratch().join("graph.svg");
    fs::write(&svg, tree.stele.ok(&["graph", "--format", "svg"])).unwrap();
    let script =
        "import sys, xml.dom.minidom as x; print(len(x.parse(sys.argv[1]).getElementsByTagName('rect')))";
    match std::process::Command::new("python3").args(["-c", script]).arg(&svg).output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4"),
        Err(e) => stele_tests::skip(&format!("python3 cannot be run: {e}")),
    }
}

#[test]
fn why_prints_the_shortest_path_or_all() {
    let tree = chain();
    assert_eq!(tree.stele.ok(&["why", "c", "a"]), "c → a");
    assert_eq!(tree.stele.ok(&["why", "c", "a", "--all"]), "c → a\nc → b → a");
    let said = tree.stele.fails(&["why", "a", "c"], 3);
    assert!(said.contains("recipe `a` does not depend on `c`"), "{said}");
}

#[test]
fn why_lists_what_depends_on_a_recipe() {
    let tree = chain();
    assert_eq!(tree.stele.ok(&["why", "a", "--reverse"]), "b → a\nc → a");
    assert_eq!(tree.stele.ok(&["why", "c", "--reverse"]), "");
    assert_eq!(tree.stele.json(&["why", "b", "--reverse"])["ways"], serde_json::json!([["c", "b"]]));
    tree.stele.fails(&["why", "d", "--reverse"], 3);
    tree.stele.fails(&["why", "a"], 2);
    tree.stele.fails(&["why", "a", "b", "--reverse"], 2);
}

#[test]
fn recipes_are_found_by_words_in_any_case_and_names_come_first() {
    let tree = Tree::new(&[
        (
            "pkgs/zlib/recipe.star",
            "recipe(name = 'zlib', version = '1', script = 'x', description = 'packs')",
        ),
        (
            "pkgs/pack/recipe.star",
            "recipe(name = 'pack', version = '2', script = 'x', description = 'like Zlib')",
        ),
        (
            "pkgs/else/recipe.star",
            "recipe(name = 'else', version = '3', script = 'x', homepage = 'https://x.example/')",
        ),
    ]);
    assert_eq!(tree.stele.ok(&["search", "PACK"]), "pack  2  like Zlib\nzlib  1  packs");
    assert_eq!(tree.stele.ok(&["search", "zlib", "pack"]), "pack  2  like Zlib\nzlib  1  packs");
    assert_eq!(tree.stele.json(&["search", "x.example"])[0]["name"], "else");
    let said = tree.stele.fails(&["search", "pack", "nothing"], 3);
    assert!(said.contains("no recipe has the words pack nothing"), "{said}");
    tree.stele.fails(&["search"], 2);
}

#[test]
fn fmt_formats_and_lists_its_changes() {
    let tree = chain();
    assert_eq!(tree.stele.ok(&["recipe", "fmt", "--check"]), "");
    let file = "pkgs/a/recipe.star";
    let ugly = "a=recipe(name='a',\n  version = '1' ,script='''x\n  y'''  )\n\n\n\n\n# end";
    tree.put(file, ugly);
    let path = tree.path().join(file);
    let outcome = tree.stele.run(&["recipe", "fmt", "--check"]);
    assert_eq!((outcome.code, outcome.text()), (1, path.display().to_string()));
    assert_eq!(fs::read_to_string(&path).unwrap(), ugly);
    let before = tree.stele.ok(&["recipe", "show", "a", "--json"]);
    assert_eq!(tree.stele.ok(&["recipe", "fmt"]), path.display().to_string());
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "a = recipe(name = 'a',\n    version = '1', script = '''x\n  y''')\n\n\n# end\n"
    );
    // The recipe is unchanged, except for where it ends.
    let cut = |text: &str| text.split("\"about\"").nth(1).unwrap().to_owned();
    assert_eq!(cut(&tree.stele.ok(&["recipe", "show", "a", "--json"])), cut(&before));
    assert_eq!(tree.stele.ok(&["recipe", "fmt"]), "");
    tree.put(file, "a = (");
    assert!(tree.stele.fails(&["recipe", "fmt"], 1).contains("pkgs/a/recipe.star:1:"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "a = (");
    let outside = tree.stele.scratch().join("x.star");
    fs::write(&outside, "x=1").unwrap();
    assert!(
        tree.stele
            .fails(&["recipe", "fmt", outside.to_str().unwrap()], 2)
            .contains("is not in the recipe tree")
    );
}

/// A recipe may come from a stranger, and who looks at it has not run it yet.
#[test]
fn no_text_of_a_recipe_controls_a_terminal_or_forges_a_line() {
    const EVIL: &str = "x\\u202ey\\x1b]0;z\\x07\\x1b[2J\\u009b31m\\rno\\nerror: forged";
    let fields = ["description", "license", "homepage", "notes"].map(|name| format!("{name} = \"{EVIL}\""));
    let text = format!(
        "a = recipe(name = 'a', version = '1', {}, steps = [['/x', \"{EVIL}\"]], env = {{'A': \"{EVIL}\"}})",
        fields.join(", ")
    );
    let tree = Tree::new(&[("pkgs/a/recipe.star", &text)]);
    let looks: [&[&str]; 7] = [
        &["recipe", "ls"],
        &["recipe", "show", "a"],
        &["recipe", "check"],
        &["info", "a"],
        &["lineage", "a"],
        &["graph", "a"],
        &["build", "--dry-run", "a"],
    ];
    let mut shown = 0;
    for args in looks {
        let outcome = tree.stele.run(args);
        let said = format!("{}{}", String::from_utf8_lossy(&outcome.stdout), outcome.stderr);
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!said.contains(obeyed), "{args:?}: {said:?}");
        assert!(!said.lines().any(|line| line.starts_with("error: forged")), "{args:?}: {said}");
        shown += said.matches("\\u{1b}").count();
    }
    // The control: these commands do show such texts.
    assert!(shown > 10, "{shown}");
}
