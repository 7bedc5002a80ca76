//! The program whose helper processes supervise builds and evaluate recipes; also started before they are needed, since
//! starting one takes longer than much that it is asked for.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The first argument of a helper process.
pub const HELPER: &str = "stele-helper";

/// A program that runs helpers: its `main` begins by looking for [`HELPER`] as its first argument. Whoever embeds the
/// builder says which program that is.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The running program itself, also when its file was replaced meanwhile.
    pub fn this() -> Self {
        Self(PathBuf::from("/proc/self/exe"))
    }

    /// The program in that file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The helper of that name. Nothing of this process reaches it but its stdin.
    pub fn helper(&self, name: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args([HELPER, name]).env_clear().current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// A process that waits until it is told what to do.
pub trait Waits: Sized + Send + 'static {
    /// Starts one.
    ///
    /// # Errors
    /// When there can be no process.
    fn start(program: &Program) -> io::Result<Self>;

    /// Whether it still waits, and was not killed.
    fn waits(&mut self) -> bool;

    /// There is nothing to do for it.
    fn end(self);
}

/// So long after one was wanted, the next are started: what is over sooner has the processors for itself.
const LATER: Duration = Duration::from_millis(20);
/// So many wait at most: who comes as soon as another has gone finds one, too.
const MAX: usize = 2;

/// Processes that wait.
pub struct Spares<T: Waits>(Arc<Queue<T>>);

impl<T: Waits> Spares<T> {
    /// None yet; they are started by `program`.
    pub fn new(program: Program) -> Self {
        Self(Arc::new(Queue { program, waiting: Mutex::default() }))
    }

    /// One that waits, or a new one.
    ///
    /// # Errors
    /// When there can be no process.
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

    /// Has some wait, soon.
    pub fn refill(&self) {
        let queue = Arc::downgrade(&self.0);
        // If there is no thread for it, whoever needs one starts it.
        let _ = thread::Builder::new().name("spare".to_owned()).spawn(move || {
            thread::sleep(LATER);
            let Some(queue) = queue.upgrade() else { return };
            // Let go of between two: somebody may want the first.
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

    /// Has one more wait. Whether more are wanted.
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
