//! Several sources at once, by the library itself: the command line is given one at a time today.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stele_recipes::fetch::{Config, Event, FetchError, Had, Options, SourceStore, What, fetch};
use stele_recipes::source::{FileName, Mirror, Source};
use stele_store::model::Sha256;
use stele_tests::server::{Reply, Server};

use super::random;

/// Keeps sources in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<Sha256, Vec<u8>>>);

impl SourceStore for Memory {
    type Error = String;

    fn size(&self, source: &Source) -> Result<Option<u64>, String> {
        Ok(self.0.lock().unwrap().get(&source.sha256).map(|it| it.len() as u64))
    }

    fn take(&self, source: &Source, file: &Path) -> Result<(), String> {
        let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
        assert_eq!(Sha256::of(&bytes), source.sha256, "only what is right is handed over");
        self.0.lock().unwrap().insert(source.sha256, bytes);
        Ok(())
    }

    fn copy_out(&self, source: &Source, to: &Path) -> Result<(), String> {
        std::fs::write(to, &self.0.lock().unwrap()[&source.sha256]).map_err(|e| e.to_string())
    }
}

#[test]
fn several_are_fetched_at_once_but_no_more_than_is_said_and_one_that_fails_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<Vec<u8>> = (0..10).map(|n| random(100 + n, 30_000)).collect();
    let served = bytes.clone();
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MAX: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        let now = NOW.fetch_add(1, Ordering::SeqCst) + 1;
        MAX.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(150));
        NOW.fetch_sub(1, Ordering::SeqCst);
        match asked.path[1..].parse::<usize>().ok().and_then(|n| served.get(n)) {
            Some(bytes) => Reply::file(asked, bytes),
            None => Reply::status("404 Not Found"),
        }
    });
    // The last two are of one file, and one has no mirror that has it.
    let source = |n: usize, bytes: &[u8]| Source {
        file: FileName::new(&format!("{n}.tar")).unwrap(),
        sha256: Sha256::of(bytes),
        sha512: None,
        size: None,
        mirrors: vec![Mirror::new(&server.url(&n.to_string())).unwrap()],
        signature: None,
    };
    let mut sources: Vec<Source> = bytes.iter().enumerate().map(|(n, bytes)| source(n, bytes)).collect();
    sources.insert(3, source(77, b"nobody has this"));
    sources.push(sources.last().unwrap().clone());
    let mut config = Config::default();
    config.limits.jobs = 3;
    let options = Options { folder: folder.path().join("fetch"), offline: false, config };
    let keep = Memory::default();
    let told = Mutex::new(Vec::new());
    let watch = |event: Event<'_>| {
        if let What::Ends { kept } = event.what {
            told.lock().unwrap().push((event.index, kept));
        }
    };
    let outcomes = fetch(&sources, &options, &keep, &watch);
    assert_eq!(outcomes.len(), 12);
    let failed: Vec<usize> = (0..12).filter(|&n| outcomes[n].is_err()).collect();
    assert_eq!(failed, [3]);
    assert!(matches!(&outcomes[3], Err(FetchError::Unavailable { tried }) if tried.len() == 1));
    assert_eq!(keep.0.lock().unwrap().len(), 10);
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, (0..12).map(|n| (n, n != 3)).collect::<Vec<_>>());
    assert_eq!(MAX.load(Ordering::SeqCst), 3, "as many at once as was said");
    assert_eq!(server.asked().len(), 11, "the same source twice is fetched once");
    // Nobody is asked for what is kept.
    let again = fetch(&sources[..3], &options, &keep, &|_| ());
    assert!(again.iter().all(|it| matches!(it, Ok(Had::There))));
    assert_eq!(server.asked().len(), 11);
}
