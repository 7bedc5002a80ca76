//! Which images an endpoint can serve, remembered by the trees that keep them: to know it of an image, all of its
//! record
//! has to be read, and a client may ask for the list as often as it likes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stele_oci::record::{self, Record};
use stele_store::model::TreeId;
use stele_store::{ReadError, Store};

use super::repository::repository;

/// So many are remembered; then all are forgotten.
const MAX_KNOWN: usize = 100_000;

/// What is known. A tree is named by its content, so it says the same in every store.
static KNOWN: Mutex<Option<HashMap<(String, TreeId), bool>>> = Mutex::new(None);

/// The names of all images that an endpoint can serve.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn names(store: &Store) -> Result<Vec<String>, ReadError> {
    let mut served = Vec::new();
    for (name, tree) in record::trees(store)? {
        let key = (name, tree);
        let known = lock(|known| known.get(&key).copied());
        let can = match known {
            Some(can) => can,
            None => {
                // What cannot be read now may be readable later.
                let Ok(record) = Record::load(store, &tree) else { continue };
                let can = repository(&key.0, &tree, &record).is_ok();
                lock(|known| {
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

fn lock<T>(with: impl FnOnce(&mut HashMap<(String, TreeId), bool>) -> T) -> T {
    with(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}
