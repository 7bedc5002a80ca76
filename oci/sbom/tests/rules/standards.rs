//! The rules, one a sentence of its standard. Written from the documents and not from the writers of this crate, so
//! that they notice what a writer forgets.

use crate::facts::{Agent, Facts, Part};

/// What breaks a rule: the rule's name, and the component if it is about one.
pub type Broken = (&'static str, Option<String>);

/// A rule about the whole document.
type OfDocument = (&'static str, fn(&Facts) -> bool);
/// A rule about each component.
type OfPart = (&'static str, fn(&Part) -> bool);

/// CISA's "2026 Minimum Elements" for an SBOM (version 2.1, 2026-07-29). What is not known has to
/// be said to be unknown; silence breaks the rule. Its seventeenth, that the author signs, is about what is around a
/// document: `docs/images.md` says how.
pub const CISA_2026: (&[OfDocument], &[OfPart]) = (
    &[
        ("SBOM author", |it| it.author.is_some()),
        ("tool name", |it| it.tool.is_some()),
        ("tool version", |it| it.tool_version.is_some()),
        ("timestamp", |it| it.timestamp.as_deref().is_some_and(is_moment)),
        ("SBOM version", |it| it.version.is_some()),
        ("data format", |it| it.format.is_some()),
        ("generation context", |it| it.context.is_some()),
    ],
    &[
        ("coverage", |it| it.is_file || it.completeness.is_some()),
        ("component name", |it| it.name.is_some()),
        ("component version", |it| it.is_file || it.version.is_some()),
        ("software producer", |it| it.is_file || it.producer.is_some()),
        ("software identifier", |it| it.is_file || !it.identifiers.is_empty()),
        ("component hash value", |it| {
            !it.delivered || it.hashes.values().all(|it| is_digest(it)) && !it.hashes.is_empty()
        }),
        ("component hash algorithm", |it| !it.delivered || it.hashes.contains_key("SHA-256")),
        ("licence", |it| it.is_file || it.licensed),
        ("dependency relationship", |it| it.is_file || it.dependencies_listed),
    ],
);

/// The NTIA's "Minimum Elements" for an SBOM (2021-07-12), "Data Fields".
pub const NTIA: (&[OfDocument], &[OfPart]) = (
    &[
        ("author of SBOM data", |it| it.author.is_some()),
        ("timestamp", |it| it.timestamp.as_deref().is_some_and(is_moment)),
    ],
    &[
        ("supplier name", |it| it.is_file || it.supplier.is_some()),
        ("component name", |it| it.name.is_some()),
        ("version of the component", |it| it.is_file || it.version.is_some()),
        ("other unique identifiers", |it| it.is_file || !it.identifiers.is_empty()),
        ("dependency relationship", |it| it.is_file || it.dependencies_listed),
    ],
);

/// BSI TR-03183-2, version 2.1.0 (2025-08-20), sections 4, 5.2.1 and 5.2.2, of what is handed out.
pub const BSI: (&[OfDocument], &[OfPart]) = (
    &[
        ("format", |it| {
            matches!(it.format.as_deref(), Some("CycloneDX 1.6" | "CycloneDX 1.7" | "SPDX 3.0.1"))
        }),
        ("creator of the SBOM", |it| it.author.as_ref().is_some_and(is_reachable)),
        ("timestamp", |it| it.timestamp.as_deref().is_some_and(is_moment)),
        ("SBOM-URI", |it| it.identity.as_deref().is_some_and(|it| it.starts_with("urn:uuid:"))),
        ("no vulnerabilities", |it| !it.vulnerabilities),
    ],
    &[
        ("component creator", |it| {
            it.is_file || !it.delivered || it.producer.as_ref().is_some_and(is_reachable)
        }),
        ("component name", |it| it.name.is_some()),
        ("component version", |it| it.is_file || it.version.is_some()),
        ("filename", |it| !it.delivered || it.file_name.is_some()),
        ("dependencies with completeness", |it| {
            it.is_file
                || it.dependencies_listed
                    && matches!(it.completeness.as_deref(), Some("complete" | "incomplete" | "unknown"))
        }),
        ("distribution licences", |it| it.is_file || !it.delivered || it.license_concluded),
        ("hash of the deployable component", |it| {
            !it.delivered || it.hashes.get("SHA-512").is_some_and(|it| it.len() == 128 && is_digest(it))
        }),
        ("executable property", |it| !it.delivered || it.executable.is_some()),
        ("archive property", |it| !it.delivered || it.archive.is_some()),
        ("structured property", |it| !it.delivered || it.structured.is_some()),
    ],
);

/// Everything in a document that breaks a standard.
pub fn broken((document, parts): (&[OfDocument], &[OfPart]), facts: &Facts) -> Vec<Broken> {
    let of_document = document.iter().filter(|(_, holds)| !holds(facts)).map(|(rule, _)| (*rule, None));
    let of_parts = facts.parts.iter().flat_map(|part| {
        let name = || Some(part.name.clone().unwrap_or_default());
        parts.iter().filter(|(_, holds)| !holds(part)).map(move |(rule, _)| (*rule, name()))
    });
    of_document.chain(of_parts).collect()
}

fn is_reachable(agent: &Agent) -> bool {
    agent.name != "unknown" && agent.reachable
}

fn is_digest(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
}

/// ISO 8601 in UTC, to the second.
fn is_moment(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00Z"
}
