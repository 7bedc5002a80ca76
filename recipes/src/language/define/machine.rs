//! What a recipe says of the machine that builds it.

use std::collections::BTreeSet;

use super::super::context::Refused;
use super::super::error::ArgumentError;
use crate::action::{Platform, Special};

/// The platform of that name.
pub(super) fn platform(text: &str) -> Result<Platform, Refused> {
    Platform::named(text).ok_or_else(|| {
        let known = Platform::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Refused::new("platform", ArgumentError::Platform { text: text.to_owned(), known })
    })
}

/// What these names stand for.
pub(super) fn special(names: Vec<String>) -> Result<BTreeSet<Special>, Refused> {
    let one = |text: String| {
        let known = Special::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Special::named(&text).ok_or_else(|| Refused::new("special", ArgumentError::Special { text, known }))
    };
    names.into_iter().map(one).collect()
}
