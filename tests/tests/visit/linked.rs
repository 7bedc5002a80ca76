//! `build --out-link` and `build --watch`.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use stele_tests::wait_for;
use stele_tests::workshop::Workshop;

#[test]
fn a_link_leads_into_the_mount() {
    let shop = Workshop::new();
    shop.recipe("one", &[], "echo 1 >$OUT/x");
    let link = shop.stele.scratch().join("result");
    let link = link.to_str().unwrap();
    let said = shop.stele.fails(&["build", "one", "--out-link", link], 2);
    assert!(said.contains("the store is not mounted") && said.contains("stele mount"), "{said}");
    if !std::path::Path::new("/dev/fuse").exists() {
        return stele_tests::skip("there is no /dev/fuse");
    }
    let mount = shop.stele.scratch().join("mnt");
    fs::create_dir(&mount).unwrap();
    shop.stele.ok(&["mount", mount.to_str().unwrap()]);
    let digest = shop.build("one");
    for _ in 0..2 {
        shop.stele.ok(&["build", "one", "--out-link", link]);
        assert_eq!(fs::read_to_string(format!("{link}/x")).unwrap(), "1\n");
        assert!(fs::read_link(link).unwrap().to_str().unwrap().ends_with(&format!("{digest}-one")));
    }
    shop.recipe("two", &[], "echo 2 >$OUT/x");
    shop.stele.ok(&["build", "one", "two", "--out-link", link]);
    assert_eq!(fs::read_to_string(format!("{link}-two/x")).unwrap(), "2\n");
    // What is no link is nobody's to remove.
    fs::remove_file(link).unwrap();
    fs::write(link, "mine").unwrap();
    shop.stele.fails(&["build", "one", "--out-link", link], 1);
    assert_eq!(fs::read_to_string(link).unwrap(), "mine");
    shop.stele.ok(&["umount", mount.to_str().unwrap()]);
}

#[test]
fn a_watched_recipe_is_built_again_and_a_mistake_ends_nothing() {
    let shop = Workshop::new();
    shop.recipe("one", &[], "echo 1 >$OUT/x");
    let mut command = shop.stele.command(&["build", "--watch", "one"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let built =
        |what: &str| wait_for(what, || shop.stele.run(&["store", "cat", "build-one/x"]).text() == what);
    built("1");
    shop.recipe("one", &[], "exit 1");
    shop.put("pkgs/other/recipe.star", "x");
    std::thread::sleep(std::time::Duration::from_secs(1));
    // In a folder that is new since the watch began, too.
    fs::remove_dir_all(shop.path().join("pkgs/other")).unwrap();
    shop.recipe("one", &[], "cat /src/text >$OUT/x");
    shop.put("pkgs/one/new/text", "3\n");
    let recipe = shop.path().join("pkgs/one/recipe.star");
    let text =
        fs::read_to_string(&recipe).unwrap().replace("script =", "sources = [local('new/text')], script =");
    fs::write(&recipe, text).unwrap();
    built("3");
    shop.put("pkgs/one/new/text", "4\n");
    built("4");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("error: ") && said.contains("FAILED one"), "{said}");
}
