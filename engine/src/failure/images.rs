//! Conversions from the errors of images to failures.

use stele_oci::import::ImportError;
use stele_oci::layout::ExportError;
use stele_oci::start::Flaw;
use stele_oci::{BlobError, GrowError, LayerError, MakeError, RecordError, ReferrerError, StreamError};
use stele_store::{RealiseError, is_no_space};

use crate::Untrusted;
use crate::failure::store::{FREE_SPACE, ROOM_THERE, cancelled, plain};
use crate::failure::{Failure, Kind};

/// How many flaws are told.
const MAX_FLAWS: usize = 20;

/// An image with these flaws is refused.
pub fn cannot_start(name: &str, flaws: &[Flaw]) -> Failure {
    Failure::new(Kind::Failed, format!("the image {name} could not start: {}", listed(flaws))).hint(
        "add what is missing to its `inputs`; if it comes from elsewhere, give `image(...)` `check = False`",
    )
}

/// An image that has not all that its files ask for is refused.
pub fn incomplete(name: &str, flaws: &[Flaw]) -> Failure {
    Failure::new(Kind::Failed, format!("the image {name} is not complete: {}", listed(flaws)))
        .hint("name what has it in the `runtime` of the recipe that needs it, or leave out `closure = True`")
}

fn listed(flaws: &[Flaw]) -> String {
    // Their names come from whoever built the programs.
    let told = flaws.iter().take(MAX_FLAWS).map(|flaw| Untrusted(&flaw.to_string()).to_string());
    let told = told.collect::<Vec<_>>().join("; ");
    match flaws.len().saturating_sub(MAX_FLAWS) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Absent { .. } => {
                Self::new(Kind::NotFound, error.to_string()).hint("`stele image ls` lists the images")
            }
            RecordError::Ambiguous { .. } => {
                Self::new(Kind::NotFound, error.to_string()).hint("give more of its digits, or its name")
            }
            RecordError::Name { .. } => Self::new(Kind::Usage, error.to_string()),
            RecordError::Read(error) => error.into(),
            RecordError::Version { .. } => {
                plain(&error).hint("a newer version of Stele made it: use that one")
            }
            RecordError::NoImage { .. } | RecordError::Io(_) => {
                plain(&error).hint("build it again: `stele image build`")
            }
        }
    }
}

impl From<ReferrerError> for Failure {
    fn from(error: ReferrerError) -> Self {
        match error {
            ReferrerError::NoSubject { .. } => Self::new(Kind::NotFound, error.to_string())
                .hint("`stele image inspect` shows the digests of its manifests"),
            ReferrerError::Absent { .. } => Self::new(Kind::NotFound, error.to_string())
                .hint("`stele image referrers` lists them; give 8 or more digits that match only one"),
            ReferrerError::Referred { .. } => plain(&error).hint("detach that first"),
            ReferrerError::Manifest { .. } => plain(&error),
        }
    }
}

impl From<MakeError> for Failure {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Conflict { .. } => plain(&error).hint(
                "remove it from one of them; if the higher layer should win, list the path in `overrides`",
            ),
            MakeError::Rule { .. } => plain(&error)
                .hint("write the path as it is in the image; `directories` creates a missing one"),
            MakeError::Layer { origin, source } => stream(&origin, source),
            MakeError::Record(error) => error.into(),
            MakeError::Referrer(error) => error.into(),
            MakeError::Payload(error) => Self::io("the file to attach cannot be read", &error),
            MakeError::Grow(GrowError::Write(error)) | MakeError::Write(error) => error.into(),
            MakeError::Grow(GrowError::Read(error)) | MakeError::Read(error) => error.into(),
            MakeError::Realise(RealiseError::Db(error)) => error.into(),
            error => plain(&error),
        }
    }
}

/// The failure of a layer.
pub(crate) fn layer(origin: &str, error: LayerError) -> Failure {
    stream(origin, StreamError::Layer(error))
}

fn stream(origin: &str, error: StreamError) -> Failure {
    match error {
        StreamError::Cancelled(_) => cancelled(),
        StreamError::Layer(LayerError::Read(error)) => {
            let failure = Failure::from(error);
            Failure { message: format!("layer {origin}: {}", failure.message), ..failure }
        }
        error => Failure::new(Kind::Failed, format!("layer {origin}: {error}")),
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Stream { origin, source } => stream(&origin, source),
            BlobError::Other { .. } => Self::new(Kind::Corrupt, error.to_string()).hint(
                "another version of Stele made it (the manifest's annotation stele.encoder says by which encoder), \
                 or this is a bug: `stele image build` rebuilds the image",
            ),
            BlobError::Inexact { .. } => plain(&error).hint(
                "it can be inspected and mounted; to distribute it, keep the original that was imported",
            ),
            BlobError::Payload { digest, source } => {
                let failure = Self::from(source);
                Self { message: format!("referrer {digest}: {}", failure.message), ..failure }
            }
            BlobError::Cancelled(_) => cancelled(),
            BlobError::Sink(_) => plain(&error),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        if error.is_no_space() {
            return Self::new(Kind::NoSpace, error.to_string()).hint(ROOM_THERE);
        }
        match error {
            ExportError::Blob(error) => error.into(),
            ExportError::Cancelled(_) => cancelled(),
            ExportError::Occupied { .. } => {
                plain(&error).hint("name another path; nothing there was changed")
            }
            ExportError::Layout { .. } => {
                plain(&error).hint("export to another folder; nothing in this one was changed")
            }
            ExportError::Reference { .. } => Self::new(Kind::Usage, error.to_string())
                .hint("name it there with --as NAME:TAG, in lower case"),
            ExportError::Several { .. } => {
                Self::new(Kind::Usage, error.to_string()).hint("choose one with --platform")
            }
            ExportError::NoPlatform { .. } => Self::new(Kind::NotFound, error.to_string()),
            error => plain(&error),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let with = |kind, hint: &str| Self::new(kind, error.to_string()).hint(hint);
        match error {
            ImportError::File { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::new(Kind::NotFound, error.to_string())
            }
            ImportError::Scratch(ref source) if is_no_space(source) => with(Kind::NoSpace, FREE_SPACE),
            ImportError::Unknown { .. } => with(
                Kind::Failed,
                "supported are an OCI layout, as a folder or a tar, and an archive of `docker save` or `podman save`",
            ),
            ImportError::Several { .. } => with(Kind::Usage, "choose one with --ref"),
            ImportError::NoImage { .. } => Self::new(Kind::NotFound, error.to_string()),
            ImportError::Missing { .. }
            | ImportError::Size { .. }
            | ImportError::Digest { .. }
            | ImportError::DiffId { .. } => with(
                Kind::Corrupt,
                "the layout or archive is damaged or was modified: fetch it again; nothing of it was kept",
            ),
            ImportError::Document { .. }
            | ImportError::Unpack { .. }
            | ImportError::Tar { .. }
            | ImportError::Amount { .. } => with(Kind::Failed, "nothing of it was kept"),
            ImportError::Cancelled(_) => cancelled(),
            ImportError::Referrer(error) => error.into(),
            ImportError::Make(error) => (*error).into(),
            ImportError::Grow(GrowError::Write(error)) | ImportError::Write(error) => error.into(),
            ImportError::Grow(GrowError::Read(error)) | ImportError::Read(error) => error.into(),
            error => plain(&error),
        }
    }
}
