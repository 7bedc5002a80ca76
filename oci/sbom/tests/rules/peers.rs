//! The formats' own programs, and those of others, accept what is written and refuse it when it was changed. None of
//! them is optional: `tools/install-deps test` installs them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use stele_sbom::{Bill, cyclonedx, spdx, spdx3};

use crate::bills;

/// The Python that has what the tests need of PyPI.
fn python() -> PathBuf {
    let cache = std::env::var_os("STELE_CACHE").map(PathBuf::from);
    let user = || std::env::var_os("XDG_CACHE_HOME").map(|it| PathBuf::from(it).join("stele"));
    let home = || std::env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache/stele"));
    cache.or_else(user).or_else(home).expect("a cache").join("peers-python/bin/python")
}

/// What a program in Python prints about a document.
fn asked(program: &str, document: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.json");
    fs::write(&file, document).unwrap();
    let output =
        Command::new(python()).args(["-c", program]).arg(&file).args(more).stdin(Stdio::null()).output();
    let output = output.expect("tools/install-deps installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether CycloneDX's own library accepts it.
fn cyclonedx_schema(document: &str) -> String {
    let program = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding='utf-8').read())
print('valid' if error is None else error)
";
    asked(program, document, &[])
}

/// What SPDX's model in Python and the checker for minimum elements say: `ntia`, `fsct3-min` or `bsi`.
fn minimum_elements(document: &str, spec: &str, standard: &str) -> String {
    let program = "\
import sys
from ntia_conformance_checker.sbom_checker import SbomChecker
it = SbomChecker(sys.argv[1], compliance=sys.argv[3], sbom_spec=sys.argv[2])
wrong = list(it.parsing_errors) + [str(m.validation_message) for m in it.validation_messages]
wrong += [name for name, fine in it.table_elements if not fine and '(' not in name]
print('accepted' if it.compliant and not wrong else '; '.join(wrong) or 'refused')
";
    asked(program, document, &[spec, standard])
}

#[test]
fn cyclonedx_is_valid_by_the_schema_and_not_when_a_word_is_wrong() {
    // A run takes seconds, so these two have between them whatever a bill can have or lack.
    for bill in [bills::with_a_tool(), Bill { tools_listed: false, ..bills::anonymous() }] {
        assert_eq!(cyclonedx_schema(&cyclonedx::text(&bill)), "valid");
    }
    let wrong = cyclonedx::text(&bills::anonymous()).replace("\"complete\"", "\"perfect\"");
    assert_ne!(cyclonedx_schema(&wrong), "valid");
}

#[test]
fn spdx_3_has_the_minimum_elements_by_another_checker() {
    let text = spdx3::text(&bills::signed_for());
    for standard in ["ntia", "bsi"] {
        assert_eq!(minimum_elements(&text, "spdx3", standard), "accepted", "{standard}");
    }
    let with_a_tool = spdx3::text(&bills::with_a_tool());
    assert_eq!(minimum_elements(&with_a_tool, "spdx3", "ntia"), "accepted");
    // Nobody stands for this one.
    let anonymous = spdx3::text(&bills::anonymous());
    assert_eq!(minimum_elements(&anonymous, "spdx3", "ntia"), "accepted");
    let said = minimum_elements(&anonymous, "spdx3", "bsi");
    assert!(said.contains("Creator of the SBOM") && said.contains("Distribution Licenses"), "{said}");
    let wrong = text.replace("\"software_packageVersion\"", "\"comment\"");
    assert!(minimum_elements(&wrong, "spdx3", "ntia").contains("versions"), "{wrong}");
}

#[test]
fn spdx_2_has_the_minimum_elements_by_another_checker() {
    let text = spdx::text(&bills::signed_for());
    assert_eq!(minimum_elements(&text, "spdx2", "ntia"), "accepted");
    let said = minimum_elements(&spdx::text(&bills::anonymous()), "spdx2", "ntia");
    assert!(said.contains("suppliers"), "{said}");
}
