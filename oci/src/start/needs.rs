//! What an executable file needs to start.

use object::Endianness;
use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64,
};
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// How many bytes of its first line Linux reads of a script (BINPRM_BUF_SIZE).
const MAX_LINE: usize = 256;
/// Of a name in an ELF file, in bytes, as of a path in Linux.
const MAX_NAME: usize = 4096;
/// Of a file, as many libraries and folders are looked at: no linker has more, and every one is a search.
const MAX_ENTRIES: usize = 1000;

/// What kind of program a file is.
#[derive(Debug)]
pub(super) enum Kind {
    /// It begins with `#!`.
    Script {
        interpreter: String,
        argument: Option<String>,
    },
    Elf(Needs),
}

/// What an ELF file needs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Needs {
    /// Its processor, by OCI's name for it, when it has one.
    pub(super) machine: Option<&'static str>,
    /// Its dynamic linker.
    pub(super) interpreter: Option<String>,
    pub(super) libraries: Vec<String>,
    /// Where to look before the environment's folders.
    pub(super) rpath: Vec<String>,
    /// Where to look after them.
    pub(super) runpath: Vec<String>,
}

/// What the file of these bytes needs; `None` when nothing is known of its format, or it is damaged.
pub(super) fn of(bytes: &[u8]) -> Option<Kind> {
    if let Some(rest) = bytes.strip_prefix(b"#!") {
        let line = rest.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE)]).into_owned();
        let (interpreter, argument) = match line.trim().split_once([' ', '\t']) {
            Some((interpreter, argument)) => (interpreter.to_owned(), Some(argument.trim().to_owned())),
            None => (line.trim().to_owned(), None),
        };
        return interpreter.starts_with('/').then_some(Kind::Script { interpreter, argument });
    }
    // ELF, EI_CLASS.
    match bytes.get(4)? {
        1 => elf::<FileHeader32<Endianness>>(bytes),
        2 => elf::<FileHeader64<Endianness>>(bytes),
        _ => None,
    }
    .map(Kind::Elf)
}

fn elf<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<Needs> {
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, bytes).ok()?;
    let mut needs = Needs { machine: machine(header.e_machine(endian)), ..Needs::default() };
    for segment in segments {
        if let Ok(Some(path)) = segment.interpreter(endian, bytes) {
            needs.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(endian, bytes).ok().flatten());
    let value =
        |wanted| dynamic?.iter().find(|entry| entry.tag(endian) == wanted).map(|entry| entry.val(endian));
    let (Some(address), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { return Some(needs) };
    let strings =
        segments.iter().find_map(|segment| segment.data_range(endian, bytes, address, size).ok().flatten());
    let text = |at: u64| {
        let rest = usize::try_from(at).ok().and_then(|at| strings?.get(at..))?;
        let rest = &rest[..rest.len().min(MAX_NAME)];
        Some(String::from_utf8_lossy(rest.split(|byte| *byte == 0).next()?).into_owned())
    };
    let folders =
        |at| text(at).map(|text| text.split(':').filter(|it| !it.is_empty()).map(str::to_owned).collect());
    for entry in dynamic.unwrap_or_default().iter().take(MAX_ENTRIES) {
        let value = entry.val(endian);
        match entry.tag(endian) {
            DT_NEEDED => needs.libraries.extend(text(value)),
            DT_RPATH => needs.rpath = folders(value).unwrap_or_default(),
            DT_RUNPATH => needs.runpath = folders(value).unwrap_or_default(),
            _ => {}
        }
    }
    // System V ABI: a RUNPATH makes the RPATH count for nothing.
    if !needs.runpath.is_empty() {
        needs.rpath.clear();
    }
    Some(needs)
}

/// OCI's name for a processor (GOARCH).
fn machine(machine: object::elf::Machine) -> Option<&'static str> {
    Some(match machine {
        EM_X86_64 => "amd64",
        EM_386 => "386",
        EM_AARCH64 => "arm64",
        EM_ARM => "arm",
        EM_RISCV => "riscv64",
        _ => return None,
    })
}
