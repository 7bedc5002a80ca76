//! Files by the addresses of an editor (`file:` URIs, RFC 8089), and where they are in a recipe tree.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use lsp_types::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use stele_recipes::language::MODULES;

/// What a path of a URI keeps as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a `file:` URI; `None` for any other.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_str().strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    let path = PathBuf::from(OsString::from_vec(bytes));
    let plain = path.components().all(|part| !matches!(part, Component::ParentDir));
    let valid = path.is_absolute() && plain && !path.as_os_str().as_bytes().contains(&0);
    valid.then_some(path)
}

/// The URI of an absolute path.
pub fn uri_of(path: &Path) -> Option<Uri> {
    format!("file://{}", percent_encode(path.as_os_str().as_bytes(), KEPT)).parse().ok()
}

/// A file of a recipe tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TreeFile {
    /// The recipe tree.
    pub tree: PathBuf,
    /// The file, from the top of the tree.
    pub file: String,
}

impl TreeFile {
    /// Where a file is; `None` when it is in no recipe tree. The tree is the nearest folder above with a folder `pkgs`,
    /// or, of a file of a module, the one that the module is unpacked in.
    pub fn of(path: &Path) -> Option<Self> {
        let is_tree = |folder: &Path| folder.join("pkgs").is_dir();
        let nearest = path.ancestors().skip(1).find(|folder| is_tree(folder))?;
        let above =
            nearest.parent().filter(|modules| modules.file_name().is_some_and(|name| name == MODULES));
        let tree = above.and_then(Path::parent).filter(|folder| is_tree(folder)).unwrap_or(nearest);
        let file = path.strip_prefix(tree).ok()?.to_str()?.to_owned();
        Some(Self { tree: tree.to_owned(), file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_after_its_uri() {
        for path in ["/a/b.star", "/a b/%20/ü#?.star", "/\u{1f980}", "/a:b@c"] {
            assert_eq!(path_of(&uri_of(Path::new(path)).unwrap()).unwrap(), Path::new(path));
        }
        let odd = PathBuf::from(OsString::from_vec(b"/\xff".to_vec()));
        assert_eq!(path_of(&uri_of(&odd).unwrap()), Some(odd));
        let of = |text: &str| path_of(&text.parse().unwrap());
        assert_eq!(of("file://localhost/a").as_deref(), Some(Path::new("/a")));
        for none in ["untitled:a", "http://x/a", "file://host/a", "file:///a/../b", "file:///a%00b", "file:a"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_file_of_a_module_belongs_to_the_tree_that_uses_it() {
        let top = tempfile::tempdir().unwrap();
        let tree = top.path().join("recipes");
        std::fs::create_dir_all(tree.join("pkgs/a")).unwrap();
        std::fs::create_dir_all(tree.join("modules/lent/pkgs")).unwrap();
        for file in
            ["pkgs/a/recipe.star", "modules/lent/lib/x.star", "modules/bare/lib/x.star", "modules.star"]
        {
            let expected = TreeFile { tree: tree.clone(), file: file.to_owned() };
            assert_eq!(TreeFile::of(&tree.join(file)), Some(expected));
        }
        assert_eq!(TreeFile::of(&top.path().join("x.star")), None);
        assert_eq!(TreeFile::of(Path::new("/")), None);
    }
}
