//! `init`

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use stele_recipes::language::MODULES_STAR;
use stele_store::model::Sha256;

use crate::args::Global;
use crate::render;
use stele::failure::{Failure, Kind};

/// The project's recipes, as a module for other trees; cli/build.rs packs them.
static RECIPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recipes.tar.gz"));

/// Make a recipe tree that builds at once
///
/// It makes the folder `recipes` with one package and, for all templates but `image`, Stele's own recipes as a pinned
/// module. No file that is there is changed.
#[derive(Args, Debug)]
pub struct Init {
    /// The folder in which to make `recipes`
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// What the package is
    #[arg(long, short, value_enum, default_value_t = Template::C)]
    template: Template,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Template {
    /// A C program by the seed's own compiler, in ten seconds from 256 bytes, and its image
    C,
    /// A C program by Debian's compilers, and its image
    Foreign,
    /// An image of a package of Debian
    Image,
}

/// A file of a template: its path below `recipes`, and its bytes.
type TemplateFile = (&'static str, &'static [u8]);

impl Template {
    fn files(self) -> &'static [TemplateFile] {
        macro_rules! file {
            ($template:literal, $path:literal) => {
                ($path, include_bytes!(concat!("../../templates/", $template, "/", $path)))
            };
        }
        match self {
            Self::C => &[file!("c", "pkgs/greet/recipe.star"), file!("c", "pkgs/greet/greet.c")],
            Self::Foreign => {
                &[file!("foreign", "pkgs/greet/recipe.star"), file!("foreign", "pkgs/greet/greet.c")]
            }
            Self::Image => &[file!("image", "pkgs/shell/recipe.star")],
        }
    }

    /// The name of its module, and the folder of the archive that it is.
    fn module(self) -> Option<(&'static str, Option<&'static str>)> {
        match self {
            Self::C => Some(("stele", None)),
            Self::Foreign => Some(("foreign", Some("foreign"))),
            Self::Image => None,
        }
    }

    /// Its package, and a command that tries it.
    fn package(self) -> &'static str {
        if self == Self::Image { "shell" } else { "greet" }
    }
}

impl Init {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let top = self.folder.join("recipes");
        if top.join("pkgs").exists() {
            let message = format!("{} is a recipe tree already", top.display());
            return Err(Failure::new(Kind::Usage, message)
                .hint("`stele recipe new NAME` begins another package in it"));
        }
        let mut made = Vec::new();
        let mut write = |path: &str, bytes: &[u8]| -> Result<(), Failure> {
            let file = top.join(path);
            create(&file, bytes).map_err(|e| unwritten(&file, &e))?;
            made.push(file);
            Ok(())
        };
        if let Some((name, subdir)) = self.template.module() {
            let archive = format!("archives/stele-recipes-{}.tar.gz", env!("CARGO_PKG_VERSION"));
            write(&archive, RECIPES)?;
            write(MODULES_STAR, pin(name, subdir, &archive).as_bytes())?;
            write(".gitignore", b"# What modules.star pins is unpacked there.\n/modules/\n")?;
        }
        for (path, bytes) in self.template.files() {
            write(path, bytes)?;
        }
        if global.json {
            return render::json(&made);
        }
        let made: String = made.iter().map(|file| format!("{}\n", file.display())).collect();
        render::out(made.as_bytes())?;
        let (package, folder) = (self.template.package(), self.folder.display());
        let cd = if self.folder == Path::new(".") { String::new() } else { format!("cd {folder} && ") };
        if global.volume() > render::manner::Volume::Quiet {
            render::tell(&format!(
                "next: {cd}stele build {package} && stele lineage {package} && stele image build {package} && \
                 stele image run {package}"
            ));
        }
        Ok(())
    }
}

/// `modules.star`
fn pin(name: &str, subdir: Option<&str>, archive: &str) -> String {
    let subdir = subdir.map_or_else(String::new, |subdir| format!("    subdir = \"{subdir}\",\n"));
    let (sha256, size) = (Sha256::of(RECIPES), RECIPES.len());
    format!(
        "# Stele's own recipes, as of version {}: `@{name}//lib/…` and `@{name}//pkgs/…`.\n\
         module(\n    name = \"{name}\",\n    sha256 = \"{sha256}\",\n    size = {size},\n    \
         file = \"{archive}\",\n{subdir})\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// A new file, and the folders above it.
fn create(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new: File = OpenOptions::new().write(true).create_new(true).open(file)?;
    new.write_all(bytes)
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::io(&format!("{} could not be written", file.display()), error)
}
