//! `evidence`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, Subcommand};

use stele_registry::Sha256Digest;
use stele_registry::client::{BlobFile, Purpose, Registry, Remote, pull_referrers};

use stele_trust::statement::provenance::PROVENANCE;
use stele_trust::statement::vsa::VSA;

use super::verify::read;
use super::{Which, ask};
use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::image::attach::{Attachment, attach};
use crate::commands::image::push;
use crate::commands::unexpected;
use crate::registries::{Way, stop};
use crate::render;
use stele::Untrusted;
use stele::agreement::{AgreementAnswer, AgreementRequest, Evidence};
use stele::failure::{Failure, Kind};
use stele::images::{Existing, ROOT_PREFIX};

/// The artifact type of evidence beside an image: bundles, one a line.
pub const ARTIFACT_TYPE: &str = "application/vnd.stele.evidence.v1+jsonl";
/// That of a single bundle, as cosign attaches one.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The most bytes of evidence that are pulled in one piece.
const MAX_PIECE: usize = 64 << 20;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List the evidence about something and all that it was made from, or all that the store has
    Ls(Ls),
    /// Keep evidence: in-toto statements in DSSE envelopes or Sigstore bundles; `-` reads stdin
    Add(Add),
    /// Print the evidence about something and all that it was made from, one bundle or envelope a line
    Export(Export),
    /// Remove a piece of evidence
    Rm(Remove),
    /// Attach the evidence about an image to it, and push the image with all its referrers to a registry
    Push(Push),
    /// Fetch the evidence about an image from a registry, without the image
    Pull(Pull),
}

/// `stele evidence ls`
#[derive(Args, Debug)]
pub struct Ls {
    /// A recipe, an image (image-NAME), an action's digest, or a REF to an output [default: all evidence]
    #[arg(value_name = "REF")]
    reference: Option<String>,
    #[command(flatten)]
    place: crate::recipe_tree::RecipeTreeArg,
}

/// `stele evidence add`
#[derive(Args, Debug)]
pub struct Add {
    /// Files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// `stele evidence export`
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// Write to a file [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `stele evidence rm`
#[derive(Args, Debug)]
pub struct Remove {
    /// 8 or more digits of its SHA-256
    #[arg(value_name = "SHA256")]
    digest: String,
}

/// `stele evidence push`
#[derive(Args, Debug)]
pub struct Push {
    /// The image: its name or digest
    #[arg(value_name = "IMAGE")]
    image: String,
    #[command(flatten)]
    place: crate::recipe_tree::RecipeTreeArg,
    #[command(flatten)]
    push: push::Destination,
}

/// `stele evidence pull`
#[derive(Args, Debug)]
pub struct Pull {
    /// The image
    #[arg(value_name = "REGISTRY/NAME[:TAG][@DIGEST]")]
    from: String,
    #[command(flatten)]
    way: Way,
}

/// Runs one of the `evidence` commands.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls(args) => args.run(global),
        Command::Add(args) => args.run(global),
        Command::Export(args) => args.run(global),
        Command::Rm(args) => {
            let mut context = Context::new(global, true)?;
            let removed = evidence(ask(&mut context, AgreementRequest::Remove { digest: args.digest })?)?;
            show(global, &removed)
        }
        Command::Push(args) => args.run(global),
        Command::Pull(args) => args.run(global),
    }
}

fn evidence(answer: AgreementAnswer) -> Result<Vec<Evidence>, Failure> {
    match answer {
        AgreementAnswer::Evidence(evidence) => Ok(evidence),
        _ => Err(unexpected()),
    }
}

fn show(global: &Global, evidence: &[Evidence]) -> Result<(), Failure> {
    if global.json {
        return render::json(&evidence);
    }
    let mut text = String::new();
    for it in evidence {
        let kind = match it.predicate_type.as_str() {
            PROVENANCE => "provenance",
            VSA => "summary",
            other => other,
        };
        let what = it.outcome.as_deref().unwrap_or(kind);
        let about = it.name.clone().unwrap_or_else(|| it.about.to_string());
        let known = if it.new == Some(false) { ", known already" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}  {}{known}", it.sha256, Untrusted(what), Untrusted(&about));
        for key in &it.key_hints {
            let _ = writeln!(text, "  key {}", Untrusted(key));
        }
    }
    render::out(text.as_bytes())
}

impl Ls {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let mut context = Context::new(global, true)?;
        let tree = match &self.reference {
            Some(_) => super::tree(&self.place)?,
            None => None,
        };
        let request = AgreementRequest::List { reference: self.reference, tree, content: false };
        show(global, &evidence(ask(&mut context, request)?)?)
    }
}

impl Add {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let mut texts = Vec::new();
        for file in &self.files {
            if file.as_os_str() == "-" {
                let mut text = String::new();
                io::stdin()
                    .read_to_string(&mut text)
                    .map_err(|e| Failure::io("stdin could not be read", &e))?;
                texts.push(text);
            } else {
                texts.extend(read(std::slice::from_ref(file))?);
            }
        }
        let mut context = Context::new(global, false)?;
        show(global, &evidence(ask(&mut context, AgreementRequest::Add { evidence: texts })?)?)
    }
}

/// The evidence about something, one piece a line.
fn lines(context: &mut Context, reference: String, tree: Option<String>) -> Result<String, Failure> {
    let request = AgreementRequest::List { reference: Some(reference.clone()), tree, content: true };
    let evidence = evidence(ask(context, request)?)?;
    if evidence.is_empty() {
        let message = format!("the store has no evidence about `{reference}`");
        return Err(Failure::new(Kind::NotFound, message).hint(
            "`stele attest` states what was built here; `stele evidence pull` fetches what others state",
        ));
    }
    let mut seen = BTreeSet::new();
    let pieces = evidence.into_iter().filter_map(|it| it.content.filter(|_| seen.insert(it.sha256.clone())));
    // Signed payloads are base64 in these, so a document may be written on one line.
    Ok(pieces.map(|piece| piece.replace(['\n', '\r'], "") + "\n").collect())
}

impl Export {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let mut context = Context::new(global, true)?;
        let lines = lines(&mut context, self.which.reference.clone(), self.which.tree()?)?;
        match &self.output {
            None => render::exact(lines.as_bytes()),
            Some(file) => std::fs::write(file, lines)
                .map_err(|e| Failure::io(&format!("{} could not be written", file.display()), &e)),
        }
    }
}

impl Push {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let mut context = Context::new(global, true)?;
        let name = self.image.strip_prefix(ROOT_PREFIX).unwrap_or(&self.image).to_owned();
        let reference = match self.image.strip_prefix("sha256:") {
            Some(_) => self.image.clone(),
            None => format!("{ROOT_PREFIX}{name}"),
        };
        let lines = lines(&mut context, reference, super::tree(&self.place)?)?;
        let mut file = tempfile::NamedTempFile::new()
            .map_err(|e| Failure::io("no temporary file for the evidence", &e))?;
        file.write_all(lines.as_bytes()).map_err(|e| Failure::io("the evidence could not be written", &e))?;
        let attachment = Attachment {
            file: file.path(),
            media_type: ARTIFACT_TYPE,
            title: Some("evidence.jsonl"),
            annotations: BTreeMap::new(),
        };
        attach(&mut context, &name, ARTIFACT_TYPE, vec![attachment], Existing::Replace)?;
        self.push.push(&mut context, global, name, true)
    }
}

/// Evidence that comes from a registry, in memory.
#[derive(Clone, Default)]
struct Coming(Arc<Mutex<Vec<u8>>>);

impl Coming {
    fn bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Coming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut so_far = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if so_far.len() + bytes.len() > MAX_PIECE {
            return Err(io::Error::other(format!("it has more than {MAX_PIECE} bytes")));
        }
        so_far.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobFile for Coming {
    fn restart(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

impl Pull {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let remote: Remote = self.from.parse()?;
        let registry = Registry::reach(&remote, Purpose::Pull, None, &self.way.options(), &stop()?)?;
        let coming: Mutex<Vec<Coming>> = Mutex::default();
        let place = |_: &Sha256Digest| -> io::Result<Box<dyn BlobFile>> {
            let file = Coming::default();
            coming.lock().unwrap_or_else(PoisonError::into_inner).push(file.clone());
            Ok(Box::new(file))
        };
        let pulled = pull_referrers(&registry, &[ARTIFACT_TYPE, BUNDLE], &place)?;
        for missed in &pulled.missed {
            render::note(&format!("left out a referrer: {}", Untrusted(missed)));
        }
        let pieces = coming.into_inner().unwrap_or_else(PoisonError::into_inner);
        let texts = pieces.iter().map(|it| String::from_utf8_lossy(&it.bytes()).into_owned());
        // Configs of artifacts are empty objects.
        let texts: Vec<String> = texts.filter(|text| !matches!(text.trim(), "" | "{}")).collect();
        if texts.is_empty() {
            let message = format!("{remote} has no evidence attached");
            return Err(Failure::new(Kind::NotFound, message).hint("`stele evidence push` attaches it"));
        }
        let mut context = Context::new(global, false)?;
        show(global, &evidence(ask(&mut context, AgreementRequest::Add { evidence: texts })?)?)
    }
}
