//! `debian_binary(...)`.

use std::sync::Arc;

use stele_archive::Form;
use stele_store::model::Sha256;

use super::super::context::Refused;
use super::super::error::ArgumentError;
use super::sandbox_paths;
use super::source::{digest, number};
use crate::recipe::{SourceInput, Span, UnpackSource};
use crate::source::{BinaryPackage, BinaryPackageError, Mirror, Source};

/// The arguments of `debian_binary`, as they were given.
pub(in super::super) struct Given<'a, 'v> {
    pub package: &'a str,
    pub version: &'a str,
    pub sha256: &'a str,
    pub size: i64,
    pub architecture: &'a str,
    pub mirrors: Vec<&'v str>,
    pub at: &'a str,
}

/// The source of these arguments: a package whose build cannot be checked.
pub(in super::super) fn define(given: Given<'_, '_>, at: Span) -> Result<Arc<SourceInput>, Refused> {
    let package = BinaryPackage::new(given.package, given.version, given.architecture);
    let BinaryPackage { file, mirror } = package.map_err(|why| {
        let argument = match why {
            BinaryPackageError::Version { .. } => "version",
            BinaryPackageError::Architecture { .. } => "architecture",
            _ => "package",
        };
        Refused::new(argument, ArgumentError::Action(why.to_string()))
    })?;
    let mut mirrors = vec![mirror];
    for text in given.mirrors {
        mirrors.push(Mirror::new(text).map_err(|why| Refused::new("mirrors", why))?);
    }
    let source = Source {
        file,
        sha256: digest::<Sha256>("sha256", given.sha256, "SHA-256")?,
        sha512: None,
        size: Some(number("size", given.size, "bytes")?),
        mirrors,
        signature: None,
    };
    Ok(Arc::new(SourceInput {
        source,
        unpack: Some(UnpackSource { form: Form::DebianPackage, ..UnpackSource::default() }),
        place: sandbox_paths::parse("at", given.at)?,
        executable: false,
        opaque: true,
        at,
    }))
}
