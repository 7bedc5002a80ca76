//! The uploads that are under way, or were cut off and may go on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

use super::spool::Spool;

/// How many clients may write at once; others wait.
const MAX_WRITING: usize = 64;
/// How many uploads that were cut off are remembered.
const MAX_CUT: usize = 256;
/// For how long.
const KEPT: Duration = Duration::from_secs(600);

/// All uploads.
pub struct Uploads {
    known: Mutex<HashMap<String, Arc<Upload>>>,
    /// A place for each that writes.
    pub places: Semaphore,
}

/// One upload.
#[derive(Default)]
pub struct Upload {
    /// Held by whoever writes.
    pub spool: Arc<tokio::sync::Mutex<Spool>>,
    /// How many bytes have come.
    pub written: AtomicU64,
    /// Another connection goes on with it.
    pub taken_over: Notify,
    /// When it was cut off.
    cut: Mutex<Option<Instant>>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { known: Mutex::default(), places: Semaphore::new(MAX_WRITING) }
    }
}

impl Uploads {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Upload>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of an upload have come.
    pub fn written(&self, name: &str) -> i64 {
        let written = self.known().get(name).map_or(0, |upload| upload.written.load(Ordering::SeqCst));
        i64::try_from(written).unwrap_or(i64::MAX)
    }

    /// The upload of that name; a new one, if there is none.
    pub fn begin(&self, name: &str) -> Arc<Upload> {
        let mut known = self.known();
        let upload = Arc::clone(known.entry(name.to_owned()).or_default());
        *upload.cut() = None;
        upload
    }

    /// The upload was cut off: it is remembered for a while.
    pub fn cut(self: &Arc<Self>, upload: &Upload) {
        *upload.cut() = Some(Instant::now());
        self.forget_old();
        let uploads = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT + Duration::from_secs(1)).await;
            uploads.forget_old();
        });
    }

    /// Forgets an upload that is done or in vain, unless another one has its name by now.
    pub fn end(&self, name: &str, upload: &Arc<Upload>) {
        let mut known = self.known();
        if known.get(name).is_some_and(|it| Arc::ptr_eq(it, upload)) {
            known.remove(name);
        }
    }

    fn forget_old(&self) {
        let mut known = self.known();
        let is_fresh = |it: &Upload| it.cut().is_none_or(|cut| cut.elapsed() < KEPT);
        known.retain(|_, upload| is_fresh(upload));
        let mut cut: Vec<(Instant, String)> =
            known.iter().filter_map(|(name, it)| Some(((*it.cut())?, name.clone()))).collect();
        if cut.len() > MAX_CUT {
            cut.sort_unstable();
            let too_many = cut.len() - MAX_CUT;
            for (_, name) in cut.into_iter().take(too_many) {
                known.remove(&name);
            }
        }
    }
}

impl Upload {
    fn cut(&self) -> MutexGuard<'_, Option<Instant>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
