//! Recipes as users meet them: at the terminal, and mostly wrong ones.

mod bounds;
mod documented;
mod foreign;
mod language_server;
mod looking;
mod modules;
mod planning;
mod stale;
mod unpacking;

use std::fs;
use std::path::{Path, PathBuf};

use stele_tests::Stele;

/// 64 digits.
const PIN: &str = "7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4";

/// A recipe tree in a temporary folder, which the commands find through the environment.
struct Tree {
    stele: Stele,
    path: PathBuf,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut stele = Stele::new();
        let path = stele.scratch().join("recipes");
        fs::create_dir_all(path.join("pkgs")).unwrap();
        stele.set_env("STELE_RECIPES", path.to_str().unwrap());
        let tree = Self { stele, path };
        for (file, text) in files {
            tree.put(file, text);
        }
        tree
    }

    fn put(&self, file: &str, text: &str) {
        let file = self.path.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// The error of a recipe `a` with this text.
    #[track_caller]
    fn refused(text: &str) -> String {
        let tree = Self::new(&[("pkgs/a/recipe.star", text)]);
        tree.stele.fails(&["recipe", "show", "a"], 1)
    }
}

/// A recipe with nothing special.
fn plain(name: &str, needs: &[&str]) -> String {
    let loads: String = needs.iter().map(|it| format!("load('//pkgs/{it}/recipe.star', '{it}')\n")).collect();
    format!(
        "{loads}{name} = recipe(name = '{name}', version = '1', script = 'x', inputs = [{}])\n",
        needs.join(", ")
    )
}
