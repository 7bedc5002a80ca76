//! Facts about this machine, as a builder states them.

use stele_trust::statement::rebuild::Builder;

/// Who builds here.
pub(super) fn builder() -> Builder {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    Builder {
        implementation: Some("stele".to_owned()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        cpu_vendor: field("vendor_id").map(|vendor| short_vendor(&vendor)),
        cpu_model: field("model name"),
        kernel: Some(kernel()),
    }
}

/// The maker of the CPU, as policies spell it.
fn short_vendor(id: &str) -> String {
    match id {
        "GenuineIntel" => "intel".to_owned(),
        "AuthenticAMD" => "amd".to_owned(),
        other => other.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase(),
    }
}

/// The kernel, up to the second number of its version: what follows differs from machine to machine.
fn kernel() -> String {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let numbers: Vec<String> = release
        .split('.')
        .take(2)
        .map(|part| part.chars().take_while(char::is_ascii_digit).collect())
        .collect();
    format!("{}-{}", uname.sysname().to_string_lossy().to_ascii_lowercase(), numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_spelled_as_a_policy_can_spell_them() {
        let builder = builder();
        for fact in [builder.implementation, builder.cpu_vendor, builder.kernel].into_iter().flatten() {
            assert!(fact.parse::<stele_trust::name::Label>().is_ok(), "{fact}");
        }
        assert_eq!(short_vendor("GenuineIntel"), "intel");
        assert_eq!(short_vendor("  Shanghai  "), "shanghai");
    }
}
