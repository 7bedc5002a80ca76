//! Bundles: what is accepted is the one spelling of what it holds.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;

use stele_remote::bundle::{Line, Reader, Record, Writer};

/// The bundle of what was read, or `None` where it is refused.
fn again(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes).ok()?;
    let mut writer = Writer::new(Vec::new()).ok()?;
    while let Some(record) = reader.record().ok()? {
        match record {
            Record::Tree(digest, tree) => {
                let text = tree.encode();
                writer.begin(&Line::Tree { digest, size: text.len() as u64 }).ok()?;
                writer.bytes(text.as_bytes()).ok()?;
            }
            Record::File { digest, size, executable } => {
                let mut content = Vec::new();
                reader.content().read_to_end(&mut content).ok()?;
                writer.begin(&Line::File { digest, size, executable }).ok()?;
                writer.bytes(&content).ok()?;
            }
            Record::Root(root) => writer.root(&root).ok()?,
        }
    }
    writer.finish().ok()
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(again) = again(bytes) {
        assert_eq!(again, bytes);
    }
});
