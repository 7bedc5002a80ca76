//! The statements that this store can make. Nobody signed them yet.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use stele_builder::profile;
use stele_store::model::Digest;
use stele_store::{Origins, Store};
use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::statement::provenance::{
    BUILD_TYPE, BuildDefinition, BuilderId, PROVENANCE, Provenance, RunDetails, RunMetadata,
};
use stele_trust::statement::rebuild::{
    Action, ActionDigest, Metadata, Outcome, Output, REBUILD, Rebuild, Sandbox,
};
use stele_trust::statement::{Resource, Statement as Signable, StatementError};
use stele_trust::time::Time;

use super::ancestry::{Ancestry, walk};
use super::answers::{Ancestor, Expected, MadeKind, Pinned, Stated, Statement, Used};
use super::asked::Asked;
use super::machine;
use super::records::Records;
use crate::builds::Attempt;
use crate::failure::{Failure, Kind};

/// What an image request is, where SLSA asks for the type of a build.
pub(super) const IMAGE_TYPE: &str = "urn:stele:build-type:image:v1";
/// Who builds, where SLSA asks for a URI.
const BUILDER_ID: &str = "urn:stele:builder:v1";

/// How to state it.
pub(super) struct Manner {
    /// Whether also of everything that it was made from.
    pub closure: bool,
    /// The digest that was to be reproduced.
    pub expected: Option<String>,
    /// Whether what was stated before is revoked, and why.
    pub revoke: Option<String>,
}

/// What this store states of what is asked about.
///
/// # Errors
/// When this store did not make it itself.
pub(super) fn state(
    store: &Store,
    records: &Records<'_>,
    asked: &Asked,
    manner: &Manner,
) -> Result<Stated, Failure> {
    if let (Some((_, reason)), true) =
        (&asked.failed, manner.revoke.is_none() && !asked.candidates.is_empty())
    {
        let message = format!("`{}` was built, and its last build failed: {reason}", asked.name);
        let hint = "which of the two is to be stated? `stele check` shows whether it is reproducible, and a build that \
                    succeeds settles it: `stele build --rebuild`";
        return Err(Failure::new(Kind::Failed, message).hint(hint));
    }
    let Some(expected) = asked.candidates.iter().find(|it| it.own) else {
        return match &asked.failed {
            Some((of, reason)) => failed(asked, of, reason),
            None => Err(not_own(&asked.name)),
        };
    };
    let when = times(store)?;
    let mut ancestry = walk(records, &asked.labels, expected, &asked.name, manner.closure)?;
    if manner.closure {
        for of in &asked.steps {
            if ancestry.made.iter().all(|it| it.of != *of) {
                let name = asked.labels.recipes.get(of).cloned().unwrap_or_else(|| of.to_string());
                let other = Expected { of: Some(*of), outputs: BTreeMap::new(), own: false };
                let more = walk(records, &asked.labels, &other, &name, true)?;
                ancestry.made.extend(more.made);
            }
        }
        let mut seen = HashSet::new();
        ancestry.made.retain(|it| seen.insert(it.of));
    }
    let mut stated = Stated::default();
    for ancestor in &ancestry.made {
        let is_asked = Some(ancestor.of) == expected.of;
        let outputs = match outputs(store, ancestor)? {
            Some(outputs) => outputs,
            None if is_asked => return Err(not_own(&asked.name)),
            None => {
                stated.left_out.push(ancestor.name.clone());
                continue;
            }
        };
        let wanted = manner.expected.as_deref().filter(|_| is_asked);
        let rebuild =
            rebuild(ancestor, outputs, wanted, manner.revoke.as_deref(), when.get(&ancestor.of).copied())?;
        stated.statements.push(statement(ancestor, &rebuild.clone().statement(), Some(rebuild.outcome))?);
        if manner.revoke.is_none() && matches!(ancestor.kind, MadeKind::Action | MadeKind::Image) {
            let (definition, subjects) = provenance(ancestor, &ancestry, &rebuild);
            stated.statements.push(statement(ancestor, &definition.statement(subjects), None)?);
        }
    }
    Ok(stated)
}

fn not_own(name: &str) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("this store did not build `{name}` itself, so it has nothing to state of it"),
    )
    .hint("`stele build --rebuild` builds it here, whatever other stores gave")
}

fn failed(asked: &Asked, of: &Digest, reason: &str) -> Result<Stated, Failure> {
    let rebuild = Rebuild {
        outcome: Outcome::Failed,
        action: action(of, None),
        outputs: Vec::new(),
        sandbox: Some(sandbox(MadeKind::Action)),
        builder: machine::builder(),
        metadata: Some(metadata(None)),
        reason: Some(reason.to_owned()),
    };
    let (kind, name) = (MadeKind::Action, asked.name.clone());
    let ancestor = Ancestor {
        name,
        kind,
        of: *of,
        text: String::new(),
        outputs: BTreeMap::new(),
        own: true,
        from: Vec::new(),
        pinned: Vec::new(),
    };
    let statement = statement(&ancestor, &rebuild.statement(), Some(Outcome::Failed))?;
    Ok(Stated { statements: vec![statement], left_out: Vec::new() })
}

/// When the last builds ended, by their actions.
fn times(store: &Store) -> Result<HashMap<Digest, u64>, Failure> {
    let mut times = HashMap::new();
    for last in store.lasts()?.values() {
        if let Attempt { action: Some(action), when: Some(when), .. } = Attempt::of(last) {
            times.insert(action, when);
        }
    }
    Ok(times)
}

/// All outputs of something that this store made itself, if it still knows both digests of each.
fn outputs(store: &Store, ancestor: &Ancestor) -> Result<Option<BTreeMap<String, Digests>>, Failure> {
    if ancestor.kind == MadeKind::Image {
        return Ok(ancestor.own.then(|| ancestor.outputs.clone()));
    }
    let Some(realised) = store.realisation(&ancestor.of, Origins::Own)? else { return Ok(None) };
    let mut outputs = BTreeMap::new();
    for (name, tree) in realised.outputs.0 {
        let Ok(text) = store.tree_text(&tree) else { return Ok(None) };
        outputs.insert(name, Digests::both(Blake3(*tree.0.as_bytes()), Sha256::of(&text)));
    }
    Ok(Some(outputs))
}

fn rebuild(
    ancestor: &Ancestor,
    outputs: BTreeMap<String, Digests>,
    expected: Option<&str>,
    revoke: Option<&str>,
    when: Option<u64>,
) -> Result<Rebuild, Failure> {
    let mut found = Vec::new();
    for (name, digest) in outputs {
        let name =
            name.parse().map_err(|_| Failure::new(Kind::Failed, format!("{name:?} names no output")))?;
        found.push(Output { name, digest, expected: None });
    }
    let mut outcome = if revoke.is_some() { Outcome::Revoked } else { Outcome::Built };
    if let Some(text) = expected {
        let expected = digests(text)?;
        let [output] = &mut found[..] else {
            let message =
                format!("`{}` has several outputs, and an expected digest is of one", ancestor.name);
            return Err(Failure::new(Kind::Usage, message));
        };
        if !expected.matches(&output.digest) {
            (output.expected, outcome) = (Some(expected), Outcome::Differs);
        }
    }
    Ok(Rebuild {
        outcome,
        action: action(&ancestor.of, Some(ancestor.text.clone())),
        outputs: found,
        sandbox: (outcome != Outcome::Revoked).then(|| sandbox(ancestor.kind)),
        builder: machine::builder(),
        metadata: Some(metadata(when)),
        reason: revoke.map(str::to_owned),
    })
}

fn digests(text: &str) -> Result<Digests, Failure> {
    let wrong = |e: stele_trust::digest::ParseDigestError| {
        Failure::new(Kind::Usage, format!("{text:?} is not a digest: {e}"))
            .hint("a digest of a tree has 64 digits; that of an image `sha256:` before them")
    };
    match text.strip_prefix("sha256:") {
        Some(sha256) => Ok(Digests { blake3: None, sha256: Some(sha256.parse().map_err(wrong)?) }),
        None => Ok(Digests { blake3: Some(text.parse().map_err(wrong)?), sha256: None }),
    }
}

fn action(of: &Digest, text: Option<String>) -> Action {
    Action { digest: ActionDigest { blake3: Blake3(*of.as_bytes()) }, text }
}

/// What kept it apart from the machine, in words for auditors. `docs/sandbox.md` has all of it.
fn sandbox(kind: MadeKind) -> Sandbox {
    let facts: &[(&str, &str)] = match kind {
        MadeKind::Action => &[
            ("files", "declared inputs, read-only; /build, /out and /tmp are its own"),
            ("network", "none: a network namespace without devices"),
            ("processes", "a PID namespace of its own"),
            ("signing-key", "outside of the sandbox and of the builder's process"),
            ("system-calls", "filtered by seccomp"),
            ("user", "an unprivileged user in a user namespace"),
        ],
        MadeKind::Unpacked | MadeKind::Merged | MadeKind::Image => {
            &[("program", "Stele itself; no program of the inputs is run")]
        }
    };
    let isolation = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Sandbox { profile: profile::VERSION, isolation }
}

fn metadata(finished: Option<u64>) -> Metadata {
    let finished_on = finished.map(Time::from_seconds);
    // Where the end of the build is known, saying the same again gives the same bytes.
    let stated_on = finished.is_none().then(|| Time::from_seconds(stele_store::now()));
    Metadata { started_on: None, finished_on, stated_on }
}

fn statement(
    ancestor: &Ancestor,
    made: &Result<Signable, StatementError>,
    outcome: Option<Outcome>,
) -> Result<Statement, Failure> {
    let fails = |e: &StatementError| Failure::new(Kind::Failed, format!("nothing can be stated: {e}"));
    let signable = made.as_ref().map_err(fails)?;
    let payload = signable.encode().map_err(|e| fails(&e))?;
    let outcome = outcome.and_then(|it| serde_json::to_value(it).ok()?.as_str().map(str::to_owned));
    Ok(Statement {
        name: ancestor.name.clone(),
        about: ancestor.of,
        predicate_type: if outcome.is_some() { REBUILD } else { PROVENANCE }.to_owned(),
        outcome,
        payload: String::from_utf8_lossy(&payload).into_owned(),
    })
}

/// SLSA provenance: the same facts, for those who read that.
fn provenance(ancestor: &Ancestor, ancestry: &Ancestry, rebuild: &Rebuild) -> (Provenance, Vec<Resource>) {
    let subjects = rebuild.outputs.iter().map(|it| Resource::named(it.name.as_str(), &it.digest)).collect();
    let parameters = match serde_json::from_str(&ancestor.text) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let dependencies = dependencies(ancestor, ancestry);
    let facts = &rebuild.builder;
    let version = [("stele", facts.version.as_ref()), ("kernel", facts.kernel.as_ref())];
    let version = version.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
    let metadata = rebuild.metadata.as_ref();
    let complete = dependencies.iter().all(|it| !it.digest.is_empty());
    let provenance = Provenance {
        build_definition: BuildDefinition {
            build_type: if ancestor.kind == MadeKind::Image { IMAGE_TYPE } else { BUILD_TYPE }.to_owned(),
            external_parameters: parameters,
            internal_parameters: internal(),
            resolved_dependencies: dependencies,
            complete: Some(complete),
        },
        run_details: RunDetails {
            builder: BuilderId {
                id: BUILDER_ID.to_owned(),
                version: version.collect(),
                builder_dependencies: Vec::new(),
            },
            metadata: Some(RunMetadata {
                invocation_id: None,
                started_on: None,
                finished_on: metadata.and_then(|it| it.finished_on),
            }),
            byproducts: Vec::new(),
        },
    };
    (provenance, subjects)
}

/// The direct inputs of an action or image: what was merged into its root, with the sources of what was unpacked.
/// Each has its role, and of an output the action that made it.
fn dependencies(ancestor: &Ancestor, ancestry: &Ancestry) -> Vec<Resource> {
    let find = |of: &Digest| ancestry.made.iter().find(|it| it.of == *of);
    let mut found: Vec<Resource> = ancestor.pinned.iter().map(pinned).collect();
    let mut todo: Vec<&Used> = ancestor.from.iter().rev().collect();
    while let Some(used) = todo.pop() {
        let maker = find(&used.of);
        if let Some(maker) = maker.filter(|it| matches!(it.kind, MadeKind::Merged | MadeKind::Unpacked)) {
            found.extend(maker.pinned.iter().map(pinned));
            todo.extend(maker.from.iter().rev());
        }
        if maker.is_none_or(|it| it.kind != MadeKind::Merged) {
            let name = maker.map_or_else(|| used.of.to_string(), |it| it.name.clone());
            let mut resource = Resource::named(&name, &used.digests);
            resource.annotations.insert("role".to_owned(), json!("output"));
            resource.annotations.insert("output".to_owned(), json!(used.output));
            resource.annotations.insert("action".to_owned(), json!(used.of));
            found.push(resource);
        }
    }
    // The same file may be at two places.
    let mut once: Vec<Resource> = Vec::new();
    for resource in found {
        if !once.contains(&resource) {
            once.push(resource);
        }
    }
    once
}

fn pinned(it: &Pinned) -> Resource {
    let mut resource = Resource::named(&it.name, &it.digests);
    resource.annotations.insert("role".to_owned(), serde_json::to_value(it.kind).unwrap_or_default());
    resource
}

/// What the builder decides: the sandbox profile.
fn internal() -> Map<String, Value> {
    let profile = json!({ "version": profile::VERSION, "blake3": profile::digest() });
    Map::from_iter([("sandboxProfile".to_owned(), profile)])
}
