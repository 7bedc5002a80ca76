//! Files of each format, made as plainly as can be.

use std::io::Write;

use flate2::{Compression, GzBuilder};

/// A member of an archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) mtime: u32,
    pub(super) content: Vec<u8>,
}

pub(super) fn member(name: &str, mtime: u32, content: &[u8]) -> Member {
    Member { name: name.to_owned(), mtime, content: content.to_vec() }
}

pub(super) fn tar(members: &[Member]) -> Vec<u8> {
    let mut tar = Vec::new();
    for Member { name, mtime, content } in members {
        let mut block = [0_u8; 512];
        let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(108, "0001750\0");
        put(116, "0001750\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, &format!("{mtime:011o}\0"));
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        put(265, "builder");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&block);
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(super) fn ar(members: &[Member]) -> Vec<u8> {
    let mut ar = b"!<arch>\n".to_vec();
    for Member { name, mtime, content } in members {
        let name = format!("{name}/");
        let header = format!("{name:<16}{mtime:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len());
        ar.extend_from_slice(header.as_bytes());
        ar.extend_from_slice(content);
        if content.len() % 2 == 1 {
            ar.push(b'\n');
        }
    }
    ar
}

/// `mtime` is a date and time of MS-DOS.
pub(super) fn zip(members: &[Member], level: u32) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for Member { name, mtime, content } in members {
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(level));
        deflated.write_all(content).unwrap();
        let deflated = deflated.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut common = vec![20, 0, 0, 0, 8, 0];
        for number in [*mtime, crc.sum(), length(&deflated), length(content)] {
            common.extend(number.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        let offset = u32::try_from(zip.len()).unwrap();
        zip.extend(b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name.as_bytes());
        zip.extend(&deflated);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((0o100_644_u32 << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, offset) = (u16::try_from(members.len()).unwrap(), u32::try_from(zip.len()).unwrap());
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.to_le_bytes());
    zip.extend(count.to_le_bytes());
    zip.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    zip.extend(offset.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

pub(super) fn gzip(content: &[u8], mtime: u32, name: &str, level: u32) -> Vec<u8> {
    let gzip = GzBuilder::new().mtime(mtime).filename(name);
    let mut gzip = gzip.write(Vec::new(), Compression::new(level));
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

pub(super) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    bzip2.write_all(content).unwrap();
    bzip2.finish().unwrap()
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

pub(super) fn pyc(mtime: u32, code: &[u8]) -> Vec<u8> {
    let size = u32::try_from(code.len()).unwrap();
    [b"\xa7\x0d\r\n\0\0\0\0", &mtime.to_le_bytes()[..], &size.to_le_bytes(), code].concat()
}

/// A relocatable file of 64 bits with sections `.text`, `.comment`, a build id, symbols and names.
pub(super) fn elf(text: &[u8], comment: &str, build_id: [u8; 8], symbols: &[&str]) -> Vec<u8> {
    let note = [&[4, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0][..], b"GNU\0", &build_id].concat();
    let comment = [comment.as_bytes(), b"\0"].concat();
    let (mut names, mut table) = (vec![0_u8], vec![0_u8; 24]);
    for (at, symbol) in (0_u64..).zip(symbols) {
        table.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
        table.extend([0x12, 0, 1, 0]);
        table.extend(at.to_le_bytes());
        table.extend(8_u64.to_le_bytes());
        names.extend(symbol.as_bytes());
        names.push(0);
    }
    let section_names = b"\0.text\0.comment\0.note.gnu.build-id\0.symtab\0.strtab\0.shstrtab\0";
    // Where its name is, type, flags, content, link, size of an entry.
    type Section<'a> = (u32, u32, u64, &'a [u8], u32, u64);
    let sections: [Section<'_>; 6] = [
        (1, 1, 6, text, 0, 0),
        (7, 1, 0x30, &comment, 0, 1),
        (16, 7, 2, &note, 0, 0),
        (35, 2, 0, &table, 5, 24),
        (43, 3, 0, &names, 0, 0),
        (51, 3, 0, section_names, 0, 0),
    ];
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0\x01\0\0\0".to_vec();
    elf.resize(64, 0);
    let mut headers = vec![0_u8; 64];
    for (name, kind, flags, content, link, entry) in sections {
        headers.extend(name.to_le_bytes());
        headers.extend(kind.to_le_bytes());
        for number in [flags, 0, elf.len() as u64, content.len() as u64] {
            headers.extend(number.to_le_bytes());
        }
        headers.extend(link.to_le_bytes());
        headers.extend(1_u32.to_le_bytes());
        headers.extend(1_u64.to_le_bytes());
        headers.extend(entry.to_le_bytes());
        elf.extend(content);
        elf.resize(elf.len().next_multiple_of(8), 0);
    }
    let offset = elf.len() as u64;
    elf[40..48].copy_from_slice(&offset.to_le_bytes());
    elf[52..64].copy_from_slice(&[64, 0, 56, 0, 0, 0, 64, 0, 7, 0, 6, 0]);
    elf.extend(headers);
    elf
}
