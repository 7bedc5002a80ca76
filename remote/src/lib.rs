//! How stores copy from each other. `docs/copying.md` specifies the bundle and the exchange.
//!
//! [`bundle`] is content as a stream: files before the directories that hold them, so that a receiver can check and
//! store each as it comes. [`End`] is a store as another one sees it; [`copy`] sends what one has and the other lacks.
//! [`exchange`] is an [`End`] in another program, over two pipes.
//!
//! This crate knows the store's model and not its database: who implements [`End`] does.

pub mod bundle;
pub mod copy;
mod end;
pub mod exchange;

pub use end::{End, Found, Item, Keeping, Received, Rooted, Wanted};
