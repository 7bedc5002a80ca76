//! The cases, each with what has to be decided of it. `cast` has who signs what.

mod cast;
mod counting;
mod dissent;
mod documents;
mod forgery;
mod keys;
mod policies;

use serde_json::{Map, Value, json};
use stele_trust::digest::{Digests, hex};
use stele_trust::time::Time;

use cast::{File, NOW, TWO_OF_THREE, digests, policy};

/// Reads a file of the suite as it is, by its path in the suite's folder.
pub type Kept<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// A case. What it does not set is that of two builders of three, asked about the good digest.
pub struct Case {
    name: &'static str,
    story: &'static str,
    policy: String,
    evidence: Vec<File>,
    asked: Option<Digests>,
    seen: Option<u64>,
    witnessed: Vec<(&'static str, Time)>,
    padded: Vec<(&'static str, u64)>,
    verdict: &'static str,
    clause: Value,
    agreeing: Vec<&'static str>,
    dissenting: Vec<&'static str>,
    equivocating: Vec<&'static str>,
}

/// All cases, sorted by name.
pub fn cases(kept: Kept<'_>) -> Vec<Case> {
    let mut cases = [
        counting::cases(kept),
        forgery::cases(),
        documents::cases(),
        dissent::cases(),
        policies::cases(),
        keys::cases(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<Case>>();
    cases.sort_by_key(|case| case.name);
    cases
}

/// A case of this name and story.
fn case(name: &'static str, story: &'static str) -> Case {
    Case {
        name,
        story,
        policy: policy(TWO_OF_THREE, ""),
        evidence: Vec::new(),
        asked: Some(digests(1)),
        seen: None,
        witnessed: Vec::new(),
        padded: Vec::new(),
        verdict: "",
        clause: Value::Null,
        agreeing: Vec::new(),
        dissenting: Vec::new(),
        equivocating: Vec::new(),
    }
}

impl Case {
    fn policy(self, policy: String) -> Self {
        Self { policy, ..self }
    }

    fn evidence(self, evidence: impl IntoIterator<Item = File>) -> Self {
        Self { evidence: evidence.into_iter().collect(), ..self }
    }

    fn asked(self, asked: Option<Digests>) -> Self {
        Self { asked, ..self }
    }

    fn seen(self, version: u64) -> Self {
        Self { seen: Some(version), ..self }
    }

    fn witnessed(self, witnessed: &[(&'static str, Time)]) -> Self {
        Self { witnessed: witnessed.to_vec(), ..self }
    }

    fn padded(self, file: &'static str, size: u64) -> Self {
        Self { padded: vec![(file, size)], ..self }
    }

    fn agreed(self, agreeing: &[&'static str]) -> Self {
        self.decided("AGREED", "satisfied", agreeing)
    }

    fn decided(self, verdict: &'static str, clause: impl Into<Value>, agreeing: &[&'static str]) -> Self {
        Self { verdict, clause: clause.into(), agreeing: agreeing.to_vec(), ..self }
    }

    fn against(self, dissenting: &[&'static str]) -> Self {
        Self { dissenting: dissenting.to_vec(), ..self }
    }

    fn equivocating(self, equivocating: &[&'static str]) -> Self {
        Self { equivocating: equivocating.to_vec(), ..self }
    }

    /// Its folder.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its files, by their paths in its folder.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![
            ("README.md".to_owned(), self.readme().into_bytes()),
            ("policy.toml".to_owned(), self.policy.clone().into_bytes()),
            ("case.json".to_owned(), format!("{:#}\n", self.description()).into_bytes()),
        ];
        files.extend(
            self.evidence.iter().map(|(name, bytes)| (format!("evidence/{name}.json"), bytes.clone())),
        );
        files
    }

    fn description(&self) -> Value {
        let mut description = Map::new();
        let mut put = |key: &str, value: Value| description.insert(key.to_owned(), value);
        put("action", hex(&[7; 32]).into());
        put("output", "out".into());
        put("asked", json!(self.asked));
        put("now", json!(NOW));
        if let Some(seen) = self.seen {
            put("highest_policy_seen", seen.into());
        }
        if !self.witnessed.is_empty() {
            let moments = self.witnessed.iter().map(|(name, time)| (format!("{name}.json"), json!(time)));
            put("witnessed", moments.collect::<Map<_, _>>().into());
        }
        if !self.padded.is_empty() {
            let sizes = self.padded.iter().map(|(name, size)| (format!("{name}.json"), json!(size)));
            put("padded_to", sizes.collect::<Map<_, _>>().into());
        }
        put(
            "expected",
            json!({
                "verdict": self.verdict,
                "clause": self.clause,
                "agreeing": self.agreeing,
                "dissenting": self.dissenting,
                "equivocating": self.equivocating,
            }),
        );
        description.into()
    }

    /// The story in lines of at most 100 characters.
    fn readme(&self) -> String {
        let mut lines = vec![String::new()];
        for word in self.story.split_whitespace() {
            let line = lines.last().map_or(0, |line| line.chars().count());
            if line > 0 && line + 1 + word.chars().count() > 100 {
                lines.push(String::new());
            }
            if let Some(last) = lines.last_mut() {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(word);
            }
        }
        format!("# {}\n\n{}\n\nThe verdict is `{}`.\n", self.name, lines.join("\n"), self.verdict)
    }
}
