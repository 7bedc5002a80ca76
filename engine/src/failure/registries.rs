//! Conversions from the errors of registries to failures.

use stele_registry::client::{Error, RemoteError};

use crate::failure::store::{FREE_SPACE, cancelled};
use crate::failure::{Failure, Kind};

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::new(Kind::Usage, error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let with = |kind, hint: &str| Self::new(kind, error.to_string()).hint(hint);
        match &error {
            Error::Stopped => cancelled(),
            Error::Absent { .. } => Self::new(Kind::NotFound, error.to_string()),
            Error::Digest { .. } => with(
                Kind::Corrupt,
                "the registry, or a proxy on the way, modified it; nothing of it was kept",
            ),
            Error::Stored { .. } => {
                with(Kind::Corrupt, "the registry modifies what it stores: use another registry")
            }
            Error::Refused { credentials: false, .. } => with(
                Kind::Failed,
                "log in, with `podman login`, `skopeo login` or `docker login`; or name a file with REGISTRY_AUTH_FILE",
            ),
            Error::Refused { .. } => with(Kind::Failed, "the saved credentials do not work: log in again"),
            Error::Broken { .. } => {
                with(Kind::Failed, "run the command again: blobs that the registry has are not sent again")
            }
            Error::Network { .. } => with(
                Kind::Failed,
                "check its name and port; a remote registry without TLS needs --plain-http",
            ),
            Error::Insecure { .. } => with(Kind::Failed, "the registry is misconfigured: nothing was sent"),
            Error::Io(e) if stele_store::is_no_space(e) => with(Kind::NoSpace, FREE_SPACE),
            _ => Self::new(Kind::Failed, error.to_string()),
        }
    }
}
