//! What a recipe says of the machine that builds it.

use std::collections::BTreeSet;

use super::super::context::Refused;
use super::super::error::ArgumentError;
use crate::action::{Platform, Special};

/// The platform of that name.
pub(super) fn platform(text: &str) -> Result<Platform, Refused> {
    Platform::named(text).ok_or_else(|| {
        let known = names(Platform::ALL);
        Refused::new("platform", ArgumentError::Platform { text: text.to_owned(), known })
    })
}

/// What these names stand for.
pub(super) fn special(given: Vec<String>) -> Result<BTreeSet<Special>, Refused> {
    let one = |text: String| {
        let known = names(Special::ALL);
        Special::named(&text).ok_or_else(|| Refused::new("special", ArgumentError::Special { text, known }))
    };
    given.into_iter().map(one).collect()
}

/// What there is, for whoever named something else.
fn names<T>(all: &[(&str, T)]) -> String {
    all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
