//! A Debian package, deb(5), read strictly: an `ar` of exactly three members, of which the last holds a tar.
//!
//! Other members, which deb(5) lets readers skip, are refused: every byte belongs to the version, to the package
//! manager's metadata, or to what is installed.

use std::io::{self, Read};

use super::decompress::{self, Opened};
use super::format::{Compression, Format};
use super::limits::{Gauge, Source};
use super::placing::Placing;
use super::sources;
use super::{EntryName, PackageError, UnpackError};
use crate::content::Content;

/// The magic number of an `ar`.
const MAGIC: &[u8; 8] = b"!<arch>\n";
/// The size of a member's header: name 16, time 12, user 6, group 6, mode 8, size 10, end 2.
const HEADER: usize = 60;
/// The only version. A later minor one may have an unknown meaning.
const VERSION: &[u8; 4] = b"2.0\n";
const CONTROL: &[&str] = &["control.tar", "control.tar.gz", "control.tar.xz", "control.tar.zst"];
/// The possible names of the last member, and its compression for each.
const DATA: &[(&str, Option<Compression>)] = &[
    ("data.tar", None),
    ("data.tar.gz", Some(Compression::Gzip)),
    ("data.tar.xz", Some(Compression::Xz)),
    ("data.tar.zst", Some(Compression::Zstd)),
    ("data.tar.bz2", Some(Compression::Bzip2)),
];

/// Reads a whole package, and puts what it would install into `placing`.
pub(super) fn read(
    bytes: &mut dyn Read,
    gauge: &Gauge,
    content: &dyn Content,
    placing: &mut Placing<'_>,
) -> Result<(), UnpackError> {
    let mut members = Members { bytes: Source { bytes, gauge }, gauge, offset: 0 };
    let mut magic = [0; MAGIC.len()];
    if members.fill(&mut magic)? < MAGIC.len() || magic != *MAGIC {
        return Err(fail(0, PackageError::Magic));
    }
    let version = members.next("debian-binary", |name| name == b"debian-binary")?;
    let mut text = [0; VERSION.len()];
    if version.size != VERSION.len() as u64 || members.fill(&mut text)? < text.len() || text != *VERSION {
        return Err(fail(version.offset, PackageError::Version));
    }
    let control = members.next("control.tar", |name| CONTROL.iter().any(|it| it.as_bytes() == name))?;
    io::copy(&mut members.data(&control), &mut io::sink()).map_err(|error| gauge.reason(error))?;
    members.end(&control)?;
    let named = |name: &[u8]| DATA.iter().find(|(it, _)| it.as_bytes() == name);
    let data = members.next("data.tar", |name| named(name).is_some())?;
    let compression = named(&data.name).and_then(|(_, compression)| *compression);
    let mut rest = members.data(&data);
    let Opened { format, compressions, bytes } = decompress::open(Box::new(&mut rest), gauge)?;
    // A reader that relies on the name would read something else.
    if format != Format::Tar || compressions.as_slice() != compression.as_slice() {
        return Err(fail(data.offset, PackageError::Compression { name: EntryName(data.name) }));
    }
    sources::read(bytes, gauge, content, placing)?;
    if rest.left > 0 {
        return Err(fail(data.offset, PackageError::Trailing));
    }
    members.end(&data)?;
    match members.fill(&mut [0])? {
        0 => Ok(()),
        _ => Err(fail(members.offset - 1, PackageError::Trailing)),
    }
}

fn fail(offset: u64, why: PackageError) -> UnpackError {
    UnpackError::Package { offset, why }
}

/// A member's header.
struct Member {
    name: Vec<u8>,
    size: u64,
    /// The offset of its data.
    offset: u64,
}

/// The rest of an `ar`.
struct Members<'a> {
    bytes: Source<'a>,
    gauge: &'a Gauge,
    /// The number of bytes read.
    offset: u64,
}

impl<'a> Members<'a> {
    /// The next member, which has to be the wanted one.
    fn next(
        &mut self,
        wanted: &'static str,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Member, UnpackError> {
        let (mut header, begin) = ([0; HEADER], self.offset);
        match self.fill(&mut header)? {
            HEADER => {}
            0 => return Err(fail(begin, PackageError::Missing { wanted })),
            _ => return Err(fail(begin, PackageError::Truncated)),
        }
        let damaged = || fail(begin, PackageError::Header);
        let (name, rest) = header.split_at(16);
        let (numbers, rest) = rest.split_at(32);
        let (size, end) = rest.split_at(10);
        if end != b"`\n" || !numbers.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ') {
            return Err(damaged());
        }
        let digits = size.trim_ascii_end();
        let digits = std::str::from_utf8(digits).ok().filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let size = digits.and_then(|it| it.parse().ok()).ok_or_else(damaged)?;
        // Some writers of `ar` end a name with a slash, so that it can end with a space.
        let name = name.trim_ascii_end();
        let name = name.strip_suffix(b"/").unwrap_or(name).to_vec();
        match is_wanted(&name) {
            true => Ok(Member { name, size, offset: self.offset }),
            false => Err(fail(begin, PackageError::Member { name: EntryName(name), wanted })),
        }
    }

    /// A reader of a member's data, to be called right after its header.
    fn data(&mut self, member: &Member) -> Data<'_, 'a> {
        Data { left: member.size, members: self }
    }

    /// A member of odd length is followed by a line feed.
    fn end(&mut self, member: &Member) -> Result<(), UnpackError> {
        let mut padding = [0];
        if member.size % 2 == 1 && (self.fill(&mut padding)? == 0 || padding != *b"\n") {
            return Err(fail(self.offset, PackageError::Padding));
        }
        Ok(())
    }

    /// Fills `buffer`; returns the number of bytes, less at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.bytes.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(self.gauge.reason(error)),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }
}

/// The data of a member.
struct Data<'m, 'a> {
    members: &'m mut Members<'a>,
    /// The number of bytes still to come.
    left: u64,
}

impl Read for Data<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.members.bytes.read(&mut buffer[..room])?;
        if count == 0 && room > 0 {
            // A decoder would report its own input as truncated, or accept it.
            return Err(self.members.gauge.fail(fail(self.members.offset, PackageError::Truncated)));
        }
        self.members.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
