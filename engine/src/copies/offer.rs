//! Sends what another store lacks.

use std::io::{PipeReader, PipeWriter};

use stele_remote::copy::{Transferred, plan, transfer};
use stele_remote::{End, Found, Item, Keeping, Received, Wanted};
use stele_store::{Progress, Store};

use super::pipe::Pipe;
use super::send::send;
use crate::failure::{Failure, Kind};

/// This store, as the sender of a copy.
struct Own<'a> {
    store: &'a Store,
    progress: &'a Progress,
}

impl End<Failure> for Own<'_> {
    fn find(&mut self, _: &str) -> Result<Found, Failure> {
        Err(only_sends())
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, Failure> {
        super::lacking(self.store, items)
    }

    fn send(&mut self, wanted: &Wanted, to: PipeWriter) -> Result<(), Failure> {
        let to = Pipe::of_writer(to, self.progress).map_err(|e| Failure::io("no pipe", &e))?;
        send(self.store, wanted, to, self.progress)
    }

    fn receive(&mut self, _: PipeReader, _: &Keeping) -> Result<Received, Failure> {
        Err(only_sends())
    }
}

fn only_sends() -> Failure {
    Failure::new(Kind::Failed, "this end of the copy only sends")
}

/// Sends to another store what it lacks of `items` and all that they reach; a lease there keeps it.
///
/// # Errors
/// Those of the two stores, or when it was cut off.
pub fn offer(
    store: &Store,
    items: &[Item],
    to: &mut dyn End<Failure>,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut own = Own { store, progress };
    let plan = plan(items, &mut own, to)?;
    let keeping = Keeping { items: items.to_vec(), max_bytes: plan.max_bytes(), ..Keeping::default() };
    match transfer(&plan, &mut own, to, &keeping)? {
        Transferred::Whole(_) => Ok(()),
        Transferred::Cut { cause: Some(failure), .. } => Err(failure),
        Transferred::Cut { cause: None, .. } => Err(Failure::new(Kind::Failed, "the copy was cut off")),
    }
}
