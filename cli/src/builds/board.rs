//! What a person sees while something is built: on a terminal what runs and for how long, elsewhere a line for each
//! thing that happens.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Event;
use crate::render;

/// Shows events on stderr, or as JSON on stdout.
pub struct Board {
    json: bool,
    bars: Option<MultiProgress>,
    shown: HashMap<String, ProgressBar>,
    steps: HashMap<String, usize>,
    builds: usize,
    done: usize,
}

impl Board {
    /// A board; JSON lines with `json`.
    pub fn new(json: bool) -> Self {
        let bars = (!json && io::stderr().is_terminal()).then(MultiProgress::new);
        Self { json, bars, shown: HashMap::new(), steps: HashMap::new(), builds: 0, done: 0 }
    }

    /// Shows what happens.
    ///
    /// # Errors
    /// When stdout does not take it.
    pub fn show(&mut self, event: &Event) -> io::Result<()> {
        if self.json {
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, event)?;
            return out.write_all(b"\n");
        }
        match event {
            Event::Planned { builds } => self.builds = *builds,
            Event::Unpacks { recipe, file } => self.is(recipe, format!("unpacks {file}")),
            Event::Waits { recipe } => self.is(recipe, "waits for its turn".to_owned()),
            Event::Begins { recipe, steps, .. } => {
                self.steps.insert(recipe.clone(), *steps);
                self.is(recipe, "builds".to_owned());
                self.say(&format!("builds {recipe}"));
            }
            Event::Step { recipe, step } => {
                let steps = self.steps.get(recipe).copied().unwrap_or(0);
                if steps > 1 {
                    self.is(recipe, format!("step {step} of {steps}"));
                }
            }
            Event::Unsubstituted { recipe, from, why } => {
                self.tell(&format!("note: {recipe} is not taken from {from}: {why}"));
            }
            Event::Done { recipe, outputs, known, from } => {
                self.over(recipe);
                self.done += 1;
                let digest = outputs.get("out").or_else(|| outputs.values().next());
                let digest = digest.map_or("", |digest| &digest[..16]);
                let count = format!("[{}/{}]", self.done, self.builds.max(self.done));
                self.tell(&match (known, from) {
                    (_, Some(from)) => format!("{count} took {recipe} from {from}: {digest}"),
                    (true, None) => format!("{count} {recipe} is as it was: {digest}"),
                    (false, None) => format!("{count} built {recipe}: {digest}"),
                });
            }
            Event::Failed { recipe, .. } => {
                self.over(recipe);
                self.tell(&format!("failed {recipe}"));
            }
            Event::Skipped { recipe } => self.tell(&format!("skipped {recipe}, which needs it")),
        }
        Ok(())
    }

    /// Takes the bars away.
    pub fn clear(&mut self) {
        self.shown.drain().for_each(|(_, bar)| bar.finish_and_clear());
    }

    /// What a recipe is at, on a terminal.
    fn is(&mut self, recipe: &str, what: String) {
        let Some(bars) = &self.bars else { return };
        let bar = self.shown.entry(recipe.to_owned()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(recipe.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(what);
    }

    fn over(&mut self, recipe: &str) {
        if let Some(bar) = self.shown.remove(recipe) {
            bar.finish_and_clear();
        }
    }

    /// Where there are no bars.
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
