//! `config`

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use stele_recipes::fetch::Config;
use toml_edit::{DocumentMut, Item, Table, Value};

use crate::args::Global;
use crate::config;
use crate::render;
use crate::replace::replace;
use stele::failure::{Failure, Kind};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show the file that counts, and every setting, with those that no file has
    Show(Show),
    /// Change a setting in the file that counts: `fetch.jobs 8`, `mirrors.gnu '["https://…/"]'`
    Set(Set),
    /// Remove a setting from the file that counts
    Unset(Unset),
}

/// Which file.
#[derive(Args, Debug)]
struct Which {
    /// Configuration file [default: the first that exists, else ~/.config/stele/config.toml]
    #[arg(long, value_name = "FILE", env = "STELE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Show {
    #[command(flatten)]
    which: Which,
}

#[derive(Args, Debug)]
pub struct Set {
    /// The setting, with its table: fetch.jobs
    key: String,
    /// A value of TOML; other text is taken as a string
    value: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Args, Debug)]
pub struct Unset {
    /// The setting, with its table: fetch.jobs
    key: String,
    #[command(flatten)]
    which: Which,
}

impl Which {
    fn path(&self) -> PathBuf {
        match &self.config {
            Some(path) if !path.as_os_str().is_empty() => path.clone(),
            _ => config::counting().unwrap_or_else(|| PathBuf::from(config::usual_place())),
        }
    }
}

/// Runs one of the `config` commands.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show(args) => args.run(global),
        Command::Set(args) => change(&args.which.path(), &args.key, Some(&args.value)),
        Command::Unset(args) => change(&args.which.path(), &args.key, None),
    }
}

impl Show {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let path = self.which.path();
        let is_there = path.exists();
        let config = if is_there { config::read(Some(&path))? } else { Config::default() };
        if global.json {
            let file = is_there.then(|| path.display().to_string());
            return render::json(&serde_json::json!({ "file": file, "settings": settings(&config) }));
        }
        let named =
            if is_there { path.display().to_string() } else { format!("{} (not there)", path.display()) };
        let lines: String =
            settings(&config).into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        render::out(format!("# {named}\n{lines}").as_bytes())
    }
}

/// Every setting with its value, as TOML has it.
fn settings(config: &Config) -> Vec<(String, String)> {
    let list = |texts: &[String]| Value::from_iter(texts.iter().map(String::as_str)).to_string();
    let limits = &config.limits;
    let seconds = |it: std::time::Duration| it.as_secs().to_string();
    let mut all = vec![
        ("fetch.first".to_owned(), list(&config.first)),
        ("fetch.jobs".to_owned(), limits.jobs.to_string()),
        ("fetch.connect-seconds".to_owned(), seconds(limits.connect)),
        ("fetch.stall-seconds".to_owned(), seconds(limits.stall)),
        ("fetch.total-seconds".to_owned(), seconds(limits.total)),
        ("fetch.most-bytes".to_owned(), limits.most_bytes.to_string()),
    ];
    all.extend(config.aliases.iter().map(|(name, addresses)| (format!("mirrors.{name}"), list(addresses))));
    if let Some(suites) = &config.debian.suites {
        all.push(("debian.suites".to_owned(), list(suites)));
    }
    if !config.debian.sources.is_empty() {
        all.push(("debian.sources".to_owned(), list(&config.debian.sources)));
    }
    if let Some(snapshot) = &config.debian.snapshot {
        all.push(("debian.snapshot".to_owned(), Value::from(snapshot.as_str()).to_string()));
    }
    all
}

/// Changes one setting, and keeps comments and order. A file that would be invalid is not written.
fn change(path: &Path, key: &str, value: Option<&str>) -> Result<(), Failure> {
    let failed = |e: &std::io::Error| Failure::io(&format!("{} could not be written", path.display()), e);
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Failure::io(&format!("{} could not be read", path.display()), &e)),
    };
    let mut document: DocumentMut = before.parse().map_err(|e| {
        Failure::new(Kind::Usage, format!("the configuration {} is invalid: {e}", path.display()))
    })?;
    let (table, name) = key.split_once('.').ok_or_else(|| {
        Failure::new(Kind::Usage, format!("`{key}` is not a setting")).hint("`stele config show` lists them")
    })?;
    match value {
        Some(value) => {
            let value: Value = value.parse().unwrap_or_else(|_| Value::from(value));
            let table = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
            let table = table.as_table_like_mut();
            let table =
                table.ok_or_else(|| Failure::new(Kind::Usage, format!("`{key}` is not a setting")))?;
            table.insert(name, Item::Value(value));
        }
        None => {
            let table = document.get_mut(table).and_then(Item::as_table_like_mut);
            if table.and_then(|table| table.remove(name)).is_none() {
                return Err(Failure::new(Kind::NotFound, format!("{} does not set {key}", path.display())));
            }
        }
    }
    let after = document.to_string();
    Config::parse(&after).map_err(|e| {
        Failure::new(Kind::Usage, format!("`{key}` cannot be set to that: {e}"))
            .hint("stele.toml(5) has the settings; nothing was changed")
    })?;
    // A file that is linked from elsewhere stays linked.
    let real = fs::canonicalize(path);
    let path = real.as_deref().unwrap_or(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).and_then(|()| replace(path, &after)).map_err(|e| failed(&e))
}
