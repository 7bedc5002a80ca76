//! DSSE: signed envelopes (secure-systems-lab/dsse, protocol 1.0.2 and envelope 1.0.0).
//!
//! What is signed is the payload *and its type*, in the pre-authentication encoding, byte by byte as it travels:
//! nothing is re-encoded to be verified.

mod envelope;
#[cfg(test)]
mod tests;

pub use envelope::{Envelope, EnvelopeError, Signature};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The pre-authentication encoding: `DSSEv1 LEN(type) type LEN(payload) payload`, lengths in decimal.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
