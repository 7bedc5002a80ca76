//! Evidence as the store keeps it: bundles and envelopes, by what they are about.

use serde_json::Value;

use stele_store::Store;
use stele_store::model::{Digest, Sha256};
use stele_trust::bundle::Bundle;
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::json;
use stele_trust::statement::Statement;
use stele_trust::statement::provenance::{BUILD_TYPE, PROVENANCE};
use stele_trust::statement::rebuild::Rebuild;
use stele_trust::vote::pieces;

use super::answers;
use super::asked;
use super::statements::IMAGE_TYPE;
use crate::failure::{Failure, Kind};

/// What an envelope says that it is about. Nothing of it is verified: it decides where the envelope is filed.
struct Filed {
    about: Digest,
    envelope: String,
    predicate_type: String,
    outcome: Option<String>,
    key_hints: Vec<String>,
}

fn file(text: &str) -> Result<Filed, String> {
    let value = json::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    let envelope = match value.get("mediaType") {
        Some(_) => {
            let bundle = Bundle::parse(text.as_bytes()).map_err(|e| e.to_string())?;
            bundle.envelope().cloned().map_err(|e| e.to_string())?
        }
        None => Envelope::from_json(&value).map_err(|e| e.to_string())?,
    };
    let payload = envelope.payload_of(IN_TOTO).map_err(|e| e.to_string())?;
    let statement = Statement::parse(payload).map_err(|e| e.to_string())?;
    let rebuild = Rebuild::of(&statement).ok();
    let about = match &rebuild {
        Some(rebuild) => Digest::from_bytes(rebuild.action.digest.blake3.0),
        None => about(&statement).ok_or("its subject has no digest by BLAKE3 or SHA-256")?,
    };
    let outcome = rebuild.and_then(|it| serde_json::to_value(it.outcome).ok()?.as_str().map(str::to_owned));
    let key_hints =
        envelope.signatures.iter().map(|it| it.key_id.clone()).filter(|it| !it.is_empty()).collect();
    let digest = stele_trust::digest::Sha256::of(&envelope.encode()).to_string();
    Ok(Filed { about, envelope: digest, predicate_type: statement.predicate_type, outcome, key_hints })
}

/// Of provenance, the action or the request for an image; of anything else, the first subject.
fn about(statement: &Statement) -> Option<Digest> {
    if statement.predicate_type == PROVENANCE {
        let definition = statement.predicate.get("buildDefinition")?;
        let kind = definition.get("buildType").and_then(Value::as_str);
        if kind.is_some_and(|kind| [BUILD_TYPE, IMAGE_TYPE].contains(&kind)) {
            return Some(Digest::of(&json::canonical(definition.get("externalParameters")?).ok()?));
        }
    }
    let digests = &statement.subjects.first()?.digest;
    digests.get("blake3").or_else(|| digests.get("sha256"))?.parse().ok()
}

/// Keeps evidence. All of it, or none if a piece cannot be read.
///
/// # Errors
/// When a piece cannot be read, or the store cannot be written.
pub(super) fn add(store: &Store, texts: &[String]) -> Result<Vec<answers::Evidence>, Failure> {
    let names = asked::names(store)?;
    let mut read = Vec::new();
    for text in texts.iter().flat_map(|text| pieces(text)) {
        let filed = file(text).map_err(|reason| {
            Failure::new(Kind::Usage, format!("that is no evidence that can be kept: {reason}")).hint(
                "kept are in-toto statements in DSSE envelopes and Sigstore bundles; others can be given to a command \
                 with --evidence",
            )
        })?;
        read.push((filed, text.trim().as_bytes().to_vec()));
    }
    // Nothing is kept before all of it was read.
    let mut added = Vec::new();
    let mut rows = Vec::new();
    for (filed, bytes) in read {
        let sha256 = Sha256::of(&bytes);
        let new = !store.has_evidence(&filed.about, &sha256)?;
        let name = names.get(&filed.about).cloned();
        rows.push((filed.about, bytes));
        added.push(shown(filed, sha256.to_string(), name, Some(new), None));
    }
    store.add_evidence(rows)?;
    Ok(added)
}

/// The evidence about any of these; about everything when there are none.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn list(
    store: &Store,
    about: Option<&[(Digest, String)]>,
    content: bool,
) -> Result<Vec<answers::Evidence>, Failure> {
    let names = asked::names(store)?;
    let mut listed = Vec::new();
    let mut list = |about: Option<&Digest>, name: Option<&String>| -> Result<(), Failure> {
        for row in store.evidence(about)? {
            let text = String::from_utf8_lossy(&row.bytes).into_owned();
            let Ok(filed) = file(&text) else { continue };
            let name = name.or_else(|| names.get(&row.about)).cloned();
            listed.push(shown(filed, row.sha256.to_string(), name, None, content.then_some(text)));
        }
        Ok(())
    };
    match about {
        None => list(None, None)?,
        Some(about) => about.iter().try_for_each(|(of, name)| list(Some(of), Some(name)))?,
    }
    Ok(listed)
}

/// Removes the piece of evidence whose SHA-256 begins with `digits`.
///
/// # Errors
/// When there is none, or several.
pub(super) fn remove(store: &Store, digits: &str) -> Result<Vec<answers::Evidence>, Failure> {
    if digits.len() < 8 || !digits.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        let message = format!("`{digits}` is not 8 or more digits of a SHA-256");
        return Err(Failure::new(Kind::Usage, message).hint("`stele evidence ls` lists them"));
    }
    let is_named = |it: &stele_store::Evidence| {
        let envelope = || file(&String::from_utf8_lossy(&it.bytes)).map(|it| it.envelope).unwrap_or_default();
        it.sha256.to_string().starts_with(digits) || envelope().starts_with(digits)
    };
    let found: Vec<_> = store.evidence(None)?.into_iter().filter(is_named).collect();
    let [row] = &found[..] else {
        let what = if found.is_empty() { "no evidence" } else { "several pieces of evidence" };
        return Err(Failure::new(Kind::NotFound, format!("{what} with a SHA-256 that begins with {digits}"))
            .hint("`stele evidence ls` lists them"));
    };
    store.remove_evidence(&row.about, &row.sha256)?;
    let text = String::from_utf8_lossy(&row.bytes).into_owned();
    let filed = file(&text).map_err(|reason| Failure::new(Kind::Failed, reason))?;
    Ok(vec![shown(filed, row.sha256.to_string(), None, None, None)])
}

fn shown(
    filed: Filed,
    sha256: String,
    name: Option<String>,
    new: Option<bool>,
    content: Option<String>,
) -> answers::Evidence {
    let Filed { about, envelope, predicate_type, outcome, key_hints } = filed;
    answers::Evidence { sha256, envelope, about, name, predicate_type, outcome, key_hints, new, content }
}
