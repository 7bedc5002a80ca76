//! Getting a file whose digest nobody knows yet, to pin it.

use stele_store::model::Sha256;

use super::failure::FetchError;
use super::mirrors::Mirrors;
use super::part::{self, Part};
use super::worker::{Bounds, each_mirror};
use super::{Event, Options, SourceStore, What};
use crate::source::{FileName, Mirror, Source};

/// Gets a file from the first of `mirrors` that has it, and stores it. The answer is the source that it is: what came
/// is believed, this once.
///
/// # Errors
/// When no mirror has it, or it cannot be stored.
pub fn prefetch<K: SourceStore>(
    file: &FileName,
    mirrors: &[Mirror],
    options: &Options,
    keep: &K,
    watch: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Source, FetchError<K::Error>> {
    // The name of the download, until its digest is known.
    let text = mirrors.iter().map(Mirror::as_str).collect::<Vec<_>>().join("\n");
    let mut source = Source {
        file: file.clone(),
        sha256: Sha256::of(text.as_bytes()),
        sha512: None,
        size: None,
        mirrors: mirrors.to_vec(),
        signature: None,
    };
    if options.offline {
        return Err(FetchError::Offline);
    }
    let asked = Mirrors::new(&options.config);
    part::make_folder(&options.folder)?;
    let wanted = source.clone();
    let tell = |what: What<'_>| watch(Event { index: 0, source: &wanted, what });
    let mut part = Part::open(&options.folder, source.sha256, || tell(What::Waits))?;
    let bounds = Bounds::new(options.config.limits, None);
    let got = each_mirror(&wanted, &options.config, &tell, |_, address| {
        // Whatever an earlier run left is of an answer that may have changed since.
        part.restart()?;
        asked.get(address, &mut part, &bounds, &tell)
    });
    if let Err(error) = got {
        tell(What::Ends { kept: false });
        part.remove()?;
        return Err(error);
    }
    source.sha256 = part.sha256();
    source.size = Some(part.length());
    let taken = keep.take(&source, part.path()).map_err(FetchError::SourceStore);
    tell(What::Ends { kept: taken.is_ok() });
    taken?;
    part.remove()?;
    Ok(source)
}
