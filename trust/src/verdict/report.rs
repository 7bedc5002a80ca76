//! A verdict as JSON and in words. `docs/policy.md` documents the JSON.

use serde_json::{Value, json};

use super::{Clause, Stance, Verdict};
use crate::vote::Position;

impl Verdict {
    /// For scripts.
    pub fn to_json(&self) -> Value {
        let (policy, version, digest) = &self.policy;
        json!({
            "verdict": self.kind,
            "clause": self.clause,
            "subject": self.subject,
            "asked": self.asked,
            "agreed": self.agreed,
            "policy": { "name": policy, "version": version, "sha256": digest },
            "agreeing": self.agreeing,
            "dissenting": self.dissenting,
            "equivocations": self.equivocations.iter().map(|it| it.to_json()).collect::<Vec<_>>(),
            "silent": self.silent,
            "not_counted": self.not_counted,
        })
    }

    /// For people: the verdict and why, who said what, and what was not counted.
    pub fn explain(&self) -> String {
        let (policy, version, _) = &self.policy;
        let mut lines = vec![format!("{}: {}", self.kind, self.subject), format!("  {}", self.reason())];
        let said = |it: &Stance, verb: &str| match it.position {
            Position::States(digests) => format!("  {} {verb} {digests}", it.principal),
            Position::Failed => format!("  {} failed to build it", it.principal),
            Position::Revokes(digests) => format!("  {} takes back {digests}", it.principal),
        };
        lines.extend(self.agreeing.iter().map(|it| said(it, "states")));
        lines.extend(self.dissenting.iter().map(|it| said(it, "dissents: it states")));
        lines.extend(self.equivocations.iter().map(|it| format!("  {} signed two digests", it.principal)));
        if !self.silent.is_empty() {
            let names = self.silent.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
            lines.push(format!("  of {names} there is nothing that counts"));
        }
        for it in &self.not_counted {
            let who = it.principal.as_ref().map_or("nobody known", |it| it.as_str());
            let evidence = it.evidence.to_string();
            lines.push(format!("  not counted: {} by {who}: {}", &evidence[..12], it.reason));
        }
        lines.push(format!("  by the policy {policy}, version {version}"));
        lines.join("\n") + "\n"
    }

    fn stating(&self) -> String {
        match self.agreeing.len() {
            1 => "1 principal states".to_owned(),
            count => format!("{count} principals state"),
        }
    }

    /// The clause that decided, in words.
    fn reason(&self) -> String {
        match &self.clause {
            Clause::Satisfied => format!("{} it, and the policy is satisfied", self.stating()),
            Clause::Rule => format!("{} it, and the rule needs more or others", self.stating()),
            Clause::Independence(clause) => format!(
                "those who agree have less than {} different {}",
                clause.at_least,
                clause.fact.plural()
            ),
            Clause::Dissent { found, tolerate } => format!("{found} dissent, and {tolerate} are tolerated"),
            Clause::TwoDigests => "two digests satisfy the policy".to_owned(),
            Clause::Equivocation => "a principal signed two digests".to_owned(),
            Clause::Age => "it would be enough if nothing were too old".to_owned(),
            Clause::Revocation => "it would be enough without revocations".to_owned(),
            Clause::Evidence => "none of the evidence could be used".to_owned(),
            Clause::PolicyExpired { until } => format!("the policy expired {until}"),
            Clause::PolicyRolledBack { seen } => format!("version {seen} of the policy was seen before"),
        }
    }
}
