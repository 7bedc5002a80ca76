//! Sources: bytes from outside are fetched once, whatever mirrors do; they are verified, kept, and transferred.
//!
//! Every server here is a loopback one of the test's own.

mod bundle;
mod debian;
mod debian_binary;
mod mirrors;
mod prefetch;
mod resumed;
mod several;
mod signed;
mod tls;
mod updates;

use std::path::PathBuf;

use stele_recipes::source::Sha512;
use stele_store::model::Sha256;
use stele_tests::{Outcome, Stele, trees};

/// A store for one test, with its own configuration: the machine's must not count.
pub(crate) struct Sources {
    pub(crate) stele: Stele,
    config: PathBuf,
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self::at(Stele::new())
    }

    pub(crate) fn at(mut stele: Stele) -> Self {
        // On a machine behind a proxy, loopback servers must not use it.
        stele.set_env("no_proxy", "127.0.0.1");
        // With a daemon running, no command has to report that it waits for one to start.
        stele.add(std::path::Path::new("/etc/hostname"));
        let config = stele.scratch().join("config.toml");
        let sources = Self { stele, config };
        // Short, so that what must fail fails soon.
        sources.configure("[fetch]\nstall-seconds = 2\n");
        sources
    }

    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(&self.config, text).unwrap();
    }

    /// The arguments that fetch `bytes` as `file.tar` from `urls`.
    pub(crate) fn args(&self, bytes: &[u8], urls: &[&str]) -> Vec<String> {
        let sha256 = Sha256::of(bytes).to_string();
        let config = self.config.to_str().unwrap();
        let plain = ["source", "fetch", "--name", "file.tar", "--config", config, "--sha256", &sha256];
        let urls = urls.iter().flat_map(|url| ["--url", url]);
        plain.into_iter().chain(urls).map(str::to_owned).collect()
    }

    pub(crate) fn fetch(&self, bytes: &[u8], urls: &[&str]) -> Outcome {
        self.stele.run(&self.args(bytes, urls))
    }

    /// Must succeed; its stderr.
    #[track_caller]
    pub(crate) fn fetches(&self, bytes: &[u8], urls: &[&str]) -> String {
        let outcome = self.fetch(bytes, urls);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(outcome.text(), format!("{}  file.tar", Sha256::of(bytes)));
        self.assert_kept(bytes);
        outcome.stderr
    }

    /// Must fail with `code`, and keep nothing; its stderr.
    #[track_caller]
    pub(crate) fn fails(&self, bytes: &[u8], urls: &[&str], code: i32) -> String {
        let said = self.stele.fails(&self.args(bytes, urls), code);
        assert!(said.contains("\nhint: "), "{said}");
        self.stele.fails(&["store", "info", &format!("sha256:{}", Sha256::of(bytes))], 3);
        said
    }

    #[track_caller]
    pub(crate) fn assert_kept(&self, bytes: &[u8]) {
        let reference = format!("sha256:{}", Sha256::of(bytes));
        assert_eq!(self.stele.run(&["store", "cat", &reference]).stdout, bytes);
        self.stele.ok(&["store", "gc", "--end-leases"]);
        let info = self.stele.json(&["store", "info", &reference]);
        assert_eq!(info["roots"].as_array().map(Vec::len), Some(1), "{info}");
        assert!(!self.part(bytes).exists(), "what is kept needs no download");
    }

    /// The path of the download of `bytes`.
    pub(crate) fn part(&self, bytes: &[u8]) -> PathBuf {
        self.stele.store().join(format!("fetch/{}.part", Sha256::of(bytes)))
    }

    /// As if an earlier run had left a download.
    pub(crate) fn leave_part(&self, bytes: &[u8], part: &[u8]) {
        std::fs::create_dir_all(self.stele.store().join("fetch")).unwrap();
        std::fs::write(self.part(bytes), part).unwrap();
    }
}

/// Incompressible bytes, different for each seed.
pub(crate) fn random(seed: u64, length: usize) -> Vec<u8> {
    trees::Random::new(seed).bytes(length)
}

pub(crate) fn sha512(bytes: &[u8]) -> Sha512 {
    use sha2::Digest as _;
    Sha512(sha2::Sha512::digest(bytes).into())
}
