//! The slots of connections. Their number is fixed, and active connections have precedence over idle ones: when all are
//! taken, the connection that has been idle longest is closed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The polling interval while no connection is idle.
const LOOK: Duration = Duration::from_millis(50);

/// All slots, and the connections in them.
#[derive(Debug)]
pub struct Connections {
    slots: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, Arc<Slot>>>,
    next: AtomicU64,
}

/// The slot of a connection.
#[derive(Debug)]
pub struct Slot {
    /// Requests in progress.
    working: AtomicUsize,
    /// Since when there are none.
    idle_since: Mutex<Instant>,
    end: Notify,
}

/// Holds a slot until it is dropped.
#[derive(Debug)]
pub struct Taken {
    place: Arc<Slot>,
    number: u64,
    connections: Arc<Connections>,
    _slot: OwnedSemaphorePermit,
}

/// A request in progress, until it is dropped.
#[derive(Debug)]
pub struct Working(Arc<Slot>);

impl Connections {
    /// `count` slots, and at least one.
    pub fn new(count: usize) -> Arc<Self> {
        let slots = Arc::new(Semaphore::new(count.max(1)));
        Arc::new(Self { slots, taken: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// Takes a slot for a new connection. While none is free, idle connections are closed.
    pub async fn take(self: &Arc<Self>) -> Taken {
        loop {
            let free = Arc::clone(&self.slots).acquire_owned();
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return self.taken(slot);
            }
            self.end_idlest();
            if let Ok(Ok(slot)) = tokio::time::timeout(LOOK, free).await {
                return self.taken(slot);
            }
        }
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn taken(self: &Arc<Self>, slot: OwnedSemaphorePermit) -> Taken {
        let (working, idle_since) = (AtomicUsize::new(0), Mutex::new(Instant::now()));
        let place = Arc::new(Slot { working, idle_since, end: Notify::new() });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Arc::clone(&place));
        Taken { place, number, connections: Arc::clone(self), _slot: slot }
    }

    /// Closes the connection that has been idle longest, if any is.
    fn end_idlest(&self) {
        let taken = self.lock();
        let idle = taken.values().filter_map(|place| Some((place.idle_since()?, place)));
        if let Some((_, place)) = idle.min_by_key(|(since, _)| *since) {
            place.end.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Slot>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// A request begins.
    pub fn work(self: &Arc<Self>) -> Working {
        self.working.fetch_add(1, Ordering::SeqCst);
        Working(Arc::clone(self))
    }

    /// Since when no request is in progress; `None` while one is.
    fn idle_since(&self) -> Option<Instant> {
        let since = *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.working.load(Ordering::SeqCst) == 0).then_some(since)
    }

    /// Waits until another connection needs the slot while this one is idle.
    pub async fn unwanted(&self) {
        loop {
            self.end.notified().await;
            if self.idle_since().is_some() {
                return;
            }
        }
    }
}

impl Taken {
    /// The slot.
    pub fn place(&self) -> &Arc<Slot> {
        &self.place
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.working.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(test);
    }

    #[test]
    fn the_longest_idle_connection_is_closed_and_busy_ones_are_not() {
        run(async {
            let connections = Connections::new(2);
            let (worker, idler) = (connections.take().await, connections.take().await);
            let working = worker.place().work();
            let (idle, other) = (Arc::clone(idler.place()), Arc::clone(worker.place()));
            let ended = tokio::spawn(async move {
                idle.unwanted().await;
                drop(idler);
            });
            let late =
                tokio::time::timeout(Duration::from_secs(5), connections.take()).await.expect("a place");
            ended.await.expect("the idle one ended");
            // Now none is idle: the next waits until one is.
            let newest = late.place().work();
            assert!(tokio::time::timeout(Duration::from_millis(300), connections.take()).await.is_err());
            assert!(tokio::time::timeout(Duration::from_millis(10), other.unwanted()).await.is_err());
            drop(working);
            let ended = tokio::spawn(async move {
                other.unwanted().await;
                drop(worker);
            });
            tokio::time::timeout(Duration::from_secs(5), connections.take()).await.expect("a place");
            ended.await.expect("the other ended");
            drop((newest, late));
        });
    }
}
