//! Verdicts over a closure: an output is agreed with all that it was built from, or the weakest ancestor is named.

use serde_json::{Value, json};

use super::{Kind, Verdict};

/// An ancestor: something that was built on the way from the seed, or a leaf that nobody builds.
#[derive(Clone, PartialEq, Debug)]
pub enum Ancestor {
    /// Built by an action, with the verdict on its output.
    Built {
        /// How users know it.
        name: String,
        /// The verdict.
        verdict: Box<Verdict>,
    },
    /// A source or the seed: pinned by its digest, so there is nothing to agree on.
    Pinned {
        /// How users know it.
        name: String,
    },
    /// Content that nobody can build again, such as a prebuilt package: its digest is known, its origin is not.
    Opaque {
        /// How users know it.
        name: String,
    },
    /// Something that is used and of which it is not known how it was made: whatever it is, nobody agreed on it.
    Unknown {
        /// How users know it.
        name: String,
    },
}

/// The answer for a closure.
#[derive(Clone, PartialEq, Debug)]
pub struct Closure {
    /// The weakest verdict of all.
    pub kind: Kind,
    /// The ancestor with it: among equal verdicts, the one on which the fewest agree, then the first by name.
    pub weakest: Option<(String, Verdict)>,
    /// How many outputs were judged.
    pub judged: usize,
    /// How many sources are pinned.
    pub pinned: usize,
    /// The names of what nobody can build again.
    pub opaque: Vec<String>,
    /// The names of what is used and not explained: with any, the closure is not agreed.
    pub unknown: Vec<String>,
}

/// Decides over all ancestors. Whether opaque ones are acceptable is for the caller to say: they are listed. A
/// closure with nothing judged is not agreed.
pub fn decide_closure(ancestors: &[Ancestor]) -> Closure {
    let mut closure = Closure {
        kind: Kind::Insufficient,
        weakest: None,
        judged: 0,
        pinned: 0,
        opaque: Vec::new(),
        unknown: Vec::new(),
    };
    let mut weakest: Option<(&String, &Verdict)> = None;
    for ancestor in ancestors {
        match ancestor {
            Ancestor::Pinned { .. } => closure.pinned += 1,
            Ancestor::Opaque { name } => closure.opaque.push(name.clone()),
            Ancestor::Unknown { name } => closure.unknown.push(name.clone()),
            Ancestor::Built { name, verdict } => {
                closure.judged += 1;
                let rank = |(name, verdict): (&String, &Verdict)| {
                    // The weakest kind first; then the fewest voices; then the name.
                    (std::cmp::Reverse(verdict.kind), verdict.agreeing.len(), name.clone())
                };
                if weakest.is_none_or(|it| rank((name, verdict)) < rank(it)) {
                    weakest = Some((name, verdict));
                }
            }
        }
    }
    closure.opaque.sort();
    closure.unknown.sort();
    if let Some((name, verdict)) = weakest {
        closure.kind =
            if closure.unknown.is_empty() { verdict.kind } else { verdict.kind.max(Kind::Insufficient) };
        closure.weakest = Some((name.clone(), verdict.clone()));
    }
    closure
}

impl Closure {
    /// For scripts.
    pub fn to_json(&self) -> Value {
        let weakest = self.weakest.as_ref();
        json!({
            "verdict": self.kind,
            "weakest": weakest.map(|(name, verdict)| json!({ "name": name, "verdict": verdict.to_json() })),
            "judged": self.judged,
            "pinned": self.pinned,
            "opaque": self.opaque,
            "unknown": self.unknown,
        })
    }
}
