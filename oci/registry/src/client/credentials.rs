//! Credentials, from where engines keep them: containers-auth.json(5), then Docker's config.json, and the helpers that
//! either names.

use std::env;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError as Unfound, DockerCredential, get_credential_from_reader};

use super::error::Error;
use crate::name::RepositoryName;

/// The files that may hold credentials, the one that counts most first.
fn files() -> Vec<PathBuf> {
    let var = |name| env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    // Whoever names a file means that one.
    if let Some(file) = var("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let home = var("HOME");
    let config = var("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
    let docker = var("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
    let containers = [var("XDG_RUNTIME_DIR"), config].into_iter().flatten();
    let containers = containers.map(|folder| folder.join("containers/auth.json"));
    containers.chain(docker.map(|folder| folder.join("config.json"))).collect()
}

/// The credentials for a repository: those of the longest part of `REGISTRY/NAME` that has any, or of the registry.
///
/// # Errors
/// When a file is there and cannot be used, or a helper fails.
pub(super) fn find(registry: &str, repository: &RepositoryName) -> Result<Option<DockerCredential>, Error> {
    let mut keys = Vec::new();
    let mut part = format!("{registry}/{repository}");
    while part.len() > registry.len() {
        keys.push(part.clone());
        part.truncate(part.rfind('/').unwrap_or(0));
    }
    keys.push(registry.to_owned());
    for file in files() {
        let wrong = |why: &dyn std::fmt::Display| Error::Credentials(format!("{}: {why}", file.display()));
        for key in &keys {
            let open = match File::open(&file) {
                Ok(open) => io::BufReader::new(open),
                Err(e) if e.kind() == io::ErrorKind::NotFound => break,
                Err(e) => return Err(wrong(&e)),
            };
            match get_credential_from_reader(open, key) {
                Ok(found) => return Ok(Some(found)),
                // A helper says in its own words that it has none.
                Err(Unfound::NoCredentialConfigured | Unfound::HelperFailure { .. }) => {}
                // What it says may quote the file.
                Err(Unfound::ConfigReadError) => return Err(wrong(&"it is not as such a file has to be")),
                Err(Unfound::CredentialDecodingError) => return Err(wrong(&"an `auth` in it is damaged")),
                Err(error) => return Err(wrong(&error)),
            }
        }
    }
    Ok(None)
}
