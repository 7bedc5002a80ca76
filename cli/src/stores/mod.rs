//! Other stores, and this one, as ends of a copy. All of it runs in the command's own process: a daemon has no network,
//! and only reads and writes pipes and its own socket.

mod far;
mod here;
mod location;
mod tunnel;

use stele::Observer;
use stele::failure::Failure;
use stele_remote::End;

use far::Far;
pub use here::Here;
pub use location::Location;
pub use tunnel::{Tunnel, connect_streams};

/// Opens a store; a folder without one becomes a store if `create`. Progress and notes go to `observer`.
///
/// # Errors
/// When there is none, or it does not answer.
pub fn open(
    location: &Location,
    create: bool,
    observer: Box<dyn Observer>,
) -> Result<Box<dyn End<Failure>>, Failure> {
    match location {
        Location::Folder(folder) => Ok(Box::new(Here::open(folder, create, observer)?)),
        Location::Socket(socket) => Ok(Box::new(Here::of_socket(socket, observer)?)),
        Location::Ssh(ssh) => Ok(Box::new(Far::reach(ssh)?)),
    }
}
