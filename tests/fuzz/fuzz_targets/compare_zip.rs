//! Members of zips.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod comparing;

fuzz_target!(|bytes: &[u8]| comparing::check_halves(b"PK\x03\x04", bytes, |_| {}));
