//! Events of builds, sent to the command line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use stele_builder::realise::{self, How};
use stele_store::model::TreeId;

use crate::reference::to_wire;

/// An event of a build. `docs/formats.md` has its JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The maximum number of recipes to build.
    Planned {
        /// The number.
        builds: usize,
        /// How many recipes are needed that are realised already.
        realised: usize,
    },
    /// A source is being unpacked.
    Unpacks {
        /// The recipe whose source it is.
        recipe: String,
        /// Its file name.
        file: String,
    },
    /// A build is queued.
    Waits {
        /// The recipe.
        recipe: String,
    },
    /// It is being built already, for another request.
    Joins {
        /// Of which recipe.
        recipe: String,
        /// The time limit of that build in seconds, set by the other request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<u64>,
        /// Its memory limit in bytes.
        memory: u64,
    },
    /// A build begins.
    Begins {
        /// The recipe.
        recipe: String,
        /// The digest of its action.
        action: String,
        /// The number of its steps.
        steps: usize,
        /// The log, as it grows.
        log: String,
    },
    /// Another store is asked to build it.
    Sends {
        /// The recipe.
        recipe: String,
        /// The number of its steps.
        steps: usize,
        /// The other store.
        to: String,
    },
    /// The other store could not; it is built here.
    Unsent {
        /// The recipe.
        recipe: String,
        /// The other store.
        at: String,
        /// The reason.
        why: String,
    },
    /// Nothing is built: a user command starts.
    Enters {
        /// The recipe whose sandbox it runs in.
        recipe: String,
        /// The folder of a failed build that it continues, escaped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
    },
    /// A step of a build starts.
    Step {
        /// The recipe.
        recipe: String,
        /// Counted from 1.
        step: usize,
    },
    /// A recipe is realised.
    Done {
        /// The recipe.
        recipe: String,
        /// The digests of its outputs.
        outputs: BTreeMap<String, TreeId>,
        /// Whether they were already known.
        known: bool,
        /// The substituter that provided them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The other store that built it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// A substituter failed to provide a recipe's outputs.
    Unsubstituted {
        /// The recipe.
        recipe: String,
        /// The substituter.
        from: String,
        /// The reason.
        why: String,
    },
    /// A recipe was not realised.
    Failed {
        /// The recipe.
        recipe: String,
        /// The reason, in short.
        why: String,
    },
    /// A recipe cannot be realised because a dependency failed.
    Skipped {
        /// The recipe.
        recipe: String,
    },
}

impl From<realise::Event> for Event {
    fn from(event: realise::Event) -> Self {
        use realise::Event as From;
        match event {
            From::Planned { builds, realised } => Self::Planned { builds, realised },
            From::Unpacks { recipe, file } => Self::Unpacks { recipe: recipe.to_string(), file },
            From::Waits { recipe } => Self::Waits { recipe: recipe.to_string() },
            From::Joins { recipe, limits } => {
                Self::Joins { recipe: recipe.to_string(), timeout: limits.seconds, memory: limits.memory }
            }
            From::Begins { recipe, action, steps, log } => Self::Begins {
                recipe: recipe.to_string(),
                action: action.to_string(),
                steps,
                log: to_wire(log.as_os_str()),
            },
            From::Enters { recipe, kept } => {
                Self::Enters { recipe: recipe.to_string(), kept: kept.map(|kept| to_wire(kept.as_os_str())) }
            }
            From::Sends { recipe, steps, to } => Self::Sends { recipe: recipe.to_string(), steps, to },
            From::Unsent { recipe, at, why } => Self::Unsent { recipe: recipe.to_string(), at, why },
            From::Step { recipe, step } => Self::Step { recipe: recipe.to_string(), step },
            From::Done { recipe, outputs, how } => {
                let (known, from, at) = match how {
                    How::Built => (false, None, None),
                    How::Known => (true, None, None),
                    How::From(name) => (false, Some(name), None),
                    How::BuiltAt(name) => (false, None, Some(name)),
                };
                Self::Done { recipe: recipe.to_string(), outputs: outputs.0, known, from, at }
            }
            From::Unsubstituted { recipe, from, why } => {
                Self::Unsubstituted { recipe: recipe.to_string(), from, why }
            }
            From::Failed { recipe, why } => Self::Failed { recipe: recipe.to_string(), why },
            From::Skipped { recipe } => Self::Skipped { recipe: recipe.to_string() },
        }
    }
}
