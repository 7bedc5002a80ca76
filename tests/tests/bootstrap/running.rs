//! The seed at work, in a folder that is all it can see: without shell, library or other program.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use stele_tests::skip;
use tempfile::TempDir;

use super::*;

/// A folder with the seed in it and nothing else, which is the seed's root.
struct Alone(TempDir);

impl Alone {
    /// `None` where chroot is not permitted.
    fn new() -> Option<Self> {
        let alone = Self(tempfile::tempdir().expect("a folder"));
        let path = alone.0.path().join("seed");
        fs::write(&path, seed()).expect("the seed");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
        alone.put("probe", b"");
        let (status, said) = alone.run(&["/probe", "/probed"]);
        if status != 0 || alone.read("probed").is_none() {
            skip(&format!("no root of its own for the seed, or no x86-64: {status} {said}"));
            return None;
        }
        for file in ["probe", "probed"] {
            fs::remove_file(alone.0.path().join(file)).expect("the probe");
        }
        Some(alone)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).expect("a file");
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.path().join(name)).ok()
    }

    /// Runs `before` in a shell outside, then the seed as its process: its status, or −1 when it did not exit, and its
    /// output.
    fn run_after(&self, before: &str, args: &[&str]) -> (i32, String) {
        let script = format!("{before}\nexec unshare --map-root-user --net chroot \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-euc", &script, "sh"]).arg(self.0.path()).arg("/seed").args(args).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let output = command.output().expect("sh runs");
        assert_eq!(output.status.signal(), None, "{output:?}");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        self.run_after("umask 022", args)
    }

    /// The result for `text`: the status, and the output.
    fn assemble(&self, text: &[u8]) -> (i32, Vec<u8>) {
        self.put("in", text);
        let _ = fs::remove_file(self.0.path().join("out"));
        let (status, said) = self.run(&["/in", "/out"]);
        assert_eq!(said, "", "{}", String::from_utf8_lossy(text));
        (status, self.read("out").expect("an output"))
    }
}

#[test]
fn missing_arguments_are_refused() {
    let Some(alone) = Alone::new() else { return };
    alone.put("in", b"00");
    assert_eq!(alone.run(&[]).0, 242);
    assert_eq!(alone.run(&["/in"]).0, 242);
    assert_eq!(alone.run(&["/seed"]).0, 242);
}

#[test]
fn files_that_cannot_be_opened_made_or_read_are_refused() {
    let Some(alone) = Alone::new() else { return };
    alone.put("in", b"41 42");
    fs::create_dir(alone.0.path().join("folder")).unwrap();
    assert_eq!(alone.run(&["/nothing", "/out"]).0, 254);
    assert_eq!(alone.read("out"), None);
    assert_eq!(alone.run(&["/in", "/nowhere/out"]).0, 254);
    assert_eq!(alone.run(&["/in", "/in/out"]).0, 256 - 20);
    assert_eq!(alone.run(&["/folder", "/out"]).0, 235);
    // Neither INPUT itself nor any other existing file is written.
    for there in ["/in", "/folder", "/seed"] {
        assert_eq!(alone.run(&["/in", there]).0, 239, "{there}");
    }
    std::os::unix::fs::symlink("elsewhere", alone.0.path().join("link")).unwrap();
    assert_eq!(alone.run(&["/in", "/link"]).0, 239);
    assert_eq!(alone.read("elsewhere"), None);
    assert_eq!(alone.read("in").as_deref(), Some(&b"41 42"[..]));
    assert_eq!(alone.read("seed"), Some(seed()));
}

#[test]
fn a_failed_write_is_a_failure() {
    let Some(alone) = Alone::new() else { return };
    alone.put("in", &b"00 ".repeat(600));
    // A file size limit of 512 bytes, with its signal ignored: the write fails.
    let (status, _) = alone.run_after("trap '' XFSZ; ulimit -f 1", &["/in", "/out"]);
    assert_eq!(status, 228);
    assert!(alone.read("out").unwrap().len() < 600);
}

#[test]
fn a_file_that_may_not_grow_kills_the_seed_where_the_signal_is_not_ignored() {
    let Some(alone) = Alone::new() else { return };
    alone.put("in", &b"00 ".repeat(600));
    let mut command = Command::new("sh");
    command.args([
        "-euc",
        "ulimit -c 0; ulimit -f 1; exec unshare --map-root-user --net chroot . /seed /in /out",
    ]);
    let output = command.current_dir(alone.0.path()).output().expect("sh runs");
    const SIGXFSZ: i32 = 25;
    assert_eq!(output.status.signal(), Some(SIGXFSZ), "{output:?}");
}

#[test]
fn without_arguments_the_kernel_decides_what_the_seed_opens() {
    let Some(alone) = Alone::new() else { return };
    let path = |name: &str| alone.0.path().join(name);
    alone.put("in", b"41 42");
    alone.put(
        "launch.c",
        b"#include <unistd.h>\nint main(int n, char **v) { return execve(v[1], (char *[]){ 0 }, \
          (char *[]){ v[2], v[3], 0 }); }",
    );
    printed(Command::new("gcc").args(["-w", "-o"]).args([path("launch"), path("launch.c")]));
    let output = Command::new(path("launch")).args([path("seed"), path("in"), path("out")]).output();
    let status = output.expect("it runs").status.code();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's version");
    let version: Vec<u32> =
        release.split(['.', '-']).map_while(|it| it.trim().parse().ok()).take(2).collect();
    if version >= vec![5, 18] {
        assert_eq!((status, alone.read("out")), (Some(242), None), "{release}");
    } else {
        assert_eq!((status, alone.read("out").as_deref()), (Some(0), Some(&b"AB"[..])), "{release}");
    }
}

#[test]
fn a_carriage_return_does_not_end_a_comment() {
    let Some(alone) = Alone::new() else { return };
    let text = b"41 ; a comment\r42 43\r";
    assert_eq!(alone.assemble(text), (0, b"A".to_vec()));
    // The decoder, which reads the seed itself, refuses such a text.
    assert!(hex0::decode(text).is_err());
}

#[test]
fn a_full_disk_is_a_failure() {
    let Some(alone) = Alone::new() else { return };
    alone.put("in", &b"00 ".repeat(9000));
    fs::create_dir(alone.0.path().join("disk")).unwrap();
    let script = "mount -t tmpfs -o size=4096 none disk && exec chroot . /seed /in /disk/out";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-euc", script])
        .current_dir(alone.0.path())
        .output()
        .expect("unshare runs");
    assert_eq!(output.status.code(), Some(227), "{output:?}");
}

#[test]
fn every_byte_is_a_digit_white_space_a_comment_or_refused() {
    let Some(alone) = Alone::new() else { return };
    let mut refused = 0;
    for byte in 0..=255_u8 {
        let found = alone.assemble(&[b"41 ", &[byte][..], b"\n42"].concat());
        let digit = char::from(byte).to_digit(16).map(|digit| u8::try_from(digit).expect("a digit"));
        let expected = match byte {
            // The digit is the first of a pair whose second is 4, and 2 is alone.
            _ if digit.is_some() => (15 + 2, vec![b'A', digit.unwrap() * 16 + 4]),
            b';' | b'#' | 0..=b' ' => (0, b"AB".to_vec()),
            _ => (1, b"A".to_vec()),
        };
        assert_eq!(found, expected, "{byte:#04x}");
        refused += usize::from(found.0 != 0 && digit.is_none());
        // Nor is it a second digit.
        if digit.is_none() && byte > b' ' && !b";#".contains(&byte) {
            assert_eq!(alone.assemble(&[b'4', byte]).0, 1, "{byte:#04x}");
        }
    }
    assert_eq!(refused, 256 - 33 - 22 - 2);
}

#[test]
fn a_single_digit_at_the_end_is_refused() {
    let Some(alone) = Alone::new() else { return };
    for (value, digit) in (0..).zip("0123456789abcdef".chars()) {
        for end in ["", " ", "\n", "; c", "# c\n"] {
            let text = format!("41 {digit}{end}");
            assert_eq!(alone.assemble(text.as_bytes()), (15 + value, b"A".to_vec()), "{text:?}");
        }
    }
}

#[test]
fn it_assembles_itself_where_nothing_can_help() {
    let Some(alone) = Alone::new() else { return };
    alone.put("seed.hex0", source().as_bytes());
    assert_eq!(alone.run(&["/seed.hex0", "/out"]), (0, String::new()));
    assert!(alone.read("out").unwrap() == seed());
    let mode = |name| fs::metadata(alone.0.path().join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("out"), 0o755);
    // And so does its output; the umask is heeded.
    fs::rename(alone.0.path().join("out"), alone.0.path().join("seed")).unwrap();
    assert_eq!(alone.run_after("umask 077", &["/seed.hex0", "/again"]).0, 0);
    assert!(alone.read("again").unwrap() == seed());
    assert_eq!(mode("again"), 0o700);
}

#[test]
fn the_seed_agrees_with_the_decoder() {
    let Some(alone) = Alone::new() else { return };
    let all: String = (0..=255).map(|byte| format!("{byte:02x}{:02X} ; {byte}\r\n", 255 - byte)).collect();
    let texts = [
        "",
        "\n",
        ";",
        "# nothing",
        "aB",
        "Ab;x",
        "00\r\nfF\r\n",
        "7f 45 4C 46",
        "41;42\n43#44\n45 ; 46 # 47",
        "\t41\t\t42 ",
        &all,
    ];
    for text in texts {
        let decoded = hex0::decode(text.as_bytes()).expect(text);
        assert_eq!(alone.assemble(text.as_bytes()), (0, decoded), "{text:?}");
    }
    // It accepts more than the decoder does, and than `xxd`.
    for (text, bytes) in [("4 1", "A"), ("4\n1", "A"), ("4;x\n1", "A"), ("41;\u{1b}é\n42", "AB")] {
        assert!(hex0::decode(text.as_bytes()).is_err(), "{text:?}");
        assert_eq!(alone.assemble(text.as_bytes()), (0, bytes.into()), "{text:?}");
    }
}
