//! `debian:`, against an archive that the test writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use stele_store::model::Sha256;
use stele_tests::server::{Reply, Server};
use stele_tests::skip;

use super::{Sources, random};

/// An archive behind a loopback server.
pub(super) struct Archive {
    folder: PathBuf,
    pub(super) server: Server,
}

/// A version in the index, with the files that it lists.
pub(super) type Version<'a> = (&'a str, &'a str, &'a [(&'a str, &'a [u8])]);

impl Archive {
    /// `None` where there is no apt. The index's files do not exist until they are put.
    pub(super) fn new(sources: &Sources, versions: &[Version<'_>]) -> Option<Self> {
        if !Path::new("/usr/lib/apt/apt-helper").exists() {
            skip("no apt");
            return None;
        }
        let folder = sources.stele.scratch().join("archive");
        let served = folder.clone();
        let server = Server::start(move |asked| {
            let path = asked.path.replace("%2b", "+").replace("%7e", "~");
            match fs::read(served.join(path.trim_start_matches('/'))) {
                Ok(bytes) => Reply::file(asked, &bytes),
                Err(_) => Reply::status("404 Not Found"),
            }
        });
        let archive = Self { folder, server };
        archive.index("stable", versions);
        let line = archive.line("stable");
        sources.configure(&format!("[debian]\nsources = [\"{line}\"]\n"));
        Some(archive)
    }

    pub(super) fn line(&self, suite: &str) -> String {
        format!("deb [trusted=yes] {} {suite} main", self.server.url(""))
    }

    fn index(&self, suite: &str, versions: &[Version<'_>]) {
        let mut index = String::new();
        for (package, version, files) in versions {
            index += &format!(
                "Package: {package}\nBinary: {package}\nVersion: {version}\nMaintainer: A <a@example.org>\n\
                 Architecture: any\nFormat: 3.0 (quilt)\nDirectory: pool/main/{package}\nChecksums-Sha256:\n"
            );
            for (name, bytes) in *files {
                index += &format!(" {} {} {name}\n", Sha256::of(bytes), bytes.len());
            }
            index += "\n";
        }
        self.release(suite, &[("main/source/Sources", index)]);
    }

    /// A suite of these indexes, and no others.
    pub(super) fn release(&self, suite: &str, indexes: &[(&str, String)]) {
        let place = self.folder.join("dists").join(suite);
        let mut listed = String::new();
        for (name, index) in indexes {
            fs::create_dir_all(place.join(name).parent().unwrap()).unwrap();
            fs::write(place.join(name), index).unwrap();
            listed += &format!(" {} {} {name}\n", Sha256::of(index.as_bytes()), index.len());
        }
        let release = format!(
            "Origin: Test\nSuite: {suite}\nCodename: {suite}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n\
             Architectures: amd64 arm64\nComponents: main\nSHA256:\n{listed}"
        );
        fs::write(place.join("Release"), release).unwrap();
    }

    pub(super) fn put(&self, package: &str, name: &str, bytes: &[u8]) {
        let pool = self.folder.join("pool/main").join(package);
        fs::create_dir_all(&pool).unwrap();
        fs::write(pool.join(name), bytes).unwrap();
    }
}

/// Everything below some folders: path, size and modification time.
fn state(folders: &[&str]) -> BTreeMap<PathBuf, (u64, Option<SystemTime>)> {
    let mut state = BTreeMap::new();
    let mut open: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.is_dir() {
                open.push(entry.path());
            }
            state.insert(entry.path(), (meta.len(), meta.modified().ok()));
        }
    }
    state
}

#[test]
fn one_file_is_fetched_without_its_siblings_and_without_touching_the_machine() {
    let mut sources = Sources::new();
    let bytes = random(80, 200_000);
    let files: &[(&str, &[u8])] =
        &[("a_1+x~1.orig.tar.gz", &bytes), ("a_1+x~1-1.debian.tar.xz", b"d"), ("a_1+x~1-1.dsc", b"s")];
    let Some(archive) = Archive::new(&sources, &[("a", "2:1+x~1-1", files)]) else { return };
    archive.put("a", "a_1+x~1.orig.tar.gz", &bytes);
    // What apt runs after an update would clean the machine's own caches.
    let (hook, ran) = (sources.stele.scratch().join("hook.conf"), sources.stele.scratch().join("ran"));
    let touch = format!("APT::Update::Post-Invoke {{ \"touch {}\"; }};\n", ran.display());
    fs::write(&hook, touch + "APT::Default-Release \"nowhere\";\n").unwrap();
    sources.stele.set_env("APT_CONFIG", hook.to_str().unwrap());
    let places = ["/etc/apt", "/var/lib/apt", "/var/cache/apt"];
    let before = state(&places);
    sources.fetches(&bytes, &["debian:a/2:1+x~1-1/a_1+x~1.orig.tar.gz"]);
    assert_eq!(state(&places), before);
    assert!(!ran.exists(), "a hook of the machine's ran");
    let asked: Vec<String> = archive.server.asked().into_iter().map(|it| it.path).collect();
    assert!(!asked.iter().any(|path| path.contains("dsc") || path.contains("debian.tar")), "{asked:?}");
}

#[test]
fn a_listed_file_missing_from_the_mirror_is_reported_and_the_next_mirror_queried() {
    let sources = Sources::new();
    let bytes = random(81, 1000);
    let files: &[(&str, &[u8])] = &[("b_1.orig.tar.gz", &bytes)];
    let Some(archive) = Archive::new(&sources, &[("b", "1-1", files)]) else { return };
    let said = sources.fails(&bytes, &["debian:b/1-1/b_1.orig.tar.gz"], 1);
    assert!(said.contains("debian:b/1-1/b_1.orig.tar.gz: ") && said.contains("404"), "{said}");
    let said = sources.fails(&bytes, &["debian:b/1-1/b_1.orig.tar.xz"], 1);
    assert!(said.contains("no such file, but b_1.orig.tar.gz"), "{said}");
    let said = sources.fails(&bytes, &["debian:nothing/1-1/b_1.orig.tar.gz"], 1);
    assert!(said.contains("no index has a source package nothing"), "{said}");
    archive.put("b", "elsewhere", &bytes);
    let url = archive.server.url("pool/main/b/elsewhere");
    sources.fetches(&bytes, &["debian:b/1-1/b_1.orig.tar.gz", &url]);
}

#[test]
fn a_version_that_left_the_index_is_found_beside_the_ones_that_are_in_it() {
    let sources = Sources::new();
    let bytes = random(82, 1000);
    let files: &[(&str, &[u8])] = &[("c_2.orig.tar.gz", b"new")];
    let Some(archive) = Archive::new(&sources, &[("c", "2-1", files)]) else { return };
    let said = sources.fails(&bytes, &["debian:c/1+x-1/c_1+x.orig.tar.gz"], 1);
    assert!(said.contains("they have 2-1") && said.contains("`suites = "), "{said}");
    archive.put("c", "c_1+x.orig.tar.gz", &bytes);
    sources.fetches(&bytes, &["debian:c/1+x-1/c_1+x.orig.tar.gz"]);
}

#[test]
fn wrong_bytes_of_an_archive_are_refused_as_those_of_any_other_mirror() {
    let sources = Sources::new();
    let (bytes, other) = (random(83, 1000), random(84, 1000));
    // The index agrees with the archive: only the pin does not.
    let files: &[(&str, &[u8])] = &[("d_1.orig.tar.gz", &other)];
    let Some(archive) = Archive::new(&sources, &[("d", "1-1", files)]) else { return };
    archive.put("d", "d_1.orig.tar.gz", &other);
    let said = sources.fails(&bytes, &["debian:d/1-1/d_1.orig.tar.gz"], 4);
    assert!(said.contains(&Sha256::of(&other).to_string()), "{said}");
    assert!(said.contains(&Sha256::of(&bytes).to_string()), "{said}");
}

#[test]
fn the_indexes_are_fetched_once_for_many_sources_and_again_when_other_archives_are_configured() {
    let sources = Sources::new();
    let (one, two, three) = (random(85, 1000), random(86, 1000), random(87, 1000));
    let files: &[(&str, &[u8])] = &[("e_1.orig.tar.gz", &one), ("e_1.orig-more.tar.gz", &two)];
    let Some(archive) = Archive::new(&sources, &[("e", "1-1", files)]) else { return };
    archive.put("e", "e_1.orig.tar.gz", &one);
    archive.put("e", "e_1.orig-more.tar.gz", &two);
    archive.put("f", "f_1.orig.tar.gz", &three);
    archive.index("other", &[("f", "1-1", &[("f_1.orig.tar.gz", &three)])]);
    let indexes = || archive.server.asked().iter().filter(|it| it.path.ends_with("Sources")).count();
    sources.fetches(&one, &["debian:e/1-1/e_1.orig.tar.gz"]);
    sources.fetches(&two, &["debian:e/1-1/e_1.orig-more.tar.gz"]);
    assert_eq!(indexes(), 1);
    sources.fails(&three, &["debian:f/1-1/f_1.orig.tar.gz"], 1);
    // From the same archive, by its suite alone.
    let line = archive.line("stable");
    sources.configure(&format!("[debian]\nsources = [\"{line}\"]\nsuites = [\"other\"]\n"));
    sources.fetches(&three, &["debian:f/1-1/f_1.orig.tar.gz"]);
}

#[test]
fn versions_missing_from_the_machines_release_are_searched_in_the_others_unless_disabled() {
    let mut sources = Sources::new();
    let bytes = random(91, 1000);
    let Some(archive) = Archive::new(&sources, &[("j", "2-1", &[("j_2.orig.tar.gz", b"new")])]) else {
        return;
    };
    archive.index("oldstable", &[("k", "1-1", &[("k_1.orig.tar.gz", &bytes)])]);
    archive.put("k", "k_1.orig.tar.gz", &bytes);
    sources.configure("[debian]\nsnapshot = \"\"\n");
    // As the machine's own apt would be configured.
    let (conf, list) = (sources.stele.scratch().join("apt.conf"), sources.stele.scratch().join("apt.list"));
    fs::write(&list, archive.line("stable")).unwrap();
    let (shown, nowhere) = (list.display(), "/nowhere");
    let text = format!("Dir::Etc::sourcelist \"{shown}\";\nDir::Etc::sourceparts \"{nowhere}\";\n");
    fs::write(&conf, text).unwrap();
    sources.stele.set_env("APT_CONFIG", conf.to_str().unwrap());
    sources.configure("[debian]\nsuites = []\n");
    sources.fails(&bytes, &["debian:k/1-1/k_1.orig.tar.gz"], 1);
    assert!(!archive.server.asked().iter().any(|it| it.path.contains("oldstable")));
    sources.configure("[debian]\nsnapshot = \"\"\n");
    sources.fetches(&bytes, &["debian:k/1-1/k_1.orig.tar.gz"]);
    // The small indexes are queried first, and neither is fetched again.
    let before = archive.server.asked().len();
    let outcome = sources.fetch(b"other", &["debian:k/2-1/k_2.orig.tar.gz"]);
    assert!(outcome.stderr.contains("they have 1-1"), "{}", outcome.stderr);
    assert!(!archive.server.asked()[before..].iter().any(|it| it.path.ends_with("Sources")));
}

#[test]
fn an_archive_with_an_unverifiable_signature_is_left_out_with_a_note() {
    let sources = Sources::new();
    let bytes = random(88, 1000);
    let files: &[(&str, &[u8])] = &[("g_1.orig.tar.gz", &bytes)];
    let Some(archive) = Archive::new(&sources, &[("g", "1-1", files)]) else { return };
    archive.put("g", "g_1.orig.tar.gz", &bytes);
    let trusted = archive.line("stable");
    let untrusted = trusted.replace(" [trusted=yes]", "");
    sources.configure(&format!("[debian]\nsources = [\"{untrusted}\"]\n"));
    let outcome = sources.fetch(&bytes, &["debian:g/1-1/g_1.orig.tar.gz"]);
    let said = outcome.stderr;
    assert_eq!(outcome.code, 1, "{said}");
    assert!(
        said.starts_with("note: ") && said.contains("is not signed") && said.contains("no index has"),
        "{said}"
    );
    sources.configure(&format!("[debian]\nsources = [\"{trusted}\"]\n"));
    sources.fetches(&bytes, &["debian:g/1-1/g_1.orig.tar.gz"]);
}

#[test]
fn a_machine_without_apt_is_reported() {
    let mut sources = Sources::new();
    let bytes = random(89, 1000);
    sources.stele.set_env("PATH", "/nowhere");
    let said = sources.fails(&bytes, &["debian:h/1-1/h_1.orig.tar.gz"], 1);
    assert!(said.contains("this machine has no `apt-get`"), "{said}");
}

#[test]
fn a_user_fetches_from_an_archive_without_being_root() {
    if !rustix::process::geteuid().is_root() {
        // Then every other test here has shown it.
        return;
    }
    use std::os::unix::process::CommandExt;
    let sources = Sources::new();
    let bytes = random(90, 1000);
    let files: &[(&str, &[u8])] = &[("i_1.orig.tar.gz", &bytes)];
    let Some(archive) = Archive::new(&sources, &[("i", "1-1", files)]) else { return };
    archive.put("i", "i_1.orig.tar.gz", &bytes);
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
    let binary = home.path().join("stele");
    fs::copy(stele_tests::binary(), &binary).unwrap();
    stele_tests::trees::make_executable(&binary);
    let config = home.path().join("config.toml");
    fs::write(&config, format!("[debian]\nsources = [\"{}\"]\n", archive.line("stable"))).unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(&binary);
        command.args(args).uid(65534).gid(65534).env("HOME", home.path()).env("STELE_CONFIG", &config);
        let output = command.env_remove("STELE_STORE").current_dir("/").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let sha256 = Sha256::of(&bytes).to_string();
    run(&["source", "fetch", "--sha256", &sha256, "--url", "debian:i/1-1/i_1.orig.tar.gz"]);
    run(&["daemon", "stop"]);
}

/// The interface of the archive of past versions: one package's version with one file.
fn snapshot(package: &str, version: &str, name: &str, bytes: &[u8]) -> Server {
    let sha1 = "0123456789abcdef0123456789abcdef01234567";
    let question = format!("/mr/package/{package}/{version}/srcfiles?fileinfo=1");
    let answer =
        format!("{{\"fileinfo\":{{\"{sha1}\":[{{\"name\":\"{name}\",\"size\":{}}}]}}}}", bytes.len());
    let (file, bytes) = (format!("/file/{sha1}"), bytes.to_vec());
    Server::start(move |asked| {
        if asked.path == question {
            Reply::file(asked, answer.as_bytes())
        } else if asked.path == file {
            Reply::file(asked, &bytes)
        } else {
            Reply::status("404 Not Found")
        }
    })
}

#[test]
fn a_version_that_no_mirror_has_any_more_comes_from_the_archive_of_past_versions() {
    let sources = Sources::new();
    let (bytes, other) = (random(95, 1000), random(96, 1000));
    let Some(archive) = Archive::new(&sources, &[("q", "2-1", &[("q_2.orig.tar.gz", b"new")])]) else {
        return;
    };
    let line = archive.line("stable");
    let mirror = "debian:q/1:1+x-1/q_1+x.orig.tar.gz";
    let configure = |base: &str| {
        sources.configure(&format!("[debian]\nsources = [\"{line}\"]\nsnapshot = \"{base}\"\n"));
    };
    configure("");
    let said = sources.fails(&bytes, &[mirror], 1);
    assert!(said.contains("they have 2-1"), "{said}");
    // It is only an archive: the pin decides about its bytes.
    let wrong = snapshot("q", "1%3A1%2Bx-1", "q_1+x.orig.tar.gz", &other);
    configure(&wrong.url(""));
    let said = sources.fails(&bytes, &[mirror], 4);
    assert!(said.contains(&Sha256::of(&other).to_string()), "{said}");
    let nothing = snapshot("q", "9-9", "q_9.orig.tar.gz", &bytes);
    configure(&nothing.url(""));
    let said = sources.fails(&bytes, &[mirror], 1);
    assert!(said.contains("404"), "{said}");
    let right = snapshot("q", "1%3A1%2Bx-1", "q_1+x.orig.tar.gz", &bytes);
    configure(&right.url(""));
    sources.fetches(&bytes, &[mirror]);
}

#[test]
fn a_check_asks_every_mirror_though_the_first_one_answers() {
    let sources = Sources::new();
    let bytes = random(97, 1000);
    let good = Server::of(&bytes);
    let other = Server::of(&random(98, 1000));
    let gone = Server::start(|_| Reply::status("404 Not Found"));
    let tree = sources.stele.scratch().join("tree");
    let write = |mirrors: &[String]| {
        fs::create_dir_all(tree.join("pkgs/a")).unwrap();
        let mirrors: Vec<String> = mirrors.iter().map(|it| format!("\"{it}\"")).collect();
        let text = format!(
            "recipe(name = \"a\", version = \"1\", steps = [[\"/x\"]],\n\
             sources = [source(sha256 = \"{}\", mirrors = [{}])])\n",
            Sha256::of(&bytes),
            mirrors.join(", ")
        );
        fs::write(tree.join("pkgs/a/recipe.star"), text).unwrap();
    };
    let check = |more: &[&str]| {
        let args = [&["source", "check", "--all", "--recipes", tree.to_str().unwrap()], more].concat();
        sources.stele.run(&args)
    };
    write(&[good.url("a.tar"), gone.url("a.tar"), other.url("a.tar")]);
    let outcome = check(&[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let text = outcome.text();
    assert!(text.contains("a.tar (a): 2 of 3 mirrors") && text.contains("404"), "{text}");
    // Only the content tells that the last one has another file of this size.
    let outcome = check(&["--content"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let text = outcome.text();
    assert!(text.contains("a.tar (a): 1 of 3 mirrors"), "{text}");
    assert!(text.contains("1 with a single mirror that answers"), "{text}");
    sources.stele.fails(&["store", "info", &format!("sha256:{}", Sha256::of(&bytes))], 3);

    write(&[gone.url("a.tar")]);
    let outcome = check(&["--json"]);
    assert_eq!(outcome.code, 3, "{}", outcome.text());
    assert!(outcome.text().contains("\"answers\":false"), "{}", outcome.text());
}
