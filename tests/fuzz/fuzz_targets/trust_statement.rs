//! What is read as a statement is written in canonical encoding, and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_trust::statement::Statement;
use stele_trust::statement::provenance::Provenance;
use stele_trust::statement::rebuild::Rebuild;
use stele_trust::statement::vsa::Summary;

fuzz_target!(|bytes: &[u8]| {
    let Ok(statement) = Statement::parse(bytes) else { return };
    assert!(!statement.subjects.is_empty());
    // A number without an exact encoding can be read, and not be written.
    if let Ok(written) = statement.encode() {
        assert_eq!(Statement::parse(&written).expect("what was written is read"), statement);
    }
    if let Ok(rebuild) = Rebuild::of(&statement) {
        let again = rebuild.clone().statement().expect("what was read can be said");
        assert_eq!(Rebuild::of(&again).expect("and is read again"), rebuild);
    }
    let _ = (Provenance::of(&statement), Summary::of(&statement));
});
