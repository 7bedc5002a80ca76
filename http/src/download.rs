//! A download that resumes where it broke (RFC 9110, §13 and §14).

use crate::error::HttpError;
use crate::response::Response;

/// The version of a partially downloaded file. It belongs to one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Download {
    /// A strong entity tag: a weak one means "equivalent", which is not enough to resume.
    version: Option<String>,
}

/// The content of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// All of it, from the first byte on.
    Whole {
        /// Its length in bytes, if stated.
        total: Option<u64>,
    },
    /// The rest, after what has arrived.
    Rest {
        /// The total length in bytes, if stated.
        total: Option<u64>,
        /// Whether the server confirmed that the beginning has the same version.
        same_version: bool,
    },
    /// Nothing: what has arrived does not belong to the server's file.
    NoRest,
}

impl Download {
    /// The headers of a request when `from` bytes have arrived.
    pub fn headers(&self, from: u64) -> Vec<(&'static str, String)> {
        if from == 0 {
            return Vec::new();
        }
        let range = ("range", format!("bytes={from}-"));
        let version = self.version.iter().map(|version| ("if-range", version.clone()));
        std::iter::once(range).chain(version).collect()
    }

    /// Interprets an answer to such a request.
    ///
    /// # Errors
    /// When it has another status, or another part than requested.
    pub fn start(&mut self, answer: &Response, from: u64) -> Result<Start, HttpError> {
        let length: Option<u64> = answer.header("content-length").and_then(|it| it.trim().parse().ok());
        let tag = answer.header("etag").filter(|tag| tag.starts_with('"')).map(str::to_owned);
        let start = match answer.status() {
            200 => Start::Whole { total: length },
            206 if from > 0 => {
                let range = answer.header("content-range").unwrap_or("nothing");
                let rest = rest_of(range, from).filter(|rest| length.is_none_or(|it| it == rest.length));
                let rest = rest.ok_or_else(|| HttpError::Range { wanted: from, range: range.to_owned() })?;
                // A server without If-Range sends the rest of its current version.
                let same_version = self.version.is_some() && (tag.is_none() || tag == self.version);
                Start::Rest { total: rest.total, same_version }
            }
            416 if from > 0 => {
                self.version = None;
                return Ok(Start::NoRest);
            }
            _ => return Err(answer.status_error()),
        };
        self.version = tag;
        Ok(start)
    }
}

/// A parsed `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    length: u64,
    total: Option<u64>,
}

/// Parses `Content-Range` (RFC 9110, §14.4), when it is the rest from `wanted` on, to the end where that is known.
fn rest_of(range: &str, wanted: u64) -> Option<Rest> {
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total: Option<u64> = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let fits = first == wanted && last >= first && total.is_none_or(|total| last < total);
    fits.then(|| Rest { length: last - first + 1, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_requested_rest_is_accepted() {
        let rest = |range: &str| rest_of(range, 5).map(|it| (it.length, it.total));
        assert_eq!(rest("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(rest("bytes 5-5/*"), Some((1, None)));
        for range in [
            "nothing",
            "",
            "bytes",
            "bytes */10",
            "bytes 0-9/10",
            "bytes 4-9/10",
            "bytes 6-9/10",
            "bytes 5-4/10",
            "bytes 5-10/10",
            "bytes 5-/10",
            "items 5-9/10",
            "bytes 5-9",
            "bytes -5/10",
            "bytes 5-9/x",
            "bytes 5-99999999999999999999/*",
        ] {
            assert_eq!(rest(range), None, "{range}");
        }
    }
}
