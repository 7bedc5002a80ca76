//! A pulled image as an OCI layout in the store's folder of downloads. It is removed when the command ends, or, if the
//! command was killed, by the next pull.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use stele_registry::Sha256Digest;
use stele_registry::client::{BlobFile, Pulled};
use stele_store::{RoomMeter, require_room};

/// Begins the names of these folders.
const PREFIX: &str = "pull-";

/// An OCI layout that is being written.
pub struct Folder {
    folder: TempDir,
    /// Locked for as long as the folder is in use.
    _lock: File,
}

impl Folder {
    /// An empty layout in `downloads`, a folder that is created if it does not exist. Folders of pulls that were killed
    /// are removed.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(downloads: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(downloads)?;
        remove_abandoned(downloads);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(downloads)?;
        let lock = File::open(folder.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::create_dir_all(folder.path().join("blobs/sha256"))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file of a blob, truncated: a partial download of an earlier attempt is discarded.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self, digest: &Sha256Digest) -> io::Result<Box<dyn BlobFile>> {
        let file = File::create(self.blob(digest))?;
        Ok(Box::new(Blob { file, folder: self.path().to_owned(), room: RoomMeter::default() }))
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

/// Removes folders that no running pull has locked. A pull that has made its folder and not yet locked it loses it, and
/// fails: so young ones are left alone.
fn remove_abandoned(downloads: &Path) {
    let young = std::time::Duration::from_secs(60);
    for entry in fs::read_dir(downloads).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let meta = entry.metadata();
        let is_old = |meta: fs::Metadata| {
            meta.is_dir() && meta.created().is_ok_and(|at| at.elapsed().is_ok_and(|it| it > young))
        };
        if !is_ours || !meta.is_ok_and(is_old) {
            continue;
        }
        if let Ok(folder) = File::open(entry.path())
            && flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A blob's file, which leaves the room on the disk that collections need.
struct Blob {
    file: File,
    folder: PathBuf,
    room: RoomMeter,
}

impl Write for Blob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room.before_write(|| require_room(&self.folder))?;
        let written = self.file.write(bytes)?;
        self.room.wrote(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobFile for Blob {
    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(downloads: &Path) -> Vec<String> {
        let all = fs::read_dir(downloads).unwrap();
        let mut names: Vec<_> = all.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_pull_leaves_nothing_and_takes_no_folder_of_a_running_one() {
        let downloads = tempfile::tempdir().unwrap();
        let one = Folder::new(downloads.path()).unwrap();
        let other = Folder::new(downloads.path()).unwrap();
        assert_eq!(names(downloads.path()).len(), 2);
        drop(other);
        assert_eq!(names(downloads.path()).len(), 1);
        assert!(one.path().join("blobs/sha256").is_dir());
        drop(one);
        assert!(names(downloads.path()).is_empty());
    }

    #[test]
    fn only_old_unlocked_folders_of_pulls_are_abandoned() {
        let downloads = tempfile::tempdir().unwrap();
        fs::write(downloads.path().join("pull-a-file"), "").unwrap();
        fs::create_dir(downloads.path().join("other")).unwrap();
        fs::create_dir(downloads.path().join("pull-young")).unwrap();
        remove_abandoned(downloads.path());
        assert_eq!(names(downloads.path()), ["other", "pull-a-file", "pull-young"]);
    }
}
