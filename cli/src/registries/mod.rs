//! Images between the store and registries: the endpoint that others pull from, and the way to those of others. All
//! of it runs in the command's own process, which asks the daemon for bytes: a fault in speaking with strangers has
//! no store to harm, and the credentials are the person's.

mod daemons;
mod images;

pub use daemons::Daemons;
pub use images::Stored;
