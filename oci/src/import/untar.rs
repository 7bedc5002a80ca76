//! Reading tars of others: what container engines write, and what they take.

use std::io::{self, Read};

use stele_store::model::{MAX_DEPTH, NameError};

use crate::path::ImagePath;
use crate::rules::{Mode, Owner};
use crate::tar::{BLOCK, padding};

/// The most bytes of an extended header.
const EXTENDED_MOST: u64 = 8 << 20;

/// Why bytes are no tar that can be taken.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The bytes end too soon, or cannot be unpacked.
    #[error("the archive cannot be read to its end: {0}")]
    Read(#[from] io::Error),
    /// A block that should be a header is none.
    #[error("what stands at byte {at} is no header: {why}")]
    Header {
        /// Counted from 0.
        at: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A name leads out of the image, or is none.
    #[error("the name {name:?} will not do: {why}")]
    Name {
        /// The name, as far as it can be shown.
        name: String,
        /// Why.
        why: String,
    },
    /// Something that no reader agrees about.
    #[error("{name:?} is of a kind that is not taken: {what}")]
    Kind {
        /// The name.
        name: String,
        /// What it is.
        what: String,
    },
    /// A hard link to nothing.
    #[error("{path} is a hard link to {to}, which is not there, or is a directory")]
    HardLink {
        /// The link.
        path: ImagePath,
        /// What it says.
        to: ImagePath,
    },
    /// Links that lead in a circle.
    #[error("the directory of {path} is behind more than 40 links")]
    Links {
        /// What was to be put there.
        path: ImagePath,
    },
    /// A link that says nothing.
    #[error("{path} is a link that will not do: {why}")]
    Target {
        /// The link.
        path: ImagePath,
        /// Why.
        why: NameError,
    },
    /// A name that takes something away, and names nothing.
    #[error("{path} takes nothing away")]
    Whiteout {
        /// The name.
        path: ImagePath,
    },
    /// There are too many.
    #[error("it has more than {most} {what}")]
    Limit {
        /// How much there may be.
        most: u64,
        /// Of what.
        what: &'static str,
    },
}

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, whose bytes follow.
    File,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A file that is there under another name.
    Hard(ImagePath),
    /// A device, a fifo: what no tree holds.
    Special(&'static str),
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where it belongs.
    pub path: ImagePath,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub owner: Owner,
    /// Its mode.
    pub mode: Mode,
    /// Its time in whole seconds; none when it has parts of one, or is before 1970.
    pub time: Option<u64>,
    /// The bytes that follow.
    pub size: u64,
    /// Whether it has extended attributes.
    pub attributed: bool,
}

/// A tar that is read entry by entry.
pub struct Untar<R> {
    from: R,
    at: u64,
    /// What is left of the entry's bytes, and the zeros behind.
    left: u64,
    filling: usize,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    user: Option<u32>,
    group: Option<u32>,
    time: Option<Option<u64>>,
    attributed: bool,
}

impl<R: Read> Untar<R> {
    /// From the beginning.
    pub fn new(from: R) -> Self {
        Self { from, at: 0, left: 0, filling: 0 }
    }

    /// The next entry; none at the end. What was not read of the last one is passed over.
    ///
    /// # Errors
    /// See [`TarError`].
    pub fn step(&mut self) -> Result<Option<Found>, TarError> {
        let mut extended = Extended::default();
        let mut any = false;
        loop {
            self.pass()?;
            let at = self.at;
            let fails = |why| TarError::Header { at, why };
            let Some(block) = self.block(any)? else { return Ok(None) };
            if block.iter().all(|&byte| byte == 0) {
                if any {
                    return Err(fails("the archive ends after an extended header"));
                }
                // Whatever follows the first block of zeros is not looked at: no reader does.
                return Ok(None);
            }
            check_sum(&block).map_err(fails)?;
            let size = number(&block[124..136]).ok_or_else(|| fails("its size is no number"))?;
            match block[156] {
                b'x' => {
                    let bytes = self.extended(size)?;
                    extended.read(&bytes).map_err(fails)?;
                }
                b'g' => drop(self.extended(size)?),
                b'L' => extended.path = Some(self.long(size)?),
                b'K' => extended.link = Some(self.long(size)?),
                _ => return self.entry(&block, size, extended).map(Some),
            }
            any = true;
        }
    }

    /// Where the next byte is, from the beginning.
    pub fn position(&self) -> u64 {
        self.at
    }

    fn entry(&mut self, block: &[u8; BLOCK], size: u64, extended: Extended) -> Result<Found, TarError> {
        let at = self.at - BLOCK as u64;
        let fails = |why| TarError::Header { at, why };
        let name = extended.path.unwrap_or_else(|| header_name(block));
        let link = extended.link.unwrap_or_else(|| text(&block[157..257]).to_vec());
        let shown = || String::from_utf8_lossy(&name[..name.len().min(200)]).into_owned();
        let path = path(&name)?;
        let kind = match block[156] {
            // Before POSIX a slash at the end was all that said so.
            0 | b'0' if name.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::Hard(self::path(&link)?),
            b'2' => Kind::Link(link),
            b'3' => Kind::Special("a character device"),
            b'4' => Kind::Special("a block device"),
            b'5' => Kind::Directory,
            b'6' => Kind::Special("a fifo"),
            b'S' => return Err(TarError::Kind { name: shown(), what: "a sparse file".to_owned() }),
            other => {
                return Err(TarError::Kind { name: shown(), what: format!("type {:?}", char::from(other)) });
            }
        };
        // As every engine reads it: only files have bytes, whatever a header says.
        let size = if kind == Kind::File { extended.size.unwrap_or(size) } else { 0 };
        let id =
            |field: &[u8], why| number(field).and_then(|it| u32::try_from(it).ok()).ok_or_else(|| fails(why));
        let user = extended.user.map_or_else(|| id(&block[108..116], "its user is no number"), Ok)?;
        let group = extended.group.map_or_else(|| id(&block[116..124], "its group is no number"), Ok)?;
        let mode = number(&block[100..108]).ok_or_else(|| fails("its mode is no number"))?;
        let time = extended.time.unwrap_or_else(|| number(&block[136..148]));
        self.left = size;
        self.filling = padding(size);
        let owner = Owner { user, group };
        let mode = Mode::from_bits(u32::try_from(mode & 0o7777).unwrap_or(0));
        Ok(Found { path, kind, owner, mode, time, size, attributed: extended.attributed })
    }

    /// The bytes of an extended header.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > EXTENDED_MOST {
            return Err(TarError::Limit { most: EXTENDED_MOST, what: "bytes in an extended header" });
        }
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(size).read_to_end(&mut bytes)? as u64;
        self.at += read;
        if read < size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.filling = padding(size);
        Ok(bytes)
    }

    /// The name in a header of GNU's.
    fn long(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let bytes = self.extended(size)?;
        Ok(text(&bytes).to_vec())
    }

    fn block(&mut self, needed: bool) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.from.read(&mut block[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at += filled as u64;
        match filled {
            // Some writers leave out the end; readers have always let that pass.
            0 if !needed => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Passes over what is left of an entry.
    fn pass(&mut self) -> Result<(), TarError> {
        let wanted = self.left + self.filling as u64;
        let passed = io::copy(&mut (&mut self.from).take(wanted), &mut io::sink())?;
        self.at += passed;
        self.left = 0;
        self.filling = 0;
        // The zeros behind the last file may be missing, when nothing else is.
        if passed < wanted { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) } else { Ok(()) }
    }
}

/// The bytes of the last entry.
impl<R: Read> Read for Untar<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        if most == 0 {
            return Ok(0);
        }
        let count = self.from.read(&mut into[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        self.at += count as u64;
        Ok(count)
    }
}

impl Extended {
    /// Reads the records of a pax header.
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            let space = bytes.iter().position(|&byte| byte == b' ').ok_or("a pax record has no length")?;
            let length = std::str::from_utf8(&bytes[..space]).ok().and_then(|it| it.parse::<usize>().ok());
            let length = length.filter(|length| (space + 2..=bytes.len()).contains(length));
            let length = length.ok_or("a pax record has a length that it cannot have")?;
            let record =
                bytes[space + 1..length].strip_suffix(b"\n").ok_or("a pax record does not end its line")?;
            let equals = record.iter().position(|&byte| byte == b'=').ok_or("a pax record says nothing")?;
            self.record(&record[..equals], &record[equals + 1..])?;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let digits =
            || std::str::from_utf8(value).ok().filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
        let id = || digits().and_then(|it| it.parse::<u32>().ok()).ok_or("a user or group is no number");
        let some = |value: &[u8]| (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = some(value),
            b"linkpath" => self.link = some(value),
            b"size" => {
                self.size = Some(digits().and_then(|it| it.parse().ok()).ok_or("a size is no number")?);
            }
            b"uid" => self.user = Some(id()?),
            b"gid" => self.group = Some(id()?),
            b"mtime" => self.time = Some(digits().and_then(|it| it.parse().ok())),
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err("it is a sparse file, which images do not have");
            }
            _ if key.starts_with(b"SCHILY.xattr.") || key.starts_with(b"LIBARCHIVE.xattr.") => {
                self.attributed = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A text that ends at a NUL, or with its field.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    &field[..end]
}

/// The name in a header; of USTAR, with its prefix. GNU has other things where that is.
fn header_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
    let is_ustar = &block[257..263] == b"ustar\0";
    if is_ustar && !prefix.is_empty() { [prefix, b"/", name].concat() } else { name.to_vec() }
}

/// An octal number with spaces or NULs around it; or, behind a byte of 0x80, one in base 256. Nothing at all is 0.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // 0xff begins a negative number.
        let (first, rest) = (u64::from(field[0] & 0x7f), &field[1..]);
        let bytes = std::iter::once(first).chain(rest.iter().map(|&byte| byte.into()));
        return bytes.into_iter().try_fold(0u64, |sum, byte| sum.checked_mul(256)?.checked_add(byte));
    }
    let digits: &[u8] = field.trim_ascii_start();
    let end = digits.iter().position(|&byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
    let octal = |sum: u64, &digit: &u8| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add((digit - b'0').into()),
        _ => None,
    };
    digits[..end].iter().try_fold(0, octal)
}

/// Old writers summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), &'static str> {
    let stated = number(&block[148..156]).ok_or("its checksum is no number")?;
    let bytes =
        block.iter().enumerate().map(|(at, &byte)| if (148..156).contains(&at) { b' ' } else { byte });
    let (mut plain, mut signed) = (0u64, 0i64);
    for byte in bytes {
        plain += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    let fits = stated == plain || i64::try_from(stated) == Ok(signed);
    if fits { Ok(()) } else { Err("its checksum is another") }
}

/// The path that a name means: slashes in front, behind and doubled, and `.`, mean nothing; `..` is refused.
fn path(name: &[u8]) -> Result<ImagePath, TarError> {
    let refused = |why: String| {
        let name = String::from_utf8_lossy(&name[..name.len().min(200)]).into_owned();
        TarError::Name { name, why }
    };
    let parts: Vec<&[u8]> =
        name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return Err(refused("it goes up by `..`".to_owned()));
    }
    if parts.len() > MAX_DEPTH {
        return Err(refused(format!("it has more than {MAX_DEPTH} names")));
    }
    if name.is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    ImagePath::new(&parts.join(&b'/')).map_err(|why| refused(why.to_string()))
}
