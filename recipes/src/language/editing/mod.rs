//! What an editor wants to know about a file of recipes: its errors, what its names mean, and their documentation.
//!
//! Nothing is evaluated here, and no syntax tree is kept, because dropping a deep one takes a deep stack: the results
//! are flat lists with ranges of bytes. A panic of the parser or of the linter is an error like any other.

mod builtin;
mod cursor;
mod source_file;
#[cfg(test)]
mod tests;

pub use builtin::{Builtin, builtins};
pub use cursor::{Cursor, CursorItem, OpenCall};
pub use source_file::{Definition, Lint, Meaning, SourceFile};

use super::modules;

/// The file that `text` names in a `load` in `file`, both from the top of the recipe tree; `None` when it names none.
pub fn load_target(file: &str, text: &str) -> Option<String> {
    modules::target(file, text).ok()
}
