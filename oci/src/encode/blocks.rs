//! Compresses blocks on many threads, and passes them on in their order.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Packer;

/// A block, and where it goes when it is compressed.
type Work = (Vec<u8>, SyncSender<io::Result<Vec<u8>>>);

/// Reads, compresses and passes on at the same time: this thread takes blocks from `next` and gives them to `to`, so
/// many others compress. Ends when there is no block any more, or `to` returns false; up to `ahead` blocks more than
/// were passed on are taken then.
pub(super) fn blocks<P: Packer>(
    packer: &P,
    threads: usize,
    ahead: usize,
    next: &mut dyn FnMut() -> io::Result<Option<Vec<u8>>>,
    to: &mut dyn FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<()> {
    let failed = || io::Error::other("the encoder failed");
    // One that is left when this returns, by an error too, ends the threads.
    let (give, work) = sync_channel::<Work>(threads);
    let work = &Mutex::new(work);
    thread::scope(|scope| {
        let give = give;
        for _ in 0..threads {
            scope.spawn(move || {
                let take = || work.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok((bytes, done)) = take() {
                    // Whoever wanted it may have failed meanwhile.
                    let _ = done.send(packer.block(&bytes));
                }
            });
        }
        let mut under_way = VecDeque::new();
        loop {
            let block = next()?;
            // At the end all that are under way are awaited.
            let ahead = if block.is_some() { ahead } else { 0 };
            let ends = block.is_none();
            if let Some(bytes) = block {
                let (done, packed) = sync_channel(1);
                give.send((bytes, done)).map_err(|_| failed())?;
                under_way.push_back(packed);
            }
            while under_way.len() > ahead {
                let packed =
                    under_way.pop_front().and_then(|packed| packed.recv().ok()).ok_or_else(failed)?;
                if !to(&packed?)? {
                    return Ok(());
                }
            }
            if ends {
                return Ok(());
            }
        }
    })
}
