//! Labelled points at which a test can end the process, as `kill -9` would.
//!
//! With the feature `crash-points` (tests only) a process that was started with `STELE_CRASH_AT=<label>` or
//! `STELE_CRASH_AT=<label>:<n>` kills itself when it reaches that point for the n-th time (default 1). Without
//! the feature none of this is compiled.

macro_rules! labels {
    ($($variant:ident = $label:literal, $what:literal;)*) => {
        /// A step after which a crash must lose nothing that was acknowledged.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum CrashPoint {
            $(#[doc = $what] $variant,)*
        }

        impl CrashPoint {
            /// Every point, so that a test can iterate over all of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in `STELE_CRASH_AT`.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

labels! {
    OpenFoldersMade = "open.folders-made", "A new store has its folders and no database.";
    OpenEpochWritten = "open.epoch-written", "The database says that the store is in use.";
    ImportTempCreated = "import.temp-created", "A payload's temporary file exists and is empty.";
    ImportTempWritten = "import.temp-written", "A payload's temporary file is complete, not synced.";
    CommitInlineFlushed = "commit.inline-flushed", "Small blobs of a session are durable; no row names them.";
    CommitRenamed = "commit.renamed", "One payload has its final name; no row names it.";
    CommitSynced = "commit.synced", "All payloads of a batch are durable; no row names them.";
    CommitRowsWritten = "commit.rows-written", "The rows of a batch are written, not synced.";
    CommitFinalSynced = "commit.final-synced", "The last batch is synced; the caller does not know.";
    RootWritten = "root.written", "A root is durable; the caller does not know.";
    RootRemoved = "root.removed", "A root is gone for good; the caller does not know.";
    GcMarked = "gc.marked", "Live content is marked; nothing was removed.";
    GcTreesRemoved = "gc.trees-removed", "The rows of dead trees are gone; their blobs exist.";
    GcRowsRemoved = "gc.rows-removed", "The rows of a batch of dead blobs are gone; their files exist.";
    GcFileRemoved = "gc.file-removed", "One file of a dead blob is gone.";
    VerifyMovedAside = "verify.moved-aside", "A corrupt payload is in quarantine; its row does not say so yet.";
    RebuildMovedAside = "rebuild.moved-aside", "The old database is aside; there is no new one.";
    RebuildBuilt = "rebuild.built", "The new database is complete, not yet in place.";
    BuildFolderMade = "build.folder-made", "A build's folder exists; its supervisor waits for the job.";
    CloseFlushed = "close.flushed", "All is flushed; the clean mark is not written.";
}

/// Kills the process here when the test asked for it.
#[cfg(feature = "crash-points")]
pub fn point(point: CrashPoint) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("STELE_CRASH_AT").ok()?;
        match text.rsplit_once(':') {
            Some((label, count)) => Some((label.to_owned(), count.parse().ok()?)),
            None => Some((text, 1)),
        }
    });
    if let Some((label, count)) = wanted
        && label == point.label()
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        // The test must know that the process reached the point, and did not end for some other reason.
        if let Some(witness) = std::env::var_os("STELE_CRASH_WITNESS") {
            let _ = std::fs::write(witness, label);
        }
        // SIGKILL, not abort(): no handler, destructor or buffer may make it gentler than a real crash.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Does nothing in a build that is not for tests.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_: CrashPoint) {}
