//! Earlier states of repositories: for clients that began a pull before the name was reassigned.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::name::RepositoryName;
use crate::repository::Repository;

/// The number of states remembered per repository.
const STATES: usize = 4;
/// The number of repositories remembered, by last use.
const NAMES: usize = 256;

/// The states of requested repositories, the newest first.
#[derive(Default)]
pub struct Past {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    states: HashMap<RepositoryName, VecDeque<Arc<Repository>>>,
    /// All names, the most recently requested last.
    order: VecDeque<RepositoryName>,
}

impl Past {
    /// All known states of a repository, given the current one. When it no longer exists, they are dropped.
    pub fn with(&self, name: &RepositoryName, now: Option<Repository>) -> Vec<Arc<Repository>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { states, order } = &mut *known;
        order.retain(|it| it != name);
        let Some(now) = now else {
            states.remove(name);
            return Vec::new();
        };
        order.push_back(name.clone());
        if order.len() > NAMES
            && let Some(oldest) = order.pop_front()
        {
            states.remove(&oldest);
        }
        let known = states.entry(name.clone()).or_default();
        // It may be an earlier state again.
        known.retain(|it| it.version != now.version);
        known.push_front(Arc::new(now));
        known.truncate(STATES);
        known.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(version: &str) -> Option<Repository> {
        Some(Repository { version: version.to_owned(), ..Repository::default() })
    }

    #[test]
    fn the_newest_states_are_remembered_until_the_repository_is_gone() {
        let past = Past::default();
        let name: RepositoryName = "hello".parse().unwrap();
        let versions = |now| {
            let states = past.with(&name, now);
            states.iter().map(|it| it.version.clone()).collect::<Vec<_>>().concat()
        };
        assert_eq!(versions(state("a")), "a");
        assert_eq!(versions(state("a")), "a");
        assert_eq!(versions(state("b")), "ba");
        assert_eq!(versions(state("a")), "ab");
        for (now, known) in [("c", "cab"), ("d", "dcab"), ("e", "edca")] {
            assert_eq!(versions(state(now)), known);
        }
        assert_eq!(versions(None), "");
        assert_eq!(versions(state("a")), "a");
    }

    #[test]
    fn at_most_so_many_names_are_remembered() {
        let past = Past::default();
        let name = |number: usize| format!("n{number}").parse::<RepositoryName>().unwrap();
        for number in 0..NAMES + 10 {
            past.with(&name(number), state("a"));
        }
        let known = past.known.lock().unwrap();
        assert_eq!((known.states.len(), known.order.len()), (NAMES, NAMES));
        assert!(!known.states.contains_key(&name(9)) && known.states.contains_key(&name(10)));
    }
}
