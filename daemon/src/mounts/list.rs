//! The mounts that a daemon serves.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tracing::{info, warn};

use stele_fs::{Memory, ServeError, Serving, Showing, attach};
use stele_store::Store;

use super::held::Held;
use super::{Record, own_namespace, written};
use stele::answers;
use stele::failure::{Failure, Kind};
use stele::reference::from_wire;

struct Mounted {
    record: Record,
    /// `None` while it is starting.
    serving: Option<Serving>,
}

#[derive(Default)]
struct State {
    next: u64,
    mounts: BTreeMap<u64, Mounted>,
    /// The keeper, once there was a mount to hold.
    held: Option<Held>,
    /// Whether the daemon is ending: mounts that end now stay in the lists.
    ending: bool,
}

/// The mounts of one store.
pub struct List {
    store: Arc<Store>,
    memory: Arc<Memory>,
    state: Mutex<State>,
    this: Weak<Self>,
}

impl List {
    /// Takes over the mounts of an earlier daemon.
    pub fn resume(store: &Arc<Store>) -> Arc<Self> {
        let list = Arc::new_cyclic(|this| Self {
            store: Arc::clone(store),
            memory: Arc::default(),
            state: Mutex::default(),
            this: this.clone(),
        });
        // Read first: mounts that cannot be taken over are mounted again, too.
        let written = written::read(list.path());
        match list.take_over() {
            Ok(()) => list.mount_again(written),
            // The keeper holds them, so they live: requests to them wait.
            Err(e) => warn!("the keeper does not send its mounts: {e}"),
        }
        list
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store's cache, shared by all of its mounts.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    fn path(&self) -> &Path {
        self.store.path()
    }

    fn showing(&self, record: &Record) -> Showing {
        Showing {
            store: Arc::clone(&self.store),
            memory: Arc::clone(&self.memory),
            forgetting: record.forgetting(self.path()),
            observer: None,
        }
    }

    /// Takes over the mounts of the keeper, if there is one.
    fn take_over(&self) -> io::Result<()> {
        let held = match Held::connect(self.path()) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(());
            }
            held => held?,
        };
        let taken = held.take()?;
        self.state().held = Some(held);
        for (id, record, handover) in taken {
            {
                let mut state = self.state();
                state.next = state.next.max(id + 1);
                state.mounts.insert(id, Mounted { record: record.clone(), serving: None });
            }
            let (transport, on_end) = (record.transport(), self.when_ended(id));
            match Serving::resume(self.showing(&record), handover, &transport, on_end) {
                Ok(serving) => {
                    info!("took over the mount at {}", record.path);
                    self.begun(id, serving);
                }
                Err(e) => {
                    warn!("the mount at {} cannot be taken over: {e}", record.path);
                    self.ended(id);
                }
            }
        }
        Ok(())
    }

    /// Remounts what no process held: its descriptors are closed, so the kernel has ended it, and its path gives
    /// ENOTCONN.
    fn mount_again(&self, written: Vec<Record>) {
        let namespace = own_namespace();
        for record in written {
            let Ok(path) = from_wire(&record.path) else { continue };
            let known = self.state().mounts.values().any(|mounted| mounted.record.path == record.path);
            if known || record.namespace != namespace || !attach::is_attached(&path, self.path()) {
                continue;
            }
            let again = attach::detach(&path, record.how(), true).map_err(Failure::from).and_then(|()| {
                let attached = attach::attach(&path, self.path())?;
                let direct = attached.how == attach::How::Direct;
                self.add(attached.device, Record { direct, ..record.clone() })
            });
            match again {
                Ok(_) => info!("mounted again at {}", record.path),
                Err(e) => warn!("could not be mounted again at {}: {}", record.path, e.message),
            }
        }
        self.write();
    }

    /// Serves a new mount.
    ///
    /// # Errors
    /// When the kernel does not answer on the device.
    pub fn add(&self, device: OwnedFd, record: Record) -> Result<answers::Mount, Failure> {
        let id = {
            let mut state = self.state();
            let id = state.next;
            state.next += 1;
            state.mounts.insert(id, Mounted { record: record.clone(), serving: None });
            id
        };
        let (transport, on_end) = (record.transport(), self.when_ended(id));
        let begun = Serving::begin(self.showing(&record), record.opens(), device, &transport, on_end);
        let serving = begun.map_err(|e: ServeError| {
            self.ended(id);
            Failure::new(Kind::Failed, format!("the mount cannot be served: {e}"))
        })?;
        info!("mounted at {}", record.path);
        self.keep(id, &record, &serving);
        let answer = answer(&record, Some(&serving));
        self.begun(id, serving);
        self.write();
        Ok(answer)
    }

    /// Without a keeper the mount works, and ends with this process.
    fn keep(&self, id: u64, record: &Record, serving: &Serving) {
        let mut state = self.state();
        let mut kept = match &state.held {
            Some(held) => held.keep(id, record, serving.handover()),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        };
        if kept.is_err() {
            // There is none, or it was killed: what it held is handed to the next.
            kept = Held::connect_or_start(self.path()).and_then(|held| {
                for (id, mounted) in &state.mounts {
                    if let Some(serving) = &mounted.serving {
                        held.keep(*id, &mounted.record, serving.handover())?;
                    }
                }
                held.keep(id, record, serving.handover())?;
                state.held = Some(held);
                Ok(())
            });
        }
        if let Err(e) = kept {
            warn!("no keeper: the mount at {} ends when this daemon is killed: {e}", record.path);
        }
    }

    fn begun(&self, id: u64, serving: Serving) {
        // One that has ended in the meantime is already removed.
        if let Some(mounted) = self.state().mounts.get_mut(&id) {
            mounted.serving = Some(serving);
        }
    }

    fn when_ended(&self, id: u64) -> impl FnOnce() + Send + 'static {
        let list = self.this.clone();
        move || {
            if let Some(list) = list.upgrade() {
                list.ended(id);
            }
        }
    }

    fn ended(&self, id: u64) {
        let gone = {
            let mut state = self.state();
            if state.ending {
                return;
            }
            if let Some(held) = &state.held {
                let _ = held.drop_mount(id);
            }
            state.mounts.remove(&id)
        };
        if let Some(mounted) = gone {
            info!("the mount at {} has ended", mounted.record.path);
            self.write();
        }
    }

    fn write(&self) {
        let records = self.state().mounts.values().map(|mounted| mounted.record.clone()).collect();
        written::write(self.path(), records);
    }

    /// The number of mounts.
    pub fn count(&self) -> usize {
        self.state().mounts.len()
    }

    /// All mounts.
    pub fn answers(&self) -> Vec<answers::Mount> {
        self.state()
            .mounts
            .values()
            .map(|mounted| answer(&mounted.record, mounted.serving.as_ref()))
            .collect()
    }

    /// Stops serving: the next daemon takes over, and requests wait until then.
    pub fn pause(&self) {
        let mut state = self.state();
        state.ending = true;
        state.mounts.values().filter_map(|mounted| mounted.serving.as_ref()).for_each(Serving::pause);
        if let Some(held) = state.held.take() {
            let _ = held.bye();
            // Closed only by the end of the process: until then its threads may read requests.
            std::mem::forget(held);
        }
    }
}

fn answer(record: &Record, serving: Option<&Serving>) -> answers::Mount {
    let (open_files, known_nodes) = serving.map_or((0, 0), Serving::counts);
    answers::Mount {
        path: record.path.clone(),
        direct: record.direct,
        passthrough: serving.is_some_and(Serving::passthrough),
        open_files: open_files as u64,
        known_nodes: known_nodes as u64,
        since: record.since,
        namespace: record.namespace,
    }
}
