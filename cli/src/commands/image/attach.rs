//! `image attach`, `image referrers` and `image detach`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::HumanBytes;

use super::{Context, Which, ask, one};
use crate::commands::unexpected;
use crate::render;
use stele::Untrusted;
use stele::failure::Failure;
use stele::images::{AttachedFile, Existing, ImageAnswer, ImageRequest};
use stele::reference::to_wire;

/// `stele image attach`
#[derive(Args, Debug)]
#[command(after_help = "\
An attached artifact refers to the image by its digest and does not change it. It is exported, pushed and served with \
the image, and stays when the same image is rebuilt; it is removed when the name is given to another image.")]
pub struct Attach {
    #[command(flatten)]
    which: Which,
    /// Files to attach
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Artifact type, as a media type: clients filter referrers by it
    #[arg(long = "type", value_name = "TYPE/SUBTYPE", value_parser = media_type)]
    artifact_type: String,
    /// Media type of the files
    #[arg(long, value_name = "TYPE/SUBTYPE", default_value = "application/octet-stream", value_parser = media_type)]
    media_type: String,
    /// Subject: the manifest of an image in the index, or of another referrer [default: the image's digest]
    #[arg(long, value_name = "DIGEST")]
    subject: Option<String>,
    /// Annotation of the artifact; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,
}

/// `stele image referrers`
#[derive(Args, Debug)]
pub struct Referrers {
    #[command(flatten)]
    which: Which,
    /// Only referrers of this artifact type
    #[arg(long = "type", value_name = "TYPE/SUBTYPE")]
    artifact_type: Option<String>,
}

/// `stele image detach`
#[derive(Args, Debug)]
pub struct Detach {
    #[command(flatten)]
    which: Which,
    /// Digest of the referrer, or 8 or more of its first digits
    #[arg(value_name = "DIGEST")]
    digest: String,
}

/// A media type (RFC 6838, section 4.2).
fn media_type(text: &str) -> Result<String, String> {
    let name = |part: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        (1..=127).contains(&part.len())
            && part.chars().all(known)
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    match text.split_once('/') {
        Some((kind, subtype)) if name(kind) && name(subtype) => Ok(text.to_owned()),
        _ => Err("a media type is TYPE/SUBTYPE, such as application/spdx+json".to_owned()),
    }
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("an annotation is KEY=VALUE".to_owned()),
    }
}

impl Attach {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut files = Vec::new();
        for path in &self.files {
            let path = std::path::absolute(path).map_err(|e| Failure::io("that place is no path", &e))?;
            let title = path.file_name().map(|name| name.to_string_lossy().into_owned());
            files.push(AttachedFile {
                path: to_wire(path.as_os_str()),
                media_type: self.media_type.clone(),
                title,
                annotations: BTreeMap::new(),
            });
        }
        let request = ImageRequest::Attach {
            reference: self.which.image,
            subject: self.subject,
            artifact_type: self.artifact_type,
            annotations: self.annotations.into_iter().collect::<BTreeMap<_, _>>(),
            files,
            existing: Existing::Keep,
        };
        let ImageAnswer::Attached(done) = ask(context, request)? else { return Err(unexpected()) };
        if context.terminal.json {
            return render::json(&done);
        }
        if done.was_there {
            context.terminal.narrate("nothing to do: already attached");
        }
        render::out(format!("{}  {}\n", done.digest, done.image).as_bytes())
    }
}

/// A file that is attached, with the annotations of its descriptor.
pub struct Attachment<'a> {
    pub file: &'a Path,
    pub media_type: &'a str,
    pub title: Option<&'a str>,
    pub annotations: BTreeMap<String, String>,
}

/// Attaches files to an image, and does with what was attached before of that type what `existing` says.
///
/// # Errors
/// When there is no such image, or it cannot be attached.
pub fn attach(
    context: &mut Context,
    image: &str,
    artifact_type: &str,
    files: Vec<Attachment<'_>>,
    existing: Existing,
) -> Result<String, Failure> {
    let file = |it: Attachment<'_>| AttachedFile {
        path: to_wire(it.file.as_os_str()),
        media_type: it.media_type.to_owned(),
        title: it.title.map(str::to_owned),
        annotations: it.annotations,
    };
    let request = ImageRequest::Attach {
        reference: image.to_owned(),
        subject: None,
        artifact_type: artifact_type.to_owned(),
        annotations: BTreeMap::new(),
        files: files.into_iter().map(file).collect(),
        existing,
    };
    match ask(context, request)? {
        ImageAnswer::Attached(done) => Ok(done.digest),
        _ => Err(unexpected()),
    }
}

impl Referrers {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut shown = one(ask(context, ImageRequest::Inspect { reference: self.which.image })?)?;
        if let Some(wanted) = &self.artifact_type {
            shown.referrers.retain(|it| it.artifact_type == *wanted);
        }
        if context.terminal.json {
            return render::json(&shown.referrers);
        }
        let mut text = String::new();
        for referrer in &shown.referrers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  {}", referrer.digest, Untrusted(&referrer.artifact_type));
            if referrer.subject != shown.digest {
                let _ = writeln!(text, "  refers to {}", referrer.subject);
            }
            for (key, value) in &referrer.annotations {
                let _ = writeln!(text, "  {}: {}", Untrusted(key), Untrusted(value));
            }
            for blob in &referrer.blobs {
                let title = blob.title.as_deref().unwrap_or("without a name");
                let _ = writeln!(
                    text,
                    "  {}, {}, {}",
                    Untrusted(title),
                    Untrusted(&blob.media_type),
                    HumanBytes(blob.size)
                );
                let _ = writeln!(text, "    {}", blob.place);
            }
        }
        render::out(text.as_bytes())
    }
}

impl Detach {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let request = ImageRequest::Detach { reference: self.which.image, digest: self.digest };
        let ImageAnswer::Detached(digest) = ask(context, request)? else { return Err(unexpected()) };
        if context.terminal.json {
            return render::json(&digest);
        }
        render::out(format!("{digest}\n").as_bytes())
    }
}
