//! The user's configuration: aliases, limits, Debian's archives.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::source::{Mirror, MirrorKind};

/// The configuration of fetching, as `docs/formats.md` has it.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The addresses of each alias.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Tried for every source before its own mirrors: addresses with `{sha256}` or `{file}` in them.
    pub first: Vec<String>,
    /// Limits.
    pub limits: Limits,
    /// Debian's archives.
    pub debian: DebianConfig,
}

/// Limits on size, time and parallelism.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Parallel downloads.
    pub jobs: usize,
    /// For connecting.
    pub connect: Duration,
    /// Without a single byte.
    pub stall: Duration,
    /// For one source, all its mirrors together.
    pub total: Duration,
    /// Maximum size of one source in bytes.
    pub most_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            jobs: 4,
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            total: Duration::from_secs(3600),
            most_bytes: 8 << 30,
        }
    }
}

/// How Debian's archives are used.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DebianConfig {
    /// Suites in addition to the machine's own, from the same archive. Without any, Debian's other releases are
    /// searched for what the machine's own does not have.
    pub suites: Option<Vec<String>>,
    /// Lines in the format of sources.list(5), which replace the machine's.
    pub sources: Vec<String>,
    /// Where the archive of all past versions is; none when empty. Without it, that of the machine's own distribution,
    /// unless `suites` or `sources` are given.
    pub snapshot: Option<String>,
}

impl DebianConfig {
    /// Whether the machine's own archives are asked, and after them everything that Debian has.
    pub(super) fn is_usual(&self) -> bool {
        self.suites.is_none() && self.sources.is_empty()
    }

    /// The archive that is asked last for what no mirror has.
    pub(super) fn snapshot(&self) -> Option<String> {
        match &self.snapshot {
            Some(base) => Some(base.clone()).filter(|base| !base.is_empty()),
            None if self.is_usual() => super::debian::snapshot::usual(),
            None => None,
        }
    }
}

/// Why a text is not a valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not TOML, or has an unknown key; with the line.
    #[error("{}", .0.to_string().trim_end())]
    Toml(#[from] toml::de::Error),
    /// An invalid alias.
    #[error("`{name}` cannot be an alias: it is a built-in scheme, or has characters other than `a-z 0-9 -`")]
    Alias {
        /// The alias.
        name: String,
    },
    /// An address that is not supported.
    #[error("`{address}` is not supported: an address begins with `https://`, `http://` or `file:/`")]
    Address {
        /// The address.
        address: String,
    },
    /// An address that would be the same for every source.
    #[error("`{address}` must have `{{sha256}}` or `{{file}}` in it")]
    First {
        /// The address.
        address: String,
    },
    /// A number that must not be 0.
    #[error("`{key}` must not be 0")]
    Zero {
        /// Its key.
        key: &'static str,
    },
    /// A suite, or a line, that is ambiguous to apt.
    #[error("{text:?} is not a suite or line for Debian's archives")]
    Debian {
        /// The text.
        text: String,
    },
}

/// The file as it is written.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Written {
    mirrors: BTreeMap<String, OneOrMore>,
    fetch: WrittenFetch,
    debian: DebianConfig,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenFetch {
    jobs: Option<usize>,
    connect_seconds: Option<u64>,
    stall_seconds: Option<u64>,
    total_seconds: Option<u64>,
    most_bytes: Option<u64>,
    first: Vec<String>,
}

impl Config {
    /// Reads a configuration file's text.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let written: Written = toml::from_str(text)?;
        let mut config = Self { debian: written.debian, ..Self::default() };
        for (name, addresses) in written.mirrors {
            let is_alias = Mirror::new(&format!("{name}:x"))
                .is_ok_and(|it| matches!(it.kind(), MirrorKind::Alias { name: alias, .. } if alias == name));
            if !is_alias {
                return Err(ConfigError::Alias { name });
            }
            let addresses = match addresses {
                OneOrMore::One(one) => vec![one],
                OneOrMore::More(more) => more,
            };
            addresses.iter().try_for_each(|it| askable(it))?;
            config.aliases.insert(name, addresses);
        }
        for address in written.fetch.first.clone() {
            if !address.contains("{sha256}") && !address.contains("{file}") {
                return Err(ConfigError::First { address });
            }
            askable(&filled(&address, "0", "0"))?;
            config.first.push(address);
        }
        let it = &written.fetch;
        let limits = &mut config.limits;
        let seconds = |key, value: Option<u64>, into: &mut Duration| match value {
            Some(0) => Err(ConfigError::Zero { key }),
            Some(value) => {
                // Beyond a century, clock arithmetic may overflow.
                *into = Duration::from_secs(value.min(100 * 366 * 86_400));
                Ok(())
            }
            None => Ok(()),
        };
        seconds("connect-seconds", it.connect_seconds, &mut limits.connect)?;
        seconds("stall-seconds", it.stall_seconds, &mut limits.stall)?;
        seconds("total-seconds", it.total_seconds, &mut limits.total)?;
        match it.jobs {
            Some(0) => return Err(ConfigError::Zero { key: "jobs" }),
            Some(jobs) => limits.jobs = jobs,
            None => {}
        }
        match it.most_bytes {
            Some(0) => return Err(ConfigError::Zero { key: "most-bytes" }),
            Some(max) => limits.most_bytes = max,
            None => {}
        }
        for suite in config.debian.suites.iter().flatten() {
            if suite.is_empty() || !suite.chars().all(|c| c.is_ascii_alphanumeric() || "-./_".contains(c)) {
                return Err(ConfigError::Debian { text: suite.clone() });
            }
        }
        for base in config.debian.snapshot.iter().filter(|base| !base.is_empty()) {
            let kind = Mirror::new(base);
            if !kind.is_ok_and(|mirror| matches!(mirror.kind(), MirrorKind::Http(_))) {
                return Err(ConfigError::Address { address: base.clone() });
            }
        }
        for line in &config.debian.sources {
            let kind = line.split_whitespace().next();
            if !matches!(kind, Some("deb" | "deb-src")) || line.chars().any(|c| c.is_control()) {
                return Err(ConfigError::Debian { text: line.clone() });
            }
        }
        Ok(config)
    }

    /// The addresses of an alias.
    pub(super) fn alias(&self, name: &str) -> Option<&[String]> {
        self.aliases.get(name).map(Vec::as_slice)
    }

    /// The addresses to try first for a source.
    pub(super) fn first<'a>(&'a self, sha256: &'a str, file: &'a str) -> impl Iterator<Item = String> + 'a {
        self.first.iter().map(move |address| filled(address, sha256, file))
    }
}

fn filled(address: &str, sha256: &str, file: &str) -> String {
    address.replace("{sha256}", sha256).replace("{file}", file)
}

fn askable(address: &str) -> Result<(), ConfigError> {
    let askable = Mirror::new(address)
        .is_ok_and(|mirror| matches!(mirror.kind(), MirrorKind::Http(_) | MirrorKind::File(_)));
    match askable {
        true => Ok(()),
        false => Err(ConfigError::Address { address: address.to_owned() }),
    }
}
