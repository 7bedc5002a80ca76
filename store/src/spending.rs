//! How much other users of the machine had put into the store in the last day, in bytes.
//!
//! What comes from them is kept by leases of at most a day. So who may add so much in a day has at most so much in the
//! store, and nothing has to be found again when a lease ends or a collection runs.

use std::sync::{MutexGuard, PoisonError};

use crate::clock;
use crate::db::{DbError, Durability, Rows};
use crate::store::Store;

/// The key prefix of what users added among the store's own state; the user's number follows.
const SPENT: &str = "spent/";
/// The version byte of such a row; pairs of a time and bytes follow, 8 bytes each, little-endian.
const VERSION: u8 = 1;
/// For how long something counts, in seconds.
const DAY: u64 = 24 * 3600;
/// What is added within so many seconds counts as one.
const SLICE: u64 = 3600;

/// The user has as much as is allowed.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// Nothing more is accepted.
    #[error("it accepts {quota} bytes from a user in a day, and user {user} added {spent} already")]
    Quota {
        /// The user.
        user: u32,
        /// Bytes of the last day.
        spent: u64,
        /// Bytes that are allowed.
        quota: u64,
    },
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Bytes by the time until which they count, in seconds since 1970-01-01 UTC.
#[derive(Default, PartialEq, Eq, Debug)]
struct Spent(Vec<(u64, u64)>);

impl Spent {
    fn decode(row: &[u8]) -> Self {
        let Some((&VERSION, pairs)) = row.split_first() else { return Self::default() };
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        Self(pairs.chunks_exact(16).map(|pair| (number(&pair[..8]), number(&pair[8..]))).collect())
    }

    fn encode(&self) -> Vec<u8> {
        let pairs = self.0.iter().flat_map(|(until, bytes)| [until.to_le_bytes(), bytes.to_le_bytes()]);
        std::iter::once(VERSION).chain(pairs.flatten()).collect()
    }

    /// Forgets what no longer counts. A clock that was put back by more than a day counts as one that stands: what
    /// would count for longer than can be does not.
    fn at(mut self, now: u64) -> Self {
        self.0.retain(|(until, _)| *until > now && *until <= now + DAY + SLICE);
        self
    }

    fn total(&self) -> u64 {
        self.0.iter().fold(0, |total, (_, bytes)| total.saturating_add(*bytes))
    }

    fn add(&mut self, bytes: u64, now: u64) {
        // At the end of a slice, so that it counts for a day at least.
        let until = (now / SLICE + 1) * SLICE + DAY;
        match self.0.iter_mut().find(|(it, _)| *it == until) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => self.0.push((until, bytes)),
        }
    }

    /// Takes back what was added too much: from the last slices first.
    fn take_back(&mut self, mut bytes: u64) {
        for (_, sum) in self.0.iter_mut().rev() {
            let part = bytes.min(*sum);
            *sum -= part;
            bytes -= part;
        }
        self.0.retain(|(_, sum)| *sum > 0);
    }
}

fn key(user: u32) -> String {
    format!("{SPENT}{user}")
}

impl Store {
    fn spending(&self) -> MutexGuard<'_, ()> {
        // Rows are written whole.
        self.spending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spent_row(&self, user: u32, now: u64) -> Result<Spent, DbError> {
        Ok(self.db.meta(&key(user))?.map(|row| Spent::decode(&row)).unwrap_or_default().at(now))
    }

    fn put_spent(&self, user: u32, spent: &Spent) -> Result<(), DbError> {
        let mut rows = Rows::default();
        match spent.0.is_empty() {
            true => rows.delete_meta(&key(user)),
            false => rows.put_meta(&key(user), spent.encode()),
        }
        self.db.write(rows, Durability::Synced)
    }

    /// Reserves for a user `wanted` bytes, or what is left of `quota`, durably: returns how many. What is not used has
    /// to be given back by [`Store::unspend`]; after a crash it counts for a day.
    ///
    /// # Errors
    /// When nothing is left, or the database cannot be read or written.
    pub fn spend(&self, user: u32, wanted: u64, quota: u64) -> Result<u64, SpendError> {
        let _spending = self.spending();
        let now = clock::now();
        let mut row = self.spent_row(user, now)?;
        let spent = row.total();
        let granted = wanted.min(quota.saturating_sub(spent));
        if granted == 0 && spent >= quota {
            return Err(SpendError::Quota { user, spent, quota });
        }
        row.add(granted, now);
        self.put_spent(user, &row)?;
        Ok(granted)
    }

    /// Gives back bytes that were reserved and not used.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn unspend(&self, user: u32, bytes: u64) -> Result<(), DbError> {
        if bytes == 0 {
            return Ok(());
        }
        let _spending = self.spending();
        let mut row = self.spent_row(user, clock::now())?;
        row.take_back(bytes);
        self.put_spent(user, &row)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_user_adds_so_much_in_a_day_and_others_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.spend(1000, 70, 100).unwrap(), 70);
        assert_eq!(store.spend(1000, 70, 100).unwrap(), 30);
        assert!(matches!(
            store.spend(1000, 1, 100),
            Err(SpendError::Quota { user: 1000, spent: 100, quota: 100 })
        ));
        assert_eq!(store.spend(1001, 70, 100).unwrap(), 70);
        store.unspend(1000, 40).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        let spent = |user| store.spent_row(user, clock::now()).unwrap().total();
        assert_eq!((spent(1000), spent(1001), spent(1)), (60, 70, 0));
        store.unspend(1000, 60).unwrap();
        assert_eq!(store.db.meta(&key(1000)).unwrap(), None);
    }

    #[test]
    fn it_counts_for_a_day_and_not_for_ever() {
        let mut spent = Spent::default();
        let now = 1_700_000_000;
        spent.add(5, now);
        spent.add(6, now + SLICE);
        let total = |spent: &Spent, at: u64| Spent(spent.0.clone()).at(at).total();
        assert_eq!((spent.0.len(), total(&spent, now + DAY)), (2, 11));
        assert_eq!(total(&spent, now + DAY + SLICE), 6);
        assert_eq!(total(&spent, now + DAY + 2 * SLICE), 0);
        // The clock was wrong by years when it was written.
        assert_eq!(total(&spent, now - 100 * DAY), 0);
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(pairs in proptest::collection::vec(any::<(u64, u64)>(), 0..30)) {
            prop_assert_eq!(Spent::decode(&Spent(pairs.clone()).encode()), Spent(pairs));
        }

        #[test]
        fn any_bytes_are_read(row in proptest::collection::vec(any::<u8>(), 0..99)) {
            let _ = Spent::decode(&row).total();
        }

        #[test]
        fn what_is_given_back_was_never_added(
            sums in proptest::collection::vec(0u64..1000, 1..9),
            back in 0u64..5000,
        ) {
            let mut spent = Spent::default();
            for (hour, sum) in (0..).zip(&sums) {
                spent.add(*sum, hour * SLICE);
            }
            let before = spent.total();
            spent.take_back(back);
            prop_assert_eq!(spent.total(), before.saturating_sub(back));
        }
    }
}
