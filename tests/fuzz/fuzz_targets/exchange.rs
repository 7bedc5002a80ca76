//! Questions of strangers, and answers of strangers.

#![no_main]

use std::io::{self, PipeReader, PipeWriter, Read};

use libfuzzer_sys::fuzz_target;

use stele_remote::exchange::{Asking, ExchangeError, serve};
use stele_remote::{End, Found, Item, Keeping, Received, Wanted};

/// A store that reads and writes nothing of its own.
struct Nothing;

impl End<String> for Nothing {
    fn find(&mut self, reference: &str) -> Result<Found, String> {
        Err(reference.to_owned())
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, String> {
        Ok(items.to_vec())
    }

    fn send(&mut self, _: &Wanted, _: PipeWriter) -> Result<(), String> {
        Ok(())
    }

    fn receive(&mut self, mut from: PipeReader, _: &Keeping) -> Result<Received, String> {
        io::copy(&mut from, &mut io::sink()).map_err(|error| error.to_string())?;
        Ok(Received::default())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = serve::<String>(&mut Nothing, &mut &bytes[..], &mut Vec::new());
    let hello = b"{\"answer\":\"hello\",\"value\":{\"exchange\":1}}\n";
    let failed = |error: ExchangeError| error.to_string();
    let mut far = Asking::new(hello.chain(bytes), io::sink(), failed).expect("it is greeted");
    let _ = far.find("name");
    let _ = far.lacking(&[]);
    // Kept open: libFuzzer's program does not ignore SIGPIPE, as Rust's do. A pipe holds more than an input.
    let Ok((_reader, writer)) = io::pipe() else { return };
    let _ = far.send(&Wanted::default(), writer);
});
