//! The merge: it is a union, or a conflict with its path and origins.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{
    Conflict, MAX_DEPTH, Merge, MergeError, MergeInput, Merged, Name, Node, Tree, TreeId, TreeSource,
};
use super::{Directory, Memory, NotThere, Thing, file};

/// Directories with few names and few contents, so that any two often overlap.
fn directories() -> impl Strategy<Value = Directory> {
    let name = prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"c d".to_vec(), b"\xff".to_vec()]);
    let leaf = prop_oneof![
        4 => Just((0, false)),
        1 => (0..2u8, any::<bool>()),
    ]
    .prop_map(|(byte, executable)| Thing::File { bytes: vec![byte], executable });
    let link = prop::sample::select(vec![b"a".to_vec(), b"../b".to_vec()]).prop_map(Thing::Link);
    let things = prop_oneof![6 => leaf, 1 => link].prop_recursive(4, 24, 4, move |inner| {
        prop::collection::btree_map(name.clone(), inner, 0..4).prop_map(Thing::Directory)
    });
    let name = prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"c d".to_vec(), b"\xff".to_vec()]);
    prop::collection::btree_map(name, things, 0..4)
}

fn inputs(trees: &[TreeId]) -> Vec<MergeInput> {
    let origin = |n: usize| format!("origin-{n}");
    trees.iter().enumerate().map(|(n, tree)| MergeInput { origin: origin(n), tree: *tree }).collect()
}

fn run(memory: &Memory, trees: &[TreeId]) -> Result<Merged, MergeError<NotThere>> {
    Merge { inputs: inputs(trees), winners: BTreeMap::new() }.run(memory)
}

/// Merges and stores the result; `None` is a conflict.
fn merged(memory: &Memory, trees: &[TreeId]) -> Option<TreeId> {
    match run(memory, trees) {
        Ok(merged) => {
            memory.keep_new(merged.new);
            Some(merged.root)
        }
        Err(MergeError::Conflict(_)) => None,
        Err(e) => panic!("{e:?}"),
    }
}

/// A naive union, or the first path where it fails.
fn union(a: &Directory, b: &Directory, at: &str) -> Result<Directory, String> {
    let mut both = a.clone();
    for (name, thing) in b {
        let mut path = Name::new(name).unwrap().to_string();
        if !at.is_empty() {
            path = format!("{at}/{path}");
        }
        let thing = match (a.get(name), thing) {
            (None, thing) => thing.clone(),
            (Some(Thing::Directory(a)), Thing::Directory(b)) => Thing::Directory(union(a, b, &path)?),
            (Some(a), b) if a == b => b.clone(),
            _ => return Err(path),
        };
        both.insert(name.clone(), thing);
    }
    Ok(both)
}

/// The node at an escaped path.
fn node_at(memory: &Memory, root: TreeId, path: &str) -> Option<Node> {
    let mut tree = memory.tree(&root).unwrap();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let node = tree.get(&super::super::unescape(part.as_bytes()).unwrap())?.clone();
        match (&node, parts.peek()) {
            (_, None) => return Some(node),
            (Node::Directory { tree: below, .. }, _) => tree = memory.tree(below).unwrap(),
            _ => return None,
        }
    }
    None
}

fn all_below(memory: &Memory, root: TreeId, seen: &mut BTreeSet<TreeId>) {
    if seen.insert(root) {
        for (_, node) in memory.tree(&root).unwrap().entries() {
            if let Node::Directory { tree, .. } = node {
                all_below(memory, *tree, seen);
            }
        }
    }
}

fn conflict<T: std::fmt::Debug>(result: Result<T, MergeError<NotThere>>) -> Conflict {
    match result {
        Err(MergeError::Conflict(conflict)) => conflict,
        other => panic!("no conflict: {other:?}"),
    }
}

fn dir<const N: usize>(things: [(&[u8], Thing); N]) -> Directory {
    things.into_iter().map(|(name, thing)| (name.to_vec(), thing)).collect()
}

fn sub<const N: usize>(things: [(&[u8], Thing); N]) -> Thing {
    Thing::Directory(dir(things))
}

fn text(bytes: &[u8]) -> Thing {
    Thing::File { bytes: bytes.to_vec(), executable: false }
}

#[test]
fn things_that_differ_are_never_merged_and_the_conflict_names_path_and_both_origins() {
    let script = Thing::File { bytes: b"1".to_vec(), executable: true };
    let things =
        [text(b"1"), text(b"2"), script, Thing::Link(b"1".to_vec()), Thing::Link(b"2".to_vec()), sub([])];
    for (i, a) in things.iter().enumerate() {
        for (j, b) in things.iter().enumerate() {
            let memory = Memory::default();
            let below = |thing: &Thing| memory.keep_all(&dir([(b"u", sub([(b"b in", thing.clone())]))]));
            let trees = [below(a), memory.keep_all(&dir([])), below(b)];
            if i == j {
                assert_eq!(run(&memory, &trees).unwrap().root, trees[0]);
                continue;
            }
            let conflict = conflict(run(&memory, &trees));
            assert_eq!(conflict.path, "u/b\\x20in", "{a:?} {b:?}");
            assert_eq!((&*conflict.first, &*conflict.second), ("origin-0", "origin-2"));
        }
    }
}

#[test]
fn a_conflict_names_two_origins_that_differ() {
    let memory = Memory::default();
    let trees =
        [b"1", b"1", b"2"].map(|bytes| memory.keep_all(&dir([(b"f", text(bytes)), (b"g", text(b""))])));
    let conflict = conflict(run(&memory, &[trees[0], memory.keep_all(&dir([(b"f", text(b"1"))])), trees[2]]));
    assert_eq!((&*conflict.first, &*conflict.second), ("origin-0", "origin-2"));
}

#[test]
fn a_winner_without_the_entry_does_not_resolve_the_conflict() {
    let memory = Memory::default();
    let trees = [dir([(b"f", text(b"1"))]), dir([(b"f", text(b"2"))]), dir([])].map(|d| memory.keep_all(&d));
    let winners = BTreeMap::from([("f".to_owned(), "origin-2".to_owned())]);
    let conflict = conflict(Merge { inputs: inputs(&trees), winners }.run(&memory));
    assert_eq!(conflict.path, "f");
}

#[test]
fn a_winner_takes_its_path_with_all_below_and_nothing_else() {
    let memory = Memory::default();
    let a = dir([(b"x y", sub([(b"f", text(b"1")), (b"only a", text(b""))])), (b"g", text(b"1"))]);
    let b = dir([(b"x y", sub([(b"f", text(b"2")), (b"only b", text(b""))])), (b"g", text(b"1"))]);
    let trees = [memory.keep_all(&a), memory.keep_all(&b)];
    let merge = |path: &str, winner: &str| {
        let winners = BTreeMap::from([(path.to_owned(), winner.to_owned())]);
        let merged = Merge { inputs: inputs(&trees), winners }.run(&memory)?;
        memory.keep_new(merged.new);
        Ok(merged.root)
    };
    // The whole directory of the winner, nothing of the other's.
    assert_eq!(merge("x\\x20y", "origin-0").unwrap(), trees[0]);
    assert_eq!(merge("x\\x20y", "origin-1").unwrap(), trees[1]);
    // One file of the winner, and the directory around it merged.
    let root = merge("x\\x20y/f", "origin-1").unwrap();
    assert_eq!(node_at(&memory, root, "x\\x20y/f"), Some(file(b"2", false)));
    for path in ["x\\x20y/only\\x20a", "x\\x20y/only\\x20b", "g"] {
        assert!(node_at(&memory, root, path).is_some(), "{path}");
    }
    // A winner elsewhere, or without its escape, does not resolve the conflict.
    for path in ["g", "x y", "f", "x\\x20y/only\\x20a"] {
        assert_eq!(conflict(merge(path, "origin-0")).path, "x\\x20y/f", "{path}");
    }
}

#[test]
fn a_tree_that_cannot_be_loaded_is_named_with_its_origin() {
    let memory = Memory::default();
    let lost = Tree::default().id();
    let holder = |name: &[u8]| {
        let entries = vec![
            (Name::new(b"d").unwrap(), Node::Directory { tree: lost, size: 13 }),
            (Name::new(name).unwrap(), file(b"", false)),
        ];
        memory.keep(Tree::new(entries).unwrap()).0
    };
    // Trees on which all sides agree are not loaded, whether present or not.
    assert!(run(&memory, &[holder(b"x"), holder(b"y")]).is_ok());
    match run(&memory, &[holder(b"x"), memory.keep_all(&dir([(b"d", sub([(b"f", text(b""))]))]))]) {
        Err(MergeError::Source { tree, origin, source: NotThere }) => {
            assert_eq!((tree, &*origin), (lost, "origin-0"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn subtrees_on_which_all_sides_agree_are_not_loaded() {
    let memory = Memory::default();
    let shared = sub([(b"deep", sub([(b"deeper", sub([(b"f", text(b"1"))]))]))]);
    let a = memory.keep_all(&dir([(b"shared", shared.clone()), (b"a", text(b"1")), (b"own", sub([]))]));
    let b = memory.keep_all(&dir([(b"shared", shared), (b"b", text(b"2"))]));
    assert!(run(&memory, &[a, b, a]).is_ok());
    // Each input once, and nothing below: neither shared subtrees nor those of one input alone.
    assert_eq!(memory.take_loads(), [a, b]);
}

#[test]
fn trees_that_hold_one_tree_many_times_take_no_exponential_time() {
    // Each level contains the one below twice, so there are 2^60 paths to the single file.
    let memory = Memory::default();
    let tower = |bytes: &[u8]| {
        let mut top = memory.keep(Tree::new(vec![(Name::new(bytes).unwrap(), file(bytes, false))]).unwrap());
        for _ in 0..60 {
            let below = Node::Directory { tree: top.0, size: top.1 };
            let twice = [b"a", b"b"].map(|name| (Name::new(name).unwrap(), below.clone()));
            top = memory.keep(Tree::new(twice.to_vec()).unwrap());
        }
        top.0
    };
    let merged = run(&memory, &[tower(b"x"), tower(b"y")]).unwrap();
    assert_eq!(merged.new.len(), 61, "one new tree for each directory that differs");
    assert_eq!(memory.take_loads().len(), 2 * 61);
}

/// Nested directories, `depth` deep, with a file in the innermost.
fn chain(memory: &Memory, depth: usize, leaf: &[u8]) -> TreeId {
    let mut top = memory.keep(Tree::new(vec![(Name::new(leaf).unwrap(), file(leaf, false))]).unwrap());
    for _ in 0..depth {
        let below = Node::Directory { tree: top.0, size: top.1 };
        top = memory.keep(Tree::new(vec![(Name::new(b"d").unwrap(), below)]).unwrap());
    }
    top.0
}

/// Runs `work` with an eighth of the stack that a thread has by default.
fn with_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, work);
        thread.unwrap().join().unwrap()
    })
}

#[test]
fn nesting_beyond_the_greatest_depth_is_refused_and_the_path_is_named() {
    let result = with_small_stack(|| {
        let memory = Memory::default();
        let trees = [b"x", b"y"].map(|leaf| chain(&memory, MAX_DEPTH + 1, leaf));
        run(&memory, &trees)
    });
    match result {
        Err(MergeError::Deep { path }) => assert_eq!(path.split('/').count(), MAX_DEPTH + 1),
        other => panic!("{}", other.is_ok()),
    }
}

#[test]
fn nesting_beyond_the_greatest_depth_is_refused_even_where_a_merge_is_reused() {
    // First at the root and then one level down, where the rest no longer fits.
    let memory = Memory::default();
    let trees = [b"x", b"y"].map(|leaf| {
        let tree = chain(&memory, MAX_DEPTH - 1, leaf);
        let size = memory.tree(&tree).unwrap().encode().len() as u64;
        let below = Node::Directory { tree, size };
        let deeper = memory.keep(Tree::new(vec![(Name::new(b"in").unwrap(), below.clone())]).unwrap());
        let deeper = Node::Directory { tree: deeper.0, size: deeper.1 };
        let both = [(b"a", below), (b"b", deeper)].map(|(name, node)| (Name::new(name).unwrap(), node));
        memory.keep(Tree::new(both.to_vec()).unwrap()).0
    });
    match run(&memory, &trees) {
        Err(MergeError::Deep { path }) => assert_eq!(path, "b/in"),
        other => panic!("{}", other.is_ok()),
    }
}

#[test]
fn a_winner_wins_at_its_path_even_where_the_same_trees_meet_elsewhere() {
    let memory = Memory::default();
    let side = |own: &[u8], f: &[u8]| {
        let deep = || sub([(b"deep", sub([(b"f", text(f)), (own, text(own))]))]);
        memory.keep_all(&dir([(b"a", deep()), (b"b", deep()), (b"c", deep())]))
    };
    let trees = [side(b"x", b"1"), side(b"y", b"2")];
    let paths = ["a/deep/f", "b/deep/f", "c/deep/f"];
    let winners = [("a/deep/f", "origin-0"), ("b/deep/f", "origin-1"), ("c/deep", "origin-0")];
    let winners = winners.map(|(path, origin)| (path.to_owned(), origin.to_owned())).into();
    let merged = Merge { inputs: inputs(&trees), winners }.run(&memory).unwrap();
    memory.keep_new(merged.new);
    let found = paths.map(|path| node_at(&memory, merged.root, path).unwrap());
    assert_eq!(found, [file(b"1", false), file(b"2", false), file(b"1", false)]);
    assert!(node_at(&memory, merged.root, "a/deep/y").is_some());
    assert_eq!(node_at(&memory, merged.root, "c/deep/y"), None);
}

#[test]
fn a_directory_with_a_winner_is_still_merged_before_and_after_it() {
    let memory = Memory::default();
    let side = |own: &[u8]| {
        let deep = || sub([(b"deep", sub([(own, text(own))]))]);
        memory.keep_all(&dir([(b"a", deep()), (b"b", deep()), (b"c", deep())]))
    };
    let trees = [side(b"x"), side(b"y")];
    let winners = BTreeMap::from([("b/deep".to_owned(), "origin-0".to_owned())]);
    let merged = Merge { inputs: inputs(&trees), winners }.run(&memory).unwrap();
    memory.keep_new(merged.new);
    for (path, there) in [("a/deep/y", true), ("b/deep/y", false), ("c/deep/y", true), ("b/deep/x", true)] {
        assert_eq!(node_at(&memory, merged.root, path).is_some(), there, "{path}");
    }
}

#[test]
fn a_tree_made_at_several_paths_is_new_only_once() {
    let memory = Memory::default();
    let side = |bytes: &[u8]| {
        let one = sub([(bytes, text(bytes))]);
        memory.keep_all(&dir([(b"a", one.clone()), (b"b", one.clone()), (b"c", one)]))
    };
    // At `c` other trees meet, with the same result.
    let trees = [side(b"x"), side(b"y"), memory.keep_all(&dir([(b"c", sub([]))]))];
    assert_eq!(run(&memory, &trees).unwrap().new.len(), 2);
}

#[test]
fn nesting_of_the_greatest_depth_fits_a_small_stack() {
    let merged = with_small_stack(|| {
        let memory = Memory::default();
        let trees = [b"x", b"y"].map(|leaf| chain(&memory, MAX_DEPTH, leaf));
        run(&memory, &trees).unwrap()
    });
    assert_eq!(merged.new.len(), MAX_DEPTH + 1);
}

#[test]
fn a_merge_without_inputs_is_the_empty_tree() {
    let merged = run(&Memory::default(), &[]).unwrap();
    assert_eq!((merged.root, merged.size, merged.new), (Tree::default().id(), 13, vec![Tree::default()]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_merge_is_the_union_or_a_conflict_at_a_path_where_both_differ(a in directories(), b in directories()) {
        let memory = Memory::default();
        let trees = [memory.keep_all(&a), memory.keep_all(&b)];
        match (run(&memory, &trees), union(&a, &b, "")) {
            (Ok(merged), Ok(both)) => {
                let expected = Memory::default();
                prop_assert_eq!(merged.root, expected.keep_all(&both));
                prop_assert_eq!(merged.size, expected.tree(&merged.root).unwrap().encode().len() as u64);
            }
            (Err(MergeError::Conflict(conflict)), Err(_)) => {
                let sides = trees.map(|tree| node_at(&memory, tree, &conflict.path));
                prop_assert!(sides[0].is_some() && sides[1].is_some() && sides[0] != sides[1]);
                let directories = sides.iter().flatten().filter(|node| node.kind() == 'd').count();
                prop_assert!(directories < 2);
                prop_assert_eq!((&*conflict.first, &*conflict.second), ("origin-0", "origin-1"));
            }
            (merged, both) => prop_assert!(false, "{merged:?}, but {both:?}"),
        }
    }

    #[test]
    fn either_winner_resolves_a_conflict(a in directories(), b in directories()) {
        let memory = Memory::default();
        let trees = [memory.keep_all(&a), memory.keep_all(&b)];
        for winner in [0, 1] {
            let mut merge = Merge { inputs: inputs(&trees), winners: BTreeMap::new() };
            // Each round resolves one conflict, so that the loop ends.
            let merged = loop {
                match merge.run(&memory) {
                    Ok(merged) => break merged,
                    Err(MergeError::Conflict(it)) => {
                        let before = merge.winners.insert(it.path, format!("origin-{winner}"));
                        prop_assert_eq!(before, None, "a winner resolved nothing");
                    }
                    Err(e) => panic!("{e:?}"),
                }
            };
            memory.keep_new(merged.new);
            for path in merge.winners.keys() {
                prop_assert_eq!(node_at(&memory, merged.root, path), node_at(&memory, trees[winner], path));
            }
        }
    }

    #[test]
    fn the_order_of_the_inputs_does_not_matter(a in directories(), b in directories(), c in directories()) {
        let memory = Memory::default();
        let [a, b, c] = [a, b, c].map(|it| memory.keep_all(&it));
        let all = merged(&memory, &[a, b, c]);
        for other in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            prop_assert_eq!(merged(&memory, &other), all);
        }
    }

    #[test]
    fn the_grouping_of_the_inputs_does_not_matter(a in directories(), b in directories(), c in directories()) {
        let memory = Memory::default();
        let [a, b, c] = [a, b, c].map(|it| memory.keep_all(&it));
        let all = merged(&memory, &[a, b, c]);
        let left = merged(&memory, &[a, b]).and_then(|ab| merged(&memory, &[ab, c]));
        let right = merged(&memory, &[b, c]).and_then(|bc| merged(&memory, &[a, bc]));
        prop_assert_eq!(left, all);
        prop_assert_eq!(right, all);
    }

    #[test]
    fn a_tree_merged_with_itself_or_with_nothing_is_itself_and_costs_nothing(a in directories()) {
        let memory = Memory::default();
        let (a, empty) = (memory.keep_all(&a), memory.keep_all(&dir([])));
        for trees in [vec![a], vec![a, a], vec![a, empty], vec![empty, a], vec![empty, a, a, empty]] {
            let merged = run(&memory, &trees).unwrap();
            prop_assert_eq!((merged.root, merged.new), (a, vec![]));
        }
    }

    #[test]
    fn new_trees_come_once_children_first_and_complete_the_result(a in directories(), b in directories()) {
        let memory = Memory::default();
        let trees = [memory.keep_all(&a), memory.keep_all(&b)];
        let mut had = BTreeSet::new();
        trees.iter().for_each(|tree| all_below(&memory, *tree, &mut had));
        if let Ok(merged) = run(&memory, &trees) {
            let mut new = BTreeSet::new();
            for tree in merged.new {
                for (_, node) in tree.entries() {
                    if let Node::Directory { tree, .. } = node {
                        prop_assert!(had.contains(tree) || new.contains(tree), "a parent came before its child");
                    }
                }
                prop_assert!(new.insert(tree.id()), "a tree came twice");
                memory.keep(tree);
            }
            let mut whole = BTreeSet::new();
            all_below(&memory, merged.root, &mut whole);
            prop_assert!(new.is_subset(&whole), "something new is not part of the result");
        }
    }
}
