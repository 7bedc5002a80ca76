//! When each part of a build began and ended, as a page and in the trace format of browsers.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::render::manner::took;
use stele::builds::Event;
use stele::page::{Page, escape};

/// What a span of time was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Unpacked,
    Built,
    Substituted,
    Unchanged,
    Failed,
}

impl Kind {
    /// Its class, and its word in the legend.
    fn word(self) -> &'static str {
        match self {
            Self::Unpacked => "unpacked",
            Self::Built => "built",
            Self::Substituted => "substituted",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

/// A span of time, from the beginning of the request.
struct Span {
    recipe: String,
    kind: Kind,
    begin: Duration,
    end: Duration,
    /// The source that was unpacked, or the output.
    about: String,
}

/// The events of a request with their times.
pub struct Timeline {
    begun: Instant,
    /// What a recipe's source or build has been doing since when.
    open: HashMap<String, (Kind, Duration, String)>,
    spans: Vec<Span>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { begun: Instant::now(), open: HashMap::new(), spans: Vec::new() }
    }
}

impl Timeline {
    /// Notes an event, now.
    pub fn note(&mut self, event: &Event) {
        self.note_at(event, self.begun.elapsed());
    }

    fn note_at(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Unpacks { recipe, file } => {
                self.close(recipe, None, now);
                self.open.insert(recipe.clone(), (Kind::Unpacked, now, file.clone()));
            }
            Event::Waits { recipe } => self.close(recipe, None, now),
            Event::Begins { recipe, .. } | Event::Sends { recipe, .. } => {
                self.close(recipe, None, now);
                self.open.insert(recipe.clone(), (Kind::Built, now, String::new()));
            }
            Event::Done { recipe, outputs, known, from, at } => {
                let kind = match (known, from) {
                    (_, Some(_)) => Kind::Substituted,
                    (true, None) => Kind::Unchanged,
                    (false, None) => Kind::Built,
                };
                let digests = outputs.iter().map(|(name, digest)| format!("{name} {digest}"));
                let digests: Vec<String> = at.iter().map(|at| format!("by {at}")).chain(digests).collect();
                if let Some((_, _, about)) = self.open.get_mut(recipe) {
                    *about = digests.join(", ");
                }
                self.close(recipe, Some(kind), now);
            }
            Event::Failed { recipe, why } => {
                if let Some((_, _, about)) = self.open.get_mut(recipe) {
                    about.clone_from(why);
                }
                self.close(recipe, Some(Kind::Failed), now);
            }
            _ => {}
        }
    }

    /// Ends the open span of a recipe, if there is one; with `kind`, it was that.
    fn close(&mut self, recipe: &str, kind: Option<Kind>, now: Duration) {
        if let Some((was, begin, about)) = self.open.remove(recipe) {
            // A source is unpacked, whatever the build gives afterwards.
            let kind = kind.filter(|_| was != Kind::Unpacked).unwrap_or(was);
            self.spans.push(Span { recipe: recipe.to_owned(), kind, begin, end: now, about });
        }
    }

    /// As a page: a line for each recipe, in the order in which they began.
    pub fn page(&self, title: &str) -> String {
        let mut page = Page::new(title, STYLE);
        let end = self.spans.iter().map(|it| it.end).max().unwrap_or_default();
        let all: Duration = self.spans.iter().map(|it| it.end - it.begin).sum();
        page.raw(&format!("<p>{} from the first to the last, {} of work.</p>\n", took(end), took(all)));
        let mut order: Vec<(&str, Duration)> = Vec::new();
        for span in &self.spans {
            match order.iter_mut().find(|(recipe, _)| *recipe == span.recipe) {
                Some((_, begin)) => *begin = span.begin.min(*begin),
                None => order.push((&span.recipe, span.begin)),
            }
        }
        order.sort_by_key(|(_, begin)| *begin);
        let mut kinds: Vec<Kind> = self.spans.iter().map(|it| it.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let legend: String =
            kinds.iter().map(|kind| format!("<li><i class=\"{0}\"></i>{0}</li>", kind.word())).collect();
        page.raw(&format!("<ul class=\"legend\">{legend}</ul>\n<table class=\"times\">\n"));
        let percent = |it: Duration| it.as_secs_f64() / end.as_secs_f64().max(1e-9) * 100.0;
        for (recipe, _) in order {
            let spans: Vec<&Span> = self.spans.iter().filter(|it| it.recipe == recipe).collect();
            let time: Duration = spans.iter().map(|it| it.end - it.begin).sum();
            let mut bars = String::new();
            for span in spans {
                let time = took(span.end - span.begin);
                let title = format!(
                    "{recipe}: {} in {time}, after {}. {}",
                    span.kind.word(),
                    took(span.begin),
                    span.about
                );
                // Writing to a string cannot fail.
                let _ = write!(
                    bars,
                    "<i class=\"{}\" style=\"left:{:.2}%;width:{:.2}%\" title=\"{}\"></i>",
                    span.kind.word(),
                    percent(span.begin),
                    percent(span.end - span.begin),
                    escape(&title)
                );
            }
            let recipe = escape(recipe);
            page.raw(&format!(
                "<tr><th>{recipe}</th><td>{}</td><td class=\"bars\">{bars}</td></tr>\n",
                took(time)
            ));
        }
        page.raw("</table>\n");
        page.end()
    }

    /// In the Trace Event Format, "Complete Events": what `chrome://tracing` and Perfetto open.
    pub fn trace(&self) -> String {
        #[derive(Serialize)]
        struct Complete<'a> {
            name: &'a str,
            cat: &'a str,
            ph: &'a str,
            ts: u128,
            dur: u128,
            pid: u32,
            tid: usize,
            args: HashMap<&'a str, &'a str>,
        }
        // A row for each of those that ran at the same time.
        let mut free: Vec<Duration> = Vec::new();
        let mut spans: Vec<&Span> = self.spans.iter().collect();
        spans.sort_by_key(|it| (it.begin, it.end));
        let events: Vec<Complete<'_>> = spans
            .into_iter()
            .map(|span| {
                let row = free.iter().position(|end| *end <= span.begin).unwrap_or(free.len());
                if row == free.len() {
                    free.push(Duration::ZERO);
                }
                free[row] = span.end;
                Complete {
                    name: &span.recipe,
                    cat: span.kind.word(),
                    ph: "X",
                    ts: span.begin.as_micros(),
                    dur: (span.end - span.begin).as_micros(),
                    pid: 1,
                    tid: row + 1,
                    args: HashMap::from([("about", span.about.as_str())]),
                }
            })
            .collect();
        serde_json::to_string(&events).unwrap_or_default()
    }
}

const STYLE: &str = "\
:root{--built:#2e7d32;--unpacked:#7b8794;--substituted:#1565c0;--unchanged:#9e9d24;--failed:#b3261e}\
@media(prefers-color-scheme:dark){:root{--built:#66bb6a;--unpacked:#90a4ae;--substituted:#64b5f6;--unchanged:#d4e157;\
--failed:#ff8a80}body{background:#121212;color:#e6e6e6}}\
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}\
.legend i{display:inline-block;width:.9rem;height:.9rem;margin-right:.4rem;vertical-align:-.1rem}\
table.times{display:table;border-collapse:collapse;table-layout:fixed}.times td,.times th{border:0;padding:.1rem .4rem}\
.times th{font-weight:500;width:30%;overflow-wrap:anywhere}.times td{width:5.5rem;white-space:nowrap}\
.times td.bars{width:auto;position:relative;border-left:1px solid #8886}\
.bars i{position:absolute;top:.3rem;bottom:.3rem;min-width:2px;border-radius:2px}\
.times tr:hover{background:#8882}\
i.built{background:var(--built)}i.unpacked{background:var(--unpacked)}i.substituted{background:var(--substituted)}\
i.unchanged{background:var(--unchanged)}i.failed{background:var(--failed)}\
@media(max-width:40rem){.times th{width:38%;font-size:.85rem}.times td{width:4rem;font-size:.85rem}}";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn line() -> Timeline {
        let (a, b) = ("a".to_owned(), "<b>".to_owned());
        let begins = |recipe: &String| Event::Begins {
            recipe: recipe.clone(),
            action: String::new(),
            steps: 1,
            log: String::new(),
        };
        let events = [
            (0, Event::Planned { builds: 2, realised: 0 }),
            (1, Event::Unpacks { recipe: a.clone(), file: "a.tar".into() }),
            (2, Event::Waits { recipe: a.clone() }),
            (3, begins(&a)),
            (4, begins(&b)),
            (7, Event::Done { recipe: a, outputs: BTreeMap::new(), known: false, from: None, at: None }),
            (9, Event::Failed { recipe: b, why: "exit 1".into() }),
        ];
        let mut timeline = Timeline::default();
        events.iter().for_each(|(second, event)| timeline.note_at(event, Duration::from_secs(*second)));
        timeline
    }

    #[test]
    fn the_page_has_each_span_with_its_share_of_the_time() {
        let page = line().page("hello");
        for part in [
            "9.0 s from the first to the last, 10.0 s of work",
            "class=\"unpacked\" style=\"left:11.11%;width:11.11%\"",
            "class=\"built\" style=\"left:33.33%;width:44.44%\"",
            "class=\"failed\" style=\"left:44.44%;width:55.56%\"",
            "title=\"&lt;b&gt;: failed in 5.0 s, after 4.0 s. exit 1\"",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<b>"), "{page}");
        assert!(Timeline::default().page("nothing").contains("0.0 s from the first"));
    }

    #[test]
    fn the_trace_has_rows_for_what_ran_at_once() {
        let trace: serde_json::Value = serde_json::from_str(&line().trace()).unwrap();
        let rows: Vec<(u64, u64, u64)> = trace
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["ts"].as_u64().unwrap(), it["dur"].as_u64().unwrap(), it["tid"].as_u64().unwrap()))
            .collect();
        assert_eq!(rows, [(1_000_000, 1_000_000, 1), (3_000_000, 4_000_000, 1), (4_000_000, 5_000_000, 2)]);
    }
}
