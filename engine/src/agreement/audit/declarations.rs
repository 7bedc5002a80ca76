//! An audit as declarations of CycloneDX 1.6 (ECMA-424, "Attestations"): claims, the evidence for them, and how far
//! each requirement is met.

use serde_json::{Value, json};

use stele_trust::bundle::MEDIA_TYPE;

use super::Audit;

/// The requirements, as a standard of our own: what a policy and this project ask for.
const REQUIREMENTS: [(&str, &str, &str); 4] = [
    (
        "agreed",
        "Independent rebuilds agree",
        "As many principals as the policy demands state the same digest.",
    ),
    (
        "closure",
        "Everything below is agreed",
        "The same of every output that it was made from, down to sources and the seed.",
    ),
    ("complete", "Dependencies are complete", "Nothing was used that is not listed with its digest."),
    ("transparent", "No opaque input", "No prebuilt content was used that cannot be built again."),
];

/// The document: a function of the audit.
pub(super) fn document(audit: &Audit) -> Value {
    let decision = &audit.verdict.decision;
    let agreed = |value: &Value| value["verdict"] == "AGREED";
    let met = [
        agreed(&decision.subject),
        decision.closure.as_ref().is_some_and(agreed),
        audit.dependencies.complete,
        audit.dependencies.complete && audit.dependencies.opaque_bytes == 0,
    ];
    let requirement = |(id, title, text): &(&str, &str, &str)| {
        let reference = format!("requirement-{id}");
        json!({ "bom-ref": reference, "identifier": id, "title": title, "text": text })
    };
    let claim = |(id, title, _): &(&str, &str, &str)| {
        let evidence = ["audit", "votes"];
        json!({ "bom-ref": format!("claim-{id}"), "target": "subject", "predicate": title, "evidence": evidence })
    };
    let map = |((id, ..), met): (&(&str, &str, &str), bool)| {
        json!({
            "requirement": format!("requirement-{id}"),
            "claims": [format!("claim-{id}")],
            "conformance": {
                "score": if met { 1 } else { 0 },
                "rationale": decision.explanation.trim_end(),
            },
        })
    };
    let votes: Vec<Value> = audit
        .evidence
        .iter()
        .enumerate()
        .map(|(number, text)| {
            json!({
                "name": format!("evidence {number}"),
                "contents": { "attachment": { "contentType": MEDIA_TYPE, "content": text } },
            })
        })
        .collect();
    let policy = &audit.verdict.policy;
    let verifier = format!("{} {}", audit.verdict.verifier.name, audit.verdict.verifier.version);
    let hashes: Vec<Value> = audit
        .subject
        .outputs
        .values()
        .flat_map(|it| {
            let sha256 = it.sha256.map(|digest| json!({ "alg": "SHA-256", "content": digest.to_string() }));
            let blake3 = it.blake3.map(|digest| json!({ "alg": "BLAKE3", "content": digest.to_string() }));
            [sha256, blake3]
        })
        .flatten()
        .collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": audit.verdict.time.to_string(),
            "tools": { "components": [{ "type": "application", "name": audit.verdict.verifier.name,
                "version": audit.verdict.verifier.version }] },
            "component": { "type": "application", "bom-ref": "subject", "name": audit.subject.name, "hashes": hashes },
        },
        "definitions": { "standards": [{
            "bom-ref": "standard",
            "name": "Stele agreement",
            "version": "1",
            "description": format!("Policy {}, version {}, SHA-256 {}", policy.name, policy.version, policy.sha256),
            "requirements": REQUIREMENTS.iter().map(requirement).collect::<Vec<_>>(),
        }] },
        "declarations": {
            "assessors": [{ "bom-ref": "assessor", "thirdParty": false,
                "organization": { "name": verifier } }],
            "attestations": [{
                "summary": format!("{}: {}", decision.name, decision.verdict),
                "assessor": "assessor",
                "map": REQUIREMENTS.iter().zip(met).map(map).collect::<Vec<_>>(),
            }],
            "claims": REQUIREMENTS.iter().map(claim).collect::<Vec<_>>(),
            "evidence": [
                { "bom-ref": "audit", "propertyName": "audit", "description": "The audit, which can be checked offline",
                  "data": [{ "name": "audit", "contents": { "attachment": { "contentType": "application/json",
                      "content": audit.to_json() } } }] },
                { "bom-ref": "votes", "propertyName": "votes", "description": "What the builders signed",
                  "data": votes },
            ],
        },
    })
}
