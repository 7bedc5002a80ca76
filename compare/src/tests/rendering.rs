//! The two forms of a report.

use super::writers::*;
use super::*;

#[test]
fn what_strangers_wrote_controls_no_terminal_and_forges_no_line() {
    let name = "a\u{1b}[2J\n! etc/shadow";
    let (one, other) = (tar(&[member(name, 1, b"\x1b[31mred\n")]), tar(&[member(name, 2, b"\x1b[32mred\n")]));
    let report = limited(&one, &other, &Limits::default());
    let text = report.text();
    assert!(!text.contains('\u{1b}') && !text.contains("\n! etc"), "{text}");
    assert!(text.contains("member a\\x1b[2J\\x0a!\\x20etc/shadow"), "{text}");
}

#[test]
fn a_report_reads_like_this() {
    let (one, other) = (
        tar(&[member("doc/notes", 1_700_000_000, b"a\nmade 2026-11-29\nb\n")]),
        tar(&[member("doc/notes", 1_700_003_600, b"a\nmade 2026-11-30\nb\n")]),
    );
    let before = Memory::flat(&BTreeMap::from([(b"x.tar".to_vec(), one)]));
    let after = Memory::flat(&BTreeMap::from([(b"new".to_vec(), b"n".to_vec()), (b"x.tar".to_vec(), other)]));
    let expected = "\
+ new
  file
! x.tar (tar)
  ! member doc/notes (text)
    mtime: 2023-11-14 22:13:20 UTC (1700000000) -> 2023-11-14 23:13:20 UTC (1700003600)
      probably a timestamp
    probably a timestamp: made 2026-11-29 and made 2026-11-30
    line 1 -> 1
       a
      -made 2026-11-29
      +made 2026-11-30
       b
";
    assert_eq!(before.compare(&after, &Limits::default()).text(), expected);
}

#[test]
fn the_json_form_is_this() {
    let report = limited(b"a 12:00:01\n", b"a 12:00:02\n", &Limits::default());
    let expected = serde_json::json!({
        "version": 1,
        "same": false,
        "counts": { "added": 0, "removed": 0, "changed": 1 },
        "differences": [{
            "part": "path",
            "name": "file",
            "change": "changed",
            "format": "text",
            "hunks": [{
                "before": 1,
                "after": 1,
                "lines": [{ "sign": "-", "text": "a 12:00:01" }, { "sign": "+", "text": "a 12:00:02" }],
            }],
            "guess": { "cause": "timestamp", "evidence": "a 12:00:01 and a 12:00:02" },
        }],
        "left_out": [],
    });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
}
