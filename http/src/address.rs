//! The part of RFC 3986 that redirects need.

/// Resolves `location` in an answer from `base`. `None` when it is not an HTTP URL, or has a user.
///
/// Follows RFC 3986, §5.2, except that `.` and `..` are left to the server.
pub(crate) fn join(base: &str, location: &str) -> Option<String> {
    joined(base, location).filter(|url| {
        let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
        authority.is_some_and(|it| !it.is_empty() && !it.contains('@'))
    })
}

fn joined(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or(location);
    if location.is_empty() || !location.chars().all(|c| c.is_ascii_graphic()) {
        return None;
    }
    let lower = location.to_ascii_lowercase();
    for scheme in ["http://", "https://"] {
        if lower.starts_with(scheme) {
            return Some(format!("{scheme}{}", &location[scheme.len()..]));
        }
    }
    let (scheme, rest) = base.split_once("://")?;
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    // Another scheme: a colon before the first slash.
    if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let host = rest.split('/').next().unwrap_or(rest);
    if location.starts_with('/') {
        return Some(format!("{scheme}://{host}{location}"));
    }
    let folder = match rest.rsplit_once('/') {
        Some((folder, _)) => folder,
        None => rest,
    };
    Some(format!("{scheme}://{folder}/{location}"))
}

/// Scheme, host and port of an address: the same origin may receive the same secrets.
pub(crate) fn origin(url: &str) -> Option<(String, String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let scheme = scheme.to_ascii_lowercase();
    let own = if scheme == "https" { "443" } else { "80" };
    let port = match authority.rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => port,
        _ => own,
    };
    Some((scheme, host(url).to_ascii_lowercase(), port.to_owned()))
}

/// The host of an address, without user, port and brackets.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address),
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_resolved_as_a_browser_would() {
        let base = "https://example.org/pub/a.tar.gz?x=1";
        for (location, expected) in [
            ("http://other.example/b", Some("http://other.example/b")),
            ("HTTPS://other.example/b#c", Some("https://other.example/b")),
            ("//other.example/b", Some("https://other.example/b")),
            ("/b?c=d:e", Some("https://example.org/b?c=d:e")),
            ("b", Some("https://example.org/pub/b")),
            ("ftp://other.example/b", None),
            ("file:/etc/passwd", None),
            ("b c", None),
            ("", None),
            ("//user@other.example/b", None),
            ("https:///b", None),
        ] {
            assert_eq!(join(base, location).as_deref(), expected, "{location}");
        }
        assert_eq!(join("http://example.org", "b").as_deref(), Some("http://example.org/b"));
    }

    #[test]
    fn another_scheme_host_or_port_is_another_origin() {
        let same = |one, other| origin(one) == origin(other);
        assert!(same("https://a.example/x", "https://A.example:443/y?z"));
        assert!(same("http://[::1]/x", "http://[::1]:80"));
        assert!(same("http://u@a.example/x", "http://a.example/"));
        for other in
            ["http://a.example/", "https://a.example:444/", "https://b.a.example/", "https://a.example.b/"]
        {
            assert!(!same("https://a.example/", other), "{other}");
        }
    }

    #[test]
    fn a_host_is_found_in_any_address() {
        for (url, expected) in [
            ("http://example.org/a@b:c", "example.org"),
            ("http://user:pass@example.org:80?x", "example.org"),
            ("http://[::1]:80/", "::1"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
