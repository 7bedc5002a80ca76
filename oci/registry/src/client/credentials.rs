//! Credentials, from where engines keep them: containers-auth.json(5), then Docker's config.json, and the helpers that
//! either names.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError as Unfound, DockerCredential, get_credential_from_reader};

use super::error::Error;
use crate::name::RepositoryName;

/// The most bytes of such a file.
const MAX_FILE: u64 = 4 << 20;

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

/// What was found in the files.
#[derive(Default)]
pub(super) struct Credentials {
    /// The credentials, if there are any.
    pub(super) credentials: Option<DockerCredential>,
    /// Why some could not be had. That is no reason to go no further: a registry may want none.
    pub(super) trouble: Option<String>,
}

/// The credentials for a repository: those of the longest part of `REGISTRY/NAME` that has any, or of the registry.
///
/// # Errors
/// When a file is there and is not as such a file has to be.
pub(super) fn find(registry: &str, repository: &RepositoryName) -> Result<Credentials, Error> {
    find_in(&files(), registry, repository)
}

fn find_in(files: &[PathBuf], registry: &str, repository: &RepositoryName) -> Result<Credentials, Error> {
    let mut keys = Vec::new();
    let mut part = format!("{registry}/{repository}");
    while part.len() > registry.len() {
        keys.push(part.clone());
        part.truncate(part.rfind('/').unwrap_or(0));
    }
    keys.push(registry.to_owned());
    let mut trouble = None;
    for file in files {
        let text = match read(file) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::Credentials(format!("{}: {e}", file.display()))),
        };
        // What `docker logout` and half a login leave.
        if text.trim_ascii().is_empty() {
            continue;
        }
        for key in &keys {
            match get_credential_from_reader(&text[..], key) {
                Ok(DockerCredential::UsernamePassword(name, password))
                    if name.is_empty() && password.is_empty() => {}
                Ok(credentials) => return Ok(Credentials { credentials: Some(credentials), trouble: None }),
                // A helper says in its own words that it has none.
                Err(Unfound::NoCredentialConfigured | Unfound::HelperFailure { .. }) => {}
                // What it says may quote the file.
                Err(Unfound::ConfigReadError) => {
                    let why = "it is not as such a file has to be";
                    return Err(Error::Credentials(format!("{}: {why}", file.display())));
                }
                Err(Unfound::CredentialDecodingError) => {
                    trouble = Some(format!("{}: an `auth` in it is empty or damaged", file.display()));
                }
                Err(Unfound::HelperCommunicationError) => {
                    trouble = Some(format!("{}: the helper that it names cannot be run", file.display()));
                }
                Err(error) => trouble = Some(format!("{}: {error}", file.display())),
            }
        }
    }
    Ok(Credentials { credentials: None, trouble })
}

/// A file of some size: nobody has more credentials than that.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is longer than {MAX_FILE} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Result<Credentials, Error> {
        let folder = std::env::temp_dir().join(format!("stele-credentials-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("config.json");
        std::fs::write(&file, text).expect("a file");
        let found =
            find_in(&[folder.join("absent"), file], "r.example:5000", &"a/b".parse().expect("a name"));
        std::fs::remove_dir_all(folder).expect("it is there");
        found
    }

    #[test]
    fn what_cannot_be_had_is_told_and_is_no_reason_to_stop() {
        for (name, text, said) in [
            ("helper", r#"{"auths":{},"credsStore":"there-is-no-such-helper"}"#, Some("helper")),
            ("of-one", r#"{"credHelpers":{"r.example:5000":"there-is-no-such-helper"}}"#, Some("helper")),
            ("no-auth", r#"{"auths":{"r.example:5000":{"auth":"*"}}}"#, Some("damaged")),
            ("empty", "", None),
            ("blank", " \n", None),
            ("nothing", "{}", None),
            ("others", r#"{"auths":{"other.example":{"auth":"YTpi"}}}"#, None),
        ] {
            let found = found(name, text).expect(name);
            assert!(found.credentials.is_none(), "{name}");
            assert_eq!(found.trouble.is_some(), said.is_some(), "{name}: {:?}", found.trouble);
            assert!(found.trouble.unwrap_or_default().contains(said.unwrap_or_default()), "{name}");
        }
        let empty = found("empty-auth", r#"{"auths":{"r.example:5000":{"auth":""}}}"#).expect("it is read");
        assert!(empty.credentials.is_none());
        assert!(found("broken", "{").is_err());
    }

    #[test]
    fn the_credentials_of_the_longest_part_count() {
        let text = r#"{"auths":{"r.example:5000":{"auth":"YTpi"},"r.example:5000/a":{"auth":"YzpkZQ=="}}}"#;
        let found = found("longest", text).expect("it is read").credentials;
        assert!(matches!(found, Some(DockerCredential::UsernamePassword(name, _)) if name == "c"));
    }
}
