//! Equivocation: one principal states two digests of one output. The proof is what it signed.

use serde_json::{Value, json};

use super::Subject;
use crate::digest::Digests;
use crate::dsse::{Envelope, IN_TOTO};
use crate::keys::PublicKey;
use crate::name::Label;
use crate::statement::Statement;
use crate::statement::rebuild::{Outcome, Rebuild};

/// Two envelopes that contradict each other. The principal's keys are all that it takes to check them; no policy is
/// needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Equivocation {
    /// Who, as the policy names it.
    pub principal: Label,
    /// Of which output.
    pub subject: Subject,
    /// One envelope.
    pub first: Envelope,
    /// The other.
    pub second: Envelope,
}

/// Why two envelopes do not prove an equivocation.
#[derive(Debug, thiserror::Error)]
pub enum EquivocationError {
    /// One is not signed by these keys.
    #[error("one of the two envelopes is not signed by a key of the principal")]
    Signature,
    /// One does not state a digest of this output.
    #[error("one of the two envelopes does not state a digest of this output: {0}")]
    Statement(String),
    /// They agree.
    #[error("the two envelopes state the same digest")]
    Same,
}

impl Equivocation {
    /// Checks the proof against the keys of the principal. The two digests that it stated.
    pub fn check(&self, keys: &[PublicKey]) -> Result<(Digests, Digests), EquivocationError> {
        let first = stated(&self.first, &self.subject, keys)?;
        let second = stated(&self.second, &self.subject, keys)?;
        if first == second {
            return Err(EquivocationError::Same);
        }
        Ok((first, second))
    }

    /// As JSON, to be handed to others.
    pub fn to_json(&self) -> Value {
        json!({
            "principal": self.principal,
            "subject": self.subject,
            "envelopes": [self.first.to_json(), self.second.to_json()],
        })
    }
}

fn stated(envelope: &Envelope, subject: &Subject, keys: &[PublicKey]) -> Result<Digests, EquivocationError> {
    if envelope.signed_by(keys).is_empty() {
        return Err(EquivocationError::Signature);
    }
    let wrong = |reason: String| EquivocationError::Statement(reason);
    let payload = envelope.payload_of(IN_TOTO).map_err(|e| wrong(e.to_string()))?;
    let statement = Statement::parse(payload).map_err(|e| wrong(e.to_string()))?;
    let rebuild = Rebuild::of(&statement).map_err(|e| wrong(e.to_string()))?;
    let Subject::Output { action, output } = subject else {
        return Err(wrong("it is not about an action".to_owned()));
    };
    if rebuild.action.digest.blake3 != *action
        || !matches!(rebuild.outcome, Outcome::Built | Outcome::Differs)
    {
        return Err(wrong("it is about another action, or states no digest".to_owned()));
    }
    let found = rebuild.outputs.iter().find(|it| it.name == *output);
    found.map(|it| it.digest).ok_or_else(|| wrong("it is about another output".to_owned()))
}
