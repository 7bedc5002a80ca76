//! What is known of the reproducibility of recipes, and a page of it.

use serde::{Deserialize, Serialize};

use stele_builder::realise::{
    Cause, CheckRecord, CheckRound, Explanation, RoundOutcome, Varied, command_line,
};
use stele_untrusted::Untrusted;

use crate::page::{Page, escape};

/// What is known of a recipe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reported {
    /// Its name.
    pub recipe: String,
    /// The record of the last check of what it was last built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckRecord>,
    /// The last explanation of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// What a check says of a recipe, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// A round gave something else.
    Differs,
    /// A round failed.
    Fails,
    /// It was never checked.
    Unchecked,
    /// Every round gave the same.
    Reproducible,
}

/// All of them, with the names of their classes and what they are called.
const STANDINGS: [(Standing, &str, &str); 4] = [
    (Standing::Differs, "differs", "not reproducible"),
    (Standing::Fails, "fails", "fails when varied"),
    (Standing::Unchecked, "unchecked", "not checked"),
    (Standing::Reproducible, "same", "reproducible"),
];

const STYLE: &str = "\
:root{--differs:#b3261e;--fails:#a15c00;--unchecked:#777;--same:#187a2f}\
@media(prefers-color-scheme:dark){:root{--differs:#ff8a80;--fails:#ffb74d;--unchecked:#999;--same:#6fd08c}\
body{background:#121212;color:#e6e6e6}}\
body{max-width:50rem;overflow-wrap:anywhere}svg{display:block;width:100%;height:1.5rem}\
rect.differs{fill:var(--differs)}rect.fails{fill:var(--fails)}rect.unchecked{fill:var(--unchecked)}\
rect.same{fill:var(--same)}b.differs{color:var(--differs)}b.fails{color:var(--fails)}\
b.unchecked{color:var(--unchecked)}b.same{color:var(--same)}\
ul{padding-left:1.2rem}.totals{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}\
details{border:1px solid #8886;border-radius:.4rem;margin:.5rem 0;padding:.3rem .7rem}\
details details{border:0;padding:0;margin:0}summary{cursor:pointer;padding:.3rem 0}\
dt{font-weight:600;margin-top:.5rem}dd{margin:0}@media print{details{break-inside:avoid}}";

impl Reported {
    /// What the check says.
    pub fn standing(&self) -> Standing {
        let Some(check) = &self.check else { return Standing::Unchecked };
        let differs = |it: &CheckRound| matches!(it.outcome, RoundOutcome::Differs { .. });
        match check.reproducible {
            true => Standing::Reproducible,
            false if check.rounds.iter().any(differs) => Standing::Differs,
            false => Standing::Fails,
        }
    }
}

/// A page about these recipes, by this version of Stele. Pure.
pub fn page(all: &[Reported], version: &str) -> String {
    let mut page = Page::new("Reproducibility", STYLE);
    page.raw(&format!("<p>{} recipes; written by stele {}.</p>\n", all.len(), text(version)));
    totals(&mut page, all);
    let mut all: Vec<&Reported> = all.iter().collect();
    all.sort_by_key(|it| (it.standing(), &it.recipe));
    for it in all {
        recipe(&mut page, it);
    }
    page.end()
}

/// Strangers' text as HTML: it can neither end an element nor control anything.
fn text(text: &str) -> String {
    escape(&Untrusted(text).to_string())
}

fn totals(page: &mut Page, all: &[Reported]) {
    let count = |standing| all.iter().filter(|it| it.standing() == standing).count();
    let described: Vec<String> =
        STANDINGS.iter().map(|(standing, _, name)| format!("{} {name}", count(*standing))).collect();
    let width = all.len().max(1);
    page.raw(&format!(
        "<svg role=\"img\" aria-label=\"{0}\" viewBox=\"0 0 {width} 1\" preserveAspectRatio=\"none\">\
         <title>{0}</title>",
        described.join(", ")
    ));
    let mut left = 0;
    for (standing, class, _) in STANDINGS {
        let count = count(standing);
        page.raw(&format!("<rect class=\"{class}\" x=\"{left}\" y=\"0\" width=\"{count}\" height=\"1\"/>"));
        left += count;
    }
    page.raw("</svg>\n<ul class=\"totals\">");
    for ((_, class, _), described) in STANDINGS.iter().zip(&described) {
        page.raw(&format!("<li><b class=\"{class}\">\u{25a0}</b> {described}</li>"));
    }
    page.raw("</ul>\n");
}

fn recipe(page: &mut Page, it: &Reported) {
    let standing = it.standing();
    let (class, name) = STANDINGS
        .iter()
        .find(|(other, ..)| *other == standing)
        .map_or(("", ""), |(_, class, name)| (class, name));
    page.raw(&format!(
        "<details id=\"{0}\"><summary>{0}: <b class=\"{class}\">{name}</b></summary>\n",
        text(&it.recipe)
    ));
    let Some(check) = &it.check else {
        page.raw(&format!("<p><code>stele check {}</code> checks it.</p></details>\n", text(&it.recipe)));
        return;
    };
    page.raw("<dl>");
    for (output, digest) in &check.outputs {
        define(page, &format!("Output {output}"), &format!("<code>{digest}</code>"));
    }
    define(page, "Action", &format!("<code>{}</code>", check.action));
    define(page, "Sandbox profile", &format!("<code>{}</code>", check.profile));
    let from = if check.own { "This store built it" } else { "Another store built it" };
    define(page, "Origin", from);
    page.raw("<dt>Rounds</dt><dd><ul>");
    check.rounds.iter().for_each(|it| round(page, it));
    page.raw("</ul></dd>");
    if let Some(explanation) = &it.explanation {
        page.raw("<dt>Explanation</dt><dd>");
        explained(page, explanation);
        page.raw("</dd>");
    }
    page.raw("</dl></details>\n");
}

/// A term and its meaning, which is HTML.
fn define(page: &mut Page, term: &str, meaning: &str) {
    page.raw(&format!("<dt>{}</dt><dd>{meaning}</dd>", text(term)));
}

fn round(page: &mut Page, it: &CheckRound) {
    let result = match &it.outcome {
        RoundOutcome::Same {} => "same".to_owned(),
        RoundOutcome::Failed { error } => format!("failed: {}", text(error)),
        RoundOutcome::Differs { .. } => format!("differs: {}", difference(&it.outcome)),
    };
    let round = it.round;
    page.raw(&format!("<li>Round {round}, {} s: {result}<details><summary>", it.seconds));
    let vectors = if it.varied.len() == 1 { "vector" } else { "vectors" };
    page.raw(&format!("{} {vectors} varied</summary><ul>", it.varied.len()));
    it.varied.iter().for_each(|it| page.raw(&format!("<li>{}</li>", vector(it))));
    page.raw("</ul></details></li>");
}

fn vector(it: &Varied) -> String {
    format!("{}: {} to {}", text(&it.vector), text(&it.from), text(&it.to))
}

/// The first difference, in HTML.
fn difference(outcome: &RoundOutcome) -> String {
    let RoundOutcome::Differs { output, paths, more, .. } = outcome else { return String::new() };
    let Some(first) = paths.first() else { return format!("output {}", text(output)) };
    let cause = first.cause.as_ref().map(|it| format!(", probably {}", text(it))).unwrap_or_default();
    let others = match paths.len() as u64 - 1 + more {
        0 => String::new(),
        others => format!(", and {others} more"),
    };
    format!(
        "<code>{}</code> of output {} was {}{cause}{others}",
        text(&first.path),
        text(output),
        text(&first.change)
    )
}

fn explained(page: &mut Page, it: &Explanation) {
    let vectors = it.vectors.iter().map(vector).collect::<Vec<_>>().join("; ");
    page.raw(&match it.cause {
        Cause::None => "Nothing that was varied changes it.".to_owned(),
        Cause::LetThrough => {
            "Something that the sandbox lets through changes it: the time, random numbers, the \
                              order of threads."
                .to_owned()
        }
        Cause::Vectors => format!("What changes it: {vectors}."),
        Cause::Fails => format!("What it fails with: {vectors}."),
        Cause::Broken => "It fails with nothing varied.".to_owned(),
    });
    if let Some(build) = it.shown()
        && matches!(build.outcome, RoundOutcome::Differs { .. })
    {
        page.raw(&format!(" {}", difference(&build.outcome)));
    }
    if it.writers.is_empty() {
        return;
    }
    page.raw("<ul>");
    for writer in &it.writers {
        page.raw(&format!(
            "<li><code>{}</code> was written by <code>{}</code> in <code>{}</code></li>",
            text(writer.wrote.as_deref().unwrap_or("a pipe")),
            text(&command_line(&writer.argv)),
            text(&writer.directory)
        ));
    }
    page.raw("</ul>");
}
