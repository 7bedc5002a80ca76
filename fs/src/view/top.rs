//! The names at the top of the mount.

use stele_store::model::{Digest, RootName};

/// The most bytes of a name, here and in trees.
pub(super) const MAX_NAME: usize = 255;

/// The name that the directory at the top lists for a root.
pub(super) fn label(digest: &Digest, root: &RootName) -> Vec<u8> {
    // A root's name has at most 200 characters: with the digest, 265 at most, and a name has at most 255.
    let mut name = format!("{digest}-{root}");
    name.truncate(MAX_NAME);
    name.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    #[test]
    fn only_a_whole_digest_in_its_one_spelling_names_something() {
        let upper = DIGEST.to_uppercase();
        let dotted = format!("{DIGEST}.txt");
        for name in ["", "x", &DIGEST[..63], &upper, &dotted, &format!("{DIGEST}0")] {
            assert_eq!(Digest::labelled(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_label_is_not_looked_at() {
        for label in ["", "-", "-gcc", "--", "-a b\n"] {
            assert_eq!(
                Digest::labelled(format!("{DIGEST}{label}").as_bytes()),
                Some(DIGEST.parse().unwrap()),
                "{label}"
            );
        }
    }

    #[test]
    fn a_long_root_name_makes_no_name_that_is_too_long() {
        let digest: Digest = DIGEST.parse().unwrap();
        let name = label(&digest, &"r".repeat(200).parse().unwrap());
        assert_eq!(name.len(), 255);
        assert_eq!(Digest::labelled(&name), Some(digest));
    }
}
