//! How two things in a store differ.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use stele_builder::comparing::{self, ComparingError};
use stele_compare::Limits;
use stele_store::model::RootName;
use stele_store::{Progress, Store};

use crate::answers::Compared;
use crate::failure::{Failure, Kind};
use crate::reference::{Named, Reference, Start};

/// Roots of the outputs of recipes, and of images, begin so.
const PREFIXES: [&str; 2] = ["build-", stele_oci::record::ROOT_PREFIX];

/// Compares what two references refer to.
///
/// # Errors
/// When one is not found or cannot be read, or one is a directory and the other a file.
pub(crate) fn compare(
    store: &Store,
    before: &Path,
    after: &Path,
    progress: &Progress,
) -> Result<Compared, Failure> {
    let limits = Limits::default();
    let (one, other) = (resolve(store, before)?, resolve(store, after)?);
    let (digests, report) = match (&one, &other) {
        (Named::Tree(one), Named::Tree(other)) => {
            ((one.0, other.0), comparing::trees(store, one, other, &limits, progress))
        }
        (Named::Blob(one, _), Named::Blob(other, _)) => {
            let name =
                before.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            ((one.0, other.0), comparing::blobs(store, &name, one, other, &limits, progress))
        }
        _ => {
            let message = format!(
                "`{}` is {}, and `{}` is {}",
                before.display(),
                kind(&one),
                after.display(),
                kind(&other)
            );
            let hint = "two directories can be compared, or two files";
            return Err(Failure::new(Kind::Usage, message).hint(hint));
        }
    };
    let report = report.map_err(|error| match error {
        ComparingError::Read(error) => Failure::from(error),
        ComparingError::Cancelled(_) => crate::failure::store::cancelled(),
        ComparingError::Other { .. } => Failure::new(Kind::Failed, error.to_string()),
    })?;
    Ok(Compared { before: digests.0, after: digests.1, report })
}

fn kind(named: &Named) -> &'static str {
    match named {
        Named::Tree(_) => "a directory",
        Named::Blob(..) => "a file",
        Named::Symlink(_) => "a symbolic link",
    }
}

/// What a reference refers to, where the name of a recipe or image stands for its root.
fn resolve(store: &Store, path: &Path) -> Result<Named, Failure> {
    let mut reference = Reference::parse(path.as_os_str().as_bytes())?;
    if let Start::Root(name) = &reference.start
        && store.root(name)?.is_none()
    {
        for prefix in PREFIXES {
            let Ok(longer) = format!("{prefix}{name}").parse::<RootName>() else { continue };
            if store.root(&longer)?.is_some() {
                reference.start = Start::Root(longer);
                return reference.resolve(store);
            }
        }
        let message = format!("there is no root, built recipe or image named {name}");
        let hint = "`stele store root ls` lists the roots; `stele build` builds a recipe and makes one";
        return Err(Failure::new(Kind::NotFound, message).hint(hint));
    }
    reference.resolve(store)
}
