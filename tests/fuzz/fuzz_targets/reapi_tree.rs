//! Trees of directories that strangers say are the outputs of an action.

#![no_main]

use libfuzzer_sys::fuzz_target;

use stele_reapi::Function;
use stele_reapi::tree::files;

fuzz_target!(|bytes: &[u8]| {
    for function in [Function::Sha256, Function::Blake3] {
        let named = files(function, bytes);
        assert!(named.is_none_or(|named| named.iter().all(|file| file.function == function)));
    }
});
