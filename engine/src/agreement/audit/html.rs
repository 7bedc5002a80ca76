//! An audit as one page: no script runs, nothing is fetched, and the document for machines is in it.

use serde::Serialize;
use serde_json::Value;

use super::check::{BEGIN, END};
use super::{Audit, Pinned};
use crate::page::{Page, escape};

/// Besides that of all pages.
const STYLE: &str = "\
pre{white-space:pre-wrap;background:#8882;padding:.6rem}.verdict{font-size:1.6rem;font-weight:700;padding:.3rem .8rem;\
border:3px solid;display:inline-block}.AGREED{color:#187a2f}.other{color:#b3261e}\
@media print{body{max-width:none;font-size:11px}h2{break-after:avoid}tr,pre{break-inside:avoid}details{display:block}}";

/// The page.
pub(super) fn page(audit: &Audit) -> String {
    let mut page = Page::new(&format!("Audit of {}", audit.subject.name), STYLE);
    let decision = &audit.verdict.decision;
    let class = if decision.verdict == "AGREED" { "AGREED" } else { "other" };
    page.raw(&format!("<p class=\"verdict {class}\">{}</p>\n", escape(&decision.verdict)));
    page.raw(&format!("<pre>{}</pre>\n", escape(decision.explanation.trim_end())));
    page.raw(
        "<p>This file checks itself: <code>stele audit --check FILE</code>, without a network and without the store \
         that it came from; with <code>--policy FILE</code> by a policy of your own. What is signed can be verified \
         with OpenSSL or cosign, too.</p>\n",
    );
    subject(&mut page, audit);
    verdict(&mut page, audit);
    votes(&mut page, audit);
    builds(&mut page, audit);
    dependencies(&mut page, audit);
    rest(&mut page, audit);
    // A slash may be escaped in JSON, and then no text in it can end the element.
    page.raw(&format!("{BEGIN}{}{END}\n", audit.to_json().replace("</", "<\\/")));
    page.end()
}

fn both(digests: &impl Serialize) -> String {
    let value = serde_json::to_value(digests).unwrap_or_default();
    let all = value.as_object().into_iter().flatten();
    all.filter_map(|(name, value)| Some(format!("{name}:{}", value.as_str()?))).collect::<Vec<_>>().join("\n")
}

fn optional(text: Option<&impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn text_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn subject(page: &mut Page, audit: &Audit) {
    page.heading("1. Subject");
    let subject = &audit.subject;
    let mut rows = vec![["named without a store".to_owned(), subject.reference.clone()]];
    rows.push(["action or request".to_owned(), optional(subject.of.as_ref())]);
    rows.extend(subject.outputs.iter().map(|(name, digests)| [format!("output {name}"), both(digests)]));
    page.table(["what", "value"], rows);
    if let Some(image) = &subject.image {
        page.raw(&format!(
            "<pre>{}</pre>\n",
            escape(&serde_json::to_string_pretty(image).unwrap_or_default())
        ));
    }
}

fn verdict(page: &mut Page, audit: &Audit) {
    page.heading("2. Verdict");
    let verdict = &audit.verdict;
    let (policy, verifier) = (&verdict.policy, &verdict.verifier);
    page.table(
        ["what", "value"],
        [
            ["verdict".to_owned(), verdict.decision.verdict.clone()],
            ["decided at".to_owned(), verdict.time.to_string()],
            ["fewest who have to agree".to_owned(), optional(verdict.fewest.as_ref())],
            ["principals".to_owned(), verdict.principals.to_string()],
            [
                "policy".to_owned(),
                format!("{}, version {}, SHA-256 {}", policy.name, policy.version, policy.sha256),
            ],
            [
                "verifier".to_owned(),
                format!(
                    "{} {}, SHA-256 {}",
                    verifier.name,
                    verifier.version,
                    optional(verifier.sha256.as_ref())
                ),
            ],
        ],
    );
    page.raw(&format!("<pre>{}</pre>\n", escape(&policy.text)));
}

fn votes(page: &mut Page, audit: &Audit) {
    page.heading("3. Votes");
    let fact = |facts: &std::collections::BTreeMap<String, String>| {
        facts.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
    };
    let rows = audit.votes.iter().map(|it| {
        let builder = &it.builder;
        let machine = [&builder.implementation, &builder.version, &builder.cpu_model, &builder.kernel];
        let machine = machine.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let counted = match (&it.why_not, it.counted) {
            (_, true) => "counted".to_owned(),
            (Some(why), false) => format!("not counted: {}", text_of(why)),
            (None, false) => "not counted".to_owned(),
        };
        let outputs =
            it.outputs.iter().map(|(name, digests)| format!("{name} {digests}")).collect::<Vec<_>>();
        [
            it.principal.clone(),
            fact(&it.facts),
            machine,
            format!("{} {}", it.outcome, it.name),
            outputs.join("\n"),
            optional(it.finished.as_ref()),
            counted,
        ]
    });
    page.table(
        ["principal", "facts", "machine, as it states", "states", "outputs", "finished", "counted"],
        rows,
    );
}

fn builds(page: &mut Page, audit: &Audit) {
    page.heading("4. Build definitions");
    let rows = audit.builds.iter().map(|it| {
        let outputs =
            it.outputs.iter().map(|(name, digests)| format!("{name} {digests}")).collect::<Vec<_>>();
        [
            it.name.clone(),
            text_of(&it.kind),
            it.of.to_string(),
            outputs.join("\n"),
            it.verdict.clone(),
            it.agreeing.join(", "),
        ]
    });
    page.table(["what", "made by", "action or request", "outputs", "verdict", "who agrees"], rows);
    for it in &audit.builds {
        let text = serde_json::to_string_pretty(&it.text).unwrap_or_default();
        page.raw(&format!(
            "<details><summary>{}: parameters, environment and command lines</summary><pre>{}</pre></details>\n",
            escape(&it.name),
            escape(&text)
        ));
    }
}

fn dependencies(page: &mut Page, audit: &Audit) {
    let dependencies = &audit.dependencies;
    page.heading("5. Dependencies");
    page.raw(&format!(
        "<p>Complete: {}. Opaque bytes: {} in prebuilt content, {} of the seed, which is written by hand.</p>\n",
        if dependencies.complete { "yes, nothing else was used" } else { "no" },
        dependencies.opaque_bytes,
        dependencies.seed_bytes
    ));
    let row =
        |it: &Pinned| [it.name.clone(), text_of(&it.kind), both(&it.digests), optional(it.size.as_ref())];
    page.table(
        ["name", "role", "digests", "bytes"],
        dependencies.pinned.iter().chain(&dependencies.unexplained).map(row),
    );
    page.heading("6. Sources");
    let rows = audit.sources.iter().map(|it| {
        let (mirrors, patches) = (it.mirrors.join("\n"), it.patches.join("\n"));
        [
            it.file.clone(),
            it.sha256.clone(),
            it.recipe.clone(),
            optional(it.license.as_ref()),
            mirrors,
            patches,
        ]
    });
    page.table(["file", "SHA-256", "used by", "licence", "mirrors", "patches"], rows);
}

fn rest(page: &mut Page, audit: &Audit) {
    page.heading("7. Isolation");
    let it = &audit.isolation;
    page.table(
        ["what", "value"],
        [
            ["sandbox profile".to_owned(), format!("version {}, digest {}", it.profile, it.profile_digest)],
            ["network".to_owned(), it.network.clone()],
            ["signing keys".to_owned(), it.keys.clone()],
        ],
    );
    page.raw(&format!(
        "<details><summary>The profile</summary><pre>{}</pre></details>\n",
        escape(&it.profile_text)
    ));
    page.heading("8. SBOMs and other attachments");
    let rows = audit.attachments.iter().map(|it| [it.kind.clone(), it.digest.clone(), it.files.join("\n")]);
    page.table(["type", "manifest", "files"], rows);
    page.heading("9. Log");
    page.raw(&format!("<p>{}</p>\n", escape(&audit.log.note)));
    page.heading("10. Exceptions");
    let rows = audit
        .exceptions
        .iter()
        .map(|it| [it.what.clone(), optional(it.by.as_ref()), optional(it.until.as_ref())]);
    page.table(["what is accepted", "by", "until"], rows);
    page.heading("11. Keys");
    let rows = audit.keys.iter().map(|it| {
        [
            it.principal.clone(),
            it.fingerprint.clone().unwrap_or_default(),
            it.key.clone(),
            format!("{} to {}", optional(it.valid_from.as_ref()), optional(it.valid_until.as_ref())),
            optional(it.revoked.as_ref()),
        ]
    });
    page.table(["principal", "fingerprint", "key", "valid", "revoked"], rows);
    page.heading("12. Retention");
    let it = &audit.retention;
    page.table(
        ["what", "value"],
        [
            ["support ends".to_owned(), optional(it.support_ends.as_ref())],
            ["kept until".to_owned(), optional(it.keep_until.as_ref())],
            ["archive".to_owned(), optional(it.archive.as_ref())],
        ],
    );
    page.heading("Pieces");
    page.table(
        ["piece", "SHA-256"],
        audit.pieces.iter().map(|(name, sha256)| [name.clone(), sha256.to_string()]),
    );
}
