//! Whether an image can start: its program is there, with its interpreter and every library that it asks for.
//!
//! Only what an engine or the dynamic linker would surely miss is a flaw. What a program opens itself while it runs is
//! its own affair.

mod needs;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeSet, VecDeque};

use stele_store::ReadError;
use stele_store::model::TreeId;

use crate::content::Content;
use crate::spec::Spec;
use needs::{Kind, Needs};
use view::{Found, View};

/// The folders in which engines look for a program without a slash in its name, when the image sets no PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where the dynamic linkers of musl and of glibc look, besides what they are told; glibc's also in Debian's folders.
const LIBRARIES: &[&str] = &[
    "/lib",
    "/usr/local/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
    "/lib/$ARCH-linux-gnu",
    "/usr/lib/$ARCH-linux-gnu",
];

/// How many interpreters of interpreters are followed, as by Linux (BINPRM_RECURSION).
const MAX_INTERPRETERS: usize = 5;

/// How many libraries of a program are followed, and in how many folders each is looked for.
const MAX_LIBRARIES: usize = 4096;
const MAX_FOLDERS: usize = 256;

/// Why an image cannot start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Flaw {
    /// Its program is not there.
    #[error("its program {program} is not in it")]
    NoProgram {
        /// As the image names it.
        program: String,
    },
    /// Its program, or what that needs to start, cannot be executed.
    #[error("{path} is {what}, so it cannot be executed")]
    NotExecutable {
        /// The path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The interpreter of a script, or the dynamic linker of a program, is not there.
    #[error("{path} needs {interpreter}, which is not in it")]
    NoInterpreter {
        /// The script or program.
        path: String,
        /// What it names.
        interpreter: String,
    },
    /// A library is not where the dynamic linker looks.
    #[error(
        "{path} needs the library {library}, which is in none of the folders where the dynamic linker looks"
    )]
    NoLibrary {
        /// The program or library that needs it.
        path: String,
        /// Its name.
        library: String,
    },
    /// It is made for another processor.
    #[error("{path} is for {found}, and the image for {wanted}")]
    Machine {
        /// The path.
        path: String,
        /// The processor of the program.
        found: String,
        /// That of the image.
        wanted: String,
    },
}

/// Why an image of this specification, with the root file system `rootfs`, cannot start; nothing for one that names no
/// program.
///
/// # Errors
/// When its files cannot be read.
pub fn flaws(content: &dyn Content, spec: &Spec, rootfs: &TreeId) -> Result<Vec<Flaw>, ReadError> {
    let run = &spec.run;
    let Some(program) = run.entrypoint.first().or(run.cmd.first()) else { return Ok(Vec::new()) };
    let mut start =
        Start { view: View { content, rootfs, modes: &spec.rules }, spec, flaws: BTreeSet::new() };
    let Some(path) = start.program(program)? else {
        return Ok(vec![Flaw::NoProgram { program: program.clone() }]);
    };
    start.executable(&path)?;
    Ok(start.flaws.into_iter().collect())
}

/// Which libraries are missing in an image that is meant to have all of them: those that any program or library in it
/// asks for, whether it is started or not.
///
/// # Errors
/// When its files cannot be read.
pub fn missing_libraries(
    content: &dyn Content,
    spec: &Spec,
    rootfs: &TreeId,
) -> Result<Vec<Flaw>, ReadError> {
    let mut start =
        Start { view: View { content, rootfs, modes: &spec.rules }, spec, flaws: BTreeSet::new() };
    let (mut linker, mut alone) = (None, Vec::new());
    for (path, blob) in start.view.elf_files()? {
        let bytes = start.view.read(&blob)?;
        let Some(Kind::Elf(needs)) = needs::of(&bytes) else { continue };
        // Data for other processors may be there, and is not run.
        if needs.machine.is_some_and(|found| !runs(found, &spec.platform.architecture)) {
            continue;
        }
        match &needs.interpreter {
            Some(interpreter) => {
                linker.get_or_insert_with(|| interpreter.clone());
                start.elf(&path, needs)?;
            }
            None if !needs.libraries.is_empty() => alone.push((path, needs)),
            None => {}
        }
    }
    // A library has no dynamic linker of its own: those of the image's programs will load it.
    if let Some(linker) = linker {
        for (path, needs) in alone {
            start.libraries(&linker, &path, needs)?;
        }
    }
    Ok(start.flaws.into_iter().collect())
}

struct Start<'a> {
    view: View<'a>,
    spec: &'a Spec,
    flaws: BTreeSet<Flaw>,
}

impl Start<'_> {
    /// The path of a program, which may be looked up in PATH.
    fn program(&self, name: &str) -> Result<Option<String>, ReadError> {
        let workdir = self.spec.run.workdir.as_deref().unwrap_or("/");
        if name.contains('/') {
            let path = if name.starts_with('/') { name.to_owned() } else { format!("{workdir}/{name}") };
            return Ok(self.view.find(&path)?.map(|_| path));
        }
        let path = self.spec.run.env.get("PATH").map_or(PATH, String::as_str);
        for folder in path.split(':').filter(|it| !it.is_empty()) {
            let path = format!("{folder}/{name}");
            if matches!(self.view.find(&path)?, Some(Found::File { executable: true, .. })) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Follows a program to what it needs.
    fn executable(&mut self, path: &str) -> Result<(), ReadError> {
        let (mut path, mut resolved) = (path.to_owned(), String::new());
        for _ in 0..MAX_INTERPRETERS {
            let bytes = match self.view.find(&path)? {
                Some(Found::File { blob, executable: true, path: real }) => {
                    real.clone_into(&mut resolved);
                    self.view.read(&blob)?
                }
                Some(Found::File { .. }) => {
                    self.flaws
                        .insert(Flaw::NotExecutable { path, what: "a file without the right to execute it" });
                    return Ok(());
                }
                Some(Found::Directory) => {
                    self.flaws.insert(Flaw::NotExecutable { path, what: "a directory" });
                    return Ok(());
                }
                None => return Ok(()),
            };
            let next = match needs::of(&bytes) {
                Some(Kind::Script { interpreter, argument }) => {
                    self.env(&path, &interpreter, argument.as_deref())?;
                    interpreter
                }
                Some(Kind::Elf(needs)) => return self.elf(&resolved, needs),
                // Too large, or a format of which nothing is known here.
                None => return Ok(()),
            };
            if self.view.find(&next)?.is_none() {
                self.flaws.insert(Flaw::NoInterpreter { path, interpreter: next });
                return Ok(());
            }
            path = next;
        }
        Ok(())
    }

    /// `#!/usr/bin/env python3` needs python3.
    fn env(&mut self, path: &str, interpreter: &str, argument: Option<&str>) -> Result<(), ReadError> {
        let Some(program) =
            argument.filter(|it| interpreter.ends_with("/env") && !it.contains(['=', '-', ' ']))
        else {
            return Ok(());
        };
        if self.program(program)?.is_none() {
            self.flaws.insert(Flaw::NoInterpreter { path: path.to_owned(), interpreter: program.to_owned() });
        }
        Ok(())
    }

    /// The dynamic linker of a program, and all libraries that it would load.
    fn elf(&mut self, path: &str, needs: Needs) -> Result<(), ReadError> {
        let wanted = &self.spec.platform.architecture;
        if let Some(found) = needs.machine.filter(|found| !runs(found, wanted)) {
            let (path, found, wanted) = (path.to_owned(), found.to_owned(), wanted.clone());
            self.flaws.insert(Flaw::Machine { path, found, wanted });
            return Ok(());
        }
        // Without a dynamic linker it is linked statically.
        let Some(linker) = needs.interpreter.clone() else { return Ok(()) };
        if self.view.find(&linker)?.is_none() {
            self.flaws.insert(Flaw::NoInterpreter { path: path.to_owned(), interpreter: linker });
            return Ok(());
        }
        self.libraries(&linker, path, needs)
    }

    /// All libraries that a dynamic linker would load for a file.
    fn libraries(&mut self, linker: &str, path: &str, needs: Needs) -> Result<(), ReadError> {
        // It is loaded already, by its own name.
        let mut seen = BTreeSet::from([linker.rsplit('/').next().unwrap_or_default().to_owned()]);
        let linker = Linker::new(self, linker)?;
        let mut todo = VecDeque::from([Loaded { path: path.to_owned(), needs, inherited: Vec::new() }]);
        while let Some(loaded) = todo.pop_front() {
            let folders = linker.folders(&loaded);
            for library in &loaded.needs.libraries {
                if linker.is_part(library) || !seen.insert(library.clone()) || seen.len() > MAX_LIBRARIES {
                    continue;
                }
                match linker.find(&self.view, library, &folders)? {
                    Some((path, bytes)) => {
                        if let Some(Kind::Elf(needs)) = needs::of(&bytes) {
                            let inherited = linker.inherited(&loaded);
                            todo.push_back(Loaded { path, needs, inherited });
                        }
                    }
                    // A folder with a `$` of which nothing is known here may have it.
                    None if folders.iter().any(|folder| folder.contains('$')) => {}
                    None => {
                        let (path, library) = (loaded.path.clone(), library.clone());
                        self.flaws.insert(Flaw::NoLibrary { path, library });
                    }
                }
            }
        }
        Ok(())
    }
}

/// A program or library, as it is loaded.
struct Loaded {
    /// Its path without links, as far as that is known.
    path: String,
    needs: Needs,
    /// The folders that those who load it look in, too.
    inherited: Vec<String>,
}

/// Whether Linux runs programs for `found` on `wanted`: also the 32-bit ones of the same family.
fn runs(found: &str, wanted: &str) -> bool {
    found == wanted || matches!((found, wanted), ("386", "amd64") | ("arm", "arm64"))
}

/// Where a dynamic linker looks.
struct Linker {
    is_musl: bool,
    /// What the image's environment says.
    told: Vec<String>,
    usual: Vec<String>,
    /// glibc's cache lists folders of the machine that wrote it; so then any folder will do.
    anywhere: bool,
}

impl Linker {
    fn new(start: &Start<'_>, path: &str) -> Result<Self, ReadError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_musl = name.starts_with("ld-musl-");
        let told = start.spec.run.env.get("LD_LIBRARY_PATH").map_or("", String::as_str);
        let mut usual: Vec<String> =
            LIBRARIES.iter().map(|folder| folder.replace("$ARCH", arch(start.spec))).collect();
        if is_musl {
            usual.truncate(3);
            let file = format!("/etc/{}.path", name.trim_end_matches(".so.1"));
            if let Some(Found::File { blob, .. }) = start.view.find(&file)? {
                let text = start.view.read(&blob)?;
                let text = String::from_utf8_lossy(&text).into_owned();
                usual = text.split([':', '\n']).filter(|it| !it.is_empty()).map(str::to_owned).collect();
            }
        }
        let anywhere = !is_musl && start.view.find("/etc/ld.so.cache")?.is_some();
        let told = told.split(':').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Ok(Self { is_musl, told, usual, anywhere })
    }

    /// musl has the C library and all its old parts in the dynamic linker itself (musl, ldso/dynlink.c, `reserved`).
    fn is_part(&self, library: &str) -> bool {
        let parts = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];
        self.is_musl && parts.iter().any(|part| library.starts_with(&format!("lib{part}.")))
    }

    /// The folders that a loaded file's own RPATH names, and with musl its RUNPATH, too (ldso/dynlink.c, `decode_dyn`).
    fn own(&self, loaded: &Loaded) -> Vec<String> {
        let needs = &loaded.needs;
        let own = if self.is_musl && !needs.runpath.is_empty() { &needs.runpath } else { &needs.rpath };
        own.iter().map(|folder| expanded(folder, &loaded.path)).collect()
    }

    /// What a library looks in that `loaded` loads, before the environment's folders.
    fn inherited(&self, loaded: &Loaded) -> Vec<String> {
        let mut all = self.own(loaded);
        all.extend(loaded.inherited.iter().cloned());
        all.truncate(MAX_FOLDERS);
        all
    }

    /// Where is looked for what a loaded file needs: ld.so(8), and musl's `load_library`.
    fn folders(&self, loaded: &Loaded) -> Vec<String> {
        let rpaths = self.inherited(loaded);
        let runpath = loaded.needs.runpath.iter().map(|folder| expanded(folder, &loaded.path));
        let mut all = match self.is_musl {
            true => [self.told.clone(), rpaths].concat(),
            // With a RUNPATH of its own, no RPATH counts.
            false if !loaded.needs.runpath.is_empty() => self.told.iter().cloned().chain(runpath).collect(),
            false => [rpaths, self.told.clone()].concat(),
        };
        all.truncate(MAX_FOLDERS);
        all.extend(self.usual.iter().cloned());
        all
    }

    /// The path, without links, and the bytes of a library.
    fn find(
        &self,
        view: &View<'_>,
        library: &str,
        folders: &[String],
    ) -> Result<Option<(String, Vec<u8>)>, ReadError> {
        let read = |path: String| -> Result<Option<(String, Vec<u8>)>, ReadError> {
            match view.find(&path)? {
                Some(Found::File { blob, path, .. }) => Ok(Some((path, view.read(&blob)?))),
                _ => Ok(None),
            }
        };
        if library.contains('/') {
            return read(library.to_owned());
        }
        for folder in folders {
            if let Some(found) = read(format!("{folder}/{library}"))? {
                return Ok(Some(found));
            }
        }
        match self.anywhere {
            true => view.anywhere(library)?.map_or(Ok(None), read),
            false => Ok(None),
        }
    }
}

/// A folder with the one token expanded that means the same everywhere (ld.so(8), "Dynamic string tokens").
fn expanded(folder: &str, needer: &str) -> String {
    let origin = needer.rsplit_once('/').map_or("/", |(folder, _)| folder);
    folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
}

/// The name of the processor in Debian's folders.
fn arch(spec: &Spec) -> &'static str {
    if spec.platform.architecture == "arm64" { "aarch64" } else { "x86_64" }
}
