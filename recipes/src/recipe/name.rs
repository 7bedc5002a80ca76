//! Names of recipes and outputs.

use std::fmt;

/// The maximum length in characters of a name.
const MAX: usize = 64;

/// A recipe's name, unique in its recipe tree: 1 to 64 characters of `a-z 0-9 . _ + -`, beginning with a letter or
/// digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecipeName(String);

/// The name of an output of a recipe: 1 to 64 characters of `a-z 0-9 _ -`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutputName(String);

/// Why a text names no recipe or output.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecipeNameError {
    /// Empty, or too long.
    #[error("a name has 1 to {MAX} characters, not {found}")]
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// A character that cannot stand there.
    #[error("{found:?} cannot stand at position {at} of a name: it is made of {of}")]
    Character {
        /// The character.
        found: char,
        /// Its position, counted from 0.
        at: usize,
        /// The characters that can.
        of: &'static str,
    },
}

/// `marks` are allowed after the first character, besides letters and digits.
fn check(text: &str, marks: &str, of: &'static str) -> Result<(), RecipeNameError> {
    if text.is_empty() || text.len() > MAX {
        return Err(RecipeNameError::Length { found: text.len() });
    }
    let fits = |at: usize, c: char| matches!(c, 'a'..='z' | '0'..='9') || (at > 0 && marks.contains(c));
    match text.chars().enumerate().find(|&(at, c)| !fits(at, c)) {
        Some((at, found)) => Err(RecipeNameError::Character { found, at, of }),
        None => Ok(()),
    }
}

impl RecipeName {
    /// Takes `text` for a recipe's name.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn new(text: &str) -> Result<Self, RecipeNameError> {
        check(text, "._+-", "a-z 0-9 . _ + -").map(|()| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a recipe in the folder `folder` may have this name: that of the folder, or that with a hyphen and more
    /// behind it. So a name tells where its recipe is.
    pub fn belongs_in(&self, folder: &str) -> bool {
        self.0
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || (rest.starts_with('-') && rest.len() > 1))
    }

    /// The folders in which a recipe of this name may be, the longest first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let cuts = self.0.char_indices().rev().filter(|&(at, c)| c == '-' && at > 0).map(|(at, _)| at);
        std::iter::once(self.0.len()).chain(cuts).map(|end| &self.0[..end])
    }
}

impl OutputName {
    /// Takes `text` for an output's name.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn new(text: &str) -> Result<Self, RecipeNameError> {
        check(text, "_-", "a-z 0-9 _ -").map(|()| Self(text.to_owned()))
    }

    /// The output that is meant when none is named.
    pub fn usual() -> Self {
        Self("out".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The environment variable that tells a build where to put it: `OUT` for `out`, `OUT_` and the name in capitals
    /// for another.
    pub fn variable(&self) -> String {
        if *self == Self::usual() {
            return "OUT".to_owned();
        }
        let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        format!("OUT_{}", self.0.chars().map(capital).collect::<String>())
    }
}

impl fmt::Display for RecipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
