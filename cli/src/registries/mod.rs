//! Images between the store and registries: the endpoint that others pull from, and the way to those of others.
//!
//! All of it runs in the command's own process, which asks the daemon for bytes: a fault in speaking with strangers has
//! no store to harm, and the credentials are the person's.

mod daemons;
mod folder;
mod images;
mod reading;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

pub use daemons::Daemons;
pub use folder::Folder;
pub use images::Stored;
pub use reading::Reading;

use stele::failure::Failure;

/// How to talk to a registry.
#[derive(Args, Debug)]
pub struct Way {
    /// Talk to the registry without TLS also when it is not on this machine
    #[arg(long)]
    plain_http: bool,
}

impl Way {
    /// As the client takes it.
    pub fn options(&self) -> stele_registry::client::Options {
        stele_registry::client::Options { plain: self.plain_http, ..Default::default() }
    }
}

/// Is set by Ctrl-C, SIGTERM, and the end of the terminal (SIGHUP).
///
/// # Errors
/// When signals cannot be had.
pub fn stop() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // The second time it ends the process as it would have.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|e| Failure::io("no signals can be had", &e))?;
    }
    Ok(stop)
}
