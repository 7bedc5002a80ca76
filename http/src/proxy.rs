//! The proxy in the environment, by curl's rules.

use crate::address::host;

/// The proxy for `url`, and the variable that names it.
///
/// `http_proxy` counts in lower case only: a web server that runs CGI programs lets clients set `HTTP_PROXY`. A host in
/// `no_proxy`, or below a domain in it, is connected to directly.
pub(super) fn proxy_for(
    url: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(String, &'static str)> {
    let names: &[&'static str] = match url.starts_with("https:") {
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        false => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let (proxy, name) = names.iter().find_map(|name| Some((set(name)?, *name)))?;
    let spared = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
    let host = host(url).to_ascii_lowercase();
    let is_spared = |entry: &str| {
        let entry = entry.trim().trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        entry == "*" || (!entry.is_empty() && (host == entry || host.ends_with(&format!(".{entry}"))))
    };
    match spared.split(',').any(is_spared) {
        true => None,
        false => Some((proxy, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str, set: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        proxy_for(url, variable).map(|(proxy, _)| proxy)
    }

    #[test]
    fn the_environments_proxy_is_used_except_for_no_proxy() {
        let set = [
            ("http_proxy", "http://p:1"),
            ("HTTPS_PROXY", "http://p:2"),
            ("no_proxy", "a.example, .b.example,::1"),
        ];
        assert_eq!(proxy("http://x.example/", &set).as_deref(), Some("http://p:1"));
        assert_eq!(proxy("https://x.example/", &set).as_deref(), Some("http://p:2"));
        for spared in ["http://a.example:80/", "https://c.b.example/", "http://b.example", "http://[::1]/"] {
            assert_eq!(proxy(spared, &set), None, "{spared}");
        }
        assert!(proxy("http://nota.example/", &set).is_some());
    }

    #[test]
    fn a_variable_that_a_cgi_client_could_set_is_ignored() {
        assert_eq!(proxy("http://x.example/", &[("HTTP_PROXY", "http://p:1")]), None);
        assert_eq!(proxy("http://x.example/", &[("http_proxy", " ")]), None);
        assert_eq!(proxy("http://x.example/", &[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "*")]), None);
    }
}
