//! Newer versions of a source: found in a page that upstream keeps, or in Debian's indexes.

use std::cmp::Ordering;

use stele_store::model::Sha256;

use super::failure::FetchError;
use super::mirrors::Mirrors;
use super::part::{self, Part};
use super::worker::{Bounds, Stop, each_mirror};
use super::{Options, debian};
use crate::source::{FileName, Mirror, Source};

/// The size of a page in bytes; what is longer is not read to its end.
const MAX_PAGE: u64 = 8 << 20;

/// The length of a file's name in bytes.
const MAX_NAME: usize = 255;

/// Words that mark what is not released yet.
const UNFINISHED: [&str; 6] = ["alpha", "beta", "rc", "pre", "dev", "snapshot"];

/// The versions of the file `file`, which is of `version`, that a page lists.
///
/// `watch` is an address, or `debian:PACKAGE`; of Debian, the whole versions are returned.
///
/// # Errors
/// When it cannot be read.
pub fn watched<E>(
    watch: &str,
    file: &FileName,
    version: &str,
    options: &Options,
    note: &dyn Fn(&str),
) -> Result<Vec<String>, FetchError<E>> {
    if options.offline {
        return Err(FetchError::Offline);
    }
    if let Some(package) = watch.strip_prefix("debian:") {
        let found = debian::source_versions(package, options, note);
        return found.map_err(|stop| of_stop(watch, stop));
    }
    let text = page(watch, options)?;
    Ok(in_page(&text, file.as_str(), version))
}

pub(super) fn of_stop<E>(watch: &str, stop: Stop) -> FetchError<E> {
    match stop {
        Stop::Part(error) => FetchError::Part(error),
        Stop::Mirror(failure) => {
            FetchError::Unavailable { tried: vec![super::Tried { mirror: watch.to_owned(), failure }] }
        }
    }
}

/// The text of a page.
fn page<E>(address: &str, options: &Options) -> Result<String, FetchError<E>> {
    let mirror = Mirror::new(address).map_err(|e| FetchError::Unavailable {
        tried: vec![super::Tried {
            mirror: format!("{address}: {e}"),
            failure: super::MirrorFailure::NoFile,
        }],
    })?;
    let sha256 = Sha256::of(address.as_bytes());
    let file = FileName::new("page").expect("letters");
    let source = Source { file, sha256, sha512: None, size: None, mirrors: vec![mirror], signature: None };
    let asked = Mirrors::new(&options.config);
    part::make_folder(&options.folder)?;
    let mut part = Part::open(&options.folder, sha256, || ())?;
    let mut limits = options.config.limits;
    limits.most_bytes = MAX_PAGE;
    let bounds = Bounds::new(limits, None);
    let got = each_mirror(&source, &options.config, &|_| (), |_, address| {
        part.restart()?;
        asked.get(address, &mut part, &bounds, &|_| ())?;
        Ok(std::fs::read(part.path()).map_err(super::MirrorFailure::File)?)
    });
    part.remove()?;
    Ok(String::from_utf8_lossy(&got?).into_owned())
}

/// The versions of a file that a text names, such as 4.9 in `sed-4.9.tar.xz`.
fn in_page(text: &str, file: &str, version: &str) -> Vec<String> {
    let Some((before, after)) = file.split_once(version) else { return Vec::new() };
    // `make-` is no part of `automake-`.
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
    let begins = |at: usize| !before.starts_with(is_word) || !text[..at].ends_with(is_word);
    let mut found: Vec<String> = text
        .match_indices(before)
        .filter(|(at, _)| begins(*at))
        .filter_map(|(at, _)| {
            let rest = &text[at + before.len()..];
            let end =
                rest.char_indices().take(MAX_NAME).find(|(_, c)| !is_word(*c)).map_or(rest.len(), |it| it.0);
            let rest = rest.get(..end.min(MAX_NAME))?;
            let version = if after.is_empty() { rest } else { rest.split_once(after)?.0 };
            version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The newest of `versions` that is newer than `version`, and released.
pub fn newer<'a>(version: &str, versions: &'a [String]) -> Option<&'a str> {
    let is_released = |it: &&str| !UNFINISHED.iter().any(|word| it.to_ascii_lowercase().contains(word));
    let newest = versions.iter().map(String::as_str).filter(is_released).max_by(|a, b| compare(a, b))?;
    (compare(newest, version) == Ordering::Greater).then_some(newest)
}

/// As deb-version(7) orders: runs of digits by their numbers, other runs by their letters, and a tilde before the end.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let order = words(&mut a).cmp(&words(&mut b)).then_with(|| number(&mut a).cmp(&number(&mut b)));
        if order != Ordering::Equal || (a.is_empty() && b.is_empty()) {
            return order;
        }
    }
}

/// Takes what is before the next digit: letters sort before other signs, a tilde before everything, also the end.
fn words(text: &mut &str) -> Vec<u32> {
    let end = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    let rank = |c: char| match c {
        '~' => 0,
        c if c.is_ascii_alphabetic() => c as u32 + 2,
        c => c as u32 + 1000,
    };
    // The end is between a tilde and everything else.
    taken.chars().map(rank).chain([1]).collect()
}

/// Takes the next digits, without the zeros before them.
fn number(text: &mut &str) -> (usize, String) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    let digits = taken.trim_start_matches('0');
    (digits.len(), digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_their_numbers() {
        let sorted = [
            "0.9~rc1", "0.9", "0.9a", "0.9.1", "0.10", "1.0~beta", "1.0", "1.0-1", "1.0.0.1", "2", "2+git1",
            "10",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (other_at, other) in sorted.iter().enumerate() {
                assert_eq!(compare(one, other), at.cmp(&other_at), "{one} {other}");
            }
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
        assert_eq!(compare(&"9".repeat(100), &format!("1{}", "0".repeat(100))), Ordering::Less);
    }

    #[test]
    fn a_page_lists_versions_and_what_is_unfinished_is_not_newer() {
        let page = "<a href=\"sed-4.8.tar.xz\"> sed-4.10.tar.xz sed-4.10.tar.xz.sig sed-5.0-rc1.tar.xz \
                    sed-4.9.tar.gz used-9.9.tar.xz sed-x.tar.xz <a href='/x/sed-4.9.tar.xz'>";
        let found = in_page(page, "sed-4.9.tar.xz", "4.9");
        assert_eq!(found, ["4.10", "4.8", "4.9", "5.0-rc1"]);
        assert_eq!(newer("4.9", &found), Some("4.10"));
        assert_eq!(newer("4.10", &found), None);
        assert_eq!(in_page("x 1.2 v1.3\n", "v1.2", "1.2"), ["1.3"]);
        let many = "v".repeat(1 << 20);
        assert_eq!(in_page(&many, "v1.2.tar.gz", "1.2"), [""; 0]);
        assert_eq!(in_page(page, "other-1.tar", "4.9"), [""; 0]);
        assert_eq!(newer("1", &[]), None);
    }
}
