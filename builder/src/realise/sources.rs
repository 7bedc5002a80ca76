//! The sources and local files of a recipe, in the store as a build sees them.
//!
//! This store derives the content of a source itself from the pinned bytes: what other stores report of an
//! unpacking is ignored.

use std::collections::BTreeMap;
use std::path::Path;

use stele_recipes::content::InStore;
use stele_recipes::hex0;
use stele_recipes::language::{Files as _, OnDisk};
use stele_recipes::patch::MAX_FILE;
use stele_recipes::plan::{self, MADE};
use stele_recipes::prepare::{PrepareError, prepare};
use stele_recipes::recipe::{LocalInput, PatchFile, Recipe, RecipeName, SourceInput};
use stele_store::model::{BlobId, Digest, Node, TreeId};
use stele_store::{
    Cancelled, Holder, Keep, Origin, Origins, Outputs, Progress, Realisation, Realised, Store, Target,
};

use super::error::SourceError;
use super::holding::Holding;
use super::known::{on_disk, sound_source};

/// The maximum size of a local file, in bytes.
const MAX_LOCAL: usize = 1 << 30;

/// How the inputs of a recipe are prepared.
pub struct Preparing<'a> {
    /// The store for them.
    pub store: &'a Store,
    /// The recipe tree.
    pub tree: &'a Path,
    /// The lease of what was not stored before.
    pub until: Holder,
    /// What protects them until they are used.
    pub holding: Option<&'a Holding>,
    /// The progress.
    pub progress: &'a Progress,
}

impl Preparing<'_> {
    /// A source as a build sees it, and whether the store had it before.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn source(&self, recipe: &RecipeName, source: &SourceInput) -> Result<(Target, bool), SourceError> {
        let (Some(how), Some(request)) = (&source.unpack, plan::unpacking(source)) else {
            let blob = Target::Blob(self.pinned(recipe, source)?);
            self.keep(blob)?;
            return Ok((blob, true));
        };
        if let Some(known) = self.unpacked(&request)? {
            return Ok((Target::Tree(known), true));
        }
        let (store, progress) = (self.store, self.progress);
        let blob = self.pinned(recipe, source)?;
        let patches =
            how.patches.iter().map(|patch| read_patch(self.tree, patch)).collect::<Result<Vec<_>, _>>()?;
        // Bytes from the store are verified before they are unpacked.
        store.open_blob(&blob)?.verified_by(|_| {})?;
        let session = store.session()?;
        let made =
            prepare(&mut store.open_blob(&blob)?, how, &patches, &InStore::new(store, &session, progress));
        let made = made.map_err(|why| match is_cancelled(&why) {
            true => SourceError::Cancelled(Cancelled),
            false => SourceError::Refused {
                recipe: recipe.clone(),
                file: source.source.file.to_string(),
                why: Box::new(why),
            },
        })?;
        let outputs = Outputs(BTreeMap::from([(MADE.to_owned(), made)]));
        let realisation = Realisation { outputs, log: None, origin: Origin::Built };
        let realised = Realised { of: Some((request, realisation)), ..Realised::default() };
        self.reserve(Target::Tree(made));
        session
            .finish(&[Target::Tree(made)], &Keep { lease: Some(self.until), realised, ..Keep::default() })?;
        Ok((Target::Tree(made), false))
    }

    /// Stores the local files that a build sees. They must be those with which the recipe was evaluated.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn locals(&self, recipe: &Recipe) -> Result<(), SourceError> {
        for local in &recipe.locals {
            let Some(target) = Target::of(&local.node) else { continue };
            // Held first: what is found must not be collected afterwards.
            let held = self.keep(target).is_ok();
            if !held || !self.is_there(&local.node, target)? {
                self.import(local, target)?;
            }
        }
        Ok(())
    }

    /// Checks that the images of a recipe are in the store, with the size that it states. Returns their trees.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn images(&self, recipe: &Recipe) -> Result<Vec<TreeId>, SourceError> {
        for image in &recipe.images {
            let reference = || (recipe.name.clone(), image.reference.clone());
            let target = Target::Tree(image.rootfs);
            if self.keep(target).is_err() || !self.store.has_closure(target)? {
                let (recipe, image) = reference();
                return Err(SourceError::NoImage { recipe, image });
            }
            let found = self.store.closure(&image.rootfs)?.bytes;
            if found != image.size {
                let (recipe, reference) = reference();
                return Err(SourceError::ImageSize { recipe, image: reference, found, said: image.size });
            }
        }
        Ok(recipe.images.iter().map(|image| image.rootfs).collect())
    }

    fn keep(&self, target: Target) -> Result<(), SourceError> {
        self.holding.map_or(Ok(()), |holding| holding.keep(target)).map_err(SourceError::Read)
    }

    fn reserve(&self, target: Target) {
        if let Some(holding) = self.holding {
            holding.reserve(target);
        }
    }

    /// What this store unpacked before, if all of it can still be read.
    fn unpacked(&self, request: &[u8]) -> Result<Option<TreeId>, SourceError> {
        let made = self.store.realisation(&Digest::of(request), Origins::Own)?;
        let Some(tree) = made.and_then(|made| made.outputs.0.get(MADE).copied()) else { return Ok(None) };
        let target = Target::Tree(tree);
        // Held first: what is found must not be collected afterwards.
        let held = self.keep(target).is_ok();
        Ok((held && self.store.has_closure(target)?).then_some(tree))
    }

    /// The blob that a source is pinned to. A damaged one counts as missing, and is fetched again.
    fn pinned(&self, recipe: &RecipeName, source: &SourceInput) -> Result<BlobId, SourceError> {
        let missing =
            || SourceError::Missing { recipe: recipe.clone(), file: source.source.file.to_string() };
        Ok(sound_source(self.store, &source.source.sha256)?.ok_or_else(missing)?.0)
    }

    fn is_there(&self, node: &Node, target: Target) -> Result<bool, SourceError> {
        Ok(match target {
            Target::Tree(_) => self.store.has_closure(target)?,
            Target::Blob(blob) => {
                self.store.presence(target)?.is_sound() && self.store.blob_info(&blob)?.size == node.size()
            }
        })
    }

    fn import(&self, local: &LocalInput, target: Target) -> Result<(), SourceError> {
        let session = self.store.session()?;
        let path = on_disk(self.tree, &local.path);
        let stored = match &local.node {
            Node::File { executable, .. } => {
                let bytes = read(self.tree, &local.path, MAX_LOCAL)?;
                // What is no longer hex0 is not what was evaluated, either.
                let changes = |_| SourceError::Changes { path: path.clone() };
                let bytes = if local.hex0 { hex0::decode(&bytes).map_err(changes)? } else { bytes };
                Target::Blob(session.add_blob(&bytes, *executable)?)
            }
            // The target of a link on the way is compared, as everything is, with what was evaluated.
            _ => session.import(&path, self.progress)?,
        };
        if stored != target {
            return Err(SourceError::Changes { path });
        }
        self.reserve(target);
        session.finish(&[target], &Keep { lease: Some(self.until), ..Keep::default() })?;
        Ok(())
    }
}

fn is_cancelled(error: &PrepareError) -> bool {
    error.content().is_some_and(|it| it.inner().is::<Cancelled>())
}

/// The bytes of a patch, which must be those with which the recipe was evaluated.
fn read_patch(tree: &Path, patch: &PatchFile) -> Result<Vec<u8>, SourceError> {
    let max = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
    let bytes = read(tree, &patch.path, max)?;
    match &patch.node {
        Node::File { blob, .. } if blob.0 == Digest::of(&bytes) => Ok(bytes),
        _ => Err(SourceError::Changes { path: on_disk(tree, &patch.path) }),
    }
}

fn read(tree: &Path, path: &stele_recipes::paths::TreePath, max: usize) -> Result<Vec<u8>, SourceError> {
    let shown = on_disk(tree, path);
    let failed = |source| SourceError::Local { path: shown.clone(), source };
    let files = OnDisk::open(tree).map_err(|e| failed(std::io::Error::other(e)))?;
    Ok(files.read(path, max).map_err(failed)?.unwrap_or_default())
}
