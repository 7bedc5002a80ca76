//! What the database can fail with.

use super::Family;

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// The disk, or the quota, is full.
    #[error("the database could not {doing}: no space is left ({message})")]
    NoSpace {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's words.
        message: String,
    },
    /// Another process has the database open.
    #[error("the database could not {doing}: another process has it open ({message})")]
    Locked {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's words.
        message: String,
    },
    /// RocksDB found its own files damaged.
    #[error("the database could not {doing}: it is damaged ({message})")]
    Damaged {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's words.
        message: String,
    },
    /// A row is not what its column family holds.
    #[error("the database holds a row in `{family}` that this version cannot read: key {key}")]
    Row {
        /// The column family.
        family: &'static str,
        /// The key in hexadecimal.
        key: String,
    },
    /// Anything else.
    #[error("the database could not {doing}: {message}")]
    Other {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's words.
        message: String,
    },
}

impl DbError {
    /// Whether it was a write that failed.
    pub fn is_of_write(&self) -> bool {
        match self {
            Self::NoSpace { doing, .. } | Self::Damaged { doing, .. } | Self::Other { doing, .. } => {
                matches!(*doing, "write" | "flush")
            }
            Self::Locked { .. } | Self::Row { .. } => false,
        }
    }

    pub(super) fn new(doing: &'static str, error: &rocksdb::Error) -> Self {
        let message = error.to_string();
        // RocksDB's C interface gives no subcode: the words of the system call are all there is.
        if message.contains("No space left on device") || message.contains("Disk quota exceeded") {
            return Self::NoSpace { doing, message };
        }
        if message.contains("While lock file") {
            return Self::Locked { doing, message };
        }
        match error.kind() {
            rocksdb::ErrorKind::Corruption => Self::Damaged { doing, message },
            _ => Self::Other { doing, message },
        }
    }
}

pub(super) fn bad_row(family: Family, key: &[u8]) -> DbError {
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    DbError::Row { family: family.name(), key }
}
