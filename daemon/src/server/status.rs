//! What a daemon tells about itself.

use std::sync::atomic::Ordering;

use stele::answers::Status;
use stele::reference::to_wire;

use super::Server;
use crate::protocol::{BUILD, VERSION};

impl Server {
    pub(super) fn status(&self) -> Status {
        Status {
            running: true,
            store: to_wire(self.engine.store().path().as_os_str()),
            pid: Some(std::process::id()),
            version: Some(VERSION.to_owned()),
            build: Some(BUILD.to_owned()),
            up_seconds: Some(self.begun.elapsed().as_secs()),
            working: Some(self.working.load(Ordering::SeqCst)),
            idle_seconds: Some(self.idle.as_secs()),
            mounts: Some(self.mounts.count() as u64),
        }
    }
}
