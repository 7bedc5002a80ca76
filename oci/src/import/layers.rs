//! The work of an import: layer by layer into the store, and what can be made of them again.

use std::io::Read;

use oci_spec::image::ImageConfiguration;
use stele_store::model::{BlobId, TreeId};
use stele_store::{Holder, Keep, Progress, Session, Store, Target};

use super::apply::{Changes, Sink, Taken};
use super::choose::{Manifest, Named};
use super::open_layout::OpenLayout;
use super::unpack::{buffered, unpacked};
use super::untar::Untar;
use super::{ImportError, LeftOut, Limits, platform_of};
use crate::document::{self, digest_text, parse_digest};
use crate::encode::Compression;
use crate::grow;
use crate::layer::Layer;
use crate::make::{MEANWHILE, remeasured};
use crate::measure::{Hashed, Measured, Sum};
use crate::record::{Image, ImageLayer};

pub(super) struct Work<'a> {
    store: &'a Store,
    place: &'a OpenLayout,
    limits: Limits,
    progress: &'a Progress,
    left_out: Vec<LeftOut>,
    repacked: bool,
}

/// A layer that is in the store, or about to be.
struct Incoming {
    taken: Taken,
    compression: Compression,
    measured: Measured,
}

struct IntoStore<'a, 's> {
    session: &'a Session<'s>,
    number: usize,
}

impl Sink for IntoStore<'_, '_> {
    fn take(&mut self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), ImportError> {
        self.session.add_stream(bytes, executable).map_err(|error| match ImportError::from(error) {
            ImportError::Unpack { why, .. } => ImportError::Unpack { number: self.number, why },
            other => other,
        })
    }
}

impl<'a> Work<'a> {
    pub(super) fn new(
        store: &'a Store,
        place: &'a OpenLayout,
        limits: Limits,
        progress: &'a Progress,
    ) -> Self {
        Self { store, place, limits, progress, left_out: Vec::new(), repacked: false }
    }

    /// What was left out, and whether a manifest had to be made anew.
    pub(super) fn finish(self) -> (Vec<LeftOut>, bool) {
        (self.left_out, self.repacked)
    }

    /// Imports the image of a manifest.
    pub(super) fn image(&mut self, manifest: &Manifest) -> Result<Image, ImportError> {
        let config = self.place.document(&manifest.config)?;
        let wrong = |why: String| ImportError::Document { what: "the config".to_owned(), why };
        let parsed: ImageConfiguration = serde_json::from_slice(&config).map_err(|e| wrong(e.to_string()))?;
        let diff_ids = parsed.rootfs().diff_ids();
        if diff_ids.len() != manifest.layers.len() {
            let (layers, ids) = (manifest.layers.len(), diff_ids.len());
            return Err(wrong(format!("it has {ids} diffIDs, and the manifest has {layers} layers")));
        }
        let session = self.store.session()?;
        let mut changes = Changes::new(self.limits);
        let mut read = Vec::with_capacity(diff_ids.len());
        for (number, (blob, diff_id)) in manifest.layers.iter().zip(diff_ids).enumerate() {
            let layer = self.layer(number, blob, &mut changes, &session)?;
            let found = digest_text(&layer.measured.plain.sha256);
            if parse_digest(diff_id) != Some(layer.measured.plain.sha256) {
                return Err(ImportError::DiffId { number, found, wanted: diff_id.clone() });
            }
            read.push(layer);
        }
        let mut trees = Vec::with_capacity(read.len());
        for layer in &mut read {
            trees.push(grow::store(std::mem::take(&mut layer.taken.tree), &session)?.0);
        }
        let rootfs = grow::store(changes.into_rootfs(), &session)?.0;
        let until = Holder::Until(stele_store::now().saturating_add(MEANWHILE));
        let all: Vec<Target> = trees.iter().chain([&rootfs]).map(|tree| Target::Tree(*tree)).collect();
        session.finish(&all, &Keep { lease: Some(until), ..Keep::default() })?;
        let mut layers = Vec::with_capacity(read.len());
        for (number, (layer, tree)) in read.into_iter().zip(trees).enumerate() {
            layers.push(self.again(number, layer, tree)?);
        }
        let manifest = self.manifest(manifest, &config, &mut layers)?;
        Ok(Image { platform: platform_of(&parsed), layers, config, manifest, rootfs })
    }

    /// Reads a layer, and compares it with what is said of it.
    fn layer(
        &self,
        number: usize,
        blob: &Named,
        changes: &mut Changes,
        session: &Session<'_>,
    ) -> Result<Incoming, ImportError> {
        let (file, size) =
            self.place.file(&blob.file)?.ok_or_else(|| ImportError::Missing { blob: blob.file.clone() })?;
        if let Some(wanted) = blob.sum.map(|sum| sum.size).filter(|wanted| *wanted != size) {
            return Err(ImportError::Size { blob: blob.file.clone(), found: size, wanted });
        }
        let mut packed = Hashed::new(file, size, Some(self.progress));
        let outcome = self.unpack(number, &mut packed, changes, session);
        // A damaged blob fails in many ways, of which its digest says the most.
        let found = packed.finish();
        self.progress.check()?;
        let whole = found.map_err(|why| ImportError::Unpack { number, why });
        if let (Some(wanted), Ok(found)) = (blob.sum, &whole)
            && wanted.sha256 != found.sha256
        {
            let found = digest_text(&found.sha256);
            return Err(ImportError::Digest { blob: blob.file.clone(), found });
        }
        let (taken, compression, plain) = outcome?;
        Ok(Incoming { taken, compression, measured: Measured { plain, packed: whole? } })
    }

    fn unpack(
        &self,
        number: usize,
        packed: &mut dyn Read,
        changes: &mut Changes,
        session: &Session<'_>,
    ) -> Result<(Taken, Compression, Sum), ImportError> {
        let fails = |why| ImportError::Unpack { number, why };
        let (compression, reader) = unpacked(buffered(packed), self.limits.window).map_err(fails)?;
        let mut plain = Hashed::new(reader, self.limits.layer, None);
        let taken = changes.layer(number, &mut Untar::new(&mut plain), &mut IntoStore { session, number })?;
        // What stands behind the end of the tar is no part of it, and of the digest.
        let plain = plain.finish().map_err(fails)?;
        Ok((taken, compression, plain))
    }

    /// Whether the bytes of a layer can be made again.
    fn again(&mut self, number: usize, read: Incoming, tree: TreeId) -> Result<ImageLayer, ImportError> {
        let Incoming { taken, compression, measured } = read;
        let epoch = taken.epoch();
        let layer = Layer { epoch: epoch.unwrap_or(0), rules: taken.rules(), tree };
        let mut it =
            ImageLayer { origin: format!("number {number}"), layer, compression, measured, exact: false };
        self.left_out.extend(taken.left_out);
        if epoch.is_some() {
            let found = remeasured(self.store, &it.layer, compression, self.progress).map_err(Box::new)?;
            it.exact = found == measured;
            // The same tar, packed by somebody else: it can be passed on as we pack it.
            if found.plain == measured.plain && !it.exact {
                it.measured = found;
                it.exact = true;
                self.repacked = true;
            }
        }
        Ok(it)
    }

    /// The manifest as it was, as long as it says the truth of what can be passed on.
    fn manifest(
        &mut self,
        manifest: &Manifest,
        config: &[u8],
        layers: &mut [ImageLayer],
    ) -> Result<Vec<u8>, ImportError> {
        let said: Vec<Option<Sum>> = manifest.layers.iter().map(|blob| blob.sum).collect();
        let same = layers.iter().zip(&said).all(|(layer, said)| Some(layer.measured.packed) == *said);
        let all_exact = layers.iter().all(|layer| layer.exact);
        match &manifest.bytes {
            Some(bytes) if same || !all_exact => {
                // Packed anew in part only, nothing of it could be passed on: it stays as it came.
                for (layer, said) in layers.iter_mut().zip(&said) {
                    if let Some(said) = said.filter(|said| *said != layer.measured.packed) {
                        layer.measured.packed = said;
                        layer.exact = false;
                    }
                }
                self.repacked &= same || all_exact;
                Ok(bytes.clone())
            }
            _ => {
                let packed: Vec<_> = layers.iter().map(|it| (it.compression, it.measured)).collect();
                document::manifest(&document::sum(config), &packed, &manifest.annotations).map_err(|e| {
                    ImportError::Document { what: "the manifest".to_owned(), why: e.to_string() }
                })
            }
        }
    }
}
