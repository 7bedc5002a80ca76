//! The namespaces that builds start in: a user namespace, and in it a mount namespace with the store and little
//! else.
//!
//! They are created once and contain no process: descriptors keep them alive. Nothing of them is visible in the
//! machine's own list of mounts, and they vanish with the process that holds them, however it ends.
//!
//! Because each build's own user namespace is below this one, root and users get the same: inputs belong to the
//! build's own user. As root, that user has no other use on the machine ([`BUILD_UID`]).

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use stele_fs::passing::{receive, send};
use stele_fs::{Forgetting, FuserTransport, Memory, Observer, Opens, Showing, serve_fleeting};
use stele_store::Store;

use crate::program::{Program, Spares};
use crate::sandbox::ops::held_ops;
use crate::sandbox::{Given, Supervisor, apply, unshare, users};

/// The machine's user ID for builds of root: above all that distributions, containers and services allocate,
/// below the maximum.
pub const BUILD_UID: u32 = 1_900_000_000;
/// Folders that exist on every machine: the helper mounts over one, visible only to itself.
const TOPS: [&str; 6] = ["/tmp", "/run", "/var", "/etc", "/usr", "/home"];

/// Why the namespaces for builds cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The helper process failed.
    #[error("the process that mounts the store for builds: {0}")]
    Helper(#[from] io::Error),
    /// The helper could not create them.
    #[error("the store cannot be mounted for builds: {doing}: {error}")]
    Refused {
        /// The operation that failed.
        doing: String,
        /// The cause.
        error: String,
    },
    /// The mount cannot be served.
    #[error("the FUSE device cannot be used: {0}")]
    Serve(io::Error),
}

/// A message to the helper.
#[derive(Debug, Serialize, Deserialize)]
enum HelperRequest {
    /// Make them; `builds` is the folder of all builds, `mapped` whether the asker maps the user.
    Begin {
        #[serde(with = "crate::path_text")]
        builds: PathBuf,
        mapped: bool,
    },
    /// The user is mapped.
    Mapped {},
}

/// A message from the helper.
#[derive(Debug, Serialize, Deserialize)]
enum HelperAnswer {
    /// The user may be mapped now.
    Map {},
    /// They exist: the message carries the FUSE device, the user and the mount namespace.
    Ready {},
    /// They could not be created.
    Refused { doing: String, error: String },
}

/// Namespaces that builds start in; the store is served in them while this exists.
pub struct Held {
    users: OwnedFd,
    mounts: OwnedFd,
    owner: Option<u32>,
    spares: Spares<Supervisor>,
}

/// The kernel forgets this mount when it is dropped, before a garbage collection: no other process can name it.
struct Whole;

impl Forgetting for Whole {
    fn forget_unused(&self) -> bool {
        false
    }
}

impl Held {
    /// Creates them. `observer` receives the look-ups of the builds in them; inputs have the modification time
    /// `modified`, in seconds since 1970.
    ///
    /// # Errors
    /// See [`HoldError`].
    pub fn begin(
        store: &Arc<Store>,
        memory: &Arc<Memory>,
        builds: &Path,
        program: &Program,
        observer: Option<Arc<dyn Observer>>,
        modified: u64,
    ) -> Result<Self, HoldError> {
        let owner = build_uid();
        let (stream, theirs) = UnixStream::pair()?;
        let mut helper = program.helper(crate::HOLD).stdin(OwnedFd::from(theirs)).spawn()?;
        let made = Self::ask(&stream, helper.id(), owner, builds);
        drop(stream);
        let _ = helper.wait();
        let [device, users, mounts] = made?;
        let (store, memory) = (Arc::clone(store), Arc::clone(memory));
        // A compiler opens headers repeatedly. Only an observer makes these opens worth a request.
        let opens = if observer.is_some() { Opens::Sent } else { Opens::Unsent };
        let showing = Showing { store, memory, forgetting: Arc::new(Whole), observer };
        let transport = FuserTransport { passthrough: true, modified };
        serve_fleeting(showing, opens, device, &transport).map_err(HoldError::Serve)?;
        Ok(Self { users, mounts, owner, spares: Spares::new(program.clone()) })
    }

    fn ask(
        stream: &UnixStream,
        helper: u32,
        owner: Option<u32>,
        builds: &Path,
    ) -> Result<[OwnedFd; 3], HoldError> {
        let begin = HelperRequest::Begin { builds: builds.to_owned(), mapped: owner.is_some() };
        send(stream, &begin, &[])?;
        loop {
            match receive::<HelperAnswer>(stream)? {
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Some((HelperAnswer::Refused { doing, error }, _)) => {
                    return Err(HoldError::Refused { doing, error });
                }
                Some((HelperAnswer::Map {}, _)) => {
                    let owner = owner.unwrap_or(BUILD_UID);
                    fs::write(format!("/proc/{helper}/uid_map"), format!("0 {owner} 1"))?;
                    fs::write(format!("/proc/{helper}/gid_map"), format!("0 {owner} 1"))?;
                    send(stream, &HelperRequest::Mapped {}, &[])?;
                }
                Some((HelperAnswer::Ready {}, fds)) => {
                    let fds = <[OwnedFd; 3]>::try_from(fds);
                    return Ok(fds.map_err(|_| io::Error::other("a descriptor is missing"))?);
                }
            }
        }
    }

    /// The user namespace.
    pub fn users(&self) -> BorrowedFd<'_> {
        self.users.as_fd()
    }

    /// The mount namespace.
    pub fn mounts(&self) -> BorrowedFd<'_> {
        self.mounts.as_fd()
    }

    /// Supervisors that wait for the next builds.
    pub(crate) fn spares(&self) -> &Spares<Supervisor> {
        &self.spares
    }

    /// The user who must own a build's folders, if that is not this process's own.
    pub fn owner(&self) -> Option<u32> {
        self.owner
    }
}

/// [`BUILD_UID`], if this process is root and may change to that user.
pub(crate) fn build_uid() -> Option<u32> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let has = map.lines().any(|line| {
        let columns: Vec<u64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let [first, _, count] = columns[..] else { return false };
        (first..first + count).contains(&u64::from(BUILD_UID))
    });
    has.then_some(BUILD_UID)
}

/// The helper: creates the namespaces, hands them over and exits. Its task arrives over stdin, a Unix socket.
///
/// # Errors
/// When no task arrived.
pub fn help() -> io::Result<()> {
    let stream = UnixStream::from(rustix::stdio::stdin().try_clone_to_owned()?);
    let Some((HelperRequest::Begin { builds, mapped }, _)) = receive::<HelperRequest>(&stream)? else {
        return Ok(());
    };
    match made(&stream, &builds, mapped) {
        Ok(fds) => send(&stream, &HelperAnswer::Ready {}, &[fds[0].as_fd(), fds[1].as_fd(), fds[2].as_fd()]),
        Err((doing, error)) => send(&stream, &HelperAnswer::Refused { doing, error: error.to_string() }, &[]),
    }
}

fn made(stream: &UnixStream, builds: &Path, mapped: bool) -> Result<[OwnedFd; 3], (String, io::Error)> {
    let doing = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| (what, error)
    };
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    if mapped {
        be_charged(BUILD_UID).map_err(doing("become the user of builds"))?;
    }
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(doing("create namespaces"))?;
    // Opened as the previous user, who may own them, and in the new namespaces, where their mounts must belong.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let builds = rustix::fs::open(builds, flags, Mode::empty())
        .map_err(|e| doing("open the folder of the builds")(e.into()))?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let device =
        rustix::fs::open("/dev/fuse", flags, Mode::empty()).map_err(|e| doing("open /dev/fuse")(e.into()))?;
    if mapped {
        let asked = send(stream, &HelperAnswer::Map {}, &[]).and_then(|()| receive::<HelperRequest>(stream));
        asked.map_err(doing("have the user mapped"))?;
    } else {
        users::map_own(0, user, group).map_err(doing("map the user"))?;
    }
    users::become_root().map_err(doing("become the user of the namespace"))?;
    let top = TOPS.iter().find(|top| Path::new(top).is_dir()).unwrap_or(&TOPS[0]);
    let open = |name: &str| {
        rustix::fs::open(format!("/proc/self/ns/{name}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| doing("hold the namespaces")(e.into()))
    };
    let (users, mounts) = (open("user")?, open("mnt")?);
    let given = Given { builds: Some(builds), device: Some(device), ..Given::default() };
    apply(&held_ops(top), &given).map_err(|undone| (format!("{:?}", undone.op), undone.error))?;
    let device = given.device.ok_or_else(|| doing("open /dev/fuse")(io::ErrorKind::NotFound.into()))?;
    Ok([device, users, mounts])
}

/// Usage in a user namespace counts against its creator, too (namespaces(7), `/proc/sys/user/`): against
/// `user`, and not against root, who would have no inotify instances left. Files are still opened as root.
fn be_charged(user: u32) -> io::Result<()> {
    use rustix::thread::{CapabilitiesSecureBits, capabilities_secure_bits, set_capabilities_secure_bits};
    // Otherwise a change of the user drops all capabilities (capabilities(7)); some machines let only root
    // create a namespace.
    if let Ok(bits) = capabilities_secure_bits() {
        let _ = set_capabilities_secure_bits(bits | CapabilitiesSecureBits::NO_SETUID_FIXUP);
    }
    let (root, same) = (nix::unistd::Uid::from_raw(0), nix::unistd::Uid::from_raw(u32::MAX));
    nix::unistd::setresuid(same, nix::unistd::Uid::from_raw(user), same)?;
    nix::unistd::setfsuid(root);
    Ok(())
}
