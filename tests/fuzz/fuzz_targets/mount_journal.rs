//! A record of a mount's journal is refused, or encodes back to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_fs::state::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Some((record, took)) = Record::decode(bytes) {
        let mut written = Vec::new();
        record.encode(&mut written);
        assert_eq!(written, &bytes[..took]);
    }
});
