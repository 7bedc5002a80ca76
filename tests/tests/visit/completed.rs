//! Completion of names in bash, by the script that `stele completions bash` prints.

use std::process::Command;

use stele_tests::binary;
use stele_tests::workshop::Workshop;

/// What bash would offer at the end of a command line.
fn offered(shop: &Workshop, words: &[&str]) -> Vec<String> {
    let script = "source <(stele completions bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9\n\
                  _clap_complete_stele stele \"${!#}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let stele = shop.stele.command::<&str>(&[]);
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", "stele"]).args(words);
    for (name, value) in stele.get_envs() {
        if let Some(value) = value {
            bash.env(name, value);
        }
    }
    let path = format!("{}:/usr/bin:/bin", binary().parent().unwrap().display());
    let out = bash.env("PATH", path).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn names_of_recipes_roots_and_images_are_offered() {
    let shop = Workshop::new();
    assert_eq!(offered(&shop, &["build", "o"]), [""; 0]);
    shop.recipe("one", &[], "echo 1 >$OUT/x");
    shop.recipe("other", &[], "echo 2 >$OUT/x");
    let image = "load('//pkgs/box/recipe.star', 'box')\n\
                 image(name = 'picture', inputs = [box], entrypoint = ['/bin/sh'])\n";
    shop.put("pkgs/picture/recipe.star", image);
    // A mistake elsewhere takes nothing away.
    shop.put("pkgs/wrong/recipe.star", "x");
    assert_eq!(offered(&shop, &["build", "o"]), ["one", "other"]);
    assert_eq!(offered(&shop, &["why", "one", "b"]), ["box"]);
    assert_eq!(offered(&shop, &["image", "build", "p"]), ["picture"]);
    assert_eq!(offered(&shop, &["image", "inspect", ""]), [""; 0]);
    shop.stele.ok(&["image", "build", "picture"]);
    shop.build("one");
    assert_eq!(offered(&shop, &["image", "inspect", ""]), ["picture"]);
    assert_eq!(offered(&shop, &["store", "root", "rm", ""]), ["build-one", "image-picture"]);
    // Nothing was started for it.
    shop.stele.ok(&["daemon", "stop"]);
    offered(&shop, &["store", "ls", "b"]);
    assert!(shop.stele.daemon().is_none());
}
