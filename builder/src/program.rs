//! The program whose helper processes supervise builds and evaluate recipes; they are also started in advance,
//! since starting one takes longer than many of their tasks.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The first argument of a helper process.
pub const HELPER: &str = "stele-helper";

/// A program that runs helpers: its `main` first checks for [`HELPER`] as its first argument. The embedding
/// program sets its path.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The running program itself, even if its file was replaced meanwhile.
    pub fn this() -> Self {
        Self(PathBuf::from("/proc/self/exe"))
    }

    /// The program in that file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The helper of that name. It inherits nothing of this process but its stdin.
    pub fn helper(&self, name: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args([HELPER, name]).env_clear().current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// A process that waits for a task.
pub trait Waits: Sized + Send + 'static {
    /// Starts one.
    ///
    /// # Errors
    /// When no process can be started.
    fn start(program: &Program) -> io::Result<Self>;

    /// Whether it still waits, and was not killed.
    fn waits(&mut self) -> bool;

    /// Ends it without a task.
    fn end(self);
}

/// The delay before replacements are started: a short task has the processors for itself.
const LATER: Duration = Duration::from_millis(20);
/// At most so many wait: a request right after another finds one, too.
const MAX: usize = 2;

/// Waiting processes.
pub struct Spares<T: Waits>(Arc<Queue<T>>);

impl<T: Waits> Spares<T> {
    /// None yet; `program` will start them.
    pub fn new(program: Program) -> Self {
        Self(Arc::new(Queue { program, waiting: Mutex::default() }))
    }

    /// Takes a waiting process, or a new one.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn take(&self) -> io::Result<T> {
        let mut spares = self.0.lock();
        while let Some(mut spare) = spares.pop_front() {
            if spare.waits() {
                return Ok(spare);
            }
        }
        drop(spares);
        T::start(&self.0.program)
    }

    /// Starts replacements, soon.
    pub fn refill(&self) {
        let queue = Arc::downgrade(&self.0);
        // If no thread can be started, the next request starts the process.
        let _ = thread::Builder::new().name("spare".to_owned()).spawn(move || {
            thread::sleep(LATER);
            let Some(queue) = queue.upgrade() else { return };
            // Unlocked between two: a request may want the first.
            while queue.add() {}
        });
    }
}

struct Queue<T: Waits> {
    program: Program,
    waiting: Mutex<VecDeque<T>>,
}

impl<T: Waits> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one more. Returns whether more are wanted.
    fn add(&self) -> bool {
        let mut spares = self.lock();
        if spares.len() < MAX {
            let Ok(another) = T::start(&self.program) else { return false };
            spares.push_back(another);
        }
        spares.len() < MAX
    }
}

impl<T: Waits> Drop for Queue<T> {
    fn drop(&mut self) {
        self.lock().drain(..).for_each(T::end);
    }
}
