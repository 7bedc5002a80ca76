//! The output of each link's recipe matches `bootstrap/pins`; and a changed byte of a source is noticed.

use stele_tests::Stele;

use super::links::{LINKS, arguments, program, sources};
use super::*;

/// The lines of `bootstrap/pins`: a digest, a size or `tree`, a name.
fn lines() -> Vec<[String; 3]> {
    let text = fs::read_to_string(top().join("bootstrap/pins")).expect("the pins");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rows = lines.map(|line| {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        words.try_into().unwrap_or_else(|_| panic!("{line:?}"))
    });
    rows.collect()
}

/// The pins of the links: the SHA-256, the size, the name.
fn pins() -> Vec<(String, usize, String)> {
    let links = lines().into_iter().filter(|[_, size, name]| size != "tree" && !name.contains('/'));
    links.map(|[digest, size, name]| (digest, size.parse().expect("a size"), name)).collect()
}

/// The pinned SHA-256 of a link.
pub(crate) fn pin(link: &str) -> String {
    pins().into_iter().find(|(_, _, name)| name == link).expect("a pin").0
}

/// A store, and a copy of the recipes of the chain.
struct Chain {
    stele: Stele,
    recipes: PathBuf,
}

impl Chain {
    fn new() -> Self {
        let stele = Stele::new();
        let recipes = stele.scratch().join("recipes");
        for link in ["seed"].iter().chain(&LINKS) {
            let (from, to) = (top().join("recipes/pkgs").join(link), recipes.join("pkgs").join(link));
            fs::create_dir_all(&to).expect("a folder");
            for entry in fs::read_dir(from).expect("the link's folder") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a type").is_file() {
                    fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
                }
            }
        }
        Self { stele, recipes }
    }

    /// The program that a recipe makes in the sandbox, or `None` when the build fails.
    fn build(&self, link: &str) -> Option<Vec<u8>> {
        let recipes = self.recipes.to_str().expect("a plain path");
        let outcome = self.stele.run(&["build", link, "--recipes", recipes]);
        let text = outcome.text();
        let digest = text.split_whitespace().next().filter(|_| outcome.code == 0)?;
        let outcome = self.stele.run(&["store", "cat", &format!("{digest}/{link}")]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        Some(outcome.stdout)
    }
}

#[test]
fn every_link_is_built_in_the_sandbox_and_matches_its_pin() {
    let chain = Chain::new();
    let pins = pins();
    let names: Vec<_> = pins.iter().map(|(_, _, name)| name.as_str()).collect();
    assert_eq!(names, [&["seed"][..], &LINKS].concat());
    for (digest, size, name) in &pins {
        let made = chain.build(name).unwrap_or_else(|| panic!("{name} is not built"));
        assert_eq!(
            (&Sha256::of(&made).to_string(), &made.len()),
            (digest, size),
            "{name}; is bootstrap/pins new?"
        );
        // And it is the one that the other tests use.
        assert!(program(name).is_none_or(|other| made == other), "{name}");
    }
}

#[test]
fn the_pins_after_the_links_are_complete_and_agree() {
    let lines = lines();
    let of = |kind: &str, name: &str| {
        let mut found =
            lines.iter().filter(|[_, size, it]| it == name && (size == "tree") == (kind == "tree"));
        let line = found.next().unwrap_or_else(|| panic!("{kind} {name}"));
        assert!(found.next().is_none(), "{name}");
        line
    };
    for name in ["copy", "tcc0", "musl0", "tcc", "musl-1.2.3", "tcc2", "hello", "tcc-tests", "cc-tests"] {
        assert_eq!(of("tree", name)[0].len(), 64, "{name}");
        assert_eq!(lines.iter().filter(|it| it[2].starts_with(&format!("{name}/"))).count(), 1, "{name}");
    }
    // A compiler that compiles itself yields itself, not what another compiler made.
    assert_eq!(of("tree", "tcc")[0], of("tree", "tcc2")[0]);
    assert_eq!(of("tree", "musl0")[0], of("tree", "musl-1.2.3")[0]);
    assert_ne!(of("tree", "tcc0")[0], of("tree", "tcc")[0]);
    let [tcc, tcc2] = ["tcc/usr/bin/tcc", "tcc2/usr/bin/tcc"].map(|it| of("file", it));
    assert_eq!(tcc[..2], tcc2[..2]);
}

#[test]
fn no_recipe_of_the_chain_depends_on_an_opaque_byte() {
    let stele = Stele::new();
    let recipes = top().join("recipes");
    let recipes = recipes.to_str().expect("a plain path");
    let list = stele.ok(&["recipe", "ls", "--recipes", recipes]);
    let names: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"gcc-9.3.0"), "{names:?}");
    for name in names {
        let about = stele.json(&["info", name, "--recipes", recipes]);
        assert_eq!(about["opaque"]["bytes"].as_u64(), Some(0), "{name}");
    }
}

#[test]
fn copy_is_built_in_the_sandbox_and_matches_its_pin() {
    let stele = Stele::new();
    let recipes = top().join("recipes");
    let outcome = stele.run(&["build", "copy", "--recipes", recipes.to_str().expect("a plain path")]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let text = outcome.text();
    let tree = text.split_whitespace().next().expect("a digest");
    let made = stele.run(&["store", "cat", &format!("{tree}/copy")]).stdout;
    for [digest, size, name] in lines() {
        match name.as_str() {
            "copy" => assert_eq!(digest, tree),
            "copy/copy" => {
                assert_eq!((digest, size), (Sha256::of(&made).to_string(), made.len().to_string()));
            }
            _ => {}
        }
    }
}

#[test]
fn each_recipe_sees_the_link_before_and_its_own_source_and_runs_nothing_else() {
    let chain = Chain::new();
    let recipes = chain.recipes.to_str().expect("a plain path");
    let mut before = "seed";
    for link in LINKS {
        let recipe = chain.stele.json(&["recipe", "show", link, "--recipes", recipes]);
        assert_eq!(recipe["sources"], serde_json::json!([]), "{link}");
        let inputs: Vec<_> =
            recipe["inputs"].as_array().expect("a list").iter().map(|it| &it["recipe"]).collect();
        assert_eq!(inputs, [before]);
        let seen: Vec<_> = recipe["locals"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["place"].as_str().expect("a place"))
            .collect();
        let files = sources(link);
        let names = files.iter().map(|path| path.file_name().expect("a name").to_str().expect("ASCII"));
        let places: Vec<_> = names.map(|name| format!("/src/{name}")).collect();
        assert_eq!(seen, places);
        let mut step = vec![format!("/{before}")];
        step.extend(arguments(before, &format!("/out/{link}"), &places));
        assert_eq!(recipe["steps"], serde_json::json!([step]));
        before = link;
    }
}

#[test]
fn every_page_tells_size_and_digest() {
    for (digest, size, name) in pins() {
        let page =
            if name == "seed" { "bootstrap/README.md".into() } else { format!("bootstrap/{name}/README.md") };
        let text = fs::read_to_string(top().join(&page)).expect("the page");
        let grouped =
            if size > 999 { format!("{},{:03}", size / 1000, size % 1000) } else { size.to_string() };
        assert!(text.contains(&format!("| size | {grouped} bytes")), "{page}: {grouped}");
        assert!(text.contains(&format!("| SHA-256 | `{digest}` |")), "{page}: {digest}");
    }
}

/// The first byte in a file, after `from`, that satisfies `wanted`.
fn find(text: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    from + text[from..].iter().position(|byte| wanted(*byte)).expect("such a byte")
}

#[test]
fn a_source_with_another_byte_is_refused_or_detected_by_its_pin() {
    let pins = pins();
    for (link, file, mark) in [
        ("hex1", "hex1.hex0", "; start:"),
        ("hex2", "hex2.hex1", "; start:"),
        ("asm", "asm.hex2", ":start"),
        ("subc", "text.asm", ":next"),
        ("subc", "x86.asm", "macro push_rax "),
        ("cc", "system.c", "SYS_MMAP = 9,"),
        ("cc", "types.c", "struct Type"),
    ] {
        let chain = Chain::new();
        let path = chain.recipes.join("pkgs").join(link).join(file);
        let mut text = fs::read(&path).expect("the source");
        let start = String::from_utf8_lossy(&text).find(mark).expect("the mark") + mark.len();
        // Changes one digit of an instruction; in the text of subc a letter of a name.
        let at = find(&text, find(&text, start, |it| it == b'\n' || it == b' ') + 1, |it| {
            it.is_ascii_digit() || it.is_ascii_lowercase()
        });
        text[at] ^= 1;
        fs::write(&path, text).expect("the source");
        let made = chain.build(link);
        let (digest, _, _) = pins.iter().find(|(_, _, name)| name == link).expect("a pin");
        assert!(
            made.is_none_or(|made| Sha256::of(&made).to_string() != *digest),
            "{link}: byte {at} of {file}"
        );
    }
}
