//! Checking an audit: everything is decided again from what is in the file.

use stele_store::model::Digest;
use stele_trust::digest::Sha256;
use stele_trust::policy::Policy;
use stele_trust::time::Time;

use super::{Audit, FORMAT, MAX_AUDIT, votes};
use crate::agreement::answers::Decision;
use crate::agreement::decision::{HERE, offline};
use crate::failure::Failure;

/// Where a page has the document for machines.
pub(super) const BEGIN: &str = "<script type=\"application/json\" id=\"stele-audit\">";
/// Where it ends.
pub(super) const END: &str = "</script>";

/// Why a file is not an audit that holds.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is too large.
    #[error("the file has {size} bytes, and at most {MAX_AUDIT} are read")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// Another kind of file.
    #[error("it is no audit: {0}")]
    NoAudit(String),
    /// Another version.
    #[error("it is of format {found}; this version knows format {FORMAT}")]
    Format {
        /// Its version.
        found: u32,
    },
    /// A piece is not what its digest says.
    #[error("{piece} does not have the SHA-256 that the file gives for it")]
    Piece {
        /// Which.
        piece: String,
    },
    /// The policy in it is not valid.
    #[error("the policy in it is not valid: {0}")]
    Policy(String),
    /// A list is not what follows from the evidence and the policy in the file.
    #[error("its {list} are not those of the evidence and the policy in it")]
    List {
        /// Which.
        list: &'static str,
    },
    /// People would read something else than what was checked.
    #[error("the page shows something else than the document in it")]
    Page,
    /// It says something else than what follows from what is in it.
    #[error("it says {said}, and from what is in it follows {follows}")]
    Verdict {
        /// What it says.
        said: String,
        /// What follows.
        follows: String,
    },
    /// Nothing can be decided.
    #[error("{}", .0.message)]
    Decide(Failure),
}

/// Reads an audit: the document, or the page that has it.
///
/// # Errors
/// When it is neither, or the page shows something else than its document.
pub fn extract(bytes: &[u8]) -> Result<Audit, CheckError> {
    if bytes.len() > MAX_AUDIT {
        return Err(CheckError::TooLarge { size: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| CheckError::NoAudit(e.to_string()))?;
    let document = match text.split_once(BEGIN) {
        Some((_, rest)) => rest.split_once(END).map_or(rest, |(document, _)| document),
        None => text,
    };
    let audit: Audit = serde_json::from_str(document).map_err(|e| CheckError::NoAudit(e.to_string()))?;
    if audit.audit != FORMAT {
        return Err(CheckError::Format { found: audit.audit });
    }
    if text.contains(BEGIN) && audit.to_html() != text {
        return Err(CheckError::Page);
    }
    Ok(audit)
}

/// Decides again, from the evidence in the file: at the moment at which it was made, where the verdict has to be the
/// one that the file states, and at `now`. By the policy in the file, or by `own`, which its reader brings; then what
/// the file states is only its maker's opinion.
///
/// # Errors
/// When something in the file is not what it says.
pub fn check(audit: &Audit, own: Option<&Policy>, now: Time) -> Result<Decision, CheckError> {
    pieces(audit)?;
    let included =
        Policy::parse(&audit.verdict.policy.text).map_err(|e| CheckError::Policy(e.to_string()))?;
    let closure = audit.verdict.decision.closure.is_some();
    let decide = |policy: &Policy, moment: Time| {
        let seen = audit.verdict.highest_policy_seen.filter(|_| own.is_none());
        offline(&audit.subject.reference, policy, &audit.evidence, closure, seen, moment)
            .map_err(CheckError::Decide)
    };
    let then = decide(&included, audit.verdict.time)?;
    let said = &audit.verdict.decision;
    let differs = |said: &str, follows: &str| CheckError::Verdict {
        said: said.to_owned(),
        follows: follows.to_owned(),
    };
    if then.verdict != said.verdict {
        return Err(differs(&said.verdict, &then.verdict));
    }
    if then
        .asked
        .outputs
        .iter()
        .any(|(name, it)| said.asked.outputs.get(name).is_none_or(|other| !it.matches(other)))
    {
        return Err(differs("another digest of an output", "the one that is stated"));
    }
    // The page shows these lists: they have to be those of the decision.
    for it in &said.ancestors {
        let same = then.ancestors.iter().find(|other| other.ancestor.of == it.ancestor.of);
        let same = same.filter(|other| other.ancestor.text == it.ancestor.text);
        let holds = same.is_some_and(|other| match it.verdict.as_str() {
            HERE => it.agreeing.is_empty(),
            verdict => other.verdict == verdict && other.agreeing == it.agreeing,
        });
        if !holds {
            return Err(differs(&format!("{} of {}", it.verdict, it.ancestor.name), "something else"));
        }
    }
    let lists = [
        ("votes", audit.votes != votes::of(&included, &audit.evidence, said)),
        ("keys", audit.keys != votes::keys(&included)),
    ];
    if let Some((list, _)) = lists.into_iter().find(|(_, differ)| *differ) {
        return Err(CheckError::List { list });
    }
    decide(own.unwrap_or(&included), now)
}

fn pieces(audit: &Audit) -> Result<(), CheckError> {
    let holds = |piece: String, bytes: &[u8]| match audit.pieces.get(&piece) {
        Some(sha256) if *sha256 == Sha256::of(bytes) => Ok(()),
        _ => Err(CheckError::Piece { piece }),
    };
    let policy = &audit.verdict.policy;
    holds("policy".to_owned(), policy.text.as_bytes())?;
    if policy.sha256 != Sha256::of(policy.text.as_bytes()) {
        return Err(CheckError::Piece { piece: "policy".to_owned() });
    }
    for (number, text) in audit.evidence.iter().enumerate() {
        holds(format!("evidence {number}"), text.as_bytes())?;
    }
    for it in &audit.verdict.decision.ancestors {
        let piece = format!("text of {}", it.ancestor.of);
        if Digest::of(it.ancestor.text.as_bytes()) != it.ancestor.of {
            return Err(CheckError::Piece { piece });
        }
        holds(piece, it.ancestor.text.as_bytes())?;
    }
    Ok(())
}
