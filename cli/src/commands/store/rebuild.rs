//! `store rebuild-index`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Args;

use stele_store::{Progress, Store};

use crate::args::Global;
use crate::commands::umount::end_mounts;
use crate::render::{self, Terminal};
use crate::where_store;
use stele::Observer;
use stele::answers::Rebuilt;
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;
use stele::service::root_answer;
use stele_daemon::client::{existing, refuse_foreign, wait_until_free};

/// `stele store rebuild-index`
#[derive(Args, Debug)]
pub struct RebuildIndex {
    /// An exported tree to take content from; may be repeated
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
}

impl RebuildIndex {
    /// Exit code 4 when a root is lost.
    ///
    /// Runs in this process: the daemon cannot own a store whose database it cannot open.
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let path = where_store::find(global.store.clone())?;
        refuse_foreign(&path)?;
        // What is mounted shows the old database, and its keeper would start a daemon for it.
        end_mounts(&path, false)?;
        if let Some(daemon) = existing(&path)? {
            daemon.stop(false)?;
        }
        wait_until_free(&path)?;
        let mut terminal = Terminal::new(global.json);
        let progress = Progress::default();
        let done = AtomicBool::new(false);
        let (store, rebuilt) = thread::scope(|scope| {
            let work = scope.spawn(|| {
                let result = Store::rebuild(&path, &self.from, &progress);
                done.store(true, Ordering::SeqCst);
                result
            });
            while !done.load(Ordering::SeqCst) && !work.is_finished() {
                thread::sleep(Duration::from_millis(50));
                terminal.progress(progress.snapshot().into());
            }
            let _ = terminal.finish();
            work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        store.close()?;
        let rebuilt = Rebuilt {
            files: rebuilt.files,
            quarantined: rebuilt.quarantined,
            inline_blobs: rebuilt.inline_blobs,
            trees: rebuilt.trees,
            incomplete_trees: rebuilt.incomplete_trees,
            roots: rebuilt.roots,
            lost_roots: rebuilt
                .lost_roots
                .iter()
                .map(|(name, target)| root_answer(name.as_str(), *target, 0))
                .collect(),
            old_database: rebuilt.old_database.iter().map(|path| to_wire(path.as_os_str())).collect(),
        };
        if global.json { render::json(&rebuilt) } else { render::out(render::rebuilt(&rebuilt).as_bytes()) }?;
        let lost = !rebuilt.lost_roots.is_empty();
        Ok(if lost { ExitCode::from(Kind::Corrupt.exit_code()) } else { ExitCode::SUCCESS })
    }
}
