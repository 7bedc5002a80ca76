//! The mount: a store as a read-only filesystem.
//!
//! ```text
//! DIR/<digest>           a tree or a blob; DIR/<digest>-<label> is the same, the label is ignored
//! DIR/by-name/<root>     a symbolic link to what a root keeps
//! ```
//!
//! [`attach`] makes a mount and gives its device, in whatever process the user runs; [`Serving`] answers on
//! that device, in the process that has the store open. What is answered is [`view`]'s business, how it comes
//! in and goes out is behind [`transport::Transport`]. What the kernel was told, and will ask about again, is
//! in [`state`], which outlives the process that told it: another process goes on with the same device.
//!
//! `docs/architecture.md` has the reasons, `docs/formats.md` the bytes of the journal.

pub mod attach;
mod clock;
mod hash_tree;
pub mod inode;
pub mod passing;
mod serving;
pub mod state;
pub mod transport;
pub mod view;

pub use serving::{Handover, ServeError, Serving, serve_fleeting};
pub use state::Opens;
pub use transport::{FuserTransport, MODIFIED};
pub use view::{Forgetting, Memory, Observer, Showing, View};
