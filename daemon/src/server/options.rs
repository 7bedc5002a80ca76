//! How a daemon is run.

use std::time::Duration;

use super::{Door, Groups};

/// Settings of a daemon.
pub struct Options {
    /// The time without a request after which it ends.
    pub idle: Duration,
    /// Whether it was started by a command line that waits for its [`Started`].
    pub detach: bool,
    /// Where all users of the machine may read the store.
    pub readers: Option<Door>,
    /// Who may use that.
    pub groups: Groups,
    /// How many bytes a user who may build may add in a day.
    pub quota: u64,
}
