//! The log of a recipe's running build, or of its last one.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use stele_recipes::recipe::RecipeName;
use stele_store::{CopyError, Progress};

use crate::builds::LogOf;
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::reference::to_wire;
use crate::service::lost_sink;

/// How often a growing log is polled.
const TICK: Duration = Duration::from_millis(50);

/// Receives the bytes of a log.
pub type Taker<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + 'a;

/// Sends the log of a recipe's running build, or of its last one. With `follow`, everything that the running build
/// writes until it ends.
///
/// # Errors
/// When there is no log, or the receiver is gone.
pub fn log(
    engine: &Engine,
    recipe: &RecipeName,
    follow: bool,
    progress: &Progress,
    to: &mut Taker<'_>,
) -> Result<(), Failure> {
    if let Some(path) = running(engine, recipe) {
        // It may end, and its folder be removed, at this moment: then it is the last one.
        if let Ok(file) = File::open(&path) {
            let runs = || follow && running(engine, recipe).as_ref() == Some(&path);
            return copy(file, &runs, progress, to);
        }
    }
    let last = last(engine, recipe)?;
    let reader = engine.store().open_blob(&last.log)?;
    reader.verified(to).map_err(|e| match e {
        CopyError::Sink(e) => lost_sink(&e),
        CopyError::Read(e) => e.into(),
    })
}

/// Metadata of the log of a recipe's running build, or of its last one.
///
/// # Errors
/// When there is no log.
pub fn about(engine: &Engine, recipe: &RecipeName) -> Result<LogOf, Failure> {
    let name = recipe.to_string();
    if let Some(path) = running(engine, recipe) {
        return Ok(LogOf { recipe: name, running: Some(to_wire(path.as_os_str())), ..LogOf::default() });
    }
    let last = last(engine, recipe)?;
    let Attempt { action, failed, when } = Attempt::of(&last);
    Ok(LogOf { recipe: name, running: None, log: Some(last.log), action, failed, when })
}

/// What is stored about the last build of a recipe, beside its log (`docs/formats.md`).
#[derive(Default, serde::Deserialize)]
pub(crate) struct Attempt {
    pub action: Option<stele_store::model::Digest>,
    pub failed: Option<String>,
    pub when: Option<u64>,
}

impl Attempt {
    /// That of a stored row; empty where it cannot be read.
    pub(crate) fn of(last: &stele_store::Last) -> Self {
        serde_json::from_slice(&last.text).unwrap_or_default()
    }
}

fn running(engine: &Engine, recipe: &RecipeName) -> Option<std::path::PathBuf> {
    engine.optional_builder().and_then(|builder| builder.running_log(recipe))
}

fn last(engine: &Engine, recipe: &RecipeName) -> Result<stele_store::Last, Failure> {
    engine.store().last(recipe.as_str())?.ok_or_else(|| {
        Failure::new(Kind::NotFound, format!("there is no log of recipe `{recipe}` in this store"))
            .hint("`stele build` builds it and writes its log")
    })
}

/// The content of a file, and what is appended while `grows` returns that more may come.
fn copy(
    mut file: File,
    grows: &dyn Fn() -> bool,
    progress: &Progress,
    to: &mut Taker<'_>,
) -> Result<(), Failure> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        // Asked before reading, so that nothing written before the end is missed.
        let more = grows();
        loop {
            match file.read(&mut bytes).map_err(|e| Failure::io("the log", &e))? {
                0 => break,
                count => to(&bytes[..count]).map_err(|e| lost_sink(&e))?,
            }
        }
        if !more {
            return Ok(());
        }
        progress.check().map_err(|_| crate::failure::store::cancelled())?;
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;

    use super::*;

    #[test]
    fn output_written_just_before_the_end_is_not_lost() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let asked = Cell::new(0);
        let grows = || {
            asked.set(asked.get() + 1);
            file.as_file().write_all(format!("{} ", asked.get()).as_bytes()).unwrap();
            asked.get() < 3
        };
        let mut read = Vec::new();
        let opened = File::open(file.path()).unwrap();
        copy(opened, &grows, &Progress::default(), &mut |bytes| {
            read.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        assert_eq!(read, b"1 2 3 ");
    }
}
