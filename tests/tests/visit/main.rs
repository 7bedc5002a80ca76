//! Interactive use of a recipe's sandbox: `run`, `shell`, `trace`, and the logs of builds.

mod completed;
mod configured;
mod linked;
mod logs;
mod progress;
mod run;
mod terminal;
mod trace;

use stele_tests::workshop::Workshop;

/// A workshop with a recipe whose sandbox has a shell and its tools, and nothing else.
fn seated() -> Workshop {
    let shop = Workshop::new();
    shop.recipe("seat", &[], "true");
    shop
}

/// A workshop with a recipe that fails, and leaves something.
fn with_a_failure() -> Workshop {
    let shop = Workshop::new();
    shop.recipe("fails", &[], "echo half done > /build/state\necho what went wrong\nexit 7");
    shop
}
