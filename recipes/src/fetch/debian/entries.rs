//! sources.list(5): the machine's archives, restricted to their source packages or to their binary packages.

use std::fmt::Write as _;

use super::Packages;

/// Archives of a stanza of a `.sources` file. Fields other than these four are kept unchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    uris: String,
    suites: String,
    components: String,
    /// `Signed-By` and the like; values may span lines, as in the file.
    fields: Vec<(String, String)>,
}

/// Fields that restrict what is fetched of binary packages, or whether an entry applies: this program sets them itself.
const DROPPED: &[&str] = &[
    "types",
    "uris",
    "suites",
    "components",
    "architectures",
    "arch",
    "languages",
    "lang",
    "targets",
    "target",
    "pdiffs",
    "enabled",
    "x-repolib-name",
    "description",
];

impl Entry {
    /// The stanza for one kind of packages.
    pub(super) fn stanza(&self, packages: Packages<'_>) -> String {
        let Self { uris, suites, components, fields } = self;
        let mut text = match packages {
            Packages::Source => "Types: deb-src\n".to_owned(),
            // Neither translations nor software-centre metadata.
            Packages::Binary { .. } => "Types: deb\nTargets: Packages\nLanguages: none\n".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "URIs: {uris}\nSuites: {suites}");
        if !components.is_empty() {
            let _ = writeln!(text, "Components: {components}");
        }
        for (name, value) in fields {
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        text
    }
}

/// The entries of a `.list` file.
pub(super) fn of_lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(of_line).collect()
}

fn of_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next().unwrap_or(line).trim();
    let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    let (options, rest) = match rest.trim_start().strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let fields = options.split_whitespace().filter_map(|option| option.split_once('='));
    let fields = fields
        .filter(|(name, _)| !DROPPED.contains(&name.to_ascii_lowercase().as_str()))
        // `signed-by=a,b` is `Signed-By: a b`.
        .map(|(name, value)| (name.to_owned(), value.replace(',', " ")));
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let components = words.collect::<Vec<_>>().join(" ");
    kept(Entry { uris: uri.to_owned(), suites: suite.to_owned(), components, fields: fields.collect() })
}

/// The entries of a `.sources` file.
pub(super) fn of_stanzas(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            entries.extend(of_stanza(&std::mem::take(&mut stanza)));
        } else if line.starts_with([' ', '\t']) {
            // The value continues.
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    entries
}

fn of_stanza(stanza: &[(String, String)]) -> Option<Entry> {
    let field = |name: &str| stanza.iter().find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1.as_str());
    let words = |name: &str| field(name).unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ");
    if field("Enabled").is_some_and(|it| matches!(it.to_ascii_lowercase().as_str(), "no" | "false" | "0")) {
        return None;
    }
    let dropped = |name: &str| DROPPED.contains(&name.to_ascii_lowercase().as_str());
    let fields = stanza.iter().filter(|it| !dropped(&it.0)).cloned().collect();
    kept(Entry { uris: words("URIs"), suites: words("Suites"), components: words("Components"), fields })
}

/// Drops what cannot be downloaded: discs, which hold only binary packages, and empty entries.
fn kept(entry: Entry) -> Option<Entry> {
    (!entry.uris.is_empty() && !entry.suites.is_empty() && !entry.uris.starts_with("cdrom:")).then_some(entry)
}

/// The archives with `suites` added: from where the machine has the main component of its own release.
pub(super) fn with_suites(mut entries: Vec<Entry>, suites: &[String]) -> Vec<Entry> {
    let is_release = |entry: &&Entry| {
        let main = entry.components.split(' ').any(|it| it == "main");
        main && entry.suites.split(' ').any(|suite| !suite.contains(['-', '/']))
    };
    let Some(pattern) = entries.iter().find(is_release).cloned() else { return entries };
    let has = |entry: &Entry, suite: &String| {
        entry.uris == pattern.uris && entry.suites.split(' ').any(|it| it == suite)
    };
    for suite in suites {
        if !entries.iter().any(|entry| has(entry, suite)) {
            entries.push(Entry { suites: suite.clone(), ..pattern.clone() });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(entries: &[Entry]) -> String {
        entries.iter().map(|entry| entry.stanza(Packages::Source)).collect()
    }

    #[test]
    fn a_line_becomes_one_for_source_packages_with_its_key() {
        let text = "# deb http://a x main\n\
                    deb [arch=amd64 signed-by=/k.gpg,/l.gpg trusted=yes] http://a/debian stable main contrib # why\n\
                    deb cdrom:[Debian]/ stable main\n\
                    debug http://a stable main\n\
                    deb-src http://b/flat ./\n";
        assert_eq!(
            shown(&of_lines(text)),
            "Types: deb-src\nURIs: http://a/debian\nSuites: stable\nComponents: main contrib\n\
             signed-by: /k.gpg /l.gpg\ntrusted: yes\n\nTypes: deb-src\nURIs: http://b/flat\nSuites: ./\n\n"
        );
    }

    #[test]
    fn only_the_index_of_binary_packages_is_fetched() {
        let entries = of_lines("deb [arch=arm64 lang=de signed-by=/k] http://a stable main\n");
        assert_eq!(
            entries[0].stanza(Packages::Binary { architecture: None }),
            "Types: deb\nTargets: Packages\nLanguages: none\nURIs: http://a\nSuites: stable\nComponents: main\n\
             signed-by: /k\n\n"
        );
    }

    #[test]
    fn a_stanza_keeps_its_key_and_a_disabled_one_is_dropped() {
        let text = "Types: deb\nURIs: http://a\nSuites: x x-updates\nComponents: main\nArchitectures: amd64\n\
                    Signed-By:\n -----BEGIN\n .\n abc\n\n# why\nEnabled: no\nURIs: http://b\nSuites: x\n\n\n";
        assert_eq!(
            shown(&of_stanzas(text)),
            "Types: deb-src\nURIs: http://a\nSuites: x x-updates\nComponents: main\n\
             Signed-By: \n -----BEGIN\n .\n abc\n\n"
        );
    }

    #[test]
    fn other_suites_come_from_where_the_release_does() {
        let text = "deb http://third x/\ndeb [signed-by=/k] http://a/debian-security x-security main\n\
                    deb [signed-by=/k] http://a/debian x main contrib\n";
        let entries = with_suites(of_lines(text), &["y".to_owned(), "x".to_owned()]);
        assert_eq!(entries.len(), 4);
        assert_eq!(
            entries[3].stanza(Packages::Source),
            "Types: deb-src\nURIs: http://a/debian\nSuites: y\nComponents: main contrib\nsigned-by: /k\n\n"
        );
    }
}
