//! A bundle: a folder of sources and a `SHA256SUMS` for `sha256sum -c`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stele_recipes::source::FileName;
use stele_store::model::Sha256;

use stele::failure::{Failure, Kind};

/// The file name of a bundle's list.
pub const LIST: &str = "SHA256SUMS";

/// The files that a bundle lists: the path, name and expected SHA-256 of each.
///
/// The files themselves are not read here.
///
/// # Errors
/// When there is no list, or a line of it is malformed.
pub fn read(folder: &Path) -> Result<Vec<(PathBuf, FileName, Sha256)>, Failure> {
    let list = folder.join(LIST);
    let text = fs::read_to_string(&list).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(Kind::NotFound, format!("{} is a folder without a {LIST}", folder.display()))
                .hint("name files, or a bundle that `stele source export` wrote")
        }
        _ => Failure::io(&format!("{} could not be read", list.display()), &e),
    })?;
    let mut files = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((sha256, file)) = entry(line) else {
            let message =
                format!("line {number} of {} is not a SHA-256 and a name: {line:?}", list.display());
            return Err(Failure::new(Kind::Corrupt, message).hint("nothing was added; get the bundle again"));
        };
        let path = folder.join(file.as_str());
        files.push((path, kept_as(file, &sha256), sha256));
    }
    Ok(files)
}

/// `HEX  NAME`, or `HEX *NAME` (sha256sum(1)). A name cannot leave the folder: it has no slash.
fn entry(line: &str) -> Option<(Sha256, FileName)> {
    let (sha256, name) = line.split_at_checked(64)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
    Some((sha256.parse().ok()?, FileName::new(name).ok()?))
}

/// The name without the digits that [`file_names`] prefixes to an ambiguous one.
fn kept_as(file: FileName, sha256: &Sha256) -> FileName {
    let sha256 = sha256.to_string();
    let bare = file.as_str().strip_prefix(&sha256[..16]).and_then(|it| it.strip_prefix('-'));
    bare.and_then(|it| FileName::new(it).ok()).unwrap_or(file)
}

/// The names of sources in a bundle: unchanged, but ambiguous names are prefixed with digits of their SHA-256.
pub fn file_names(sources: &[(String, String)]) -> Vec<String> {
    let name = |(file, sha256): &(String, String)| {
        let several = sources.iter().filter(|it| it.0 == *file).count() > 1 || file == LIST;
        if several { format!("{}-{file}", &sha256[..16]) } else { file.clone() }
    };
    sources.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_could_name_another_place_is_refused() {
        let sha256 = Sha256::of(b"");
        for name in ["../a", "/etc/passwd", "a/b", ".hidden", ""] {
            assert_eq!(entry(&format!("{sha256}  {name}")), None, "{name}");
        }
        assert_eq!(entry(&format!("{}  a", &sha256.to_string()[1..])), None);
        assert_eq!(entry(&format!("\\{sha256}  a")), None);
        assert!(entry(&format!("{sha256}  a")).is_some() && entry(&format!("{sha256} *a")).is_some());
    }

    #[test]
    fn two_sources_of_one_name_are_told_apart_and_come_back_by_their_name() {
        let (one, other) = (Sha256::of(b"1"), Sha256::of(b"2"));
        let source = |file: &str, sha256: &Sha256| (file.to_owned(), sha256.to_string());
        let names = file_names(&[source("a", &one), source("b", &one), source("a", &other)]);
        assert_eq!(names[1], "b");
        assert_ne!(names[0], names[2]);
        for (name, sha256) in [(&names[0], &one), (&names[2], &other)] {
            assert_eq!(kept_as(FileName::new(name).unwrap(), sha256).as_str(), "a");
        }
    }
}
