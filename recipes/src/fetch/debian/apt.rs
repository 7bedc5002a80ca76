//! apt with its own configuration, lists and caches.
//!
//! apt reads the file in `APT_CONFIG` before all others, and that file determines where the others are. So it can
//! substitute empty ones: the machine's settings of transport (proxies, certificates, passwords, keys) are copied into
//! it, and its hooks, which would clean or refresh the machine's own caches, are not.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::super::failure::MirrorFailure;
use super::super::part::{Part, make_folder};
use super::closure::{self, DebianPin};
use super::entries::{self, Entry};
use super::{Bounds, DebianConfig, DebianError, PackageUri, Packages, Stop};

/// Not on PATH, since it is for programs; the package apt installs it there.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// The machine's architecture for apt; with an `s` appended, also the foreign ones.
const ARCHITECTURE: &str = "APT::Architecture";

/// The parts of the machine's configuration that are taken over: transport, keys, passwords.
const TAKEN_OVER: &[&str] = &[
    "Acquire::",
    ARCHITECTURE,
    "APT::Authentication",
    "APT::Hashes",
    "APT::Key",
    "Dir::Bin::",
    "Dir::Etc::netrc",
    "Dir::Etc::trusted",
];

/// How often a running child is polled.
const LOOK: Duration = Duration::from_millis(50);

/// apt, ready for use.
pub(super) struct Apt {
    is_source: bool,
    conf: PathBuf,
    /// Its time is that of the last update; its text lists the archives.
    updated: PathBuf,
    archives: String,
}

fn file_error(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> DebianError {
    let path = path.to_owned();
    move |source| DebianError::File { path, doing, source }
}

impl Apt {
    /// Writes the configuration.
    pub(super) fn prepare(
        folder: &Path,
        config: &DebianConfig,
        packages: Packages<'_>,
    ) -> Result<Self, Stop> {
        let parts = folder.join("sources.list.d");
        for name in
            ["lists/partial", "cache/archives/partial", "state", "log", "files", "sources.list.d", "conf.d"]
        {
            make_folder(&folder.join(name))?;
        }
        let machine = machine_config()?;
        let own: Vec<Entry> = match config.sources.is_empty() {
            true => machine_entries()?,
            false => config.sources.iter().flat_map(|line| entries::of_lines(line)).collect(),
        };
        let mut all: Vec<Entry> = Vec::new();
        for entry in entries::with_suites(own, config.suites.as_deref().unwrap_or_default()) {
            if !all.contains(&entry) {
                all.push(entry);
            }
        }
        if all.is_empty() {
            return Err(DebianError::NoArchive.into());
        }
        let archives: String = all.iter().map(|entry| entry.stanza(packages)).collect();
        let place = |name: &str| folder.join(name).display().to_string();
        let mut text = String::new();
        let architecture = match packages {
            Packages::Binary { architecture } => architecture,
            Packages::Source => None,
        };
        for line in machine.lines() {
            let key = line.split(' ').next().unwrap_or("");
            // A quotation mark in a value would end the value.
            let is_other = architecture.is_some() && key.starts_with(ARCHITECTURE);
            if !is_other && TAKEN_OVER.iter().any(|it| key.starts_with(it)) && line.matches('"').count() == 2
            {
                text += &format!("{line}\n");
            }
        }
        for (key, value) in [
            ("Dir::State", place("state")),
            ("Dir::State::Lists", place("lists")),
            ("Dir::State::status", "/dev/null".to_owned()),
            ("Dir::Cache", place("cache")),
            ("Dir::Log", place("log")),
            ("Dir::Etc::Main", "/dev/null".to_owned()),
            ("Dir::Etc::Parts", place("conf.d")),
            ("Dir::Etc::SourceList", "/dev/null".to_owned()),
            ("Dir::Etc::SourceParts", place("sources.list.d")),
            ("Dir::Etc::Preferences", "/dev/null".to_owned()),
            ("Dir::Etc::PreferencesParts", place("conf.d")),
            // The folder is its owner's alone, so apt's own user could not write there.
            ("APT::Sandbox::User", "root".to_owned()),
            // An old index is as good as a new one: the pin decides what is accepted.
            ("Acquire::Check-Valid-Until", "false".to_owned()),
        ] {
            text += &format!("{key} \"{value}\";\n");
        }
        if let Some(architecture) = architecture {
            text += &format!("{ARCHITECTURE} \"{architecture}\";\n{ARCHITECTURE}s:: \"{architecture}\";\n");
        }
        let conf = folder.join("apt.conf");
        fs::write(&conf, text).map_err(file_error(&conf, "written"))?;
        let list = parts.join("stele.sources");
        fs::write(&list, &archives).map_err(file_error(&list, "written"))?;
        let is_source = packages == Packages::Source;
        Ok(Self { is_source, conf, updated: folder.join("updated"), archives })
    }

    /// The age of the lists. `None` when there are none for these archives.
    pub(super) fn lists_age(&self) -> Option<Duration> {
        if fs::read_to_string(&self.updated).ok()? != self.archives {
            return None;
        }
        let time = fs::metadata(&self.updated).and_then(|meta| meta.modified()).ok()?;
        Some(SystemTime::now().duration_since(time).unwrap_or_default())
    }

    /// Fetches the lists. An archive that does not answer, or whose signature is not good, is left out with a note.
    pub(super) fn update(&mut self, bounds: &Bounds, note: &dyn Fn(&str)) -> Result<(), Stop> {
        let output = self.run(self.command("apt-get").args(["-q", "update"]), bounds)?;
        for line in complaints(&output) {
            note(&format!("apt: {line}"));
        }
        fs::write(&self.updated, &self.archives).map_err(file_error(&self.updated, "written"))?;
        Ok(())
    }

    /// The files of a version, from the indexes. `None` when they do not have it.
    pub(super) fn places(
        &self,
        package: &str,
        version: &str,
        bounds: &Bounds,
    ) -> Result<Option<Vec<PackageUri>>, Stop> {
        let mut command = self.command("apt-get");
        match self.is_source {
            true => command.args(["-q", "source", "--only-source", "--download-only", "--print-uris"]),
            false => command.args(["-q", "download", "--print-uris"]),
        };
        let output = self.run(command.arg(format!("{package}={version}")), bounds)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let places: Vec<PackageUri> = text.lines().filter_map(place).collect();
        let none = places.is_empty();
        if none && complaints(&output).is_empty() {
            return Err(
                DebianError::Apt { said: "apt-get named no file and gave no reason".to_owned() }.into()
            );
        }
        Ok((!none).then_some(places))
    }

    /// The versions of a package that the indexes have.
    pub(super) fn versions(&self, package: &str, bounds: &Bounds) -> Result<Vec<String>, Stop> {
        let mut command = self.command("apt-cache");
        match self.is_source {
            true => command.args(["showsrc", "--only-source"]),
            false => command.arg("show"),
        };
        let output = self.run(command.arg("--").arg(package), bounds)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut versions: Vec<String> =
            text.lines().filter_map(|line| Some(line.strip_prefix("Version: ")?.trim().to_owned())).collect();
        versions.sort();
        versions.dedup();
        Ok(versions)
    }

    /// What a machine with nothing on it would install for these packages.
    pub(super) fn installed(&self, packages: &[String], bounds: &Bounds) -> Result<Vec<DebianPin>, Stop> {
        let mut command = self.command("apt-get");
        command.args(["-q", "--yes", "--no-install-recommends", "-o", "Acquire::ForceHash=SHA256"]);
        command.args(["--print-uris", "install", "--"]).args(packages);
        let output = self.run(&mut command, bounds)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let pins: Vec<DebianPin> = text.lines().filter_map(closure::pin).collect();
        match pins.is_empty() || !output.status.success() {
            true => {
                let unmet = text.lines().map(str::trim).filter(|line| line.contains(" : Depends: "));
                let said = complaints(&output).into_iter().chain(unmet.map(str::to_owned));
                Err(closure::refused(packages, &said.collect::<Vec<_>>()).into())
            }
            false => Ok(pins),
        }
    }

    /// Downloads one file, resuming an earlier download.
    pub(super) fn download(
        &self,
        uri: &str,
        target: &Path,
        part: &Part,
        bounds: &Bounds,
        moves: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), Stop> {
        if !Path::new(HELPER).exists() {
            return Err(DebianError::NoApt { program: "apt-helper" }.into());
        }
        let mut child = Ended(spawn(self.command(HELPER).arg("download-file").arg(uri).arg(target))?);
        let mut last = (0, Instant::now());
        let status = loop {
            if let Some(status) =
                child.0.try_wait().map_err(|e| file_error(Path::new(HELPER), "waited for")(e))?
            {
                break status;
            }
            // A symbolic link to a local file has no progress to watch.
            let length = fs::symlink_metadata(target).map(|meta| meta.len()).unwrap_or(0);
            if length != last.0 {
                last = (length, Instant::now());
                moves(length, None);
                part.require_room()?;
            }
            bounds.check_grown(length)?;
            bounds.left()?;
            if last.1.elapsed() > bounds.limits.stall {
                return Err(DebianError::Stalled { seconds: bounds.limits.stall.as_secs() }.into());
            }
            thread::sleep(LOOK);
        };
        if status.success() {
            return Ok(());
        }
        let _ = fs::remove_file(target);
        let mut said = String::new();
        if let Some(mut stderr) = child.0.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let said =
            said.lines().find_map(|line| line.strip_prefix("E: ")).unwrap_or("apt-helper failed").to_owned();
        Err(DebianError::Apt { said }.into())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.conf);
        command
    }

    /// Runs a program to its end, or to the end of the time for the source.
    fn run(&self, command: &mut Command, bounds: &Bounds) -> Result<Output, Stop> {
        let mut child = Ended(spawn(command)?);
        // Both pipes are read while it runs: a full one would block it.
        let (stdout, stderr) = (child.0.stdout.take(), child.0.stderr.take());
        thread::scope(|scope| {
            let stdout = scope.spawn(|| all(stdout));
            let stderr = scope.spawn(|| all(stderr));
            let status = loop {
                match child.0.try_wait() {
                    Ok(Some(status)) => break Ok(status),
                    Ok(None) => {}
                    Err(e) => break Err(file_error(&self.conf, "used by apt")(e).into()),
                }
                if let Err(e) = bounds.left() {
                    child.end();
                    break Err(Stop::Mirror(e));
                }
                thread::sleep(LOOK);
            };
            let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
            Ok(Output { status: status?, stdout, stderr })
        })
    }
}

fn all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// A child that is killed when this is dropped.
struct Ended(Child);

impl Ended {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(command: &mut Command) -> Result<Child, MirrorFailure> {
    // Its messages are parsed here, so they have to be in English.
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|e| {
        let error = match e.kind() {
            std::io::ErrorKind::NotFound => DebianError::NoApt { program: "apt-get" },
            _ => file_error(Path::new(command.get_program()), "started")(e),
        };
        error.into()
    })
}

/// apt's error message.
fn complaints(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .filter(|line| line.starts_with("E: ") || line.starts_with("W: "))
        .map(str::to_owned)
        .collect()
}

/// `'URI' NAME SIZE DIGEST`
fn place(line: &str) -> Option<PackageUri> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once('\'')?;
    let name = rest.split_whitespace().next()?;
    Some(PackageUri { uri: uri.to_owned(), name: name.to_owned() })
}

fn asked(program: &mut Command) -> Result<String, MirrorFailure> {
    let child = spawn(program)?;
    let output = child.wait_with_output().map_err(file_error(Path::new("apt-config"), "waited for"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = complaints(&output).join("; ");
            Err(DebianError::Apt { said: format!("apt-config failed: {said}") }.into())
        }
    }
}

/// The machine's configuration, one setting per line.
fn machine_config() -> Result<String, MirrorFailure> {
    asked(Command::new("apt-config").args(["dump", "--format", "%F \"%v\";%n"]))
}

/// The archives that the machine uses.
fn machine_entries() -> Result<Vec<Entry>, MirrorFailure> {
    let shell = ["shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"];
    let places = asked(Command::new("apt-config").args(shell))?;
    let place = |name: &str| {
        let line = places.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("='"));
        line.and_then(|it| it.strip_suffix('\'')).map(PathBuf::from)
    };
    let mut entries = Vec::new();
    let mut files: Vec<PathBuf> = place("LIST").into_iter().collect();
    if let Some(folder) = place("PARTS") {
        let mut parts: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
        parts.sort();
        files.extend(parts);
    }
    for path in files {
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or("");
        // A file that this user may not read is one that apt would not read either.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match ending {
            "list" => entries.extend(entries::of_lines(&text)),
            "sources" => entries.extend(entries::of_stanzas(&text)),
            _ => {}
        }
    }
    Ok(entries)
}
