//! A recipe tree whose recipes really build, with Debian's static busybox as the only tool.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::Stele;

/// Where Debian's package busybox-static puts it.
const BUSYBOX: &str = "/bin/busybox";

/// The start of a [`Workshop`]'s recipes: a recipe `box` that provides a shell and its tools.
const BOX: &str = "\
box = recipe(
    name = 'box',
    version = '1',
    sources = [local('bin', at = '/bin')],
    steps = [['/bin/busybox', 'sh', '-eu', '-c', '''
        mkdir -p /out/bin
        cp /bin/busybox /out/bin/busybox
        for tool in sh cat cp echo ls mkdir rm sleep ln chmod dd seq test false true head sort sed; do
            ln -s busybox /out/bin/$tool
        done
    ''']],
)
";

/// A store, and a recipe tree that the commands find through the environment.
pub struct Workshop {
    /// The store.
    pub stele: Stele,
    path: PathBuf,
}

impl Default for Workshop {
    fn default() -> Self {
        Self::new()
    }
}

impl Workshop {
    /// With the recipe `box`.
    pub fn new() -> Self {
        Self::with(Stele::new())
    }

    /// On an existing store.
    pub fn with(mut stele: Stele) -> Self {
        let path = stele.scratch().join("recipes");
        let bin = path.join("pkgs/box/bin");
        fs::create_dir_all(&bin).expect("a folder for recipes");
        fs::copy(BUSYBOX, bin.join("busybox")).expect("Debian's package busybox-static is installed");
        fs::set_permissions(bin.join("busybox"), fs::Permissions::from_mode(0o755)).expect("its mode");
        stele.set_env("STELE_RECIPES", path.to_str().expect("a path of plain letters"));
        let workshop = Self { stele, path };
        workshop.put("pkgs/box/recipe.star", BOX);
        workshop
    }

    /// The recipe tree.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the recipe tree.
    pub fn put(&self, file: &str, text: &str) {
        let file = self.path.join(file);
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }

    /// Writes a recipe that needs `box` and `needs`, and runs `script`.
    pub fn recipe(&self, name: &str, needs: &[&str], script: &str) {
        self.recipe_with(name, needs, script, "");
    }

    /// Writes a recipe that runs `script` with the machine's own random numbers.
    pub fn recipe_of_machine(&self, name: &str, needs: &[&str], script: &str) {
        self.recipe_with(name, needs, script, ", special = ['real-random']");
    }

    /// Writes a recipe that runs `script` with a clock that begins with SOURCE_DATE_EPOCH.
    pub fn recipe_with_clock(&self, name: &str, script: &str) {
        self.recipe_with(name, &[], script, ", special = ['fixed-clock']");
    }

    fn recipe_with(&self, name: &str, needs: &[&str], script: &str, more: &str) {
        let needs: Vec<&str> = ["box"].iter().chain(needs).copied().collect();
        let loads: String =
            needs.iter().map(|it| format!("load('//pkgs/{it}/recipe.star', '{it}')\n")).collect();
        let inputs = needs.join(", ");
        let text = format!(
            "{loads}{name} = recipe(name = '{name}', version = '1', inputs = [{inputs}]{more}, \
             script = r'''\n{script}\n''')\n",
        );
        self.put(&format!("pkgs/{name}/recipe.star"), &text);
    }

    /// Builds; the digest of the output.
    #[track_caller]
    pub fn build(&self, name: &str) -> String {
        let text = self.stele.ok(&["build", name]);
        let (digest, label) = text.split_once("  ").expect("a digest and a name");
        assert_eq!(label, name);
        digest.to_owned()
    }

    /// Begins a build.
    pub fn begin(&self, args: &[&str]) -> Child {
        let mut all = vec!["build"];
        all.extend(args);
        let mut command = self.stele.command(&all);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    }

    /// A file in the store, as text.
    #[track_caller]
    pub fn file(&self, reference: &str) -> String {
        self.stele.ok(&["store", "cat", reference])
    }

    /// The folders of running builds.
    pub fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.stele.store().join("builds"));
        entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }
}
