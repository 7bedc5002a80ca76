//! Paths in messages between processes: escaped, since a path is bytes and serde takes only those that are UTF-8.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use stele_store::model::{escape, unescape};

pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    let mut text = String::new();
    escape(path.as_os_str().as_bytes(), &mut text);
    to.serialize_str(&text)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(from)?;
    let bytes = unescape(text.as_bytes()).map_err(D::Error::custom)?;
    Ok(OsString::from_vec(bytes).into())
}
