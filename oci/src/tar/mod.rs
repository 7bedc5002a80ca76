//! Tar as layers are written in: POSIX.1-2017 `pax`, which is USTAR with a header in front where that cannot say it.
//!
//! An entry has one spelling. USTAR is used whenever it can hold all of an entry; only what it cannot hold is said by
//! a pax record. Times, numbers of users and sizes are octal; there are no names of users, no devices and no hard
//! links.

mod header;
mod pax;

pub use header::{BLOCK, Header, Kind, MAX_MTIME, write_header};

/// What ends a tar: two blocks of zeros.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// How many zeros fill up the last block of `size` bytes.
pub fn padding(size: u64) -> usize {
    // What is left of a division by 512 fits.
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    if over == 0 { 0 } else { BLOCK - over }
}
