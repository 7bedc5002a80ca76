//! What a collection reports while it runs.

use stele_store::{Keep, Progress, Target};

use super::Fresh;

#[test]
fn a_collection_says_how_much_there_is_to_do_and_does_all_of_it() {
    let fresh = Fresh::new();
    let mut kept = Vec::new();
    for number in 0..50_u32 {
        let (_, tree) = fresh.tree_of(&number.to_le_bytes());
        kept.extend((number % 2 == 0).then_some(Target::Tree(tree)));
    }
    let keep = Keep { lease: Some(stele_store::Holder::Until(u64::MAX)), ..Keep::default() };
    fresh.store.session().unwrap().finish(&kept, &keep).unwrap();
    for (dry_run, removed) in [(true, 25), (false, 25), (false, 0)] {
        let progress = Progress::default();
        let collected = fresh.store.collect(dry_run, &progress).unwrap();
        assert_eq!((collected.removed_trees, collected.removed_blobs), (removed, removed));
        let snapshot = progress.snapshot();
        // Of the last, RocksDB may still count what was removed right before.
        assert!(snapshot.items > 0 && snapshot.items <= snapshot.total_items, "{snapshot:?}");
        assert!(removed == 0 || snapshot.items == snapshot.total_items, "{snapshot:?}");
    }
}
