//! File capabilities: what a program may do beyond its user, as an attribute of its file (capabilities(7)).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::as_text::as_text;

/// The names, at the place of their numbers.
const NAMES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// The version of the attribute (`VFS_CAP_REVISION_2` in linux/capability.h) with the bit that makes the permitted ones
/// effective.
const HEAD: u32 = 0x0200_0001;

/// A set of capabilities that a file gives to who runs it: permitted and effective, as `setcap NAMES=ep` sets them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capabilities(u64);

/// Why a text is no set of capabilities.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CapabilitiesError {
    /// A name that the kernel does not have.
    #[error(
        "`{name}` is not a capability; they are named as in capabilities(7), with commas between: cap_net_raw"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// One is named twice.
    #[error("`{name}` is there twice")]
    Twice {
        /// The name.
        name: String,
    },
}

impl Capabilities {
    /// The value of the attribute `security.capability`.
    pub fn to_attribute(self) -> [u8; 20] {
        let (low, high) = (0..4, 4..8);
        let set = self.0.to_le_bytes();
        let mut bytes = [0; 20];
        // The inheritable ones stay zero.
        bytes[..4].copy_from_slice(&HEAD.to_le_bytes());
        bytes[4..8].copy_from_slice(&set[low]);
        bytes[12..16].copy_from_slice(&set[high]);
        bytes
    }

    /// The set of such a value; `None` for any that this program would not have written.
    pub fn of_attribute(value: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(value.get(4 * at..4 * at + 4)?.try_into().ok()?));
        let set = Self(u64::from(word(3)?) << 32 | u64::from(word(1)?));
        (set.0 != 0 && set.0 >> NAMES.len() == 0 && set.to_attribute() == value).then_some(set)
    }
}

impl FromStr for Capabilities {
    type Err = CapabilitiesError;

    fn from_str(text: &str) -> Result<Self, CapabilitiesError> {
        let mut set = 0;
        for name in text.split(',') {
            let number = NAMES.iter().position(|it| *it == name);
            let number = number.ok_or_else(|| CapabilitiesError::Name { name: name.to_owned() })?;
            if set & 1 << number != 0 {
                return Err(CapabilitiesError::Twice { name: name.to_owned() });
            }
            set |= 1 << number;
        }
        Ok(Self(set))
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = NAMES
            .iter()
            .enumerate()
            .filter(|(number, _)| self.0 & 1 << number != 0)
            .map(|(_, it)| *it)
            .collect();
        f.pad(&names.join(","))
    }
}

as_text!(Capabilities, CapabilitiesError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_set_is_written_as_setcap_writes_it() {
        // `setcap cap_net_raw=ep FILE; getfattr --encoding=hex --name=security.capability FILE`
        let bytes = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let raw: Capabilities = "cap_net_raw".parse().unwrap();
        assert_eq!(raw.to_attribute(), bytes);
        let both: Capabilities = "cap_bpf,cap_chown".parse().unwrap();
        assert_eq!(both.to_string(), "cap_chown,cap_bpf");
        assert_eq!(both.to_attribute()[4..16], [1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0]);
    }

    #[test]
    fn other_names_are_refused() {
        for text in
            ["", "net_raw", "CAP_NET_RAW", "cap_net_raw=ep", "cap_net_raw,", "cap_a", "cap_kill,cap_kill"]
        {
            assert!(text.parse::<Capabilities>().is_err(), "{text}");
        }
    }

    #[test]
    fn attributes_of_other_meaning_are_not_taken_for_it() {
        let value = "cap_net_raw".parse::<Capabilities>().unwrap().to_attribute();
        assert!(Capabilities::of_attribute(&value).is_some());
        // Not effective; of version 3, with a user; inheritable; none; unknown ones; cut off; longer.
        for (at, byte) in [(0, 0), (3, 3), (8, 1), (5, 0), (13, 2), (16, 1)] {
            let mut other = value;
            other[at] = byte;
            assert_eq!(Capabilities::of_attribute(&other), None, "{at}");
        }
        assert_eq!(Capabilities::of_attribute(&value[..19]), None);
        assert_eq!(Capabilities::of_attribute(&[&value[..], &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn every_set_is_read_as_it_was_written(bits in 1u64..1 << NAMES.len()) {
            let set = Capabilities(bits);
            prop_assert_eq!(Capabilities::of_attribute(&set.to_attribute()), Some(set));
            prop_assert_eq!(set.to_string().parse::<Capabilities>(), Ok(set));
        }
    }
}
