//! Progress of builds: on a terminal the running builds with their time and last line of output, elsewhere a line for
//! each event.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::render;
use stele::builds::Event;
use stele::reference::from_wire;

/// How many bytes at the end of a log are searched for its last line.
const MAX_LINE: u64 = 1 << 10;

/// Shows events on stderr, or as JSON on stdout.
pub struct Board {
    json: bool,
    bars: Option<MultiProgress>,
    shown: HashMap<String, Shown>,
    /// The bottom line, with the counts.
    counts: Option<ProgressBar>,
    builds: usize,
    done: usize,
}

/// A recipe in progress, on a terminal.
struct Shown {
    bar: ProgressBar,
    /// The current activity.
    what: String,
    steps: usize,
    /// The log of its build, and its length when it was last read.
    log: Option<(PathBuf, u64)>,
}

impl Board {
    /// A new board; with `json`, it prints lines of JSON.
    pub fn new(json: bool) -> Self {
        let bars = (!json && io::stderr().is_terminal()).then(MultiProgress::new);
        Self { json, bars, shown: HashMap::new(), counts: None, builds: 0, done: 0 }
    }

    /// Whether builds are shown.
    pub fn is_used(&self) -> bool {
        self.builds > 0
    }

    /// Shows an event.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show(&mut self, event: &Event) -> io::Result<()> {
        if self.json {
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, event)?;
            return out.write_all(b"\n");
        }
        match event {
            Event::Planned { builds } => self.builds = *builds,
            Event::Unpacks { recipe, file } => self.is(recipe, format!("unpacking {file}")),
            Event::Waits { recipe } => self.is(recipe, "queued".to_owned()),
            Event::Joins { recipe, timeout, memory } => {
                let time = timeout.map_or("no timeout".to_owned(), |it| format!("a timeout of {it} s"));
                let memory = indicatif::HumanBytes(*memory);
                self.tell(&format!(
                    "note: {recipe} is being built already for another request, with its limits: {time}, {memory} of \
                     memory"
                ));
            }
            Event::Begins { recipe, steps, log, .. } => {
                self.is(recipe, "building".to_owned());
                if let Some(shown) = self.shown.get_mut(recipe) {
                    shown.steps = *steps;
                    shown.log = from_wire(log).ok().map(|path| (path, 0));
                }
                self.say(&format!("building {recipe}"));
            }
            Event::Step { recipe, step } => {
                let steps = self.shown.get(recipe).map_or(0, |shown| shown.steps);
                if steps > 1 {
                    self.is(recipe, format!("step {step} of {steps}"));
                }
            }
            // The program that starts has the terminal to itself.
            Event::Enters { .. } => self.clear(),
            Event::Unsubstituted { recipe, from, why } => {
                self.tell(&format!("note: {recipe} cannot be substituted from {from}: {why}"));
            }
            Event::Done { recipe, outputs, known, from } => {
                self.over(recipe);
                self.done += 1;
                let digest = outputs.get("out").or_else(|| outputs.values().next());
                let digest = digest.map_or_else(String::new, |digest| format!("{digest:.16}"));
                let count = format!("[{}/{}]", self.done, self.builds.max(self.done));
                self.tell(&match (known, from) {
                    (_, Some(from)) => format!("{count} substituted {recipe} from {from}: {digest}"),
                    (true, None) => format!("{count} {recipe} is unchanged: {digest}"),
                    (false, None) => format!("{count} built {recipe}: {digest}"),
                });
            }
            Event::Failed { recipe, .. } => {
                self.over(recipe);
                self.tell(&format!("FAILED {recipe}"));
            }
            Event::Skipped { recipe } => self.tell(&format!("skipped {recipe}, which depends on it")),
        }
        self.count();
        Ok(())
    }

    /// Shows new output of the running builds.
    pub fn look(&mut self) {
        for shown in self.shown.values_mut() {
            let Some((path, length)) = &mut shown.log else { continue };
            if let Some(line) = new_line(path, length) {
                shown.bar.set_message(format!("{}: {}", shown.what, render::clean(&line)));
            }
        }
    }

    /// Removes the progress bars.
    pub fn clear(&mut self) {
        self.shown.drain().for_each(|(_, shown)| shown.bar.finish_and_clear());
        if let Some(bar) = self.counts.take() {
            bar.finish_and_clear();
        }
    }

    /// Shows a recipe's current activity, on a terminal.
    fn is(&mut self, recipe: &str, what: String) {
        let Some(bars) = &self.bars else { return };
        let counts = &self.counts;
        let shown = self.shown.entry(recipe.to_owned()).or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            let bar = match counts {
                Some(counts) => bars.insert_before(counts, bar),
                None => bars.add(bar),
            };
            style(&bar, "{spinner} {prefix} {elapsed}  {wide_msg}");
            bar.set_prefix(recipe.to_owned());
            Shown { bar, what: String::new(), steps: 0, log: None }
        });
        shown.bar.set_message(what.clone());
        shown.what = what;
    }

    /// Updates the bottom line with the overall progress.
    fn count(&mut self) {
        let Some(bars) = &self.bars else { return };
        // A single build shows this in its own line.
        if self.builds < 2 {
            return;
        }
        let bar = self.counts.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            style(&bar, "  {wide_msg}");
            bar
        });
        let running = self.shown.values().filter(|shown| shown.log.is_some()).count();
        let left = self.builds.saturating_sub(self.done + self.shown.len());
        bar.set_message(format!("{} of {} done, {running} running, {left} queued", self.done, self.builds));
    }

    fn over(&mut self, recipe: &str) {
        if let Some(shown) = self.shown.remove(recipe) {
            shown.bar.finish_and_clear();
        }
    }

    /// Prints a line when there are no progress bars.
    fn say(&self, text: &str) {
        if self.bars.is_none() {
            self.tell(text);
        }
    }

    fn tell(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| render::tell(text)),
            None => render::tell(text),
        }
    }
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
}

/// The last line of a log that has something in it, if the log grew since it had `length` bytes.
fn new_line(path: &Path, length: &mut u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let now = file.metadata().ok()?.len();
    if now == *length {
        return None;
    }
    *length = now;
    file.seek(SeekFrom::Start(now.saturating_sub(MAX_LINE))).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_LINE).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // A carriage return overwrites what is before it.
    text.split(['\n', '\r']).map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_log_is_shown_once() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut length = 0;
        assert_eq!(new_line(file.path(), &mut length), None);
        file.write_all(b"one\ntwo\rthree\n\n").unwrap();
        assert_eq!(new_line(file.path(), &mut length).as_deref(), Some("three"));
        assert_eq!(new_line(file.path(), &mut length), None);
        file.write_all(&[b'\xff'; 4096]).unwrap();
        assert!(new_line(file.path(), &mut length).is_some());
        assert_eq!(new_line(Path::new("/nowhere"), &mut length), None);
    }
}
