//! A configuration is refused, or gives limits that are some, and aliases whose addresses are asked as they stand.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_recipes::fetch::Config;

fuzz_target!(|text: &str| {
    let Ok(config) = Config::parse(text) else { return };
    let limits = config.limits;
    assert!(limits.jobs > 0 && limits.most_bytes > 0);
    assert!(!limits.connect.is_zero() && !limits.stall.is_zero() && !limits.total.is_zero());
});
