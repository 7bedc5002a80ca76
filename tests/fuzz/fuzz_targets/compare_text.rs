//! Lines, pyc, and bytes of no format.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod comparing;

fuzz_target!(|bytes: &[u8]| {
    comparing::check_halves(b"", bytes, |_| {});
    comparing::check_halves(b"\xa7\x0d\r\n\0\0\0\0", bytes, |_| {});
});
