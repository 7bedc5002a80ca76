//! `approve`

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Map, json};

use stele_trust::bundle::Bundle;
use stele_trust::digest::{Digests, Sha256};
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::keys::Signer;
use stele_trust::policy::Policy;
use stele_trust::simple_signing::{Kind as SigningKind, Payload};
use stele_trust::statement::Resource;
use stele_trust::statement::vsa::{Summary, VerificationResult, Verifier};
use stele_trust::time::Time;

use super::{PolicyFile, SignerArgs, ask, tree};
use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::image::attach::{Attachment, attach};
use crate::commands::unexpected;
use crate::recipe_tree::RecipeTreeArg;
use crate::render;
use stele::agreement::{AgreementAnswer, AgreementRequest, Decision};
use stele::failure::{Failure, Kind};
use stele::images::{Existing, ROOT_PREFIX, SIGNATURES};

/// Who verified, where SLSA asks for a URI.
const VERIFIER: &str = "urn:stele:verifier:v1";
/// The media type of the payload that engines verify.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with its signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Sign an image for the engines that enforce signatures, once the policy agrees to it
///
/// Writes a SLSA verification summary with all evidence that counted, and a signature in cosign's form, and attaches
/// both to the image: they are exported, pushed and served with it. Engines that are told to, such as podman, then
/// refuse what is not approved. If the policy does not agree, nothing is signed.
#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 approved; those of `stele verify` if the policy does not agree.")]
pub struct Approve {
    /// The image: its name in the store
    #[arg(value_name = "IMAGE")]
    image: String,
    #[command(flatten)]
    policy: PolicyFile,
    #[command(flatten)]
    signer: SignerArgs,
    /// Also demand agreement on everything that it was made from, down to the seed
    #[arg(long)]
    closure: bool,
    /// Under which reference engines may run it; may be repeated [default: no signature for engines]
    #[arg(long = "for", value_name = "REGISTRY/NAME[:TAG]")]
    references: Vec<String>,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Approve {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let signer = self.signer.signer()?;
        self.policy.with(|policy, text| self.decide(global, policy, text, signer.as_ref()))
    }

    fn decide(
        &self,
        global: &Global,
        policy: &Policy,
        text: &str,
        signer: &dyn Signer,
    ) -> Result<ExitCode, Failure> {
        let mut context = Context::new(global, true)?;
        let name = self.image.strip_prefix(ROOT_PREFIX).unwrap_or(&self.image);
        let request = AgreementRequest::Decide {
            reference: format!("{ROOT_PREFIX}{name}"),
            tree: tree(&self.place)?,
            policy: text.to_owned(),
            closure: self.closure,
            evidence: Vec::new(),
        };
        let AgreementAnswer::Decided(decision) = ask(&mut context, request)? else {
            return Err(unexpected());
        };
        let manifest = decision.asked.outputs.values().find_map(|it| it.sha256);
        let Some(manifest) = manifest.filter(|_| decision.exit_code == 0) else {
            render::tell(&render::clean(decision.explanation.trim_end()));
            render::failure(
                &Failure::new(Kind::Failed, format!("image `{name}` is not approved")),
                global.json,
            );
            return Ok(ExitCode::from(decision.exit_code.max(1)));
        };
        let summary = self.summary(name, policy, &decision, manifest, signer)?;
        let added = ask(&mut context, AgreementRequest::Add { evidence: vec![summary.clone()] })?;
        let AgreementAnswer::Evidence(added) = added else { return Err(unexpected()) };
        let file = temporary(summary.as_bytes())?;
        let bundle = Attachment {
            file: file.path(),
            media_type: stele_trust::bundle::MEDIA_TYPE,
            title: None,
            annotations: BTreeMap::new(),
        };
        attach(&mut context, name, stele_trust::bundle::MEDIA_TYPE, vec![bundle], Existing::Keep)?;
        self.sign(&mut context, name, manifest, signer)?;
        let evidence: Vec<&str> = added.iter().map(|it| it.sha256.as_str()).collect();
        if global.json {
            render::json(
                &json!({ "image": name, "manifest": format!("sha256:{manifest}"), "summary": evidence,
                "references": self.references, "counted": decision.counted }),
            )?;
        } else {
            render::out(format!("sha256:{manifest}  {name}\n").as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The verification summary, signed, as a bundle.
    fn summary(
        &self,
        name: &str,
        policy: &Policy,
        decision: &Decision,
        manifest: Sha256,
        signer: &dyn Signer,
    ) -> Result<String, Failure> {
        let digest = |sha256: Sha256| BTreeMap::from([("sha256".to_owned(), sha256.to_string())]);
        let counted =
            decision.counted.iter().map(|it| Resource { digest: digest(*it), ..Resource::default() });
        let mut levels = vec!["STELE_AGREED".to_owned()];
        if self.closure {
            levels.push("STELE_CLOSURE_AGREED".to_owned());
        }
        let summary = Summary {
            verifier: Verifier {
                id: VERIFIER.to_owned(),
                version: BTreeMap::from([("stele".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            },
            time_verified: Some(Time::from_seconds(stele_store::now())),
            resource_uri: self
                .references
                .first()
                .cloned()
                .unwrap_or_else(|| format!("pkg:oci/{name}@sha256:{manifest}")),
            policy: Resource {
                name: Some(policy.name.to_string()),
                digest: digest(policy.digest),
                ..Resource::default()
            },
            input_attestations: counted.collect(),
            verification_result: VerificationResult::Passed,
            verified_levels: levels,
            dependency_levels: dependency_levels(decision),
            slsa_version: Some("1.1".to_owned()),
        };
        let subject = Resource::named(name, &Digests { blake3: None, sha256: Some(manifest) });
        let fails = |e: &dyn std::fmt::Display| {
            Failure::new(Kind::Failed, format!("the summary cannot be signed: {e}"))
        };
        let payload = summary.statement(vec![subject]).and_then(|it| it.encode()).map_err(|e| fails(&e))?;
        let envelope = Envelope::sign(IN_TOTO, payload, signer).map_err(|e| fails(&e))?;
        let bytes = Bundle::of_envelope(envelope, signer.public()).encode().map_err(|e| fails(&e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Attaches what engines verify, beside what others signed.
    fn sign(
        &self,
        context: &mut Context,
        name: &str,
        manifest: Sha256,
        signer: &dyn Signer,
    ) -> Result<(), Failure> {
        let fails = |e: &dyn std::fmt::Display| {
            Failure::new(Kind::Failed, format!("the image cannot be signed: {e}"))
        };
        let mut files = Vec::new();
        for reference in &self.references {
            let payload = Payload {
                kind: SigningKind::Cosign,
                reference: reference.clone(),
                manifest,
                optional: Map::new(),
            };
            let bytes = payload.encode().map_err(|e| fails(&e))?;
            let signature = STANDARD.encode(signer.sign(&bytes).map_err(|e| fails(&e))?);
            files.push((temporary(&bytes)?, signature));
        }
        if files.is_empty() {
            return Ok(());
        }
        let mut attachments = Vec::new();
        for (file, signature) in &files {
            let annotations = BTreeMap::from([(SIGNATURE.to_owned(), signature.clone())]);
            attachments.push(Attachment {
                file: file.path(),
                media_type: SIMPLE_SIGNING,
                title: None,
                annotations,
            });
        }
        attach(context, name, SIGNATURES, attachments, Existing::Merge).map(drop)
    }
}

/// How many of what it was made from are agreed.
fn dependency_levels(decision: &Decision) -> Option<BTreeMap<String, u64>> {
    let agreed = decision.ancestors.iter().filter(|it| it.verdict == "AGREED").count();
    (agreed > 0).then(|| BTreeMap::from([("STELE_AGREED".to_owned(), agreed as u64)]))
}

fn temporary(bytes: &[u8]) -> Result<tempfile::NamedTempFile, Failure> {
    let fails = |e: &std::io::Error| Failure::io("no temporary file for what is attached", e);
    let mut file = tempfile::NamedTempFile::new().map_err(|e| fails(&e))?;
    file.write_all(bytes).map_err(|e| fails(&e))?;
    Ok(file)
}
