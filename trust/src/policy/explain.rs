//! A policy in words.

use super::{ContradictingFacts, Policy, Rule};
use crate::principal::{Expiry, Fact, Material, RevocationReason};

impl Policy {
    /// What the policy demands, a sentence a line; then its principals, and what is worth a look.
    pub fn explain(&self) -> String {
        let mut lines = vec![
            format!("Policy {}, version {}.", self.name, self.version),
            format!("A digest is agreed when {} state it.", words(&self.rule)),
        ];
        if let Some(fewest) = self.fewest() {
            let total = self.principals.len();
            lines.push(format!(
                "At least {fewest} of {total} principals have to agree; silence counts as no."
            ));
        }
        for clause in &self.independent {
            lines.push(format!(
                "Those who agree have to have at least {} different {}.",
                clause.at_least,
                clause.fact.plural()
            ));
        }
        lines.push(match self.dissent.tolerate {
            0 => "If one of them states another digest, it is contested.".to_owned(),
            max => format!("If more than {max} of them state another digest or two, it is contested."),
        });
        if self.dissent.failed_dissents {
            lines.push("A build that failed is a dissent.".to_owned());
        }
        if let Some(freshness) = self.freshness {
            let dated =
                if freshness.witnessed { "as a third party's timestamp shows" } else { "by their own date" };
            lines.push(format!(
                "Statements in favour are at most {} days old, {dated}; dissent does not go stale.",
                freshness.max_age_days
            ));
        }
        lines.push(match self.expiry {
            Expiry::AtVerification => "A key has to be valid when the verdict is asked for.".to_owned(),
            Expiry::AtSigning => {
                "A key has to have been valid at the date that its signature gives.".to_owned()
            }
            Expiry::AtSigningWitnessed => {
                "A key has to have been valid when it signed, as a third party's timestamp shows.".to_owned()
            }
        });
        if !self.profiles.is_empty() {
            let profiles = self.profiles.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            lines.push(format!("Only builds in the sandbox profiles {profiles} count."));
        }
        if self.contradicting_facts == ContradictingFacts::Accept {
            lines.push("A statement counts also if its facts contradict those below.".to_owned());
        }
        if let Some(until) = self.valid_until {
            lines.push(format!("The policy is valid until {until}."));
        }
        lines.push(String::new());
        for principal in self.principals.values() {
            let fact = |fact: &Fact| Some(format!("{} {}", fact.key(), principal.facts.get(fact)?));
            let facts: Vec<String> = Fact::ALL.iter().filter_map(fact).collect();
            let facts = if facts.is_empty() { "no facts".to_owned() } else { facts.join(", ") };
            lines.push(format!("{}: {facts}", principal.name));
            for key in &principal.keys {
                let mut line = match &key.material {
                    Material::Public(public) => format!("  {:?} key {}", public.algorithm(), public.id()),
                    Material::OpenPgp(fingerprint) => format!("  OpenPGP certificate {fingerprint}"),
                };
                line.extend(key.valid_from.map(|it| format!(", from {it}")));
                line.extend(key.valid_until.map(|it| format!(", until {it}")));
                line.extend(key.revoked.map(|it| match it.reason {
                    RevocationReason::Compromised => {
                        format!(", compromised {}: none of its signatures counts", it.at)
                    }
                    RevocationReason::Retired => format!(", retired {}", it.at),
                }));
                lines.push(line);
            }
        }
        let warnings = self.warnings();
        if !warnings.is_empty() {
            lines.push(String::new());
            lines.extend(warnings.iter().map(|warning| format!("Note: {warning}.")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

fn words(rule: &Rule) -> String {
    let list = |of: &[Rule]| of.iter().map(words).collect::<Vec<_>>().join(", ");
    match rule {
        Rule::Principal(name) => name.to_string(),
        Rule::AtLeast { least, of } => format!("{least} of ({})", list(of)),
        Rule::All(of) => format!("all of ({})", list(of)),
        Rule::Any(of) => format!("any of ({})", list(of)),
    }
}
