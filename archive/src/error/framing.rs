//! Why the framing of a tar, a zip or a Debian package is refused.

use super::EntryName;

/// Why a sparse file's map is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SparseError {
    /// A number is missing, or is none.
    #[error("a number in it is none")]
    Number,
    /// A piece begins before the one before it ends.
    #[error("its pieces are not in order")]
    Order,
    /// A piece ends behind the file's end.
    #[error("a piece ends behind the end of the file")]
    End,
    /// Its pieces hold more or fewer bytes than the entry has.
    #[error("its pieces are not as long as the data")]
    Length,
    /// There are too many pieces.
    #[error("it has more than {max} pieces")]
    Pieces {
        /// The bound.
        max: usize,
    },
    /// It is of a version that is not known, or mixes versions.
    #[error("it is of no known version")]
    Version,
}

/// Why a tar's framing is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// A header's checksum is not that of its bytes.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// A header says `ustar` in a way that nobody knows, so that it is not clear where its name is.
    #[error("the header's magic is that of no known tar")]
    Magic,
    /// A number in a header is none.
    #[error("the header's {field} is no number")]
    Number {
        /// Which field.
        field: &'static str,
    },
    /// A number in a header is negative.
    #[error("the header's {field} is negative")]
    Negative {
        /// Which field.
        field: &'static str,
    },
    /// A number in a header does not fit 63 bits.
    #[error("the header's {field} is too large")]
    Overflow {
        /// Which field.
        field: &'static str,
    },
    /// A user or group is a number that no file can have.
    #[error("the header's {field} is {id}, and no file can belong to that")]
    Owner {
        /// `user` or `group`.
        field: &'static str,
        /// What it says.
        id: u64,
    },
    /// The bytes end inside a header or block.
    #[error("it is cut short")]
    Truncated,
    /// The bytes end without the zeros that end a tar.
    #[error("it is cut short: the block of zeros at its end is missing")]
    NoEnd,
    /// Something follows the zeros that end a tar.
    #[error("it has ended, and something else than zeros follows: another archive, or rubbish")]
    Trailing,
    /// An extended header is longer than any that is needed.
    #[error("an extended header has {found} bytes; at most {max} are allowed")]
    LongHeader {
        /// Bytes it has.
        found: u64,
        /// Bytes that it may have.
        max: u64,
    },
    /// A pax record is not `LENGTH KEY=VALUE` and a line feed.
    #[error("a pax record is malformed")]
    PaxRecord,
    /// A key that decides something comes twice.
    #[error("the pax key {key} comes twice")]
    PaxTwice {
        /// The key.
        key: EntryName,
    },
    /// A key has a value that it cannot have.
    #[error("the pax key {key} has a value that will not do")]
    PaxValue {
        /// The key.
        key: EntryName,
    },
    /// A global header sets what only one entry can have.
    #[error("a global pax header sets {key} for every entry")]
    PaxGlobal {
        /// The key.
        key: EntryName,
    },
    /// One entry has two extended headers that name it or its target.
    #[error("one entry has two extended headers of a kind, or two long names")]
    TwoHeaders,
    /// An extended header belongs to no entry.
    #[error("an extended header is the last thing before the end")]
    Dangling,
}

/// Why a zip's framing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// The record at the end is missing: cut short, or bytes follow it.
    #[error("its end record is not at its end: it is cut short, or something follows it")]
    NoEnd,
    /// Two end records fit.
    #[error("it has two end records")]
    TwoEnds,
    /// It is one of several volumes.
    #[error("it is one of several volumes")]
    Volumes,
    /// A record begins with other bytes than it must, or is cut short.
    #[error("a record is damaged or cut short")]
    Record,
    /// Numbers do not fit each other: counts, lengths, offsets.
    #[error("its records contradict each other")]
    Contradiction,
    /// Bytes belong to two entries, or to none.
    #[error("bytes here belong to two entries, or to none")]
    Gap,
}

/// Why a Debian package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// It is no `ar` archive.
    #[error("it is none: it does not begin with `!<arch>` and a line feed")]
    Magic,
    /// The header of a member is damaged.
    #[error("the header of a member is damaged")]
    Header,
    /// It ends before it should.
    #[error("it is cut short")]
    Truncated,
    /// There are no more members.
    #[error("it has no member {wanted}")]
    Missing {
        /// The one that should be there.
        wanted: &'static str,
    },
    /// A member that should not be there, or not there.
    #[error("member {name} stands where {wanted} should; a package has three members, each in its place")]
    Member {
        /// What it is called.
        name: EntryName,
        /// The one that should be there, whatever it is compressed with.
        wanted: &'static str,
    },
    /// It is of a version that is not known.
    #[error("its member debian-binary does not say `2.0`, the only version that is known")]
    Version,
    /// Behind a member of odd length stands no line feed.
    #[error("a member of odd length is not followed by a line feed")]
    Padding,
    /// What is in the last member is no tar, or compressed otherwise than its name says.
    #[error("member {name} is not what its name says")]
    Compression {
        /// What it is called.
        name: EntryName,
    },
    /// Bytes follow, in the last member or behind it.
    #[error("something follows the data")]
    Trailing,
}
