//! What is known of the images, by the trees that keep them: to show one, or to tell whether the endpoint can serve it,
//! its whole record has to be read, and clients ask for all of them often. A tree is what it is, so nothing here ages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use stele_oci::record::{self, Record};
use stele_store::model::TreeId;
use stele_store::{ReadError, Store};

use super::Shown;
use super::repository::repository;

/// The maximum number of images; beyond it, all are forgotten.
const MAX_KNOWN: usize = 100_000;

/// What is known of a store's images.
#[derive(Default)]
pub struct KnownImages(Mutex<HashMap<(String, TreeId), Arc<Known>>>);

/// What is known of one image.
struct Known {
    shown: Shown,
    /// Whether the endpoint can serve it.
    served: bool,
}

impl KnownImages {
    /// The names of all images that the endpoint can serve.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn served(&self, store: &Store) -> Result<Vec<String>, ReadError> {
        let all = self.all(store)?;
        Ok(all.into_iter().filter(|it| it.served).map(|it| it.shown.name.clone()).collect())
    }

    /// All images, sorted by name. A root with an image's prefix that keeps no image is left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn shown(&self, store: &Store) -> Result<Vec<Shown>, ReadError> {
        Ok(self.all(store)?.into_iter().map(|it| it.shown.clone()).collect())
    }

    fn all(&self, store: &Store) -> Result<Vec<Arc<Known>>, ReadError> {
        let mut all = Vec::new();
        for key in record::trees(store)? {
            if let Some(known) = self.lock(|known| known.get(&key).cloned()) {
                all.push(known);
                continue;
            }
            let (name, tree) = &key;
            // A record that cannot be read now may be readable later.
            let Ok(record) = Record::load(store, tree) else { continue };
            let served = repository(name, tree, &record).is_ok();
            let found = Arc::new(Known { shown: Shown::new(name, *tree, &record), served });
            all.push(Arc::clone(&found));
            self.lock(|known| {
                if known.len() >= MAX_KNOWN {
                    known.clear();
                }
                known.insert(key, found);
            });
        }
        Ok(all)
    }

    fn lock<T>(&self, with: impl FnOnce(&mut HashMap<(String, TreeId), Arc<Known>>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
