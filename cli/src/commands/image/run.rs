//! `image run`

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;

use super::{Context, Which, ask};
use crate::commands::unexpected;
use crate::registries::Folder;
use crate::umask;
use stele::failure::{Failure, Kind};
use stele::images::{Form, ImageAnswer, ImageRequest};
use stele::reference::to_wire;

/// The engines that are looked for on PATH, in this order.
const ENGINES: &[&str] = &["podman", "docker"];

/// `stele image run`
#[derive(Args, Debug)]
#[command(after_help = "\
The image is handed to the engine as an archive, and the container is removed at its end (`run --rm`). The engine \
keeps its copy of the image, as of any other.\n\
The exit code is the program's.")]
pub struct Run {
    #[command(flatten)]
    which: Which,
    /// Arguments for the image's entrypoint, in place of its cmd
    #[arg(last = true)]
    args: Vec<OsString>,
    /// The engine [default: podman or docker, whichever is on PATH first]
    #[arg(long, value_name = "PROGRAM", env = "STELE_ENGINE", hide_env_values = true)]
    engine: Option<OsString>,
    /// An option for the engine's `run`, such as --publish=8080:80; may be repeated
    #[arg(long = "option", short = 'o', value_name = "OPTION", allow_hyphen_values = true)]
    options: Vec<OsString>,
    /// For an index: the image of this platform, such as linux/arm64
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
}

impl Run {
    pub fn run(self, context: &mut Context) -> Result<ExitCode, Failure> {
        let engine = match self.engine {
            Some(engine) => engine,
            None => at_hand().ok_or_else(|| {
                Failure::new(Kind::NotFound, format!("no engine is on PATH: {}", ENGINES.join(" or "))).hint(
                    "install one, name another with --engine, or run a recipe's program with `stele run`",
                )
            })?,
        };
        let folder =
            Folder::new(&context.downloads()).map_err(|e| Failure::io("no folder for the archive", &e))?;
        let archive = folder.path().join("image.tar");
        let name = format!("localhost/{}:latest", self.which.image.replace(':', "-"));
        // The only form that every engine loads.
        let request = ImageRequest::Export {
            reference: self.which.image,
            to: to_wire(archive.as_os_str()),
            form: Form::DockerArchive,
            called: Some(name.clone()),
            platform: self.platform,
            referrers: false,
            umask: umask::get(),
        };
        let ImageAnswer::Exported(_) = ask(context, request)? else { return Err(unexpected()) };
        let mut load = Command::new(&engine);
        load.args(["load", "--quiet", "--input"]).arg(&archive).stdout(std::process::Stdio::null());
        let loaded = load.status().map_err(|e| unrun(&engine, &e))?;
        drop(folder);
        if !loaded.success() {
            return Err(Failure::new(Kind::Failed, format!("{} did not load the image", engine.display())));
        }
        let mut run = Command::new(&engine);
        run.args(["run", "--rm", "--interactive", "--pull=never"]);
        if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            run.arg("--tty");
        }
        run.args(&self.options).arg(&name).args(&self.args);
        let status = run.status().map_err(|e| unrun(&engine, &e))?;
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    }
}

fn at_hand() -> Option<OsString> {
    let path = std::env::var_os("PATH")?;
    let has = |name: &str| std::env::split_paths(&path).any(|folder| is_program(&folder.join(name)));
    ENGINES.iter().find(|name| has(name)).map(OsString::from)
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

fn unrun(engine: &OsString, error: &std::io::Error) -> Failure {
    Failure::io(&format!("{} could not be run", engine.display()), error)
}
