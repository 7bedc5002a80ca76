//! A blob on its way here: hashed as it comes, and gone on with where a connection broke.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use stele_http::{Download, HttpError, Method, Retry, Start};

use super::error::Error;
use super::pull::{BlobFile, Descriptor, Destination};
use super::session::Registry;
use crate::name::Sha256Digest;

/// Fetches a blob, going on where the connection broke.
pub(super) fn fetch(registry: &Registry, blob: &Descriptor, place: &Destination<'_>) -> Result<(), Error> {
    let mut coming = Coming {
        file: place(&blob.digest)?,
        hash: Sha256::new(),
        came: 0,
        joined: false,
        download: Download::default(),
    };
    let what = || format!("blob {}", blob.digest);
    let (mut tries, mut anew) = (0, false);
    loop {
        let before = coming.came;
        let broke = if coming.came == blob.size { None } else { coming.once(registry, blob)? };
        if let Some(error) = broke {
            // Whoever gets further has its tries again.
            tries = if coming.came > before { 1 } else { tries + 1 };
            let Some(pause) = Retry::REGISTRY.after(tries, &error) else {
                return Err(Error::Broken { what: what(), tries, last: error.to_string() });
            };
            registry.wait(pause)?;
            continue;
        }
        let found = Sha256Digest::from(<[u8; 32]>::from(coming.hash.clone().finalize()));
        if found == blob.digest {
            return Ok(());
        }
        // Of two answers, which may be of two versions of it. One answer gets the chance to give all.
        if !coming.joined || anew {
            return Err(Error::Digest { what: what(), found });
        }
        anew = true;
        coming.restart()?;
    }
}

/// A blob of which a beginning is there.
struct Coming {
    file: Box<dyn BlobFile>,
    hash: Sha256,
    came: u64,
    /// Whether it is of more than one answer.
    joined: bool,
    download: Download,
}

impl Coming {
    fn restart(&mut self) -> io::Result<()> {
        self.file.restart()?;
        (self.hash, self.came, self.joined) = (Sha256::new(), 0, false);
        self.download = Download::default();
        Ok(())
    }

    /// Asks for the rest. What broke, if it may pass.
    fn once(&mut self, registry: &Registry, blob: &Descriptor) -> Result<Option<HttpError>, Error> {
        let url = registry.url(&format!("blobs/{}", blob.digest));
        let headers = self.download.headers(self.came);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut answer = match registry.send_once(&Method::GET, &url, &headers) {
            Ok(answer) => answer,
            Err(Error::Network { source, .. }) if source.may_pass() => return Ok(Some(*source)),
            Err(error) => return Err(error),
        };
        match self.download.start(&answer, self.came) {
            // It knows no ranges, or has another version.
            Ok(Start::Whole { .. } | Start::NoRest) if self.came > 0 => self.restart()?,
            Ok(Start::Rest { .. }) => self.joined = true,
            Ok(_) => {}
            Err(error) if error.may_pass() => return Ok(Some(error)),
            Err(_) => return Err(registry.failure(&format!("for the blob {}", blob.digest), answer)),
        }
        if !answer.is_success() {
            return Ok(Some(HttpError::Short { expected: blob.size, found: 0 }));
        }
        let mut body = answer.reader();
        let mut buffer = vec![0; 128 << 10];
        while self.came < blob.size {
            registry.check()?;
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok(Some(HttpError::Short { expected: blob.size, found: self.came })),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    registry.check()?;
                    return Ok(Some(HttpError::of_body(error)));
                }
            };
            if count as u64 > blob.size - self.came {
                let why = format!("it is longer than {} bytes", blob.size);
                return Err(Error::Answer { what: format!("blob {}", blob.digest), why });
            }
            self.hash.update(&buffer[..count]);
            self.file.write_all(&buffer[..count])?;
            self.came += count as u64;
        }
        Ok(None)
    }
}
