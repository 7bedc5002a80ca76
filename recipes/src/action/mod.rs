//! The action: a build in which every input is a digest, and nothing that the build cannot see.
//!
//! Its text is JSON in the canonical encoding of RFC 8785, and the digest of that text is its name: recipes with equal
//! actions are built once. `docs/formats.md` has the fields and a worked example.

mod sandbox_path;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use stele_store::model::{Digest, TreeId};

pub use sandbox_path::{SandboxPath, SandboxPathError};

/// The version of the action's format.
pub const FORMAT: u32 = 1;
/// The maximum size of one argument, or of a variable with its name: the kernel's MAX_ARG_STRLEN, less the NUL.
pub const MAX_ARGUMENT: usize = 131_071;
/// The maximum size in bytes of an action's text.
pub const MAX_TEXT: usize = 16 << 20;

/// The digest of an action's text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ActionId(pub Digest);

impl std::fmt::Display for ActionId {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(to)
    }
}

/// The platform of a build.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Platform {
    /// Linux on x86-64.
    #[serde(rename = "x86_64-linux")]
    X86_64Linux,
    /// Linux on 64-bit ARM.
    #[serde(rename = "aarch64-linux")]
    Aarch64Linux,
}

impl Platform {
    /// All platforms, with their names.
    pub const ALL: &[(&str, Self)] =
        &[("x86_64-linux", Self::X86_64Linux), ("aarch64-linux", Self::Aarch64Linux)];

    /// The platform of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(it, _)| *it == name).map(|(_, platform)| *platform)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, platform)| *platform == self).map_or("", |(name, _)| name)
    }
}

/// What a build has otherwise than most, since it asks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Special {
    /// A clock that begins with SOURCE_DATE_EPOCH, instead of the machine's.
    FixedClock,
    /// The machine's random numbers, instead of some that follow from the action.
    RealRandom,
}

impl Special {
    /// All of it, with their names.
    pub const ALL: &[(&str, Self)] = &[("fixed-clock", Self::FixedClock), ("real-random", Self::RealRandom)];

    /// That of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(it, _)| *it == name).map(|(_, special)| *special)
    }
}

/// A build with every input a digest. The fields are in the order of the canonical text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The version of the format: [`FORMAT`].
    action: u32,
    /// Environment variables, beyond those of the sandbox profile.
    pub env: BTreeMap<String, String>,
    /// The names of the outputs, and the directories in which they are found afterwards.
    pub outputs: BTreeMap<String, SandboxPath>,
    /// Its platform.
    pub platform: Platform,
    /// The version of the sandbox profile.
    pub profile: u32,
    /// What is otherwise than the profile has it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub special: BTreeSet<Special>,
    /// The build's `/`.
    #[serde(with = "hex")]
    pub root: TreeId,
    /// Programs with their arguments, run in order until one fails.
    pub steps: Vec<Vec<String>>,
    /// Where they run.
    pub workdir: SandboxPath,
}

/// Why something is not an action.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// It is not JSON, or lacks a field, or has one too many.
    #[error("the text is not an action: {0}")]
    Json(#[from] serde_json::Error),
    /// The text is not the canonical encoding of its action.
    #[error("the text is not the canonical encoding of its action (RFC 8785)")]
    NotCanonical,
    /// A later version.
    #[error("the action is of format {found}; this version knows format {FORMAT}")]
    Format {
        /// Its version.
        found: u32,
    },
    /// It does nothing.
    #[error("the action has no steps")]
    NoSteps,
    /// A step names no program.
    #[error("step {step} names no program")]
    NoProgram {
        /// Counted from 1.
        step: usize,
    },
    /// Nothing would be left of it.
    #[error("the action has no outputs")]
    NoOutputs,
    /// Not a valid name for an output.
    #[error("{name:?} is not a name for an output: letters, digits, `-` and `_`, at most 64")]
    OutputName {
        /// The name.
        name: String,
    },
    /// Two outputs, one inside the other.
    #[error("output {inner} lies in output {outer}")]
    OutputsNest {
        /// The outer output.
        outer: String,
        /// The inner output.
        inner: String,
    },
    /// Not a valid name for a variable.
    #[error("{name:?} cannot be the name of an environment variable")]
    Variable {
        /// The name.
        name: String,
    },
    /// The kernel accepts no such argument.
    #[error("{what} has a NUL, or more than {MAX_ARGUMENT} bytes")]
    Argument {
        /// The argument.
        what: String,
    },
    /// Longer than [`MAX_TEXT`].
    #[error("the action's text has {length} bytes, more than {MAX_TEXT}")]
    Long {
        /// Its length.
        length: usize,
    },
}

/// The parts of an action, before they are checked.
#[derive(Clone, Debug)]
pub struct Parts {
    /// See [`Action::env`].
    pub env: BTreeMap<String, String>,
    /// See [`Action::outputs`].
    pub outputs: BTreeMap<String, SandboxPath>,
    /// See [`Action::platform`].
    pub platform: Platform,
    /// See [`Action::profile`].
    pub profile: u32,
    /// See [`Action::special`].
    pub special: BTreeSet<Special>,
    /// See [`Action::root`].
    pub root: TreeId,
    /// See [`Action::steps`].
    pub steps: Vec<Vec<String>>,
    /// See [`Action::workdir`].
    pub workdir: SandboxPath,
}

impl Action {
    /// An action of these parts.
    ///
    /// # Errors
    /// When they cannot be run.
    pub fn new(parts: Parts) -> Result<Self, ActionError> {
        let Parts { env, outputs, platform, profile, special, root, steps, workdir } = parts;
        let action = Self { action: FORMAT, env, outputs, platform, profile, special, root, steps, workdir };
        action.check()?;
        action.encode()?;
        Ok(action)
    }

    /// The canonical text.
    ///
    /// # Errors
    /// When it is too long.
    pub fn encode(&self) -> Result<Vec<u8>, ActionError> {
        let text = serde_json_canonicalizer::to_vec(self)?;
        if text.len() > MAX_TEXT {
            return Err(ActionError::Long { length: text.len() });
        }
        Ok(text)
    }

    /// Reads the canonical text, and no other.
    ///
    /// # Errors
    /// See [`ActionError`].
    pub fn decode(text: &[u8]) -> Result<Self, ActionError> {
        if text.len() > MAX_TEXT {
            return Err(ActionError::Long { length: text.len() });
        }
        // A later format may have other fields: its version is reported first.
        #[derive(Deserialize)]
        struct Version {
            action: u32,
        }
        let Version { action: found } = serde_json::from_slice(text)?;
        if found != FORMAT {
            return Err(ActionError::Format { found });
        }
        let action: Self = serde_json::from_slice(text)?;
        action.check()?;
        if action.encode()? != text {
            return Err(ActionError::NotCanonical);
        }
        Ok(action)
    }

    /// Its name.
    ///
    /// # Errors
    /// As [`Action::encode`].
    pub fn id(&self) -> Result<ActionId, ActionError> {
        Ok(ActionId(Digest::of(&self.encode()?)))
    }

    fn check(&self) -> Result<(), ActionError> {
        if self.steps.is_empty() {
            return Err(ActionError::NoSteps);
        }
        for (step, argv) in (1..).zip(&self.steps) {
            if argv.first().is_none_or(String::is_empty) {
                return Err(ActionError::NoProgram { step });
            }
            for (at, argument) in argv.iter().enumerate() {
                is_passable(argument.len(), argument, || format!("argument {at} of step {step}"))?;
            }
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(ActionError::Variable { name: name.clone() });
            }
            is_passable(name.len() + 1 + value.len(), value, || format!("environment variable {name}"))?;
        }
        if self.outputs.is_empty() {
            return Err(ActionError::NoOutputs);
        }
        for (name, sandbox_path) in &self.outputs {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
                return Err(ActionError::OutputName { name: name.clone() });
            }
            let nests = |(other, outer): (&String, &SandboxPath)| other != name && sandbox_path.is_in(outer);
            if let Some((outer, _)) = self.outputs.iter().find(|it| nests(*it)) {
                return Err(ActionError::OutputsNest { outer: outer.clone(), inner: name.clone() });
            }
        }
        Ok(())
    }
}

fn is_passable(length: usize, text: &str, what: impl Fn() -> String) -> Result<(), ActionError> {
    if length > MAX_ARGUMENT || text.contains('\0') {
        return Err(ActionError::Argument { what: what() });
    }
    Ok(())
}

/// A tree's digest as text.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use stele_store::model::TreeId;

    pub(super) fn serialize<S: Serializer>(id: &TreeId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TreeId, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
