//! A pulled image as an OCI layout, in a temporary folder that is removed when the command ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use stele_registry::Sha256Digest;
use stele_registry::client::Pulled;

/// An OCI layout that is being written.
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// An empty layout.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("stele-pull-").tempdir()?;
        fs::create_dir_all(folder.path().join("blobs/sha256"))?;
        Ok(Self { folder })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file of a blob, truncated: a partial download of an earlier attempt is discarded.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self, digest: &Sha256Digest) -> io::Result<File> {
        File::create(self.blob(digest))
    }

    fn blob(&self, digest: &Sha256Digest) -> PathBuf {
        let digits = digest.as_str().trim_start_matches("sha256:");
        self.path().join("blobs/sha256").join(digits)
    }

    /// Adds the documents, and the image's name.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(&self, pulled: &Pulled, called: &str) -> io::Result<()> {
        for (digest, manifest) in pulled.manifests.iter().chain(&pulled.referrers) {
            fs::write(self.blob(digest), &manifest.text)?;
        }
        let top = pulled.manifests.get(&pulled.digest).ok_or(io::ErrorKind::NotFound)?;
        let mut entries = vec![serde_json::json!({
            "mediaType": top.media_type, "digest": pulled.digest, "size": top.text.len(),
            "annotations": { "org.opencontainers.image.ref.name": called },
        })];
        for (digest, manifest) in &pulled.referrers {
            let (media_type, size) = (&manifest.media_type, manifest.text.len());
            entries.push(serde_json::json!({ "mediaType": media_type, "digest": digest, "size": size }));
        }
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": entries });
        fs::write(self.path().join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}")?;
        fs::write(self.path().join("index.json"), index.to_string())
    }
}
