//! Answers requests about images.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use stele_oci::document::Artifact;
use stele_oci::import::{Imported, Limits, import};
use stele_oci::layout::{self, ExportError, Exported};
use stele_oci::{Image, Record, RecordError, Top, Walk, keep, make, record};
use stele_store::model::Node;
use stele_store::{Progress, Store};

use super::repository::{self, repository};
use super::{Form, ImageAnswer, ImageRequest, ImportedImage, Shown, attach, blob, files, sums};
use crate::Untrusted;
use crate::agreement;
use crate::engine::Engine;
use crate::failure::{Failure, Kind, images as failure};
use crate::reference::from_wire;
use crate::service::{Sink, lost_sink};

/// The number of bytes of a listing that are sent at once.
const CHUNK: usize = 64 << 10;

/// Answers a request about images.
///
/// # Errors
/// With a failure for the user.
pub fn run(
    engine: &Engine,
    ask: ImageRequest,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Option<ImageAnswer>, Failure> {
    let store: &Store = engine.store();
    match ask {
        ImageRequest::Make { name, images, index, keep: is_kept, check, closed } => {
            // Before any work, so that an invalid name is reported at once.
            record::root_of(&name)?;
            let request = agreement::image_request(&images, index.as_ref());
            let mut made = Vec::with_capacity(images.len());
            for (number, spec) in images.iter().enumerate() {
                let image = make::make(store, spec, progress)?;
                if check.contains(&number) {
                    let flaws = stele_oci::start::flaws(store, spec, &image.rootfs)?;
                    if !flaws.is_empty() {
                        return Err(failure::cannot_start(&name, &flaws));
                    }
                }
                if closed.contains(&number) {
                    let flaws = stele_oci::start::missing_libraries(store, spec, &image.rootfs)?;
                    if !flaws.is_empty() {
                        return Err(failure::incomplete(&name, &flaws));
                    }
                }
                made.push(image);
            }
            let top = match (index, made.pop()) {
                (Some(annotations), Some(last)) => {
                    made.push(last);
                    Top::Index(make::index(made, &annotations)?)
                }
                (None, Some(image)) if made.is_empty() => Top::Image(Box::new(image)),
                _ => {
                    return Err(Failure::new(
                        Kind::Usage,
                        "an image has exactly one part, and an index at least one",
                    ));
                }
            };
            let (tree, record) = match is_kept {
                true => keep::keep(store, &name, top.into())?,
                false => keep::unnamed(store, top.into())?,
            };
            // From what it was made is what others have to agree on.
            store.remember_artifact(&request, &record.sum().sha256)?;
            Ok(Some(ImageAnswer::One(Box::new(Shown::new(&name, tree, &record)))))
        }
        ImageRequest::List {} => {
            let shown = engine.known_images().shown(store)?;
            Ok(Some(ImageAnswer::List(shown)))
        }
        ImageRequest::Inspect { reference } => {
            let (name, tree, record) = record::find(store, &reference)?;
            Ok(Some(ImageAnswer::One(Box::new(Shown::new(&name, tree, &record)))))
        }
        ImageRequest::Tree { reference, json, platform } => {
            let (_, _, record) = record::find(store, &reference)?;
            for image in chosen(&record, platform.as_deref())? {
                tree(store, image, json, sink, progress)?;
            }
            Ok(None)
        }
        ImageRequest::Files { tree, platform } => {
            let record = Record::load(store, &tree)?;
            files::send(store, single(&record, Some(&platform))?, sink, progress)?;
            Ok(None)
        }
        ImageRequest::Sums { tree, platform } => {
            let record = Record::load(store, &tree)?;
            sums::send(store, &record, single(&record, Some(&platform))?, sink, progress)?;
            Ok(None)
        }
        ImageRequest::Served {} => Ok(Some(ImageAnswer::Names(engine.known_images().served(store)?))),
        ImageRequest::Repository { name } => {
            let (tree, record) = match record::named(store, &name) {
                Ok(kept) => kept,
                Err(RecordError::Absent { .. } | RecordError::Name { .. }) => {
                    return Ok(Some(ImageAnswer::Repository(None)));
                }
                Err(error) => return Err(error.into()),
            };
            let served = repository(&name, &tree, &record);
            Ok(Some(ImageAnswer::Repository(served.ok().map(Box::new))))
        }
        ImageRequest::Attach { reference, subject, artifact_type, annotations, files, existing } => {
            let artifact = Artifact { artifact_type, annotations, blobs: Vec::new() };
            attach::attach(store, &reference, subject.as_deref(), artifact, files, existing)
                .map(|told| Some(ImageAnswer::Attached(told)))
        }
        ImageRequest::Detach { reference, digest } => {
            let digest = keep::detach(store, &reference, &digest)?;
            Ok(Some(ImageAnswer::Detached(stele_oci::document::digest_text(&digest))))
        }
        ImageRequest::Kept { tree, referrers } => {
            let mut record = Record::load(store, &tree)?;
            if !referrers {
                record.referrers.clear();
            }
            let repository = repository::kept(&tree, &record)?;
            Ok(Some(ImageAnswer::Repository(Some(Box::new(repository)))))
        }
        ImageRequest::Blob { tree, digest, first, length, descriptors } => {
            let part = blob::Part { first, length, descriptors };
            blob::send(store, &tree, &digest, part, sink, progress).map(|()| None)
        }
        ImageRequest::CheckBlob { tree, digest } => {
            blob::check(store, &tree, &digest, progress).map(|()| None)
        }
        ImageRequest::Import { from, reference, name, referrers, replace } => {
            if let Some(name) = &name {
                record::root_of(name)?;
            }
            let Imported { mut record, reference, left_out, repacked, strays } =
                import(store, &from_wire(&from)?, reference.as_deref(), &Limits::default(), progress)?;
            let name = name.or_else(|| reference.as_deref().map(short)).ok_or_else(|| {
                Failure::new(Kind::Usage, "the image has no name in the layout")
                    .hint("give it one with --name")
            })?;
            if !replace
                && let Ok((_, before)) = record::named(store, &name)
                && before.content() != record.content()
            {
                let digest = stele_oci::document::digest_text(&before.sum().sha256);
                let message = format!("another image has the name {name}: {digest}");
                return Err(Failure::new(Kind::Usage, message).hint(
                    "give this one another name with --name, or --replace takes the name from that image",
                ));
            }
            if !referrers {
                record.referrers.clear();
            }
            let (tree, record) = keep::keep(store, &name, record)
                .map_err(|e| Failure::from(e).or_hint("choose another name with --name"))?;
            let image = Shown::new(&name, tree, &record);
            Ok(Some(ImageAnswer::Imported(Box::new(ImportedImage { image, left_out, repacked, strays }))))
        }
        ImageRequest::Export { reference, to, form, called, platform, referrers, umask } => {
            let (name, _, mut record) = record::find(store, &reference)?;
            let called = called.unwrap_or(name);
            let to = from_wire(&to)?;
            if platform.is_some() {
                record.top = Top::Image(Box::new(single(&record, platform.as_deref())?.clone()));
                record.drop_strays();
            }
            if !referrers {
                record.referrers.clear();
            }
            Ok(Some(ImageAnswer::Exported(export(store, &record, form, &called, &to, umask, progress)?)))
        }
    }
}

/// The image that is kept in a tree.
/// A local name: the last component of `host/path/name:tag`, without the tag.
fn short(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    last.split([':', '@']).next().unwrap_or(last).to_owned()
}

fn export(
    store: &Store,
    record: &Record,
    form: Form,
    called: &str,
    to: &Path,
    umask: u32,
    progress: &Progress,
) -> Result<Exported, Failure> {
    Ok(match form {
        Form::Layout => layout::folder(store, record, called, to, umask, progress)?,
        Form::OciArchive => layout::oci_archive(store, record, called, to, umask, progress)?,
        Form::DockerArchive => {
            layout::docker_archive(store, single(record, None)?, called, to, umask, progress)?
        }
    })
}

fn platforms(record: &Record) -> String {
    record.images().iter().map(|image| image.platform.to_string()).collect::<Vec<_>>().join(", ")
}

/// The images for `platform`, which may omit the variant; all when it is absent.
fn chosen<'a>(record: &'a Record, platform: Option<&str>) -> Result<Vec<&'a Image>, Failure> {
    let fits = |image: &&Image| platform.is_none_or(|wanted| image.platform.is(wanted));
    let found: Vec<_> = record.images().iter().filter(fits).collect();
    match (found.is_empty(), platform) {
        (true, Some(wanted)) => {
            let wanted = wanted.to_owned();
            Err(ExportError::NoPlatform { wanted, platforms: platforms(record) }.into())
        }
        _ => Ok(found),
    }
}

fn single<'a>(record: &'a Record, platform: Option<&str>) -> Result<&'a Image, Failure> {
    match chosen(record, platform)?[..] {
        [image] => Ok(image),
        _ => Err(ExportError::Several { platforms: platforms(record) }.into()),
    }
}

/// Lists the contents of an image's layers, like `tar -tv`.
fn tree(
    store: &Store,
    image: &Image,
    json: bool,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut text = String::new();
    let mut flush = |text: &mut String, least: usize| -> Result<(), Failure> {
        if text.len() >= least {
            sink.bytes(text.as_bytes()).map_err(|e: io::Error| lost_sink(&e))?;
            text.clear();
        }
        Ok(())
    };
    for (number, layer) in image.layers.iter().enumerate() {
        if !json {
            let diff_id = stele_oci::document::digest_text(&layer.measured.plain.sha256);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} layer {number}: {}, {diff_id}",
                Untrusted(&image.platform),
                Untrusted(&layer.origin)
            );
        }
        let mut walk = Walk::new(store, &layer.layer);
        let fails = |error| failure::layer(&layer.origin, error);
        while let Some(entry) = walk.step().map_err(fails)? {
            progress.check().map_err(|_| crate::failure::store::cancelled())?;
            let target = match &entry.node {
                Node::Symlink { target } => Some(target.to_string()),
                _ => None,
            };
            let size = if matches!(entry.node, Node::File { .. }) { entry.node.size() } else { 0 };
            let blob = match &entry.node {
                Node::File { blob, .. } => Some(blob.to_string()),
                _ => None,
            };
            if json {
                let line = serde_json::json!({
                    "platform": image.platform.to_string(), "layer": number, "path": entry.path.to_string(),
                    "kind": entry.node.kind(), "mode": entry.mode.to_string(), "owner": entry.owner.to_string(),
                    "size": size, "target": target, "blob": blob,
                    "capabilities": entry.capabilities.map(|set| set.to_string()),
                });
                let _ = writeln!(text, "{line}");
            } else {
                let arrow = target.map(|target| format!(" -> {target}")).unwrap_or_default();
                let bits = permissions(&entry.node, entry.mode.bits());
                let owner = entry.owner.to_string();
                let set = entry.capabilities.map(|set| format!(" {set}=ep")).unwrap_or_default();
                let _ = writeln!(text, "{bits} {owner:>11} {size:>12} {}{arrow}{set}", entry.path);
            }
            flush(&mut text, CHUNK)?;
        }
    }
    flush(&mut text, 1)
}

/// A mode as in `ls -l`.
fn permissions(node: &Node, bits: u32) -> String {
    let mut text = String::from(match node {
        Node::Directory { .. } => "d",
        Node::File { .. } => "-",
        Node::Symlink { .. } => "l",
    });
    for (shift, special, both, alone) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let three = bits >> shift;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & special != 0, three & 1 != 0) {
            (true, true) => both,
            (true, false) => alone,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
