//! Evaluation depends on the files, and on nothing else.

use super::*;

/// Lists the folders in another order, and records nothing.
struct Backwards(InMemoryFiles);

impl Files for Backwards {
    fn read(&self, path: &crate::paths::TreePath, max: usize) -> std::io::Result<Option<Vec<u8>>> {
        self.0.read(path, max)
    }
    fn node(&self, path: &crate::paths::TreePath) -> std::io::Result<Option<stele_store::model::Node>> {
        self.0.node(path)
    }
    fn packages(&self) -> std::io::Result<Vec<String>> {
        self.0.packages().map(|mut names| {
            names.reverse();
            names
        })
    }
}

fn files() -> InMemoryFiles {
    let mut files = InMemoryFiles::default();
    files.put(
        "lib/x.star",
        "def f(name, inputs):\n    return recipe(name = name, version = '1', inputs = inputs, script = 'x')",
    );
    for n in 0..40 {
        let load =
            if n == 0 { String::new() } else { format!("load('//pkgs/p{0}/recipe.star', 'p{0}')\n", n / 2) };
        let input = if n == 0 { String::new() } else { format!("p{}", n / 2) };
        let load = if n / 2 == n { String::new() } else { load };
        let input = if n / 2 == n { String::new() } else { input };
        files.put(
            &format!("pkgs/p{n}/recipe.star"),
            format!("load('//lib/x.star', 'f')\n{load}p{n} = f('p{n}', [{input}])"),
        );
    }
    files
}

#[test]
fn neither_the_order_of_folders_nor_the_number_of_threads_reaches_the_result() {
    let expected = evaluate_all(&files()).unwrap();
    assert_eq!(expected.by_name.len(), 40);
    assert_eq!(evaluate_all(&Backwards(files())).unwrap(), expected);
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| evaluate_all(&files()).unwrap())).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
}

#[test]
fn the_language_has_no_access_to_the_machine() {
    for name in [
        "open",
        "print_env",
        "getenv",
        "os",
        "time",
        "now",
        "glob",
        "read_file",
        "random",
        "__import__",
        "exec",
        "eval",
    ] {
        let found = refused_one(&format!("x = {name}"));
        assert!(found.contains(name) && found.contains("not found"), "{name}: {found}");
    }
    let mut names: Vec<String> = globals().names().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    // Additions to this list need a comment here on why the result still depends on nothing but the files.
    // `hex0` reads the one file that it is given, as `local` does; `foreign_image` reads nothing, it names a tree.
    let expected = "False None True abs all any bool bytes chr debian_binary dict dir enumerate eval_type fail \
                    filter float foreign_image getattr hasattr hash hex0 image image_index input int \
                    isinstance len list local map max min ord print range recipe repr reversed set sorted source str \
                    struct tuple type typing zip";
    assert_eq!(names.join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "));
}

#[test]
fn nothing_is_read_but_what_is_named() {
    let files = files();
    evaluate(&files, &[name("p5")]).unwrap();
    let asked = files.asked().into_iter().collect::<Vec<_>>();
    let package = |n: usize| format!("pkgs/p{n}/recipe.star");
    assert_eq!(asked, ["lib/x.star".to_owned(), package(0), package(1), package(2), package(5)]);
}
