//! Whatever a layer holds, it is refused or accepted without harm.

use std::io::Read;

use proptest::prelude::*;
use stele_store::model::{BlobId, Digest};

use super::*;
use crate::capabilities::Capabilities;
use crate::content::in_memory::{InMemory, link};
use crate::layer::{Layer, LayerReader};
use crate::rules::{Mode, Owner, Rules};

const LIMITS: Limits = Limits { layer: 1 << 20, entries: 100, text: 10_000, window: 1 << 20 };

/// Reads files and discards them.
struct Forgetting;

impl Sink for Forgetting {
    fn take(&mut self, bytes: &mut dyn Read, _: bool) -> Result<(BlobId, u64), ImportError> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).map_err(|why| ImportError::Unpack { number: 0, why })?;
        Ok((BlobId(Digest::of(&all)), all.len() as u64))
    }
}

/// A layer of ours, and what it is made of.
fn layer() -> (Vec<u8>, Layer) {
    let mut memory = InMemory::default();
    let (file, program) = (memory.file(b"hello\n", false), memory.file(b"program", true));
    let long = "n".repeat(150);
    let below = memory.directory(vec![(b"file", file.clone()), (long.as_bytes(), program)]);
    let root = memory.directory(vec![(b"a", below), (b"link", link(b"a")), (b"z", file)]);
    let stele_store::model::Node::Directory { tree, .. } = root else { panic!("a directory") };
    let mut rules = Rules::default();
    rules.owners.insert("/a".parse().unwrap(), Owner { user: 5, group: 6 });
    rules.modes.insert("/z".parse().unwrap(), "0600".parse::<Mode>().unwrap());
    let net_raw = "cap_net_raw".parse::<Capabilities>().unwrap();
    rules.capabilities.insert("/a/file".parse().unwrap(), net_raw);
    let layer = Layer { epoch: 7, rules, tree };
    let mut bytes = Vec::new();
    LayerReader::new(&memory, &layer).read_to_end(&mut bytes).unwrap();
    (bytes, layer)
}

#[test]
fn a_layer_of_ours_is_imported_with_its_rules_and_its_time() {
    let (bytes, layer) = layer();
    let mut changes = Changes::new(LIMITS);
    let taken = changes.layer(0, &mut Untar::new(&bytes[..]), &mut Forgetting).unwrap();
    assert_eq!(taken.rules(), layer.rules);
    assert_eq!(taken.epoch(), Some(7));
    assert_eq!(taken.left_out, []);
}

#[test]
fn excesses_are_refused() {
    let (bytes, _) = layer();
    for limits in [Limits { entries: 3, ..LIMITS }, Limits { text: 20, ..LIMITS }] {
        let error = Changes::new(limits).layer(0, &mut Untar::new(&bytes[..]), &mut Forgetting);
        assert!(matches!(error, Err(ImportError::Tar { source: TarError::Limit { .. }, .. })));
    }
}

/// The header of an entry with 7 as its time and an empty body.
fn entry(kind: u8, mode: &str, user: &str, name: &str, link: &str) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..100 + mode.len()].copy_from_slice(mode.as_bytes());
    block[108..108 + user.len()].copy_from_slice(user.as_bytes());
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    sealed(block)
}

#[test]
fn owner_and_mode_of_the_last_hard_link_apply_to_all_names() {
    let tar = [
        entry(b'0', "0644", "1", "a", ""),
        entry(b'1', "0600", "2", "b", "a"),
        entry(b'0', "0644", "0", "a", ""),
        entry(b'1', "0755", "3", "c", "b"),
    ];
    let mut changes = Changes::new(LIMITS);
    let taken = changes.layer(0, &mut Untar::new(&tar.concat()[..]), &mut Forgetting).unwrap();
    let owner = |user| Owner { user, group: 0 };
    let rules = taken.rules();
    assert_eq!(
        rules.owners,
        [("/b", owner(3)), ("/c", owner(3))].map(|(path, it)| (path.parse().unwrap(), it)).into()
    );
    assert_eq!(rules.modes, [].into());
    for (name, wanted) in [("a", false), ("b", true), ("c", true)] {
        let path = [stele_store::model::Name::new(name.as_bytes()).unwrap()];
        for tree in [&taken.tree, &changes.rootfs] {
            let node = tree.node(&path).unwrap();
            let found = matches!(node, stele_store::model::Node::File { executable: true, .. });
            assert_eq!(found, wanted, "{name}");
        }
    }
}

/// Corrects the checksum of each header, so that a mutated field is parsed.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn mutated_bytes_are_refused_or_accepted(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, _) = layer();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = sealed(bytes);
        let part = &whole[..cut.index(whole.len())];
        for bytes in [&whole[..], part] {
            let mut changes = Changes::new(LIMITS);
            for number in 0..2 {
                if let Ok(taken) = changes.layer(number, &mut Untar::new(bytes), &mut Forgetting) {
                    // Everything that is accepted can be stored, and read back unchanged.
                    let epoch = taken.epoch();
                    assert!(epoch.is_none_or(|epoch| epoch <= crate::tar::MAX_MTIME));
                    let tree = stele_store::model::Tree::default().id();
                    let layer = Layer { epoch: epoch.unwrap_or(0), rules: taken.rules(), tree };
                    let kept = crate::canonical::text(&layer);
                    assert_eq!(serde_json::from_slice::<Layer>(&kept).unwrap(), layer);
                }
            }
        }
    }
}
