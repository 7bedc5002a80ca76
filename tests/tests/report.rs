//! `stele check --all` and `stele report`: all recipes of a tree, and a page about them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use stele_tests::workshop::Workshop;

/// What the browser measured.
fn browse(page: &Path, width: u32, scheme: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/browser.py");
    let run = Command::new("python3").arg(script).arg(page).args([&width.to_string(), scheme]).output();
    let run = run.expect("python3 is installed");
    let text = String::from_utf8_lossy(&run.stdout);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&run.stderr)))
}

/// A tree with a recipe of each kind.
fn shop() -> Workshop {
    let shop = Workshop::new();
    shop.recipe("same", &[], "echo same > $OUT/x");
    // A name that is HTML, without a place to break, and wider than a phone.
    let name = format!("<script>{}", "w".repeat(120));
    shop.recipe_of_machine("clock", &[], &format!("/bin/busybox date +%s%N > \"$OUT/{name}\""));
    shop.recipe("strict", &[], "[ $(umask) = 0022 ]; echo > $OUT/x");
    shop.recipe("broken", &[], "exit 7");
    shop.recipe("later", &["broken"], "echo > $OUT/x");
    let known = "load('//pkgs/box/recipe.star', 'box')
known = recipe(name = 'known', version = '1', inputs = [box], irreproducible = True, script = 'exit 8')
";
    shop.put("pkgs/known/recipe.star", known);
    shop
}

#[test]
fn all_recipes_are_checked_whatever_fails_and_those_that_say_that_they_differ_are_skipped() {
    let shop = shop();
    let run = shop.stele.run(&["check", "--all", "--rounds", "2"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    for line in [
        "\n2 reproducible: box, same\n",
        "\n2 not reproducible: clock, strict\n",
        "\n2 not checked, because a build failed: ",
        "\n1 skipped, since their recipes say that they differ: known",
    ] {
        assert!(format!("{}\n", run.text()).contains(line), "{line}: {}", run.text());
    }
    assert!(run.stderr.contains("broken"), "{}", run.stderr);
    let run = shop.stele.run(&["check", "--all", "--json", "--rounds", "1"]);
    let summary: Value = serde_json::from_str(run.text().lines().last().unwrap()).unwrap();
    assert_eq!(summary["skipped"][0], "known", "{summary}");
    assert_eq!(summary["failed"].as_array().unwrap().len(), 2, "{summary}");
    shop.stele.fails(&["check", "--all", "same"], 2);
    shop.stele.fails(&["check"], 2);
}

#[test]
fn a_tree_whose_recipes_are_all_reproducible_is() {
    let shop = Workshop::new();
    shop.recipe("same", &[], "echo same > $OUT/x");
    assert_eq!(shop.stele.run(&["check", "--all", "--rounds", "1"]).code, 0);
}

#[test]
fn the_page_says_what_is_known_and_can_be_read_on_a_phone() {
    let shop = shop();
    shop.stele.run(&["check", "--all", "--rounds", "2"]);
    shop.stele.run(&["explain", "clock"]);
    let folder = shop.path().join("report");
    let folder = folder.to_str().unwrap();
    let printed = shop.stele.ok(&["report", "--all", folder]);
    assert_eq!(printed, format!("{folder}/index.html"));
    let page = fs::read_to_string(&printed).unwrap();
    for text in [
        "id=\"clock\"><summary>clock: <b class=\"differs\">not reproducible</b>",
        "probably a timestamp",
        "Something that the sandbox lets through",
        "written by <code>/bin/busybox date +%s%N</code>",
        "id=\"strict\"><summary>strict: <b class=\"fails\">fails when varied</b>",
        "id=\"same\"><summary>same: <b class=\"same\">reproducible</b>",
        "id=\"known\"><summary>known: <b class=\"unchecked\">not checked</b>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("&lt;script&gt;www") && !page.contains("<script"), "{page}");
    for (width, scheme) in [(320, "dark"), (360, "light"), (1200, "light")] {
        let measured = browse(Path::new(&printed), width, scheme);
        assert_eq!(measured["client"], width, "{measured:#}");
        assert_eq!(measured["scroll"], width, "{measured:#}");
        assert_eq!(measured["wide"], Value::Array(Vec::new()), "at {width}: {measured:#}");
        assert!(measured["size"].as_f64().unwrap() >= 16.0);
        assert!(measured["picture"][0].as_f64().unwrap() > f64::from(width) * 0.6, "{measured:#}");
        // The page, and nothing else.
        assert_eq!(measured["fetched"].as_array().unwrap().len(), 1, "{measured:#}");
        assert_eq!(measured["log"], Value::Array(Vec::new()), "{measured:#}");
        let is_dark =
            measured["background"] == "rgb(18, 18, 18)" && measured["color"] == "rgb(230, 230, 230)";
        assert_eq!(is_dark, scheme == "dark", "{measured:#}");
    }
    let one = shop.stele.json(&["report", folder, "clock"]);
    assert_eq!(one[0]["explanation"]["cause"], "let-through", "{one}");
    shop.stele.fails(&["report", folder], 2);
}

#[test]
fn pages_of_a_recipe_and_of_a_build_can_be_read_on_a_phone() {
    let shop = shop();
    let image = "load('//pkgs/same/recipe.star', 'same')\nload('//pkgs/box/recipe.star', 'box')\n\
                 image(name = 'pictured', inputs = [box, same], entrypoint = ['/bin/sh'])\n\
                 pictured = recipe(name = 'pictured', version = '1', inputs = [box, same], license = 'MIT',\n\
                 description = 'a <b>bold</b> thing', script = 'sleep 0.2; echo > $OUT/x')\n";
    shop.put("pkgs/pictured/recipe.star", image);
    let folder = shop.path().join("pages");
    let times = folder.join("times.html");
    fs::create_dir(&folder).unwrap();
    // Without anything built, too.
    shop.stele.ok(&["store", "add", shop.path().to_str().unwrap()]);
    shop.stele.ok(&["page", "pictured", "-o", folder.to_str().unwrap()]);
    let page = folder.join("pictured.html");
    assert!(fs::read_to_string(&page).unwrap().contains("not built here"));
    shop.stele.ok(&["build", "--timeline", times.to_str().unwrap(), "pictured"]);
    shop.stele.ok(&["image", "build", "pictured"]);
    let written = shop.stele.json(&["page", "pictured", "--output", folder.to_str().unwrap()]);
    assert_eq!(written.as_array().unwrap().len(), 2, "{written}");
    let text = fs::read_to_string(&page).unwrap();
    for part in [
        "a &lt;b&gt;bold&lt;/b&gt; thing",
        "<svg",
        "Layers of the image for linux/amd64",
        "not checked yet",
        "MIT",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = fs::read_to_string(&times).unwrap();
    assert!(text.contains("pictured: built in 0."), "{text}");
    for (file, width, scheme) in
        [(&page, 320, "dark"), (&page, 1200, "light"), (&times, 320, "dark"), (&times, 1200, "light")]
    {
        let measured = browse(file, width, scheme);
        assert_eq!(measured["scroll"], width, "{}: {measured:#}", file.display());
        assert_eq!(measured["fetched"].as_array().unwrap().len(), 1, "{measured:#}");
        assert_eq!(measured["log"], Value::Array(Vec::new()), "{measured:#}");
        assert_eq!(measured["background"] == "rgb(18, 18, 18)", scheme == "dark", "{measured:#}");
    }
    // A build that fails has its times, too; and a trace is JSON.
    let trace = folder.join("trace.json");
    shop.stele.fails(&["build", "--timeline", trace.to_str().unwrap(), "broken"], 1);
    let trace: Value = serde_json::from_str(&fs::read_to_string(&trace).unwrap()).unwrap();
    assert_eq!(trace[0]["cat"], "failed", "{trace}");
    shop.stele.fails(&["page", "nothing"], 3);
}
