//! A text is refused, or is the canonical encoding of the tree that it decodes to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_store::model::{Digest, Tree};

fuzz_target!(|bytes: &[u8]| {
    let Ok(tree) = Tree::decode(bytes) else { return };
    assert_eq!(tree.encode().as_bytes(), bytes, "a second spelling was taken");
    assert_eq!(tree.id().0, Digest::of(bytes));
    let again = Tree::new(tree.entries().to_vec());
    assert_eq!(again.as_ref(), Ok(&tree), "the entries are not sorted, or a name stands twice");
    for (name, node) in tree.entries() {
        assert_eq!(tree.get(name.as_bytes()), Some(node));
    }
});
