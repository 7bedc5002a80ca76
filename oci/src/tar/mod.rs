//! The tar format of layers: POSIX.1-2017 `pax`, which is USTAR with an additional header where USTAR does not suffice.
//!
//! An entry has one encoding. USTAR is used whenever it can hold all of an entry; only the rest goes into pax records.
//! Times, IDs and sizes are octal; there are no user names, no devices and no hard links.

mod header;
mod pax;

pub use header::{BLOCK, Header, Kind, MAX_MTIME, write_header};

/// The end of a tar: two blocks of zeros.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The number of zeros that pad `size` bytes to whole blocks.
pub fn padding(size: u64) -> usize {
    // A remainder of a division by 512 fits.
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    if over == 0 { 0 } else { BLOCK - over }
}
