//! What mirrors do, and how it is handled.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stele_store::model::Sha256;
use stele_tests::disk::Disk;
use stele_tests::server::{Reply, Server};
use stele_tests::{Stele, skip};

use super::{Sources, random, sha512};

#[test]
fn a_wrong_digest_is_shown_with_the_pin_the_file_saved_and_the_next_mirror_tried() {
    let sources = Sources::new();
    let (bytes, other) = (random(1, 50_000), random(2, 50_000));
    let (wrong, right) = (Server::of(&other), Server::of(&bytes));
    let said = sources.fails(&bytes, &[&wrong.url("a")], 4);
    let (pin, actual) = (Sha256::of(&bytes).to_string(), Sha256::of(&other).to_string());
    let aside = sources.stele.store().join(format!("fetch/{pin}.wrong-{actual}"));
    assert!(
        said.contains(&pin) && said.contains(&actual) && said.contains(aside.to_str().unwrap()),
        "{said}"
    );
    assert_eq!(fs::read(&aside).unwrap(), other);
    let said = sources.fetches(&bytes, &[&wrong.url("a"), &right.url("b")]);
    assert!(said.contains(&wrong.url("a")) && said.contains(&actual), "{said}");
    assert_eq!(wrong.asked().len(), 2, "a wrong file is not asked for again");
}

#[test]
fn when_no_mirror_has_it_each_is_named_with_its_error() {
    let sources = Sources::new();
    let bytes = random(3, 100);
    let gone = Server::start(|_| Reply::status("404 Not Found"));
    let said =
        sources.fails(&bytes, &[&gone.url("a"), "http://127.0.0.1:1/b", "gnu:c/d", "file:/nowhere"], 1);
    for line in [
        "error: source file.tar: it could not be fetched from any of its 4 mirrors".to_owned(),
        format!("  {}: the server answered 404 Not Found", gone.url("a")),
        "  http://127.0.0.1:1/b: connection refused".to_owned(),
        "  gnu:c/d: no alias `gnu` is configured".to_owned(),
        "  file:/nowhere: No such file or directory (os error 2)".to_owned(),
    ] {
        assert!(said.lines().any(|it| it == line), "{line}\n{said}");
    }
    assert!(said.contains("`gnu = [\"https://…/\"]`"), "{said}");
    assert!(!sources.part(&bytes).exists(), "an empty download is of no use");
}

#[test]
fn permanent_failures_are_tried_once_and_temporary_ones_three_times() {
    let sources = Sources::new();
    let bytes = random(4, 100);
    for (status, times) in [("404 Not Found", 1), ("403 Forbidden", 1), ("410 Gone", 1), ("500 Oops", 3)] {
        let server = Server::start(move |_| Reply::status(status));
        let said = sources.fails(&bytes, &[&server.url("a")], 1);
        assert!(said.contains(&status[..3]), "{said}");
        assert_eq!(server.asked().len(), times, "{status}");
    }
    let count = AtomicUsize::new(0);
    let served = bytes.clone();
    let busy = Server::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status("429 Too Many Requests").header("Retry-After", "1"),
        1 => Reply::status("503 Service Unavailable"),
        _ => Reply::file(asked, &served),
    });
    sources.fetches(&bytes, &[&busy.url("a")]);
    assert_eq!(busy.asked().len(), 3);
}

#[test]
fn a_server_that_asks_for_a_delay_of_an_hour_is_abandoned() {
    let sources = Sources::new();
    let bytes = random(5, 100);
    let server = Server::start(|_| Reply::status("503 Service Unavailable").header("Retry-After", "3600"));
    let begun = Instant::now();
    sources.fails(&bytes, &[&server.url("a")], 1);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn redirects_are_followed_but_not_for_ever_and_not_out_of_http() {
    let sources = Sources::new();
    let bytes = random(6, 10_000);
    let served = bytes.clone();
    let server = Server::start(move |asked| {
        let to = |place: &str| Reply::status("302 Found").header("Location", place);
        match asked.path.as_str() {
            "/begin" => to("/relative"),
            "/relative" => Reply::status("308 Permanent Redirect").header("Location", "file.tar?x=1"),
            "/file.tar?x=1" => Reply::file(asked, &served),
            "/local" => to("file:///etc/passwd"),
            "/nowhere" => Reply::status("301 Moved Permanently"),
            _ => to("/round"),
        }
    });
    let said =
        sources.fails(&bytes, &[&server.url("round"), &server.url("local"), &server.url("nowhere")], 1);
    assert!(said.contains("more than 10 redirects") && said.contains("file:///etc/passwd"), "{said}");
    assert!(server.asked().len() < 20);
    sources.fetches(&bytes, &[&server.url("begin")]);
}

#[test]
fn bytes_that_were_packed_on_the_way_are_refused() {
    let sources = Sources::new();
    let bytes = random(7, 1000);
    let served = bytes.clone();
    let server = Server::start(move |_| Reply::whole(&served).header("Content-Encoding", "gzip"));
    let said = sources.fails(&bytes, &[&server.url("a.tar")], 1);
    assert!(said.contains("encoded it as \"gzip\""), "{said}");
    // For a file that is itself gzip the header only describes it.
    sources.fetches(&bytes, &[&server.url("a.tar.gz?x=y")]);
    assert_eq!(server.asked()[0].header("accept-encoding"), Some("identity"));
    for name in ["cookie", "authorization", "referer"] {
        assert_eq!(server.asked()[0].header(name), None, "{name}");
    }
}

#[test]
fn an_endless_body_ends_at_the_bound_and_leaves_nothing() {
    let sources = Sources::new();
    sources.configure("[fetch]\nmost-bytes = 1000000\n");
    let bytes = random(8, 1000);
    let endless = Server::start(|_| Reply::unbounded(&[0; 4096]).for_ever(Duration::ZERO));
    let said = sources.fails(&bytes, &[&endless.url("a")], 1);
    assert!(said.contains("more than 1000000 bytes"), "{said}");
    assert!(!sources.part(&bytes).exists());
    let announced = Server::start(|_| Reply::whole(b"x").header("Content-Length", "9000000"));
    let said = sources.fails(&bytes, &[&announced.url("a")], 1);
    assert!(said.contains("more than 1000000 bytes"), "{said}");
}

#[test]
fn a_server_that_stalls_or_trickles_is_abandoned() {
    let sources = Sources::new();
    sources.configure("[fetch]\nstall-seconds = 1\n");
    let bytes = random(9, 1000);
    let served = bytes.clone();
    let stalls = Server::start(move |_| Reply::whole(&served).cut(0).then_stall());
    let said = sources.fails(&bytes, &[&stalls.url("a")], 1);
    assert!(said.contains("no data for 1 s"), "{said}");
    assert_eq!(stalls.asked().len(), 3);
    sources.configure("[fetch]\nstall-seconds = 5\ntotal-seconds = 2\n");
    let drips = Server::start(|_| Reply::unbounded(b"x").for_ever(Duration::from_millis(100)));
    let begun = Instant::now();
    let said = sources.fails(&bytes, &[&drips.url("a")], 1);
    assert!(said.contains("longer than 2 s"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn another_size_or_sha512_than_in_the_recipe_is_refused() {
    let sources = Sources::new();
    let bytes = random(10, 5000);
    let server = Server::of(&bytes);
    let url = server.url("a");
    let with = |more: &[&str]| {
        let mut args = sources.args(&bytes, &[&url]);
        args.extend(more.iter().map(|it| (*it).to_owned()));
        args
    };
    let said = sources.stele.fails(&with(&["--size", "4999"]), 1);
    assert!(said.contains("5000 bytes") && said.contains("4999"), "{said}");
    let other = sha512(b"other").to_string();
    let said = sources.stele.fails(&with(&["--sha512", &other]), 4);
    assert!(said.contains(&other) && said.contains(&sha512(&bytes).to_string()), "{said}");
    sources.stele.fails(&["store", "info", &format!("sha256:{}", Sha256::of(&bytes))], 3);
    let right = sha512(&bytes).to_string();
    sources.stele.ok(&with(&["--size", "5000", "--sha512", &right]));
    // A kept source is verified as well when a recipe adds a checksum.
    let said = sources.stele.fails(&with(&["--sha512", &other]), 4);
    assert!(said.contains(&other), "{said}");
    let said = sources.stele.fails(&with(&["--size", "4999"]), 4);
    assert!(said.contains("5000 bytes"), "{said}");
}

#[test]
fn a_local_file_is_a_mirror_and_a_pipe_is_not() {
    let sources = Sources::new();
    let bytes = random(11, 100_000);
    let path = sources.stele.scratch().join("file.tar");
    let pipe = sources.stele.scratch().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let (file, pipe) = (format!("file:{}", path.display()), format!("file:{}", pipe.display()));
    let folder = format!("file:{}", sources.stele.scratch().display());
    let said = sources.fails(&bytes, &[&file, &pipe, &folder], 1);
    assert_eq!(said.matches("not a regular file").count(), 2, "{said}");
    fs::write(&path, &bytes).unwrap();
    sources.fetches(&bytes, &[&file]);
}

#[test]
fn an_alias_is_queried_as_configured_and_the_first_mirror_before_all() {
    let sources = Sources::new();
    let bytes = random(12, 1000);
    let (gone, server) = (Server::start(|_| Reply::status("404 Not Found")), Server::of(&bytes));
    sources.configure(&format!(
        "[mirrors]\ngnu = [\"{}\", \"{}\"]\n[fetch]\nfirst = [\"{}\"]\n",
        gone.url("gnu"),
        server.url("pub/"),
        gone.url("cache/{sha256}/{file}"),
    ));
    sources.fetches(&bytes, &["gnu:make/make.tar"]);
    let asked: Vec<String> = gone.asked().into_iter().map(|it| it.path).collect();
    assert_eq!(asked, [format!("/cache/{}/file.tar", Sha256::of(&bytes)), "/gnu/make/make.tar".to_owned()]);
    assert_eq!(server.asked()[0].path, "/pub/make/make.tar");
}

#[test]
fn the_environments_proxy_is_used() {
    let mut sources = Sources::new();
    let bytes = random(13, 1000);
    let proxy = Server::start(|_| Reply::status("502 Bad Gateway"));
    let address = proxy.url("");
    sources.stele.set_env("http_proxy", address.trim_end_matches('/'));
    sources.fails(&bytes, &["http://source.invalid/a"], 1);
    assert_eq!(proxy.asked()[0].method, "CONNECT");
    assert_eq!(proxy.asked()[0].path, "source.invalid:80");
    let direct = Server::of(&bytes);
    sources.stele.set_env("no_proxy", "127.0.0.1");
    sources.fetches(&bytes, &[&direct.url("a")]);
}

#[test]
fn a_configuration_that_cannot_be_read_or_understood_is_refused_with_the_line() {
    let sources = Sources::new();
    let bytes = random(14, 10);
    sources.configure("[fetch]\njobs = 2\njubs = 3\n");
    let said = sources.fails(&bytes, &["file:/nowhere"], 2);
    assert!(said.contains("config.toml") && said.contains("line 3") && said.contains("jubs"), "{said}");
    let mut args = sources.args(&bytes, &["file:/nowhere"]);
    args.extend(["--config".to_owned(), "/nowhere/config.toml".to_owned()]);
    // An option may occur only once.
    assert_eq!(sources.stele.run(&args).code, 2);
    let at = sources.stele.scratch().join("xdg/stele");
    fs::create_dir_all(&at).unwrap();
    fs::create_dir(at.join("config.toml")).unwrap();
    let mut stele = Stele::new();
    stele.set_env("XDG_CONFIG_HOME", at.parent().unwrap().to_str().unwrap());
    let sha256 = Sha256::of(&bytes).to_string();
    let said = stele.fails(&["source", "fetch", "--url", "file:/nowhere", "--sha256", &sha256], 1);
    assert!(said.contains("could not be read") && said.contains("STELE_CONFIG"), "{said}");
}

#[test]
fn arguments_that_name_no_source_are_refused() {
    let stele = Stele::new();
    let sha256 = Sha256::of(b"").to_string();
    for args in [
        ["--url", "zlib.tar.gz", "--sha256", &sha256],
        ["--url", "https://example.org/a", "--sha256", "12"],
        ["--url", "https://example.org/", "--sha256", &sha256],
    ] {
        let said = stele.fails(&[&["source", "fetch"][..], &args].concat(), 2);
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn two_processes_that_want_the_same_source_fetch_it_once() {
    let sources = Sources::new();
    let bytes = random(15, 300_000);
    let served = bytes.clone();
    let server = Server::start(move |asked| {
        std::thread::sleep(Duration::from_millis(500));
        Reply::file(asked, &served)
    });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let outcome = sources.fetch(&bytes, &[&server.url("a")]);
                assert_eq!(outcome.code, 0, "{}", outcome.stderr);
            });
        }
    });
    sources.assert_kept(&bytes);
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
}

#[test]
fn a_full_disk_is_reported_and_the_fetch_resumes_when_there_is_room() {
    let Some(disk) = Disk::tmpfs(80) else { return skip("no right to mount") };
    let sources = Sources::at(Stele::at(&disk.path().join("store")));
    let bytes = random(16, 2_000_000);
    let server = Server::of(&bytes);
    disk.fill();
    let outcome = sources.fetch(&bytes, &[&server.url("a"), &server.url("b")]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: make room"), "{}", outcome.stderr);
    assert!(server.asked().iter().all(|it| it.path == "/a"), "no other mirror makes room");
    disk.drain();
    sources.fetches(&bytes, &[&server.url("a")]);
}

#[test]
fn downloads_are_unreadable_for_other_users() {
    let sources = Sources::new();
    let bytes = random(17, 1000);
    sources.fails(&bytes, &["http://127.0.0.1:1/a"], 1);
    let mode = fs::metadata(sources.stele.store().join("fetch")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
