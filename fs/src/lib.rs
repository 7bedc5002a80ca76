//! The mount: a store as a read-only filesystem.
//!
//! ```text
//! DIR/<digest>           a tree or a blob; DIR/<digest>-<label> is the same, the label is ignored
//! DIR/by-name/<root>     a symbolic link to the target of a root
//! ```
//!
//! [`attach`] makes a mount and returns its device, in the user's process; [`Serving`] answers requests on that device,
//! in the process that has the store open. [`view`] decides the answers, and [`transport::Transport`] exchanges them
//! with the kernel. What the kernel knows, and will refer to again, is in [`state`], which outlives its process:
//! another process continues with the same device.
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
pub use transport::{Bytes, FuserTransport, MODIFIED, serve_endless};
pub use view::{Forgetting, Memory, Observer, Showing, View};
