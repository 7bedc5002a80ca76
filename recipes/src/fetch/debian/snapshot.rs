//! Debian's archive of all that its mirrors ever had, which is asked last: a mirror drops a version as soon as a newer
//! one is there.
//!
//! Its machine-usable interface answers what the files of a package's version are, with their SHA-1, by which it has
//! every file. The pin is what decides about the bytes; the SHA-1 is only an address here.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::failure::MirrorFailure;
use super::super::http;
use super::super::worker::{Bounds, Stop};
use super::{DebianError, DebianFile, Packages};

/// The maximum size in bytes of an answer about a package: the largest source packages have some hundred files.
const MAX_ANSWER: u64 = 16 << 20;

/// `mr/package/…/srcfiles` and `mr/binary/…/binfiles`, with `fileinfo=1`.
#[derive(Deserialize)]
struct Files {
    fileinfo: BTreeMap<String, Vec<FileInfo>>,
}

#[derive(Deserialize)]
struct FileInfo {
    name: String,
}

/// The archive that belongs to the distribution of this machine, if it is Debian.
pub fn usual() -> Option<String> {
    of_os_release(&std::fs::read_to_string("/etc/os-release").ok()?)
}

/// It is a host of the same domain as the distribution's home page.
fn of_os_release(text: &str) -> Option<String> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']))
    };
    let home = value("HOME_URL").filter(|_| value("ID") == Some("debian"))?;
    let host = home.split("://").nth(1)?.split('/').next()?;
    let domain = host.strip_prefix("www.").unwrap_or(host);
    (!domain.is_empty()).then(|| format!("https://snapshot.{domain}"))
}

/// The address of the file in the archive at `base`.
pub(in super::super) fn find(
    base: &str,
    wanted: &DebianFile<'_>,
    client: &http::Client,
    bounds: &Bounds,
) -> Result<String, Stop> {
    let base = base.trim_end_matches('/');
    let (kind, files) = match wanted.packages() {
        Packages::Source => ("package", "srcfiles"),
        Packages::Binary { .. } => ("binary", "binfiles"),
    };
    let (package, version) = (escaped(wanted.package), escaped(wanted.version));
    let url = format!("{base}/mr/{kind}/{package}/{version}/{files}?fileinfo=1");
    let text = client.text(&url, MAX_ANSWER, bounds)?;
    let found = of_answer(&text, wanted).map_err(MirrorFailure::from)?;
    Ok(format!("{base}/file/{found}"))
}

/// The SHA-1 of the file, in hexadecimal digits.
fn of_answer(text: &[u8], wanted: &DebianFile<'_>) -> Result<String, DebianError> {
    let files: Files =
        serde_json::from_slice(text).map_err(|error| DebianError::Snapshot { why: error.to_string() })?;
    let mut names = Vec::new();
    for (sha1, infos) in &files.fileinfo {
        for info in infos {
            if info.name != wanted.file {
                names.push(info.name.clone());
            } else if sha1.len() == 40 && sha1.bytes().all(|it| it.is_ascii_hexdigit()) {
                return Ok(sha1.to_ascii_lowercase());
            }
        }
    }
    names.sort();
    names.dedup();
    let (package, version) = (wanted.package.to_owned(), wanted.version.to_owned());
    Err(DebianError::NoFile { package, version, has: names })
}

/// As a part of a path (RFC 3986, section 2.3): what is not unreserved is escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte.into()),
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: DebianFile<'_> = DebianFile { package: "a", version: "1:1+x-1", file: "a_1+x.orig.tar.gz" };

    #[test]
    fn only_debian_has_a_usual_archive_and_it_is_beside_its_home_page() {
        let debian = "PRETTY_NAME=\"D\"\nID=debian\nHOME_URL=\"https://www.example.org/\"\n";
        assert_eq!(of_os_release(debian).as_deref(), Some("https://snapshot.example.org"));
        for other in [
            "ID=ubuntu\nHOME_URL=\"https://www.example.org/\"\n",
            "ID=debian\n",
            "",
            "ID=debian\nHOME_URL=x\n",
        ] {
            assert_eq!(of_os_release(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_is_found_by_its_name_and_nothing_else_becomes_an_address() {
        let sha1 = "0123456789abcdef0123456789abcdef01234567";
        let answer = |sha1: &str, name: &str| {
            format!("{{\"fileinfo\":{{\"{sha1}\":[{{\"name\":\"{name}\",\"size\":3}}]}},\"result\":[]}}")
        };
        assert_eq!(of_answer(answer(sha1, WANTED.file).as_bytes(), &WANTED).unwrap(), sha1);
        for (wrong, name) in [("../../etc/passwd", WANTED.file), ("0123", WANTED.file), (sha1, "other")] {
            assert!(of_answer(answer(wrong, name).as_bytes(), &WANTED).is_err());
        }
        for malformed in ["", "[]", "{}", "{\"fileinfo\":3}"] {
            assert!(matches!(of_answer(malformed.as_bytes(), &WANTED), Err(DebianError::Snapshot { .. })));
        }
    }

    #[test]
    fn versions_are_escaped_as_parts_of_a_path() {
        assert_eq!(escaped("1:1+x~2-1"), "1%3A1%2Bx~2-1");
        assert_eq!(escaped("../?#"), "..%2F%3F%23");
    }
}
