//! Long lists in parts: `n` and `last` (distribution-spec v1.1, "Listing Tags").

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::error::{Code, Refusal};

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// What is in it.
    pub items: Vec<&'a str>,
    /// The header `Link`, when there is more.
    pub link: Option<String>,
}

/// The value of `key` in a query.
pub fn parameter(query: Option<&str>, key: &str) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name == key).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

/// The part of `items`, which are in order, that `query` wishes; the next one is at `path`.
///
/// # Errors
/// When `n` is no number.
pub fn page<'a>(
    items: impl Iterator<Item = &'a str>,
    query: Option<&str>,
    path: &str,
) -> Result<Page<'a>, Refusal> {
    let max = match parameter(query, "n") {
        None => usize::MAX,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Refusal::new(400, Code::Unsupported, "`n` has to be a number of entries"))?,
    };
    let last = parameter(query, "last").unwrap_or_default();
    let mut rest = items.filter(|item| last.is_empty() || *item > last.as_str());
    let items: Vec<_> = rest.by_ref().take(max).collect();
    let more = max > 0 && rest.next().is_some();
    let link = items.last().filter(|_| more).map(|last| {
        let last = utf8_percent_encode(last, NON_ALPHANUMERIC);
        format!("<{path}?n={max}&last={last}>; rel=\"next\"")
    });
    Ok(Page { items, link })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_one_after_the_other_and_end() {
        let items = ["a", "b/c", "d"];
        let get = |query: Option<&str>| page(items.iter().copied(), query, "/p").unwrap();
        assert_eq!(get(None), Page { items: items.to_vec(), link: None });
        let first = get(Some("n=2"));
        assert_eq!(first.items, ["a", "b/c"]);
        assert_eq!(first.link.as_deref(), Some("</p?n=2&last=b%2Fc>; rel=\"next\""));
        assert_eq!(get(Some("n=2&last=b%2Fc")), Page { items: vec!["d"], link: None });
        assert_eq!(get(Some("n=0")), Page { items: vec![], link: None });
        assert_eq!(get(Some("last=z")), Page { items: vec![], link: None });
        for bad in ["n=x", "n=-1", "n="] {
            assert_eq!(page(items.iter().copied(), Some(bad), "/p").map_err(|e| e.status), Err(400), "{bad}");
        }
    }
}
