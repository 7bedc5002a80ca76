//! What files may refer to: nothing specific to one machine or network, and no missing page.

use super::Violation;
use std::path::{Component, Path, PathBuf};

/// Hosts of package registries, which a machine's own package clients know; written in pieces, so that this file does
/// not contain what it looks for.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("debian", ".org"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("npm", "js.com"),
];

/// Cargo.lock names the registry's index so, whichever mirror a machine fetches from.
const INDEX: &str = concat!("crates", ".io-index");

/// Folders above or beside the checkout, which only its authors have.
const OUTSIDE: &[&str] = &[concat!("../", "shared")];

/// Absolute paths of home folders, and whatever other machines do not have or cannot reach.
pub(crate) fn machine_places(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.replace(INDEX, "");
        let registries = REGISTRIES.iter().filter(|host| line.to_lowercase().contains(**host));
        let outside = OUTSIDE.iter().filter(|place| line.contains(**place));
        for place in registries.chain(outside) {
            violations.push(Violation::new(path, number, format!("names `{place}`")));
        }
        if names_home_folder(&line) {
            violations.push(Violation::new(path, number, "an absolute path into a home folder"));
        }
    }
    violations
}

/// `…/root/` in the middle of a longer path is not a home, and `/home/<user>` is not a particular one.
fn names_home_folder(line: &str) -> bool {
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}>)*$~…".contains(c))
    };
    let is_user = |at: usize| line[at..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let (root, home) = (concat!("/ro", "ot/"), concat!("/ho", "me/"));
    line.match_indices(root).any(|(at, _)| begins(at))
        || line.match_indices(home).any(|(at, _)| begins(at) && is_user(at + home.len()))
}

/// The dangling relative links of a Markdown page; `exists` gets paths relative to the checkout.
pub(crate) fn dead_links(path: &str, text: &str, exists: &dyn Fn(&Path) -> bool) -> Vec<Violation> {
    if !path.ends_with(".md") {
        return Vec::new();
    }
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut violations = Vec::new();
    for (line, target) in links(text) {
        let file = target.split(['#', '?']).next().unwrap_or(&target);
        // A scheme makes it an external link; nothing before `#`, one within this page.
        if file.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let leads = inside(&folder.join(file)).is_some_and(|file| exists(&file));
        if !leads {
            violations.push(Violation::new(path, line, format!("the link to `{target}` leads nowhere")));
        }
    }
    violations
}

/// The path without `.` and `..`, or `None` when it is absolute or leaves the checkout.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            _ => return None,
        }
    }
    Some(inside)
}

/// The fence that is open at the end of a Markdown page, which turns the rest of it inside out.
pub(crate) fn unclosed_fence(path: &str, text: &str) -> Vec<Violation> {
    if !path.ends_with(".md") {
        return Vec::new();
    }
    let mut open: Option<(usize, char, usize)> = None;
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let Some(mark) = line.chars().next().filter(|c| ['`', '~'].contains(c)) else { continue };
        let length = line.chars().take_while(|c| *c == mark).count();
        let info = &line[length..];
        match open {
            // A fence is closed by one of the same character, as long or longer, with nothing after it.
            Some((_, by, least)) if mark == by && length >= least && info.is_empty() => open = None,
            Some((begin, by, least)) if mark == by && length >= least && !info.contains('`') => violations
                .push(Violation::new(
                    path,
                    number,
                    format!("a code fence opens within the one of line {begin}"),
                )),
            // Backticks after it make it code within a line.
            None if length >= 3 && !info.contains('`') => open = Some((number, mark, length)),
            _ => {}
        }
    }
    violations.extend(open.map(|(line, ..)| Violation::new(path, line, "a code fence that is not closed")));
    violations
}

/// Targets of `[text](target)` and of `[name]: target`, outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        if mark.is_some() && (fence.is_none() || fence == mark) {
            fence = if fence.is_some() { None } else { mark };
            continue;
        }
        if fence.is_some() {
            continue;
        }
        // Every second piece between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let defined =
            prose.strip_prefix('[').and_then(|rest| rest.split_once("]:")).map(|(_, target)| target);
        for target in inline.chain(defined) {
            // `(target "title")` and `(<target with spaces>)` are links too.
            let target = target.trim();
            let target = match target.strip_prefix('<') {
                Some(bracketed) => bracketed.split('>').next(),
                None => target.split_whitespace().next(),
            };
            links.push((number, target.unwrap_or("").to_owned()));
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(page: &str, text: &str) -> Vec<usize> {
        let there = ["README.md", "docs/formats.md", "docs", "store/src/lib.rs", "docs/two words.md"];
        let exists = |path: &Path| there.iter().any(|file| Path::new(file) == path);
        dead_links(page, text, &exists).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn tidy_notices_home_folders() {
        for (parent, name) in [("ro", "ot/.cargo"), ("ho", "me/ada/x")] {
            for before in ["", "\"", "cd ", "HOME=", "`", "a:("] {
                let planted = format!("{before}/{parent}{name}");
                assert_eq!(machine_places("docs/a.md", &planted).len(), 1, "{planted}");
            }
        }
    }

    #[test]
    fn paths_that_are_not_homes_pass() {
        for (parent, name) in [("ro", "ot/x"), ("ho", "me/ada")] {
            for before in ["store", "{dir}", "$OUT", "<mount>", "..", "by-name"] {
                let harmless = format!("{before}/{parent}{name}");
                assert_eq!(machine_places("docs/a.md", &harmless), [], "{harmless}");
            }
        }
        assert_eq!(machine_places("docs/a.md", concat!("/ho", "me/<user>/x or ~/x or $HOME/x")), []);
    }

    #[test]
    fn tidy_notices_registries_and_places_outside_of_the_checkout() {
        for host in REGISTRIES {
            let planted = format!("fine\nsee https://mirror.{}/x", host.to_uppercase());
            assert_eq!(
                machine_places("Makefile", &planted),
                [Violation::new("Makefile", 2, format!("names `{host}`"))]
            );
        }
        assert_eq!(machine_places("tools/demo", concat!("cp ../sha", "red/x .")).len(), 1);
        assert_eq!(machine_places("Cargo.lock", &format!("source = \"registry+https://x/{INDEX}\"")), []);
    }

    #[test]
    fn tidy_notices_links_that_lead_nowhere() {
        assert_eq!(dead("README.md", "[a](docs/formats.md)\n[b](docs/gone.md)"), [2]);
        assert_eq!(
            dead("README.md", "[a](docs/formats.md), [b](gone.md#part) and ![c](gone.png \"C\")"),
            [1, 1]
        );
        assert_eq!(dead("docs/formats.md", "[a](docs/formats.md)\n[b](../gone.md)\n[c]: gone.md"), [1, 2, 3]);
        assert_eq!(dead("docs/formats.md", "[out](../../README.md)\n[absolute](/README.md)"), [1, 2]);
        assert_eq!(dead("README.md", "```\ncode\n```\n[a](gone.md)"), [4]);
    }

    fn unclosed(text: &str) -> Vec<usize> {
        unclosed_fence("docs/a.md", text).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn tidy_notices_code_fences_that_are_not_closed() {
        assert_eq!(unclosed("a\n```\nb\n"), [2]);
        assert_eq!(unclosed("```\na\n```\n\nb\n```\n\nc\n"), [6]);
        assert_eq!(unclosed("```\na\n```\nb\n```\n\n```python\nc\n```\n"), [7]);
        assert_eq!(unclosed("````\n```\n"), [1]);
        assert_eq!(unclosed("~~~\n```\n"), [1]);
    }

    #[test]
    fn code_fences_that_are_closed_pass() {
        assert_eq!(unclosed("```sh\na\n```\n- b\n  ```\n  c\n  ```\n"), [0; 0]);
        assert_eq!(unclosed("````\n```\n````\n~~~\n```\n~~~\n"), [0; 0]);
        assert_eq!(unclosed("```inline``` code\n"), [0; 0]);
        assert_eq!(unclosed_fence("store/src/lib.rs", "```\n"), []);
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        assert_eq!(
            dead("README.md", "[a](docs/formats.md#part) [b](./docs/) [c](<docs/two words.md>)"),
            [0; 0]
        );
        assert_eq!(
            dead("docs/formats.md", "[a](../README.md) [b](../store/src/lib.rs) [c](formats.md)"),
            [0; 0]
        );
        assert_eq!(
            dead("README.md", "[a](https://example.com/gone.md) [b](#part) [c](mailto:a@b.c)"),
            [0; 0]
        );
        assert_eq!(dead("README.md", "```\n[a](gone.md)\n```\nand `[b](gone.md)`"), [0; 0]);
        assert_eq!(dead("store/src/lib.rs", "[a](gone.md)"), [0; 0]);
    }
}
