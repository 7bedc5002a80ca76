//! Serves a store by FUSE until stdin ends: `show STORE DIR`. Each tree and blob is at `DIR/<digest>`, each root at
//! `DIR/by-name/<root>`. Root mounts directly; a user needs `fusermount3`.

use std::error::Error;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, mpsc};

use stele_fs::attach::{attach, detach, forget_unused};
use stele_fs::{Forgetting, FuserTransport, Memory, Opens, Serving, Showing};
use stele_store::Store;

/// Makes the kernel drop unused cached names of the mount during a garbage collection.
struct Mounted(std::path::PathBuf, std::path::PathBuf);

impl Forgetting for Mounted {
    fn forget_unused(&self) -> bool {
        forget_unused(&self.0, &self.1)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, store, dir] = arguments.as_slice() else { return Err("usage: show STORE DIR".into()) };
    let (path, dir) = (Path::new(store), Path::new(dir));
    let store = Arc::new(Store::open(path)?);
    let attached = attach(dir, path)?;
    let forgetting = Arc::new(Mounted(dir.to_owned(), path.to_owned()));
    let showing =
        Showing { store: Arc::clone(&store), memory: Arc::<Memory>::default(), forgetting, observer: None };
    let (ended, wait) = mpsc::channel();
    let on_end = move || {
        let _ = ended.send(());
    };
    let serving = Serving::begin(
        showing,
        Opens::Unsent,
        attached.device,
        &FuserTransport { passthrough: false, modified: stele_fs::MODIFIED },
        on_end,
    )?;
    println!("{}", dir.display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    detach(dir, attached.how, true)?;
    wait.recv()?;
    drop(serving);
    Ok(store.close()?)
}
