//! The daemon's connection to the keeper.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::keeper::{SOCKET, SupervisorReply, SupervisorRequest};
use super::{Record, receive, send};
use crate::{client, socket};
use stele_fs::Handover;

/// How long a keeper may take to listen.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to the keeper.
pub(super) struct Held {
    stream: UnixStream,
}

impl Held {
    /// The running keeper.
    pub(super) fn connect(store: &Path) -> io::Result<Self> {
        let stream = socket::connect_to(store, SOCKET)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream })
    }

    /// The running keeper, or a new one.
    pub(super) fn connect_or_start(store: &Path) -> io::Result<Self> {
        if let Ok(held) = Self::connect(store) {
            return Ok(held);
        }
        let mut child = client::own_program(&["daemon", "keep"], store).spawn()?;
        // Reaps the process, which nothing else waits for.
        thread::Builder::new().name("keeper-end".to_owned()).spawn(move || child.wait())?;
        let begun = Instant::now();
        loop {
            match Self::connect(store) {
                Ok(held) => return Ok(held),
                Err(e) if begun.elapsed() > PATIENCE => return Err(e),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    pub(super) fn keep(&self, id: u64, record: &Record, handover: &Handover) -> io::Result<()> {
        let devices = handover.devices.iter().map(OwnedFd::as_fd);
        let fds: Vec<BorrowedFd<'_>> = [handover.journal.as_fd()].into_iter().chain(devices).collect();
        send(&self.stream, &SupervisorRequest::Keep { id, record: record.clone() }, &fds)?;
        // The mount is held only once the keeper confirms it.
        match receive::<SupervisorReply>(&self.stream)? {
            Some((SupervisorReply::End {}, _)) => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    pub(super) fn drop_mount(&self, id: u64) -> io::Result<()> {
        send(&self.stream, &SupervisorRequest::Drop { id }, &[])
    }

    /// Tells the keeper that this daemon ends in good order.
    pub(super) fn bye(&self) -> io::Result<()> {
        send(&self.stream, &SupervisorRequest::Bye {}, &[])
    }

    /// Everything that it holds.
    pub(super) fn take(&self) -> io::Result<Vec<(u64, Record, Handover)>> {
        send(&self.stream, &SupervisorRequest::Take {}, &[])?;
        let mut taken = Vec::new();
        loop {
            match receive::<SupervisorReply>(&self.stream)? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some((SupervisorReply::End {}, _)) => return Ok(taken),
                Some((SupervisorReply::Mount { id, record }, fds)) => {
                    let mut fds = fds.into_iter();
                    let Some(journal) = fds.next() else { continue };
                    taken.push((id, record, Handover { devices: fds.collect(), journal }));
                }
            }
        }
    }
}
