//! ELF files: headers, sections, symbols, notes.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod comparing;

fuzz_target!(|bytes: &[u8]| comparing::check_halves(b"\x7fELF", bytes, |_| {}));
