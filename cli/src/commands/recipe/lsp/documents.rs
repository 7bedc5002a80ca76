//! The files that an editor has open, as they are there, and those that they load, as they are on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::Uri;

use stele_recipes::language::editing::{SourceFile, load_target};
use stele_recipes::language::{EvalError, Files as _, MAX_STARLARK, OnDisk};
use stele_recipes::paths::TreePath;

use super::address::{TreeFile, path_of};
use super::lines::Lines;

/// A file that is open.
pub struct Document {
    /// Its address, as the editor spells it.
    pub uri: Uri,
    /// Where it is on this machine, if anywhere.
    pub path: Option<PathBuf>,
    /// Where it is in a recipe tree, if in any.
    pub file: Option<TreeFile>,
    /// The editor's number of this state.
    pub version: Option<i32>,
    /// Its text.
    pub lines: Lines,
    /// Whether the text may be another than that on disk.
    pub unsaved: bool,
    /// Why the text has no syntax, if it has none.
    pub error: Option<EvalError>,
    /// What the text defines, or what the last text with a syntax did.
    pub source: SourceFile,
}

impl Document {
    fn new(uri: Uri, version: Option<i32>, text: String) -> Self {
        let path = path_of(&uri);
        let file = path.as_deref().and_then(TreeFile::of);
        let (lines, source) = (Lines::new(String::new()), SourceFile::default());
        let mut document = Self { uri, path, file, version, lines, unsaved: false, error: None, source };
        document.set(version, text);
        document
    }

    fn set(&mut self, version: Option<i32>, text: String) {
        match SourceFile::parse(self.name(), &text) {
            Ok(source) => (self.source, self.error) = (source, None),
            Err(error) => self.error = Some(error),
        }
        (self.version, self.lines) = (version, Lines::new(text));
    }

    /// From the top of its recipe tree, or else its last component.
    pub fn name(&self) -> &str {
        let last = || self.path.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        self.file.as_ref().map(|it| it.file.as_str()).or_else(last).unwrap_or("unnamed.star")
    }

    /// The file that `text` names in a `load` of this one.
    pub fn loaded(&self, text: &str) -> Option<TreeFile> {
        let TreeFile { tree, file } = self.file.as_ref()?;
        Some(TreeFile { tree: tree.clone(), file: load_target(file, text)? })
    }
}

/// All that are open, by their addresses.
#[derive(Default)]
pub struct Documents {
    open: BTreeMap<String, Document>,
}

impl Documents {
    /// The document at an address.
    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri.as_str())
    }

    /// The document at a path.
    pub fn at(&self, path: &Path) -> Option<&Document> {
        self.open.values().find(|it| it.path.as_deref() == Some(path))
    }

    /// The editor opened a file.
    pub fn open(&mut self, uri: Uri, version: i32, text: String) {
        self.open.insert(uri.as_str().to_owned(), Document::new(uri, Some(version), text));
    }

    /// The editor changed a file.
    pub fn change(&mut self, uri: &Uri, version: i32, text: String) {
        if let Some(document) = self.open.get_mut(uri.as_str()) {
            document.unsaved = true;
            document.set(Some(version), text);
        }
    }

    /// The editor saved a file. Its recipe tree, if it is in one.
    pub fn save(&mut self, uri: &Uri) -> Option<PathBuf> {
        let document = self.open.get_mut(uri.as_str())?;
        document.unsaved = false;
        // Saving the first recipe makes the folder `pkgs`.
        document.file = document.path.as_deref().and_then(TreeFile::of);
        document.file.as_ref().map(|it| it.tree.clone())
    }

    /// The editor closed a file.
    pub fn close(&mut self, uri: &Uri) -> Option<Document> {
        self.open.remove(uri.as_str())
    }

    /// The text and the definitions of a file of a recipe tree.
    pub fn source(&self, file: &TreeFile) -> Option<(Lines, SourceFile)> {
        match self.at(&file.tree.join(&file.file)) {
            Some(open) => Some((open.lines.clone(), open.source.clone())),
            None => {
                let text = on_disk(file)?;
                let source = SourceFile::parse(&file.file, &text).ok()?;
                Some((Lines::new(text), source))
            }
        }
    }
}

/// The text of a file of a recipe tree. No link leads out of the tree.
pub fn on_disk(file: &TreeFile) -> Option<String> {
    let path = TreePath::parse(file.file.as_bytes()).ok()?;
    let bytes = OnDisk::open(&file.tree).ok()?.read(&path, MAX_STARLARK).ok()??;
    String::from_utf8(bytes).ok()
}
