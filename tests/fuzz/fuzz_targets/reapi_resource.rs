//! Names of resources, as strangers send them.

#![no_main]

use libfuzzer_sys::fuzz_target;

use stele_reapi::resource::{Download, Upload};

fuzz_target!(|name: &str| {
    if let Ok(blob) = Download::parse(name) {
        // It names one blob in one way.
        assert!(name.starts_with(&blob.instance));
        assert!(name.contains(&blob.digest.hash_text()));
        assert!(Upload::parse(name).is_err());
    }
    if let Ok(blob) = Upload::parse(name) {
        assert!(name.starts_with(&blob.instance) && name.contains(&blob.id));
        assert!(name.contains(&blob.digest.hash_text()));
    }
});
