//! Measures the set-up and clean-up of a sandbox, for `tests/bench/builds`: `setup STORE TREE TIMES`. STORE is
//! a new folder, TREE a directory that becomes the sandbox's `/` and has `/bin/busybox`; one line of JSON on
//! stdout, in milliseconds.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use stele_builder::hold::{self, Held};
use stele_builder::profile;
use stele_builder::program::{HELPER, Program};
use stele_builder::sandbox::{self, Ending, Guard, Limits, folder};
use stele_recipes::action::{Action, Parts, Platform, SandboxPath};
use stele_store::{Keep, Progress, Store, Target};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // The processes of a sandbox are this very program.
        words if words == [HELPER, stele_builder::HOLD] => Ok(hold::help()?),
        words if words == [HELPER, stele_builder::SUPERVISE] => Ok(sandbox::supervise()?),
        [store, tree, times] => measure(Path::new(store), Path::new(tree), times.parse()?),
        _ => Err("usage: setup STORE TREE TIMES".into()),
    }
}

fn measure(store: &Path, tree: &Path, times: usize) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(Store::open(store)?);
    let session = store.session()?;
    let Target::Tree(root) = session.import(tree, &Progress::default())? else {
        return Err("TREE is not a directory".into());
    };
    session.finish(&[Target::Tree(root)], &Keep::default())?;
    let action = Action::new(Parts {
        env: [].into(),
        outputs: [("out".to_owned(), SandboxPath::new("/out")?)].into(),
        platform: Platform::X86_64Linux,
        profile: stele_builder::profile::VERSION,
        special: [].into(),
        root,
        steps: vec![vec!["/bin/busybox".to_owned(), "true".to_owned()]],
        workdir: SandboxPath::new("/build")?,
    })?;
    let builds = store.path().join("builds");
    std::fs::create_dir_all(&builds)?;
    std::fs::set_permissions(&builds, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    let held = Held::begin(&store, &Arc::default(), &builds, &Program::this(), None, profile::MODIFIED)?;
    let limits = Limits { seconds: None, memory: 1 << 30, log: 1 << 20, processes: 4096 };
    let mut took = Vec::with_capacity(times);
    for number in 0..times {
        let begun = Instant::now();
        let path = builds.join(format!("{number:016x}"));
        let guard = Guard::of(&held, &path, false)?;
        let lock = folder::make(&path, held.owner())?;
        let log = File::create(path.join(folder::LOG))?;
        let job = sandbox::job(&action, &path, limits.clone());
        let running = guard.start(&held, &job, &log, &lock, &[])?;
        let ending = running.wait(|_| {});
        if ending != (Ending::Done {}) {
            return Err(ending.to_string().into());
        }
        running.clear();
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    println!("{{\"least\":{:.2},\"median\":{:.2}}}", took[0], took[took.len() / 2]);
    drop(held);
    store.close()?;
    Ok(())
}
