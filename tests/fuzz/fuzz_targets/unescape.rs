//! Any bytes have one escaped form, and any text is refused or is the escaped form of some bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_store::model::{escape, unescape};

fuzz_target!(|bytes: &[u8]| {
    let mut text = String::new();
    escape(bytes, &mut text);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "a byte that a pager could bend");
    assert_eq!(unescape(text.as_bytes()).as_deref(), Ok(bytes));
    if let Ok(spelled) = unescape(bytes) {
        let mut again = String::new();
        escape(&spelled, &mut again);
        assert_eq!(again.as_bytes(), bytes, "a second spelling was taken");
    }
});
