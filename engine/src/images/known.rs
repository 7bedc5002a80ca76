//! Which images the endpoint can serve, cached by the trees that keep them: to determine it, an image's whole record
//! has to be read, and clients may request the list often.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stele_oci::record::{self, Record};
use stele_store::model::TreeId;
use stele_store::{ReadError, Store};

use super::repository::repository;

/// The maximum size of the cache; when it is full, it is cleared.
const MAX_KNOWN: usize = 100_000;

/// The cache of a store.
#[derive(Default)]
pub struct ServedImages(Mutex<HashMap<(String, TreeId), bool>>);

impl ServedImages {
    /// The names of all images that the endpoint can serve.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn names(&self, store: &Store) -> Result<Vec<String>, ReadError> {
        let mut served = Vec::new();
        for (name, tree) in record::trees(store)? {
            let key = (name, tree);
            let known = self.lock(|known| known.get(&key).copied());
            let can = match known {
                Some(can) => can,
                None => {
                    // A record that cannot be read now may be readable later.
                    let Ok(record) = Record::load(store, &tree) else { continue };
                    let can = repository(&key.0, &tree, &record).is_ok();
                    self.lock(|known| {
                        if known.len() >= MAX_KNOWN {
                            known.clear();
                        }
                        known.insert(key.clone(), can);
                    });
                    can
                }
            };
            if can {
                served.push(key.0);
            }
        }
        Ok(served)
    }

    fn lock<T>(&self, with: impl FnOnce(&mut HashMap<(String, TreeId), bool>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
