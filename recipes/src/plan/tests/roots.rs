//! Inputs at their places, merged.

use super::*;
use crate::action::SandboxPath;

fn part(name: &str, place: &str, tree: TreeId) -> Part {
    let origin = Origin::Recipe(super::name(name), OutputName::usual());
    Part { origin, place: SandboxPath::new(place).unwrap(), node: Node::Directory { tree, size: 0 } }
}

/// Every path of a merged root, with its size for a directory.
fn paths(made: &OutputTrees, root: &Root) -> Vec<String> {
    let trees: HashMap<TreeId, Tree> = root.new.iter().map(|tree| (tree.id(), tree.clone())).collect();
    let mut found = Vec::new();
    let mut left = vec![(String::new(), root.tree)];
    while let Some((path, id)) = left.pop() {
        let tree = trees.get(&id).cloned().unwrap_or_else(|| made.tree(&id).unwrap());
        for (name, node) in tree.entries() {
            let path = format!("{path}/{}", String::from_utf8_lossy(name.as_bytes()));
            if let Node::Directory { tree: below, size } = node {
                let text = trees.get(below).cloned().unwrap_or_else(|| made.tree(below).unwrap()).encode();
                assert_eq!(*size, text.len() as u64, "{path}");
                left.push((path.clone(), *below));
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

const SANDBOX: [&str; 5] = ["/build", "/dev", "/out", "/proc", "/tmp"];

#[test]
fn a_root_of_nothing_is_what_is_mounted_on() {
    let made = OutputTrees::default();
    assert_eq!(paths(&made, &merge(&[], &BTreeMap::new(), &made).unwrap()), SANDBOX);
}

#[test]
fn directories_merge_and_places_are_made() {
    let made = OutputTrees::default();
    let parts = [
        part("a", "/", made.tree_of("usr/bin/cc", "cc")),
        part("b", "/", made.tree_of("usr/lib/x", "x")),
        part("c", "/opt/c", made.tree_of("y", "y")),
        Part {
            origin: Origin::Source("z.c".to_owned()),
            place: SandboxPath::new("/src/z.c").unwrap(),
            node: Node::File { blob: BlobId(Digest::of(b"z")), size: 1, executable: true },
        },
    ];
    let root = merge(&parts, &BTreeMap::new(), &made).unwrap();
    let wanted = [
        "/opt",
        "/opt/c",
        "/opt/c/y",
        "/src",
        "/src/z.c",
        "/usr",
        "/usr/bin",
        "/usr/bin/cc",
        "/usr/lib",
        "/usr/lib/x",
    ];
    let mut wanted: Vec<_> = wanted.iter().chain(&SANDBOX).copied().collect();
    wanted.sort_unstable();
    assert_eq!(paths(&made, &root), wanted);
    let mut turned = parts.to_vec();
    turned.reverse();
    assert_eq!(merge(&turned, &BTreeMap::new(), &made).unwrap().tree, root.tree);
}

#[test]
fn a_conflict_names_both_and_the_path_unless_one_is_preferred() {
    let made = OutputTrees::default();
    let parts = [
        part("a", "/", made.tree_of("usr/bin/cc", "gcc")),
        part("b", "/", made.tree_of("usr/bin/cc", "tcc")),
    ];
    let error = merge(&parts, &BTreeMap::new(), &made).unwrap_err().to_string();
    assert_eq!(error, "recipe a and recipe b both provide /usr/bin/cc with different content");
    let prefer = BTreeMap::from([(SandboxPath::new("/usr/bin/cc").unwrap(), parts[1].origin.clone())]);
    let alone = merge(&parts[1..], &BTreeMap::new(), &made).unwrap();
    assert_eq!(merge(&parts, &prefer, &made).unwrap().tree, alone.tree);
    assert_ne!(merging(&parts, &prefer), merging(&parts, &BTreeMap::new()));
}

#[test]
fn what_would_be_hidden_is_refused() {
    let made = OutputTrees::default();
    for (path, said) in
        [("tmp/x", "/tmp/x"), ("proc/self/fd", "/proc/self"), ("build", "/build"), ("dev/null", "/dev/null")]
    {
        let error = merge(&[part("a", "/", made.tree_of(path, ""))], &BTreeMap::new(), &made)
            .unwrap_err()
            .to_string();
        assert_eq!(error, format!("recipe a has {said}, which would be hidden: every build has its own"));
    }
    // Elsewhere those names mean nothing.
    assert!(merge(&[part("a", "/opt", made.tree_of("tmp/x", ""))], &BTreeMap::new(), &made).is_ok());
}

#[test]
fn a_conflict_in_a_plan_says_where_the_recipe_is_written() {
    let made = OutputTrees::default();
    let all = recipes(&[("a", "a", ""), ("b", "b", ""), ("c", "c", "a b")]);
    for goal in ["a", "b"] {
        made.build(&all, goal, |recipe| made.tree_of("bin/x", recipe.name.as_str()));
    }
    let error = plan(&all, &[name("c")], 1, &made).unwrap_err();
    assert_eq!(
        error.to_string(),
        "recipe `c`: recipe a and recipe b both provide /bin/x with different content"
    );
    let PlanError::Root { labels, .. } = error else { panic!("{error}") };
    assert_eq!(labels[0].span.to_string(), "pkgs/c/recipe.star:3:5");
}
