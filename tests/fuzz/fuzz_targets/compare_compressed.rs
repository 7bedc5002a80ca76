//! What is compressed, by each format.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod comparing;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let magic: &[u8] = match kind % 5 {
        0 => b"\x1f\x8b\x08",
        1 => b"\xfd7zXZ\0",
        2 => b"\x28\xb5\x2f\xfd",
        3 => b"BZh1",
        _ => b"BZh9",
    };
    comparing::check_halves(magic, bytes, |_| {});
});
