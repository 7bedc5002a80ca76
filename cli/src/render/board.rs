//! Progress of builds: on a terminal the running builds with their time and last line of output, elsewhere a line for
//! each event.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::builder::styling::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::log_lines::LogLines;
use super::manner::{self, BAD, DIM, GOOD, NOTE, PLAIN, Volume, took};
use crate::render;
use crate::timeline::Timeline;
use stele::builds::Event;
use stele::reference::from_wire;

/// How many bytes at the end of a log are searched for its last line.
const MAX_LINE: u64 = 1 << 10;

/// Without a terminal, how long nothing is said while work goes on.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// Shows events on stderr, or as JSON on stdout.
pub struct Board {
    json: bool,
    /// Whether the output of builds is shown.
    logs: bool,
    bars: Option<MultiProgress>,
    shown: HashMap<String, Shown>,
    /// The bottom line, with the counts.
    counts: Option<ProgressBar>,
    builds: usize,
    sum: Sum,
    begun: Instant,
    /// When everything was, if that is wanted.
    timeline: Option<Timeline>,
    /// When something was last said.
    said: Instant,
}

/// The result of a request so far.
#[derive(Default)]
struct Sum {
    planned: bool,
    reused: usize,
    built: usize,
    substituted: usize,
    unchanged: usize,
    failed: usize,
    skipped: usize,
}

impl Sum {
    fn done(&self) -> usize {
        self.built + self.substituted + self.unchanged
    }
}

/// A recipe in progress.
struct Shown {
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// The current activity.
    what: String,
    /// When its build began.
    since: Option<Instant>,
    steps: usize,
    /// The log of its build, and its length when it was last read.
    log: Option<(PathBuf, u64)>,
    /// The same log, when all of it is shown.
    lines: Option<LogLines>,
}

impl Board {
    /// A new board; with `json`, it prints lines of JSON.
    pub fn new(json: bool) -> Self {
        let bars = (!json && manner::volume() > Volume::Quiet && io::stderr().is_terminal())
            .then(MultiProgress::new);
        Self {
            json,
            logs: false,
            bars,
            shown: HashMap::new(),
            counts: None,
            builds: 0,
            sum: Sum::default(),
            begun: Instant::now(),
            timeline: None,
            said: Instant::now(),
        }
    }

    /// Whether builds are shown.
    pub fn is_used(&self) -> bool {
        self.builds > 0
    }

    /// Shows all output of builds, each line behind the recipe's name.
    pub fn print_build_logs(&mut self) {
        self.logs = true;
    }

    /// Notes the times of all events from now on.
    pub fn record(&mut self) {
        self.timeline = Some(Timeline::default());
    }

    /// The times, if they were to be noted.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.timeline.as_ref()
    }

    /// Shows an event.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show(&mut self, event: &Event) -> io::Result<()> {
        if let Some(timeline) = &mut self.timeline {
            timeline.note(event);
        }
        if self.json {
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, event)?;
            return out.write_all(b"\n");
        }
        match event {
            Event::Planned { builds, realised } => {
                self.builds = *builds;
                (self.sum.planned, self.sum.reused) = (true, *realised);
            }
            Event::Unpacks { recipe, file } => {
                self.is(recipe, format!("unpacking {file}"));
                self.detail(&format!("unpacking {file} for {recipe}"));
            }
            Event::Waits { recipe } => self.is(recipe, "queued".to_owned()),
            Event::Joins { recipe, timeout, memory } => {
                let time = timeout.map_or("no timeout".to_owned(), |it| format!("a timeout of {it} s"));
                let memory = indicatif::HumanBytes(*memory);
                self.note(&format!(
                    "{recipe} is being built already for another request, with its limits: {time}, {memory} of memory"
                ));
            }
            Event::Begins { recipe, steps, log, .. } => self.begins(recipe, *steps, log),
            Event::Step { recipe, step } => {
                let steps = self.shown.get(recipe).map_or(0, |shown| shown.steps);
                if steps > 1 {
                    self.is(recipe, format!("step {step} of {steps}"));
                    self.detail(&format!("{recipe}: step {step} of {steps}"));
                }
            }
            // The program that starts has the terminal to itself.
            Event::Enters { .. } => self.clear(),
            Event::Unsubstituted { recipe, from, why } => {
                self.note(&format!("{recipe} cannot be substituted from {from}: {why}"));
            }
            Event::Sends { recipe, steps, to } => self.starts(recipe, *steps, &format!(" by {to}")),
            Event::Unsent { recipe, at, why } => {
                self.note(&format!("{recipe} cannot be built by {at}, and is built here: {why}"));
            }
            Event::Done { recipe, outputs, known, from, at } => {
                let time = self.over(recipe);
                match (known, from) {
                    (_, Some(_)) => self.sum.substituted += 1,
                    (true, None) => self.sum.unchanged += 1,
                    (false, None) => self.sum.built += 1,
                }
                let digest = outputs.get("out").or_else(|| outputs.values().next());
                let digest = digest.map_or_else(String::new, |digest| format!(": {digest:.16}"));
                let count = format!("[{}/{}] ", self.sum.done(), self.builds.max(self.sum.done()));
                let count = (DIM, count.as_str());
                match (known, from) {
                    (_, Some(from)) => {
                        let rest = format!(" {recipe} from {from}");
                        self.tell(&[count, (GOOD, "substituted"), (PLAIN, &rest), (DIM, &digest)]);
                    }
                    (true, None) => {
                        self.tell(&[count, (PLAIN, &format!("{recipe} is unchanged")), (DIM, &digest)]);
                    }
                    (false, None) => {
                        let at = at.as_ref().map_or_else(String::new, |at| format!(" by {at}"));
                        let rest = format!(" {recipe}{at} in {}", took(time));
                        self.tell(&[count, (GOOD, "built"), (PLAIN, &rest), (DIM, &digest)]);
                    }
                }
            }
            Event::Failed { recipe, .. } => {
                let time = self.over(recipe);
                self.sum.failed += 1;
                self.tell(&[(BAD, "FAILED"), (PLAIN, &format!(" {recipe} after {}", took(time)))]);
            }
            Event::Skipped { recipe } => {
                self.sum.skipped += 1;
                self.tell(&[(PLAIN, &format!("skipped {recipe}, which depends on it"))]);
            }
        }
        self.count();
        Ok(())
    }

    /// A build begins, here or `by` another store.
    fn starts(&mut self, recipe: &str, steps: usize, by: &str) {
        self.is(recipe, format!("building{by}"));
        if let Some(shown) = self.shown.get_mut(recipe) {
            shown.steps = steps;
            shown.since = Some(Instant::now());
        }
        if self.bars.is_none() {
            self.tell(&[(PLAIN, &format!("building {recipe}{by}"))]);
        }
    }

    fn begins(&mut self, recipe: &str, steps: usize, log: &str) {
        self.starts(recipe, steps, "");
        let (path, logs) = (from_wire(log).ok(), self.logs);
        if let Some(shown) = self.shown.get_mut(recipe) {
            shown.lines = path.as_deref().filter(|_| logs).and_then(LogLines::open);
            shown.log = path.map(|path| (path, 0));
        }
        self.detail(&format!("{recipe}: the log is {log}"));
    }

    /// Shows new output of the running builds; without a terminal, that they still run.
    pub fn look(&mut self) {
        let mut lines = Vec::new();
        for (recipe, shown) in &mut self.shown {
            if let Some(log) = &mut shown.lines {
                lines.extend(log.new_lines().into_iter().map(|line| (recipe.clone(), line)));
            }
            let (Some(bar), Some((path, length))) = (&shown.bar, &mut shown.log) else { continue };
            if let Some(line) = new_line(path, length) {
                bar.set_message(format!("{}: {}", shown.what, render::clean(&line)));
            }
        }
        self.log(&lines);
        if self.bars.is_none() && self.said.elapsed() >= SILENCE {
            let running = self.shown.iter().filter_map(|(recipe, it)| Some((recipe, it.since?)));
            let mut running: Vec<String> =
                running.map(|(recipe, since)| format!("{recipe} for {}", took(since.elapsed()))).collect();
            running.sort_unstable();
            if !running.is_empty() {
                self.tell(&[(DIM, &format!("still building {}", running.join(", ")))]);
            }
        }
    }

    /// Sums up the result of the request, and how many sources were fetched for it.
    pub fn summarise(&self, fetched: usize) {
        // What changed nothing says so to a person only.
        let worth_it = self.builds > 0 || fetched > 0 || self.bars.is_some();
        if self.json || !self.sum.planned || !worth_it || manner::volume() == Volume::Quiet {
            return;
        }
        let sum = &self.sum;
        let counts = [
            ("built", sum.built),
            ("substituted", sum.substituted),
            ("unchanged", sum.unchanged),
            ("reused", sum.reused),
            ("fetched", fetched),
            ("failed", sum.failed),
            ("skipped", sum.skipped),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(what, count)| *count > 0 || *what == "built")
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        render::tell(&format!("{} in {}", counts.join(", "), took(self.begun.elapsed())));
    }

    /// Removes the progress bars.
    pub fn clear(&mut self) {
        self.shown.drain().filter_map(|(_, shown)| shown.bar).for_each(|bar| bar.finish_and_clear());
        if let Some(bar) = self.counts.take() {
            bar.finish_and_clear();
        }
    }

    /// Notes a recipe's current activity, and shows it on a terminal.
    fn is(&mut self, recipe: &str, what: String) {
        let (bars, counts) = (&self.bars, &self.counts);
        let shown = self.shown.entry(recipe.to_owned()).or_insert_with(|| {
            let bar = bars.as_ref().map(|bars| {
                let bar = ProgressBar::new_spinner();
                let bar = match counts {
                    Some(counts) => bars.insert_before(counts, bar),
                    None => bars.add(bar),
                };
                style(&bar, "{spinner} {prefix} {elapsed}  {wide_msg}");
                bar.set_prefix(recipe.to_owned());
                bar
            });
            Shown { bar, what: String::new(), since: None, steps: 0, log: None, lines: None }
        });
        if let Some(bar) = &shown.bar {
            bar.set_message(what.clone());
        }
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
        let left = self.builds.saturating_sub(self.sum.done() + self.shown.len());
        let mut waiting: Vec<&str> =
            self.shown.iter().filter(|(_, it)| it.log.is_none()).map(|(recipe, _)| recipe.as_str()).collect();
        waiting.sort_unstable();
        let waiting = match waiting.len() {
            0 => String::new(),
            _ => format!("; next {}", waiting.join(", ")),
        };
        let done = self.sum.done();
        bar.set_message(format!("{done} of {} done, {running} running, {left} queued{waiting}", self.builds));
    }

    /// A recipe is no longer in progress: returns how long its build took.
    fn over(&mut self, recipe: &str) -> Duration {
        let Some(shown) = self.shown.remove(recipe) else { return Duration::ZERO };
        if let Some(bar) = shown.bar {
            bar.finish_and_clear();
        }
        if let Some(lines) = shown.lines {
            let lines: Vec<_> = lines.rest().into_iter().map(|line| (recipe.to_owned(), line)).collect();
            self.log(&lines);
        }
        shown.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Shows lines of logs, each with its recipe.
    fn log(&mut self, lines: &[(String, String)]) {
        lines.iter().for_each(|(recipe, line)| self.write(&[(DIM, recipe), (DIM, "> "), (PLAIN, line)]));
    }

    /// Says a detail, for those who want all of them.
    fn detail(&mut self, text: &str) {
        if manner::volume() == Volume::Verbose {
            self.tell(&[(DIM, text)]);
        }
    }

    fn note(&mut self, text: &str) {
        self.write(&[(NOTE, "note:"), (PLAIN, " "), (PLAIN, text)]);
    }

    /// Says what is going on, unless that is not to be told.
    fn tell(&mut self, parts: &[(Style, &str)]) {
        if manner::volume() > Volume::Quiet {
            self.write(parts);
        }
    }

    fn write(&mut self, parts: &[(Style, &str)]) {
        self.said = Instant::now();
        match &self.bars {
            Some(bars) => bars.suspend(|| render::tell_in(parts)),
            None => render::tell_in(parts),
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
