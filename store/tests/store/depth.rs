//! Everything that a store accepts can be read. A chain of 60,000 trees was once stored, rooted and verified,
//! and could not be exported.

use proptest::prelude::*;
use stele_store::model::{MAX_DEPTH, Name, Node, Tree, TreeId};
use stele_store::{Keep, Progress, Session, Target, WriteError};

use super::{Fresh, around, name};

/// Adds trees, each around the previous one, until one is refused or there are `count`; returns the accepted
/// ones.
fn chain(session: &Session<'_>, count: usize) -> (Vec<(TreeId, u64)>, Option<WriteError>) {
    let mut taken = vec![session.add_tree(&Tree::default()).unwrap()];
    while taken.len() <= count {
        match around(session, taken[taken.len() - 1]) {
            Ok(tree) => taken.push(tree),
            Err(error) => return (taken, Some(error)),
        }
    }
    (taken, None)
}

#[test]
fn no_tree_nested_too_deep_to_export_is_accepted() {
    let it = Fresh::new();
    let session = it.store.session().unwrap();
    let (taken, refused) = chain(&session, 60_000);
    assert!(matches!(refused, Some(WriteError::Deep { .. })), "{refused:?}");
    assert_eq!(taken.len(), MAX_DEPTH + 1);
    let deepest = taken[MAX_DEPTH];
    session.finish(&[Target::Tree(deepest.0)], &Keep::default()).unwrap();
    let to = it.folder.path().join("out");
    it.store.export(Target::Tree(deepest.0), &to, 0o022, &Progress::default()).unwrap();
    // Also by a session that only finds it in the store, and by a reopened store.
    let store = it.reopened();
    let session = store.store.session().unwrap();
    assert!(matches!(around(&session, deepest), Err(WriteError::Deep { .. })));
    around(&session, taken[MAX_DEPTH - 1]).unwrap();
}

#[test]
fn no_tree_with_too_large_a_text_is_accepted() {
    let it = Fresh::new();
    let session = it.store.session().unwrap();
    let node = Node::Directory { tree: session.add_tree(&Tree::default()).unwrap().0, size: 13 };
    // Each byte of these names is escaped to four.
    let name =
        |n: u32| Name::new(&[&n.to_be_bytes().map(|byte| byte | 0x80)[..], &[0xff; 251]].concat()).unwrap();
    let entries: Vec<_> =
        (0..1 << 14).map(|n: u32| (name((n & 0x7f) | ((n & 0x3f80) << 1)), node.clone())).collect();
    session.add_tree(&Tree::new(entries).unwrap()).unwrap();
    let many: Vec<_> = (0..1u32 << 18)
        .map(|n| (name((n & 0x7f) | ((n & 0x3f80) << 1) | ((n & 0x1f_c000) << 2)), node.clone()))
        .collect();
    let refused = session.add_tree(&Tree::new(many).unwrap());
    assert!(matches!(refused, Err(WriteError::Large { .. })), "{refused:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Trees are built from accepted ones, of this session and of earlier ones; each is accepted exactly if it
    /// is not too deep, and accepted trees can be read.
    #[test]
    fn a_tree_is_accepted_exactly_if_it_can_be_read(
        start in MAX_DEPTH - 6..=MAX_DEPTH,
        steps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..5), 1..40),
    ) {
        let mut it = Fresh::new();
        let mut taken = {
            let session = it.store.session().unwrap();
            let (chain, _) = chain(&session, start);
            let root = Some("kept".parse().unwrap());
            session.finish(&[Target::Tree(chain[start].0)], &Keep { root, ..Keep::default() }).unwrap();
            (start - 4..).zip(chain[start - 4..].to_vec()).collect::<Vec<_>>()
        };
        for steps in steps.chunks(10) {
            let session = it.store.session().unwrap();
            let mut new = Vec::new();
            for (left, right, commit) in steps {
                let parts = [*left, *right].map(|index| *index.get(&taken));
                let entries = ["left", "right"].into_iter().zip(parts);
                let node = |(at, (_, (tree, size)))| (name(at), Node::Directory { tree, size });
                let added = session.add_tree(&Tree::new(entries.map(node).collect()).unwrap());
                let height = 1 + parts[0].0.max(parts[1].0);
                match added {
                    Ok(tree) => {
                        prop_assert!(height <= MAX_DEPTH);
                        taken.push((height, tree));
                        new.push(Target::Tree(tree.0));
                    }
                    Err(WriteError::Deep { .. }) => prop_assert!(height > MAX_DEPTH),
                    Err(error) => panic!("{error}"),
                }
                if *commit == 0 {
                    session.commit().unwrap();
                }
            }
            session.finish(&new, &Keep::default()).unwrap();
            it = it.reopened();
        }
        for (height, (tree, _)) in taken {
            prop_assert!(it.store.closure(&tree).unwrap().trees > height as u64);
            prop_assert!(it.store.has_closure(Target::Tree(tree)).unwrap());
        }
    }
}
