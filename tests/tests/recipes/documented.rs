//! `docs/recipes.md`: its reference is the functions' own documentation, and its examples are recipes.

use super::*;

const BEGIN: &str = "<!-- reference: begin -->\n";
const END: &str = "<!-- reference: end -->\n";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/recipes.md")
}

/// `STELE_UPDATE_DOCS=1` writes the functions' own documentation into the page.
#[test]
fn the_reference_matches_the_functions() {
    let mut reference = String::new();
    for (_, text) in stele_recipes::language::reference() {
        let text = text.replace("\n## ", "\n### ").replace("\n#### ", "\n").replace("\n\n\n", "\n");
        reference.push_str(&format!("\n#{}\n", text.trim()));
    }
    let text = fs::read_to_string(page()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{reference}\n{END}{after}");
    if std::env::var_os("STELE_UPDATE_DOCS").is_some() {
        fs::write(page(), &expected).unwrap();
    }
    assert!(fs::read_to_string(page()).unwrap() == expected, "run this test with STELE_UPDATE_DOCS=1");
}

#[test]
fn the_examples_are_recipes() {
    let tree = Tree::new(&[
        ("pkgs/copy/recipe.star", &plain("copy", &[])),
        (
            "pkgs/musl/recipe.star",
            "musl_1_2_3 = recipe(name = 'musl-1.2.3', version = '1.2.3', script = 'x')",
        ),
        ("pkgs/tcc/recipe.star", &plain("tcc", &[])),
        ("pkgs/toolchain/recipe.star", &plain("toolchain", &[])),
        ("pkgs/hello/hello.c", "int main(void) { return 0; }\n"),
        (
            "pkgs/zlib/static-only.patch",
            "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-all: shared\n+all: static\n",
        ),
    ]);
    let text = fs::read_to_string(page()).unwrap();
    let mut count = 0;
    for example in text.split("```python\n# ").skip(1) {
        let (path, code) = example.split_once('\n').unwrap();
        tree.put(path, code.split("```").next().unwrap());
        count += 1;
    }
    assert_eq!(count, 5);
    let load = "load('//lib/toolchain.star', 'compilers')\n";
    tree.put(
        "pkgs/made/recipe.star",
        &format!("{load}recipe(name = 'made', version = '1', script = 'x', sources = compilers)"),
    );
    assert_eq!(tree.stele.ok(&["recipe", "check"]), "7 recipes OK");
    let made = tree.stele.json(&["info", "made"]);
    assert_eq!(made["opaque"]["bytes"], 19_268_852);
    let zlib = tree.stele.json(&["recipe", "show", "zlib"]);
    assert_eq!(zlib["outputs"], serde_json::json!({"out": "/out/out", "doc": "/out/doc"}));
}

/// `STELE_UPDATE_DOCS=1` draws it again.
#[test]
fn the_picture_of_the_chain_is_what_the_command_draws() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (picture, recipes) = (top.join("docs/pictures/gcc-9.3.0.svg"), top.join("recipes"));
    let stele = Stele::new();
    let args = ["graph", "gcc-9.3.0", "--format", "svg", "--recipes", recipes.to_str().unwrap()];
    let drawn = stele.run(&args).stdout;
    if std::env::var_os("STELE_UPDATE_DOCS").is_some() {
        fs::write(&picture, &drawn).unwrap();
    }
    assert!(fs::read(&picture).unwrap() == drawn, "run this test with STELE_UPDATE_DOCS=1");
}
