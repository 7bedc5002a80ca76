//! The namespaces that builds begin in: a user namespace, and in it a mount namespace with the store and little else.
//!
//! They are made once and have no process in them: descriptors keep them. Nothing of them can be seen in the machine's
//! own list of mounts, and when the process that holds them is gone, however it ended, so are they.
//!
//! Because each build's own user namespace is below this one, root and a user get the same: inputs belong to the
//! build's own user. As root, that user is nobody else's on the machine ([`BUILD_UID`]).

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

/// The user of the machine that builds are when root builds: above all that distributions, containers and services are
/// given, below the largest.
pub const BUILD_UID: u32 = 1_900_000_000;
/// Folders of which every machine has one: something is mounted there, for the helper alone.
const TOPS: [&str; 6] = ["/tmp", "/run", "/var", "/etc", "/usr", "/home"];

/// Why builds have no namespaces to begin in.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The process that makes them.
    #[error("the process that mounts the store for builds: {0}")]
    Helper(#[from] io::Error),
    /// It could not make them.
    #[error("the store cannot be mounted for builds: {doing}: {error}")]
    Refused {
        /// What it was doing.
        doing: String,
        /// Why it could not.
        error: String,
    },
    /// Nobody can answer for the mount.
    #[error("the FUSE device cannot be used: {0}")]
    Serve(io::Error),
}

/// To the helper.
#[derive(Debug, Serialize, Deserialize)]
enum HelperRequest {
    /// Make them; `builds` is the folder of all builds, `mapped` whether the asker maps the user.
    Begin { builds: PathBuf, mapped: bool },
    /// The user is mapped.
    Mapped {},
}

/// From the helper.
#[derive(Debug, Serialize, Deserialize)]
enum HelperAnswer {
    /// The user may be mapped now.
    Map {},
    /// They are there: the FUSE device, the user and the mount namespace come along.
    Ready {},
    /// They could not be made.
    Refused { doing: String, error: String },
}

/// Namespaces that builds begin in, with the store served in them as long as they are there.
pub struct Held {
    users: OwnedFd,
    mounts: OwnedFd,
    owner: Option<u32>,
    spares: Spares<Supervisor>,
}

/// Of this mount the kernel forgets when it is given up, which is before a collection: nobody else can name it.
struct Whole;

impl Forgetting for Whole {
    fn forget_unused(&self) -> bool {
        false
    }
}

impl Held {
    /// Makes them. `observer` is told what the builds that begin in them look for.
    ///
    /// # Errors
    /// See [`HoldError`].
    pub fn begin(
        store: &Arc<Store>,
        memory: &Arc<Memory>,
        builds: &Path,
        program: &Program,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, HoldError> {
        let owner = build_uid();
        let (stream, theirs) = UnixStream::pair()?;
        let mut helper = program.helper(crate::HOLD).stdin(OwnedFd::from(theirs)).spawn()?;
        let made = Self::ask(&stream, helper.id(), owner, builds);
        drop(stream);
        let _ = helper.wait();
        let [device, users, mounts] = made?;
        let (store, memory) = (Arc::clone(store), Arc::clone(memory));
        // A compiler opens headers again and again. Nothing of that is worth a question, unless somebody wants to know.
        let opens = if observer.is_some() { Opens::Sent } else { Opens::Unsent };
        let showing = Showing { store, memory, forgetting: Arc::new(Whole), observer };
        let transport = FuserTransport { passthrough: true };
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

    /// The user of the machine to whom a build's folders have to belong, when that is not this process's own.
    pub fn owner(&self) -> Option<u32> {
        self.owner
    }
}

/// [`BUILD_UID`], if this process is root and may make somebody that user.
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

/// The helper: makes the namespaces, hands them over and ends. What it is to do comes over stdin, a Unix socket.
///
/// # Errors
/// When nothing came.
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
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(doing("make namespaces"))?;
    // Opened as the user of before, to whom they may belong, and in the new namespaces, whose mounts they become.
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
    let given = Given { builds: Some(builds), device: Some(device), nodes: None };
    apply(&held_ops(top), &given).map_err(|undone| (format!("{:?}", undone.op), undone.error))?;
    let device = given.device.ok_or_else(|| doing("open /dev/fuse")(io::ErrorKind::NotFound.into()))?;
    Ok([device, users, mounts])
}

/// What is used in a user namespace counts against its maker, too (namespaces(7), `/proc/sys/user/`): against `user`,
/// and not against root, who would have no inotify instances left. Files are opened as root's all the same.
fn be_charged(user: u32) -> io::Result<()> {
    use rustix::thread::{CapabilitiesSecureBits, capabilities_secure_bits, set_capabilities_secure_bits};
    // Else a change of the user takes all rights (capabilities(7)); some machines let nobody else make a namespace.
    if let Ok(bits) = capabilities_secure_bits() {
        let _ = set_capabilities_secure_bits(bits | CapabilitiesSecureBits::NO_SETUID_FIXUP);
    }
    let (root, same) = (nix::unistd::Uid::from_raw(0), nix::unistd::Uid::from_raw(u32::MAX));
    nix::unistd::setresuid(same, nix::unistd::Uid::from_raw(user), same)?;
    nix::unistd::setfsuid(root);
    Ok(())
}
