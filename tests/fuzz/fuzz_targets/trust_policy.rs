//! A policy that is read is satisfied by all of its principals, not by none, and by more whenever by fewer.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use stele_trust::name::Label;
use stele_trust::policy::Policy;

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    let mut agreeing: BTreeSet<Label> = BTreeSet::new();
    assert!(!policy.satisfied_by(&agreeing), "silence is enough");
    let mut satisfied = false;
    for name in policy.principals.keys() {
        agreeing.insert(name.clone());
        let now = policy.satisfied_by(&agreeing);
        assert!(now || !satisfied, "one more principal, and it is not enough any more");
        satisfied = now;
    }
    assert!(satisfied);
    assert!(policy.explain().contains(policy.name.as_str()));
});
