//! What the sandbox claims, tried from inside by programs that mean harm, and from outside by whoever interrupts
//! builds.
//!
//! Each claim has a control: the same program outside of a sandbox, or a build that may do what it tries. A test of
//! a wall that nothing ever came through would hold for a wall that is not there.

mod alike;
mod escapes;
mod interrupts;
mod limits;
mod outputs;

use std::path::PathBuf;

use stele_tests::sandboxed::{self, BUSYBOX, LONG, Tree, as_user, shell};

/// A C program of this folder, compiled once. `None`, and the test is skipped, without a compiler.
fn compiled(name: &str) -> Option<PathBuf> {
    sandboxed::compiled(&format!("tests/sandbox/{name}.c"))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
