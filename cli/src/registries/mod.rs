//! Images between the store and registries: the endpoint that clients pull from, and the client of other registries.
//!
//! All of it runs in the command's own process, which requests bytes from the daemon: a bug in the network code cannot
//! damage the store, and the credentials are the user's.

mod folder;
mod images;
mod reading;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

pub use crate::daemons::Daemons;
pub use folder::Folder;
pub use images::Stored;
pub use reading::Reading;

use stele::failure::Failure;

/// Options of connections to a registry.
#[derive(Args, Debug)]
pub struct Way {
    /// Use plain HTTP, even if the registry is not on this machine
    #[arg(long)]
    plain_http: bool,
}

impl Way {
    /// As the client's settings.
    pub fn options(&self) -> stele_registry::client::Options {
        stele_registry::client::Options { plain: self.plain_http, ..Default::default() }
    }
}

/// A flag that Ctrl-C, SIGTERM, and the end of the terminal (SIGHUP) set.
///
/// # Errors
/// When signal handlers cannot be installed.
pub fn stop() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // The second signal ends the process as by default.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|e| Failure::io("signal handlers cannot be installed", &e))?;
    }
    Ok(stop)
}
