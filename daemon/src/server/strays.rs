//! Removing files without rows that the last owner of the store left, while requests are served.

use std::sync::Arc;
use std::thread;

use stele_store::CollectError;
use tracing::{info, warn};

use super::Server;
use super::counting::Working;

/// After an owner that did not close the store: removes files without rows, while requests are served.
pub(super) fn clear_strays(server: &Arc<Server>) {
    let server = Arc::clone(server);
    thread::spawn(move || {
        // The store is not closed, nor marked as sound, while files are being removed.
        let _working = Working::begin(&server.working);
        match server.engine.store().drop_strays() {
            Ok(0) | Err(CollectError::Running) => {}
            Ok(count) => info!("removed {count} payloads that no row named"),
            Err(error) => warn!("payloads without rows could not be removed: {error}"),
        }
    });
}
