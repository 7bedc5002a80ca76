//! Names of roots that the kernel has in its cache: it is told when one means something else.

use std::sync::{Weak, mpsc};
use std::thread;
use std::time::Duration;

use tracing::warn;

use stele_store::model::RootName;

use super::View;
use crate::inode;
use crate::state::Location;

/// How long a change of a root waits for the kernel, which waits for lookups in that directory. After that, the name is
/// looked up again when its time is over.
const PATIENCE: Duration = Duration::from_millis(200);

/// Makes the kernel look up a name again.
pub trait Invalidating: Send + Sync {
    /// The name in the directory of that number means something else. Returns when the kernel has taken note.
    fn invalidate(&self, parent: u64, name: &[u8]);
}

impl View {
    /// From now on the kernel is told by `invalidating`.
    pub(crate) fn invalidate_by(&self, invalidating: Weak<dyn Invalidating>) {
        if self.invalidating.set(invalidating).is_err() {
            warn!("a mount is served twice by one process");
        }
    }

    pub(super) fn invalidate_root(&self, name: &RootName) {
        let name = name.as_str().as_bytes();
        if self.state().at(&Location::ByName(name.to_vec())).is_none() {
            return;
        }
        let Some(invalidating) = self.invalidating.get().and_then(Weak::upgrade) else { return };
        // Not in this thread: when nobody answers the kernel at the moment, it would wait until somebody does.
        let (told, wait) = mpsc::channel();
        let name = name.to_vec();
        let tell = move || {
            invalidating.invalidate(inode::BY_NAME, &name);
            let _ = told.send(());
        };
        match thread::Builder::new().name("invalidate".to_owned()).spawn(tell) {
            Ok(_) => drop(wait.recv_timeout(PATIENCE)),
            Err(e) => warn!("the kernel is not told of a changed root: {e}"),
        }
    }
}
