//! `config`: what is set, and changes to it.

use std::fs;

use stele_tests::workshop::Workshop;

#[test]
fn a_setting_is_changed_and_everything_else_stays() {
    let mut shop = Workshop::new();
    let file = shop.stele.scratch().join("some/config.toml");
    shop.stele.set_env("STELE_CONFIG", file.to_str().unwrap());
    let shown = shop.stele.ok(&["config", "show"]);
    assert!(shown.contains("(not there)") && shown.contains("fetch.jobs = 4\n"), "{shown}");
    shop.stele.ok(&["config", "set", "fetch.jobs", "8"]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# mine\n{text}stall-seconds = 5 # quick\n")).unwrap();
    shop.stele.ok(&["config", "set", "mirrors.gnu", "https://one.example/"]);
    shop.stele.ok(&["config", "set", "mirrors.kernel", "['https://one.example/', 'https://two.example/']"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# mine\n") && text.contains("stall-seconds = 5 # quick\n"), "{text}");
    let shown = shop.stele.json(&["config", "show"]);
    let settings: Vec<(String, String)> = serde_json::from_value(shown["settings"].clone()).unwrap();
    let value =
        |key: &str| settings.iter().find(|it| it.0 == key).map(|it| it.1.as_str()).unwrap_or_default();
    assert_eq!(value("fetch.jobs"), "8");
    assert_eq!(value("fetch.stall-seconds"), "5");
    assert_eq!(value("mirrors.gnu"), "[\"https://one.example/\"]");
    // What would be wrong is not written.
    for (key, wrong) in [
        ("fetch.jobs", "many"),
        ("fetch.jobs", "0"),
        ("other.x", "1"),
        ("jobs", "1"),
        ("mirrors.x", "ftp://a"),
    ] {
        let said = shop.stele.fails(&["config", "set", key, wrong], 2);
        assert!(said.contains(key), "{said}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    shop.stele.ok(&["config", "unset", "fetch.jobs"]);
    shop.stele.fails(&["config", "unset", "fetch.jobs"], 3);
    assert!(!fs::read_to_string(&file).unwrap().contains("jobs = "));
    fs::write(&file, "[fetch\n").unwrap();
    shop.stele.fails(&["config", "set", "fetch.jobs", "8"], 2);
    assert_eq!(fs::read_to_string(&file).unwrap(), "[fetch\n");
}
