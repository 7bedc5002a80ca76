//! Whatever comes from the socket, it is refused, or read as frames that would be written again with the same content;
//! and a message that is taken for a call or a reply is what would be sent for it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stele_daemon::protocol::{Call, Frame, Hello, Reply, Welcome, receive, send, send_bytes};

/// The most that a request has.
const MAX: usize = 1 << 20;

/// What is read as a message is read the same once it was written.
fn same<T: Serialize + DeserializeOwned>(json: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(json) else { return };
    let mut written = Vec::new();
    send(&mut written, &message).expect("memory takes all");
    let Ok(Some(Frame::Json(again))) = receive(&mut &*written, MAX * 64) else { panic!("it cannot be read") };
    let message: T = serde_json::from_slice(&again).expect("it was written by us");
    assert_eq!(serde_json::to_vec(&message).expect("it is JSON"), again);
}

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    loop {
        let before = rest.len();
        match receive(&mut rest, MAX) {
            Err(_) | Ok(None) => return,
            Ok(Some(Frame::Json(json))) => {
                assert!(json.len() < before && json.len() <= MAX);
                same::<Hello>(&json);
                same::<Welcome>(&json);
                same::<Call>(&json);
                same::<Reply>(&json);
            }
            Ok(Some(Frame::Bytes(bytes))) => {
                let mut written = Vec::new();
                send_bytes(&mut written, &bytes).expect("memory takes all");
                let again = receive(&mut &*written, MAX);
                assert!(bytes.is_empty() || matches!(again, Ok(Some(Frame::Bytes(it))) if it == bytes));
            }
            // A head of five bytes and two numbers of eight.
            Ok(Some(Frame::File { .. })) => assert_eq!(rest.len() + 21, before),
        }
    }
});
