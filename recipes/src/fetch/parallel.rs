//! Many sources at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::source::Source;

/// Calls `each` for every source with its index, on at most `jobs` threads; the results in the order of `sources`.
pub(super) fn map<T: Send>(
    sources: &[Source],
    jobs: usize,
    each: impl Fn(usize, &Source) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<T>>> = sources.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..jobs.min(sources.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(source) = sources.get(index) else { return };
                    let result = each(index, source);
                    *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    // Every index was taken by some thread, and each thread was waited for.
    results.into_iter().filter_map(|it| it.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}
