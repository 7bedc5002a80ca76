//! Tables of small blobs that are not of the database yet. On a disk that has no room to merge all tables, a session
//! writes such: acknowledged, they are taken over as they are, and given up, they are removed as they are, which needs
//! no room at all.

use std::path::Path;

use rocksdb::{IngestExternalFileOptions, SstFileWriter};

use super::{Db, DbError, Family, options};
use crate::model::BlobId;

impl Db {
    /// Writes a table of small blobs, which are sorted by their digests, to a file, durably.
    ///
    /// # Errors
    /// When RocksDB cannot.
    pub fn write_table<'a>(
        &self,
        path: &Path,
        blobs: impl Iterator<Item = (&'a BlobId, &'a [u8])>,
    ) -> Result<(), DbError> {
        let options = options::table();
        let mut writer = SstFileWriter::create(&options);
        let written = writer.open(path).and_then(|()| {
            for (id, bytes) in blobs {
                writer.put(id.0.as_bytes(), bytes)?;
            }
            writer.finish()
        });
        written.map_err(|e| self.place.failed("write", &e))
    }

    /// Takes over a table that [`Db::write_table`] has written; its file is gone from where it was.
    ///
    /// # Errors
    /// When RocksDB cannot.
    pub fn take_table(&self, path: &Path) -> Result<(), DbError> {
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let taken = self.db.ingest_external_file_cf_opts(self.family(Family::Inline)?, &options, vec![path]);
        taken.map_err(|e| self.place.failed("write", &e))
    }
}
