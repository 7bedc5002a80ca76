//! `stele shell` on a terminal, as the user sees it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use stele_tests::wait_for;
use stele_tests::workshop::Workshop;

use super::seated;

/// A terminal, and a command that runs in it.
struct Sitting {
    ours: OwnedFd,
    theirs: OwnedFd,
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Sitting {
    fn at(shop: &Workshop, args: &[&str]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        unlockpt(&ours).unwrap();
        let theirs = ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        size(&ours, 33, 99);
        // setsid(1) makes it the command's controlling terminal, so that the kernel's signals arrive.
        let stele = shop.stele.command(args);
        let mut command = std::process::Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(stele.get_program()).args(stele.get_args());
        command.env_clear();
        for (name, value) in stele.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let stdio = || Stdio::from(theirs.try_clone().unwrap());
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (File::from(ours.try_clone().unwrap()), Arc::clone(&shown));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { ours, theirs, child, shown }
    }

    fn types(&self, text: &str) {
        File::from(self.ours.try_clone().unwrap()).write_all(text.as_bytes()).unwrap();
    }

    fn waits_for(&self, text: &str) {
        wait_for(text, || self.shown.lock().unwrap().contains(text));
    }
}

fn size(terminal: &OwnedFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

#[test]
fn the_shell_cannot_reach_the_terminal_of_the_user() {
    let shop = seated();
    let mut sitting = Sitting::at(&shop, &["shell", "seat"]);
    sitting.waits_for("seat$ ");
    let before = tcgetattr(&sitting.theirs).unwrap();
    // It sets its own terminal, which is another.
    sitting.types("busybox stty -isig -onlcr; echo se''t\n");
    sitting.waits_for("set");
    let after = tcgetattr(&sitting.theirs).unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    sitting.types("exit 3\n");
    assert_eq!(sitting.child.wait().unwrap().code(), Some(3));
}

#[test]
fn keys_and_sizes_reach_the_shell_and_the_terminal_is_restored() {
    let shop = seated();
    let mut sitting = Sitting::at(&shop, &["shell", "seat"]);
    sitting.waits_for("seat$ ");
    assert!(!tcgetattr(&sitting.theirs).unwrap().local_modes.contains(LocalModes::ECHO), "it echoes twice");
    sitting.types("busybox stty size\n");
    sitting.waits_for("33 99");
    size(&sitting.ours, 44, 55);
    wait_for("the new size", || {
        sitting.types("busybox stty size\n");
        thread::sleep(std::time::Duration::from_millis(100));
        sitting.shown.lock().unwrap().contains("44 55")
    });
    sitting.types("sleep 600; echo slept $?\n");
    thread::sleep(std::time::Duration::from_millis(300));
    // Ctrl-C is for the program that sleeps.
    sitting.types("\u{3}");
    sitting.types("echo go''ne on\n");
    sitting.waits_for("gone on");
    // Ctrl-D.
    sitting.types("\u{4}");
    assert!(sitting.child.wait().unwrap().code().is_some());
    assert!(tcgetattr(&sitting.theirs).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    wait_for("its end", || shop.folders().is_empty());
}

#[test]
fn a_terminal_is_put_back_when_the_command_is_ended() {
    let shop = seated();
    let sitting = Sitting::at(&shop, &["shell", "seat"]);
    sitting.waits_for("seat$ ");
    let children = format!("/proc/{0}/task/{0}/children", sitting.child.id());
    let stele = std::fs::read_to_string(children).unwrap_or_default();
    let stele = stele.trim().parse().unwrap_or(i32::try_from(sitting.child.id()).unwrap());
    let stele = rustix::process::Pid::from_raw(stele).unwrap();
    rustix::process::kill_process(stele, rustix::process::Signal::TERM).unwrap();
    wait_for("the terminal", || {
        tcgetattr(&sitting.theirs).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    });
    wait_for("its end", || shop.folders().is_empty());
}
