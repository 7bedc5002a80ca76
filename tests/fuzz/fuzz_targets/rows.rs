//! The bytes of a row are refused, or encode back to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_store::{BlobRow, LeaseRow, Totals};

fuzz_target!(|bytes: &[u8]| {
    if let Some(row) = BlobRow::decode(bytes) {
        assert_eq!(row.encode(), bytes);
    }
    if let Some(row) = LeaseRow::decode(bytes) {
        assert_eq!(row.encode(), bytes);
    }
    if let Some(row) = Totals::decode(bytes) {
        assert_eq!(row.encode(), bytes);
    }
});
