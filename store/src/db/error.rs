//! Errors of the database.

use std::path::Path;

use super::Family;

/// Before the number of a descriptor, the name of what it has open (proc_pid_fd(5)).
pub const DESCRIPTORS: &str = "/proc/self/fd/";

/// Why a database operation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// The disk, or the quota, is full.
    #[error("the database could not {doing}: no space is left ({message})")]
    NoSpace {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's message.
        message: String,
    },
    /// Another process has the database open.
    #[error("the database could not {doing}: another process has it open ({message})")]
    Locked {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's message.
        message: String,
    },
    /// RocksDB found its own files damaged.
    #[error("the database could not {doing}: it is damaged ({message})")]
    Damaged {
        /// What was attempted.
        doing: &'static str,
        /// RocksDB's message.
        message: String,
    },
    /// A row is malformed for its column family.
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
        /// RocksDB's message.
        message: String,
    },
}

impl DbError {
    /// Whether a write failed.
    pub fn is_of_write(&self) -> bool {
        match self {
            Self::NoSpace { doing, .. } | Self::Damaged { doing, .. } | Self::Other { doing, .. } => {
                matches!(*doing, "write" | "flush")
            }
            Self::Locked { .. } | Self::Row { .. } => false,
        }
    }

    /// The database's own folder cannot be created or opened.
    pub(super) fn of_folder(doing: &'static str, path: &Path, error: &std::io::Error) -> Self {
        let message = format!("{}: {error}", path.display());
        match crate::room::is_no_space(error) {
            true => Self::NoSpace { doing, message },
            false => Self::Other { doing, message },
        }
    }

    pub(super) fn new(doing: &'static str, error: &rocksdb::Error) -> Self {
        let message = by_name(error.as_ref());
        // RocksDB's C interface gives no subcode: the system call's message is all there is.
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

/// Replaces the path by which RocksDB has a file open with the file's name.
fn by_name(message: &str) -> String {
    let Some((before, rest)) = message.split_once(DESCRIPTORS) else { return message.to_owned() };
    let digits = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    let (number, after) = rest.split_at(digits);
    match std::fs::read_link(format!("{DESCRIPTORS}{number}")) {
        Ok(path) => format!("{before}{}{after}", path.display()),
        Err(_) => message.to_owned(),
    }
}

pub(super) fn bad_row(family: Family, key: &[u8]) -> DbError {
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    DbError::Row { family: family.name(), key }
}
