//! Tests without a sandbox: no request hangs.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use stele_recipes::language::{OnDisk, evaluate_all};
use stele_store::Progress;

use super::*;

/// A store and a recipe tree with `a`, and `b` that needs it.
struct SandboxPath {
    folder: tempfile::TempDir,
}

impl SandboxPath {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, needs) in [("a", ""), ("b", "a")] {
            let at = folder.path().join("recipes/pkgs").join(name);
            fs::create_dir_all(&at).unwrap();
            let load = if needs.is_empty() { "" } else { "load('//pkgs/a/recipe.star', 'a')\n" };
            let text = format!(
                "{load}{name} = recipe(name = '{name}', version = '1', steps = [['/x']], inputs = [{needs}])"
            );
            fs::write(at.join("recipe.star"), text).unwrap();
        }
        Self { folder }
    }

    fn realise(&self, tell: impl Fn(Event) + Sync) -> Realisations {
        let store = Arc::new(Store::open(&self.folder.path().join("store")).unwrap());
        let builder = Builder::new(&store, &Arc::default(), crate::program::Program::this());
        let tree = self.folder.path().join("recipes");
        let recipes = evaluate_all(&OnDisk::open(&tree).unwrap()).unwrap();
        let limits = Limits { seconds: None, memory: 1 << 30, log: 1 << 20, processes: 100 };
        let purpose = Purpose::Build;
        let options = Options { jobs: 2, keep_going: true, keep_failed: false, purpose, limits };
        let goals = [RecipeName::new("b").unwrap()];
        let request = Request {
            tree: &tree,
            recipes: &recipes,
            goals: &goals,
            options,
            substituters: &[],
            builder: None,
            gate: None,
        };
        builder.realise(&request, &Progress::default(), &tell).unwrap()
    }
}

#[test]
fn a_panic_ends_the_request_with_an_error_and_never_hangs_it() {
    let (done, wait) = channel();
    std::thread::spawn(move || {
        let told = AtomicUsize::new(0);
        let realised = SandboxPath::new().realise(|event| {
            if matches!(event, Event::Waits { .. }) {
                told.fetch_add(1, Ordering::Relaxed);
                panic!("injected");
            }
        });
        let _ = done.send((realised, told.into_inner()));
    });
    let (realised, told) = wait.recv_timeout(Duration::from_secs(30)).expect("it ends");
    assert_eq!(told, 1);
    let [(recipe, error)] = &realised.failed[..] else { panic!("{:?}", realised.failed) };
    assert_eq!(recipe.as_str(), "a");
    assert_eq!(error.to_string(), "recipe `a`: internal error: injected");
    assert_eq!(realised.skipped.iter().map(RecipeName::as_str).collect::<Vec<_>>(), ["b"]);
}
