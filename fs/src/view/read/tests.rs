//! Opening while a disk is slow.

use std::fs;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stele_store::{Keep, Progress, Store};

use super::*;
use crate::state::State;
use crate::view::{Forgetting, Showing};

/// A kernel that takes its time with each file that it is told of, as a cold disk does.
struct Slow {
    begun: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl Backing for Slow {
    fn register(&self, _: &File) -> io::Result<u32> {
        self.begun.send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        Ok(7)
    }

    fn close(&self, _: u32) {}
}

struct Nothing;

impl Forgetting for Nothing {
    fn forget_unused(&self) -> bool {
        false
    }
}

#[test]
fn a_name_is_looked_up_while_another_file_is_slow_to_open_and_that_is_told_to_the_kernel_once() {
    let scratch = tempfile::tempdir().unwrap();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("large"), vec![b'x'; 1 << 20]).unwrap();
    fs::write(tree.join("small"), "x").unwrap();
    let store = Arc::new(Store::open(&scratch.path().join("store")).unwrap());
    let session = store.session().unwrap();
    let target = session.import(&tree, &Progress::default()).unwrap();
    session.finish(&[target], &Keep::default()).unwrap();
    let showing = Showing {
        store: Arc::clone(&store),
        memory: Arc::default(),
        forgetting: Arc::new(Nothing),
        observer: None,
    };
    let view = View::new(showing, State::fleeting(Opens::Sent));
    let number = |parent, name: &str, question| {
        view.look_up(parent, name.as_bytes(), Question::new(question)).unwrap().unwrap().attributes.ino
    };
    let top = number(inode::ROOT, &target.digest().to_string(), 1);
    let large = number(top, "large", 2);

    let ((begun, has_begun), (release_unpinned, go)) = (channel(), channel());
    let slow = Slow { begun, go: Mutex::new(go) };
    let soon = Duration::from_secs(20);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| view.open(large, Question::new(3), &slow).unwrap());
        has_begun.recv_timeout(soon).unwrap();
        let second = scope.spawn(|| view.open(large, Question::new(4), &slow).unwrap());
        let (found, is_found) = channel();
        scope.spawn(move || found.send(number(top, "small", 5)).unwrap());
        is_found.recv_timeout(soon).expect("it does not wait for the disk");
        release_unpinned.send(()).unwrap();
        assert_eq!(first.join().unwrap(), second.join().unwrap());
    });
    // Told twice, the kernel would give errors.
    assert!(has_begun.try_recv().is_err());
    assert_eq!(view.with_state(|state| state.open_file(large).unwrap().times), 2);
}
