//! Any layers are refused, or yield an image within the limits.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use stele_oci::import::{Changes, ImportError, Limits, Sink, Untar};
use stele_store::model::{BlobId, Digest};

const LIMITS: Limits = Limits { layer: 1 << 20, entries: 200, text: 20_000, window: 1 << 20 };

struct Hashing;

impl Sink for Hashing {
    fn take(&mut self, bytes: &mut dyn Read, _: bool) -> Result<(BlobId, u64), ImportError> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).map_err(|why| ImportError::Unpack { number: 0, why })?;
        Ok((BlobId(Digest::of(&all)), all.len() as u64))
    }
}

/// Fixes the checksum of each block that looks like a tar header: no mutation finds it by chance.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = sealed(bytes);
    // Two layers, so that the upper one can remove what the lower one has.
    let half = bytes.len() / 1024 * 512;
    let mut changes = Changes::new(LIMITS);
    for (number, layer) in [&bytes[..half], &bytes[half..]].into_iter().enumerate() {
        match changes.layer(number, &mut Untar::new(layer), &mut Hashing) {
            Ok(taken) => {
                let rules = taken.rules();
                assert!(rules.owners.len() + rules.modes.len() <= 400);
                let _ = taken.epoch();
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        }
    }
});
