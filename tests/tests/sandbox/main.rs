//! The sandbox's claims, tested from inside by hostile programs, and from outside by interrupting builds.
//!
//! Each claim has a control: the same program outside of a sandbox, or a build that may do what it attempts. A test of
//! a wall that nothing ever came through would also pass without a wall.

mod alike;
mod escapes;
mod hours;
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
