//! Mounts that this process serves: some can be handed over to another process, others end with this one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::MemfdFlags;
use tracing::{info, warn};

use crate::state::{JournalError, Opens, State};
use crate::transport::{Begin, Connection, Transport, clone_device};
use crate::view::{Showing, View};

/// Why a mount cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The journal of the kernel's knowledge.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The device.
    #[error("the FUSE device cannot be used: {0}")]
    Device(#[from] io::Error),
}

/// What another process needs to take over a mount: descriptors to hold, in this order.
#[derive(Debug)]
pub struct Handover {
    /// The mounted device, and clones of it.
    pub devices: Vec<OwnedFd>,
    /// The journal.
    pub journal: OwnedFd,
}

/// A mount that this process serves.
pub struct Serving {
    view: Arc<View>,
    handover: Handover,
    passthrough: Arc<AtomicBool>,
}

impl Serving {
    /// Serves a new mount. `on_end` is called when it ends.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub fn begin(
        showing: Showing,
        opens: Opens,
        device: OwnedFd,
        transport: &dyn Transport,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, ServeError> {
        let journal =
            rustix::fs::memfd_create("stele-mount", MemfdFlags::CLOEXEC).map_err(io::Error::from)?;
        let state = State::begin(File::from(journal.try_clone()?), opens)?;
        let handover = Handover { devices: with_second(device)?, journal };
        Self::start(showing, state, handover, transport, Begin::New, on_end)
    }

    /// Takes over a mount that another process served.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub fn resume(
        showing: Showing,
        handover: Handover,
        transport: &dyn Transport,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, ServeError> {
        let state = State::resume(File::from(handover.journal.try_clone()?))?;
        Self::start(showing, state, handover, transport, Begin::Resumed, on_end)
    }

    fn start(
        showing: Showing,
        state: State,
        handover: Handover,
        transport: &dyn Transport,
        begin: Begin,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, ServeError> {
        let view = View::new(showing, state);
        let devices = handover.devices.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?;
        let passthrough = answer(&view, devices, transport, begin, on_end)?;
        Ok(Self { view, handover, passthrough })
    }

    /// What another process needs to take over.
    pub fn handover(&self) -> &Handover {
        &self.handover
    }

    /// Whether the kernel reads payload files directly.
    pub fn passthrough(&self) -> bool {
        self.passthrough.load(Ordering::Relaxed)
    }

    /// Waits for pending answers, and answers no more: the next process will.
    pub fn pause(&self) {
        self.view.pause();
    }

    /// The numbers of open files, and of directories and links that the kernel knows.
    pub fn counts(&self) -> (usize, usize) {
        self.view.with_state(|state| (state.open_files().count(), state.known()))
    }
}

/// Serves a new mount until it or this process ends: no other process will be asked about what the kernel knows, so
/// there is no journal.
///
/// # Errors
/// When the device cannot be used.
pub fn serve_fleeting(
    showing: Showing,
    opens: Opens,
    device: OwnedFd,
    transport: &dyn Transport,
) -> io::Result<()> {
    let view = View::new(showing, State::fleeting(opens));
    let ended = Arc::clone(&view);
    answer(&view, with_second(device)?, transport, Begin::New, move || ended.close_payloads())?;
    Ok(())
}

/// A second thread serves concurrent clients; with its own clone it does not wait for the first.
fn with_second(device: OwnedFd) -> io::Result<Vec<OwnedFd>> {
    let second = clone_device(device.as_fd()).or_else(|e| {
        info!("both threads of a mount read one descriptor: {e}");
        device.try_clone()
    })?;
    Ok(vec![device, second])
}

/// Whether the kernel reads payload files directly.
fn answer(
    view: &Arc<View>,
    devices: Vec<OwnedFd>,
    transport: &dyn Transport,
    begin: Begin,
    on_end: impl FnOnce() + Send + 'static,
) -> io::Result<Arc<AtomicBool>> {
    let Connection { passthrough, threads } = transport.serve(view, devices, begin)?;
    thread::Builder::new().name("mount-end".to_owned()).spawn(move || {
        for thread in threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(e)) => warn!("a thread of a mount ended: {e}"),
                Err(_) => warn!("a thread of a mount panicked"),
            }
        }
        on_end();
    })?;
    Ok(passthrough)
}
