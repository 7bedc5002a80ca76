//! Why the framing of a tar, a zip or a Debian package is refused.

use super::EntryName;

/// Why a sparse file's map is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SparseError {
    /// A number is missing or malformed.
    #[error("a number in it is malformed")]
    Number,
    /// Two pieces overlap or are out of order.
    #[error("its pieces are not in order")]
    Order,
    /// A piece ends after the file's end.
    #[error("a piece ends after the end of the file")]
    End,
    /// Its pieces hold more or fewer bytes than the entry has.
    #[error("its pieces are not as long as the data")]
    Length,
    /// There are too many pieces.
    #[error("it has more than {max} pieces")]
    Pieces {
        /// The limit.
        max: usize,
    },
    /// Its version is unknown, or it mixes versions.
    #[error("its version is unknown")]
    Version,
}

/// Why a tar's framing is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// A header's checksum does not match its bytes.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// A header has an unknown variant of `ustar`, so that the place of its name is ambiguous.
    #[error("the header's magic is unknown")]
    Magic,
    /// A number in a header is malformed.
    #[error("the header's {field} is not a number")]
    Number {
        /// The field.
        field: &'static str,
    },
    /// A number in a header is negative.
    #[error("the header's {field} is negative")]
    Negative {
        /// The field.
        field: &'static str,
    },
    /// A number in a header does not fit 63 bits.
    #[error("the header's {field} is too large")]
    Overflow {
        /// The field.
        field: &'static str,
    },
    /// A user or group ID is reserved, so that no file can have it.
    #[error("the header's {field} is {id}, which is reserved")]
    Owner {
        /// `user` or `group`.
        field: &'static str,
        /// The ID.
        id: u64,
    },
    /// The bytes end inside a header or block.
    #[error("it is cut short")]
    Truncated,
    /// The bytes end without the zeros that end a tar.
    #[error("it is cut short: the block of zeros at its end is missing")]
    NoEnd,
    /// Something follows the zeros that end a tar.
    #[error("its end is followed by other bytes than zeros")]
    Trailing,
    /// An extended header exceeds the limit.
    #[error("an extended header has {found} bytes; at most {max} are allowed")]
    LongHeader {
        /// Its length in bytes.
        found: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// A pax record is not `LENGTH KEY=VALUE` and a line feed.
    #[error("a pax record is malformed")]
    PaxRecord,
    /// A significant key occurs twice.
    #[error("the pax key {key} occurs twice")]
    PaxTwice {
        /// The key.
        key: EntryName,
    },
    /// The value of a key is invalid.
    #[error("the pax key {key} has an invalid value")]
    PaxValue {
        /// The key.
        key: EntryName,
    },
    /// A global header sets what is specific to one entry.
    #[error("a global pax header sets {key} for every entry")]
    PaxGlobal {
        /// The key.
        key: EntryName,
    },
    /// One entry has two extended headers with its name or its target.
    #[error("one entry has two extended headers of a kind, or two long names")]
    TwoHeaders,
    /// An extended header is not followed by an entry.
    #[error("an extended header is the last thing before the end")]
    Dangling,
}

/// Why a zip's framing is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// The record at the end is missing: cut short, or bytes follow it.
    #[error("its end record is not at its end: it is cut short, or something follows it")]
    NoEnd,
    /// There are two possible end records.
    #[error("it has two end records")]
    TwoEnds,
    /// It is one of several volumes.
    #[error("it is one of several volumes")]
    Volumes,
    /// A record has a wrong signature, or is cut short.
    #[error("a record is damaged or cut short")]
    Record,
    /// Counts, lengths or offsets contradict each other.
    #[error("its records contradict each other")]
    Contradiction,
    /// Bytes belong to two entries, or to none.
    #[error("bytes here belong to two entries, or to none")]
    Gap,
}

/// Why a Debian package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// It is not an `ar` archive.
    #[error("it does not begin with `!<arch>` and a line feed")]
    Magic,
    /// The header of a member is damaged.
    #[error("the header of a member is damaged")]
    Header,
    /// It ends early.
    #[error("it is cut short")]
    Truncated,
    /// There are no more members.
    #[error("it has no member {wanted}")]
    Missing {
        /// The missing member.
        wanted: &'static str,
    },
    /// A member is unexpected, or out of order.
    #[error("member {name} is where {wanted} should be; a package has three members, in a fixed order")]
    Member {
        /// Its name.
        name: EntryName,
        /// The expected member, without its compression.
        wanted: &'static str,
    },
    /// Its version is unknown.
    #[error("its member debian-binary does not have the version `2.0`, the only one supported")]
    Version,
    /// A member of odd length is not followed by a line feed.
    #[error("a member of odd length is not followed by a line feed")]
    Padding,
    /// The last member is not a tar, or its compression does not match its name.
    #[error("member {name} does not have the format in its name")]
    Compression {
        /// Its name.
        name: EntryName,
    },
    /// Bytes follow, in the last member or after it.
    #[error("something follows the data")]
    Trailing,
}
