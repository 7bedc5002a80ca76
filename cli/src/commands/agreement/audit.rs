//! `audit`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use stele_recipes::recipe::RecipeName;
use stele_trust::bundle::Bundle;
use stele_trust::digest::Sha256;
use stele_trust::policy::Policy;
use stele_trust::time::Time;

use super::policy_file::with;
use super::signer::signing_key;
use super::{ask, tree};
use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::recipe_tree::{RecipeTreeArg, graph, locate};
use crate::render;
use stele::Request;
use stele::agreement::audit::{
    self, Attachment, CheckError, Exception, Parts, Retention, Source, Verifier, check, extract,
};
use stele::agreement::{AgreementAnswer, AgreementRequest, Decision, MadeKind};
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::images::{ImageAnswer, ImageRequest, ROOT_PREFIX, Shown};

/// Write one file with everything that a decision rests on, or check such a file
///
/// It has what is asked about, the policy and its verdict, every vote, how each ancestor was made down to the seed, all
/// sources, the keys, and the evidence itself. As a page it can be read and printed; whoever gets it checks it with one
/// command, without a network and without this store.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: those of `stele verify`; 1 if a file that is checked is not what it says.")]
pub struct Audit {
    /// A recipe, an image (image-NAME), an action's digest, or a REF to an output of a build
    #[arg(value_name = "REF", required_unless_present = "check", conflicts_with = "check")]
    reference: Option<String>,
    /// The policy; with --check, your own instead of the one in the file
    #[arg(
        long,
        value_name = "FILE",
        env = "STELE_POLICY",
        hide_env_values = true,
        required_unless_present = "check"
    )]
    policy: Option<PathBuf>,
    /// Where to write it
    #[arg(long, short, value_name = "FILE", required_unless_present = "check")]
    output: Option<PathBuf>,
    /// Format [default: by the name of the file]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Sign it: the signature goes beside it as a Sigstore bundle, OUTPUT.sigstore.json
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    key: Option<PathBuf>,
    /// Check a file that this command wrote: a page or a JSON document
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Something that is accepted although it is not as it should be; may be repeated
    #[arg(long = "exception", value_name = "WHAT[; BY[; UNTIL]]")]
    exceptions: Vec<String>,
    /// When the support of what it is about ends
    #[arg(long, value_name = "DATE")]
    support_ends: Option<String>,
    /// Until when this file is kept
    #[arg(long, value_name = "DATE")]
    keep_until: Option<String>,
    /// Where it is kept
    #[arg(long, value_name = "ADDRESS")]
    archive: Option<String>,
    #[command(flatten)]
    place: RecipeTreeArg,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// A page to read and to print, with the document in it: NAME.html
    Html,
    /// The document alone: NAME.json
    Json,
    /// Declarations of CycloneDX 1.6, with the document in them: NAME.cdx.json
    Cyclonedx,
}

impl Audit {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        if let Some(file) = &self.check {
            return self.check(global, file);
        }
        let Some(file) = &self.policy else { return Err(unexpected()) };
        with(file, |policy, text| self.write(global, policy, text))
    }

    fn check(&self, global: &Global, file: &PathBuf) -> Result<ExitCode, Failure> {
        let bytes =
            fs::read(file).map_err(|e| Failure::io(&format!("{} could not be read", file.display()), &e))?;
        let fails = |e: &CheckError| {
            let failure = Failure::new(Kind::Failed, format!("{}: {e}", file.display()));
            match e {
                CheckError::Page => {
                    failure.hint("another version of stele may have written the page; or it was changed")
                }
                CheckError::NoAudit(_) | CheckError::Format { .. } => {
                    failure.hint("`stele audit REF -o FILE` writes one")
                }
                _ => failure.hint("do not rely on this file"),
            }
        };
        let audit = extract(&bytes).map_err(|e| fails(&e))?;
        let decide = |own: Option<&Policy>| {
            let decision = check(&audit, own, now()).map_err(|e| fails(&e))?;
            show(global, &decision)
        };
        match &self.policy {
            Some(file) => with(file, |policy, _| decide(Some(policy))),
            None => decide(None),
        }
    }

    fn write(&self, global: &Global, policy: &Policy, text: &str) -> Result<ExitCode, Failure> {
        let (Some(reference), Some(output)) = (&self.reference, &self.output) else {
            return Err(unexpected());
        };
        let mut context = Context::new(global, true)?;
        let recipes = tree(&self.place)?;
        let request = AgreementRequest::Decide {
            reference: reference.clone(),
            tree: recipes.clone(),
            policy: text.to_owned(),
            closure: true,
            evidence: Vec::new(),
        };
        let AgreementAnswer::Decided(decision) = ask(&mut context, request)? else {
            return Err(unexpected());
        };
        let request =
            AgreementRequest::List { reference: Some(reference.clone()), tree: recipes, content: true };
        let AgreementAnswer::Evidence(evidence) = ask(&mut context, request)? else {
            return Err(unexpected());
        };
        let mut texts: Vec<String> = evidence.into_iter().filter_map(|it| it.content).collect();
        texts.sort();
        texts.dedup();
        let (image, attachments) = match decision.ancestors.last() {
            Some(it) if it.ancestor.kind == MadeKind::Image => about_image(&mut context, &decision)?,
            _ => (None, Vec::new()),
        };
        let parts = Parts {
            sources: self.sources(&decision),
            image,
            attachments,
            policy_text: text.to_owned(),
            time: now(),
            evidence: texts,
            exceptions: self.exceptions.iter().map(|text| exception(text)).collect(),
            retention: Retention {
                support_ends: self.support_ends.clone(),
                keep_until: self.keep_until.clone(),
                archive: self.archive.clone(),
            },
            verifier: Verifier {
                name: "stele".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                sha256: fs::read("/proc/self/exe").ok().map(|bytes| Sha256::of(&bytes)),
            },
            decision: (*decision).clone(),
        };
        let audit = audit::Audit::new(policy, parts);
        let named = output.to_string_lossy();
        let format = self.format.unwrap_or(match &*named {
            name if name.ends_with(".cdx.json") => Format::Cyclonedx,
            name if name.ends_with(".json") => Format::Json,
            _ => Format::Html,
        });
        let bytes = match format {
            Format::Html => audit.to_html(),
            Format::Json => audit.to_json(),
            Format::Cyclonedx => audit.to_cyclonedx().to_string(),
        };
        fs::write(output, &bytes).map_err(|e| Failure::io(&format!("{named} could not be written"), &e))?;
        if let Some(key) = &self.key {
            let fails = |e: &dyn std::fmt::Display| {
                Failure::new(Kind::Failed, format!("{named} cannot be signed: {e}"))
            };
            let signer = signing_key(key)?;
            let bundle = Bundle::sign(bytes.as_bytes(), &signer).map_err(|e| fails(&e))?;
            let bundle = bundle.encode().map_err(|e| fails(&e))?;
            let place = format!("{named}.sigstore.json");
            fs::write(&place, bundle)
                .map_err(|e| Failure::io(&format!("{place} could not be written"), &e))?;
        }
        // What the file has to show by itself may need votes on what this store unpacked and merged.
        if let Err(error) = check(&audit, None, now()) {
            let hint = "builders attest with --closure what they unpacked and merged, too; then the file stands alone";
            let message = format!("{named} was written, and does not stand alone: {error}");
            render::failure(&Failure::new(Kind::Failed, message).hint(hint), global.json);
            return Ok(ExitCode::from(decision.exit_code.max(1)));
        }
        show(global, &decision)
    }

    /// The sources of everything on the way, as the recipes describe them.
    fn sources(&self, decision: &Decision) -> Vec<Source> {
        let Ok(tree) = locate(&self.place) else { return Vec::new() };
        let actions = decision.ancestors.iter().filter(|it| it.ancestor.kind == MadeKind::Action);
        let names: Vec<RecipeName> =
            actions.filter_map(|it| RecipeName::new(&it.ancestor.name).ok()).collect();
        // Without a recipe that still exists there is nothing to tell.
        let Ok(graph) = graph(&tree, &names) else { return Vec::new() };
        let mut sources = Vec::new();
        for recipe in graph.recipes() {
            for it in &recipe.sources {
                let patches = it.unpack.iter().flat_map(|it| &it.patches);
                let digest = |node: &stele_store::model::Node| {
                    node.digest().map_or_else(String::new, |it| it.to_string())
                };
                sources.push(Source {
                    file: it.source.file.to_string(),
                    sha256: it.source.sha256.to_string(),
                    recipe: format!("{} {}", recipe.name, recipe.version),
                    mirrors: it.source.mirrors.iter().map(ToString::to_string).collect(),
                    license: recipe.about.license.clone(),
                    patches: patches.map(|it| format!("{} {}", it.path, digest(&it.node))).collect(),
                });
            }
        }
        sources
    }
}

fn now() -> Time {
    Time::from_seconds(stele_store::now())
}

fn show(global: &Global, decision: &Decision) -> Result<ExitCode, Failure> {
    match global.json {
        true => render::json(decision)?,
        false => render::out(decision.explanation.as_bytes())?,
    }
    Ok(ExitCode::from(decision.exit_code))
}

fn exception(text: &str) -> Exception {
    let mut parts = text.splitn(3, ';').map(|part| part.trim().to_owned());
    Exception { what: parts.next().unwrap_or_default(), by: parts.next(), until: parts.next() }
}

/// What is known of an image, and what is attached to it.
fn about_image(
    context: &mut Context,
    decision: &Decision,
) -> Result<(Option<Value>, Vec<Attachment>), Failure> {
    let image = |context: &mut Context, ask| match context.ask(Request::Image { ask })? {
        Answer::Image(answer) => Ok(answer),
        _ => Err(unexpected()),
    };
    // By its name: two names may have one digest.
    let manifest = decision.asked.outputs.values().find_map(|it| it.sha256);
    let digest = || manifest.map(|it| format!("sha256:{it}")).unwrap_or_default();
    let reference = decision.name.strip_prefix(ROOT_PREFIX).map_or_else(digest, str::to_owned);
    let ImageAnswer::One(shown) = image(context, ImageRequest::Inspect { reference })? else {
        return Err(unexpected());
    };
    let mut parts = Vec::new();
    for one in &shown.images {
        let sums = ImageRequest::Sums { tree: shown.tree, platform: one.platform.to_string() };
        let sums = context.gather(Request::Image { ask: sums })?;
        let sums: Vec<Value> = String::from_utf8_lossy(&sums)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let layers: Vec<Value> = one
            .layers
            .iter()
            .map(|it| {
                let tree = it.tree.to_string();
                json!({ "digest": it.digest, "diff_id": it.diff_id, "size": it.packed, "tree": tree })
            })
            .collect();
        parts.push(json!({
            "platform": one.platform.to_string(), "manifest": one.digest, "config": one.content,
            "rootfs": one.rootfs.to_string(), "size": one.packed, "layers": layers, "sha512": sums,
        }));
    }
    let Shown { digest, content, referrers, .. } = *shown;
    let about = json!({ "manifest": digest, "content": content, "images": parts });
    let attachment = |it: stele::images::ShownReferrer| Attachment {
        kind: it.artifact_type,
        digest: it.digest,
        files: it.blobs.into_iter().map(|it| it.digest).collect(),
    };
    Ok((Some(about), referrers.into_iter().map(attachment).collect()))
}
