//! `daemon`: the process that owns the store.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::args::Global;
use crate::commands::umount::end_mounts;
use crate::quantity::size;
use crate::render::{self, Terminal};
use crate::stores::connect_streams;
use crate::where_store;
use stele::answers::{Answer, Status};
use stele::failure::Failure;
use stele::reference::to_wire;
use stele_daemon::client::{existing, wait_until_free};
use stele_daemon::mounts::keeper;
use stele_daemon::protocol::Call;
use stele_daemon::server::{self, Door, Groups, Options, group};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show whether a daemon runs, and since when
    Status,
    /// Stop the daemon after its current requests, and unmount its mounts
    Stop(Stop),
    /// Run the daemon in the foreground; commands start one on demand
    Run(Run),
    /// Hold the mounts across restarts of the daemon, which starts this process
    #[command(hide = true)]
    Keep,
    /// Connect stdin and stdout to the daemon's socket: for a command on another machine, by ssh
    #[command(hide = true)]
    Connect,
}

#[derive(Args, Debug)]
pub struct Stop {
    /// Cancel running requests, and unmount even what is in use; acknowledged writes stay
    #[arg(long)]
    now: bool,
}

#[derive(Args, Debug)]
pub struct Run {
    /// Stop after this many seconds without a request
    #[arg(
        long,
        env = "STELE_DAEMON_IDLE",
        default_value_t = 300,
        value_name = "SECONDS",
        hide_env_values = true
    )]
    idle: u64,
    /// Let all users of this machine read the store by a socket at this path; `inherited` for one that systemd made
    #[arg(long, value_name = "SOCKET")]
    readers: Option<PathBuf>,
    /// Let only members of this group read it by that socket; a name or a number
    #[arg(long, value_name = "GROUP", requires = "readers", value_parser = group)]
    readers_group: Option<u32>,
    /// Let members of this group also build in it by that socket; a name or a number
    #[arg(long, value_name = "GROUP", requires = "readers", value_parser = group)]
    builders: Option<u32>,
    /// How much each of them may add in a day
    #[arg(long, value_name = "SIZE", requires = "builders", value_parser = size, default_value = "32G")]
    quota: u64,
    /// Report readiness on stdout and leave the terminal
    #[arg(long, hide = true)]
    detach: bool,
}

pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let store = where_store::find(global.store.clone())?;
    match command {
        Command::Run(run) => {
            let door = |path: PathBuf| match path.as_os_str() == "inherited" {
                true => Door::Inherited,
                false => Door::Path(path),
            };
            let idle = Duration::from_secs(run.idle);
            let groups = Groups { readers: run.readers_group, builders: run.builders };
            let (detach, readers, quota) = (run.detach, run.readers.map(door), run.quota);
            server::run(&store, &Options { idle, detach, readers, groups, quota })
        }
        Command::Keep => keeper::run(&store),
        Command::Connect => connect_streams(&store),
        Command::Stop(stop) => {
            // Also without a daemon: a keeper would start one at the next access to a mount.
            end_mounts(&store, stop.now)?;
            match existing(&store)? {
                None => {
                    render::note(&format!("no daemon runs for {}", store.display()));
                    Ok(())
                }
                Some(connection) => {
                    if connection.stop(stop.now)? {
                        Ok(())
                    } else {
                        wait_until_free(&store)
                    }
                }
            }
        }
        Command::Status => {
            let mut status = Status {
                running: false,
                store: to_wire(store.as_os_str()),
                pid: None,
                version: None,
                build: None,
                up_seconds: None,
                working: None,
                idle_seconds: None,
                mounts: None,
            };
            if let Some(mut connection) = existing(&store)? {
                status.running = true;
                status.pid = Some(connection.welcome.pid);
                status.version = Some(connection.welcome.stele.clone());
                status.build = Some(connection.welcome.build.clone());
                status.working = Some(connection.welcome.working);
                // Only a daemon of this version is certain to understand the request.
                if connection.welcome.is_of_this_build()
                    && let Some(Answer::Status(more)) =
                        connection.call(&Call::Status {}, &mut Terminal::new(global.json))?
                {
                    status = more;
                }
            }
            if global.json { render::json(&status) } else { render::out(render::status(&status).as_bytes()) }
        }
    }
}
