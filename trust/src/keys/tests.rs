//! Keys that are refused, and round trips through every format.

use super::*;

const PKCS8_LABEL: &str = "PRIVATE KEY";

fn both() -> [Algorithm; 2] {
    [Algorithm::Ed25519, Algorithm::EcdsaP256]
}

#[test]
fn a_signature_of_other_bytes_or_by_another_key_or_cut_off_is_refused() {
    for algorithm in both() {
        let (key, _) = SigningKey::generate(algorithm).unwrap();
        let (other, _) = SigningKey::generate(algorithm).unwrap();
        let signature = key.sign(b"message").unwrap();
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"massage", &signature));
        assert!(!other.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"message", &signature[..signature.len() - 1]));
        assert!(!key.public().verifies(b"message", b""));
        assert!(!key.public().verifies(b"message", &[signature, vec![0]].concat()));
    }
}

#[test]
fn algorithm_confusion_a_signature_by_one_algorithm_never_matches_a_key_of_the_other() {
    let (ed25519, _) = SigningKey::generate(Algorithm::Ed25519).unwrap();
    let (p256, _) = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
    assert!(!p256.public().verifies(b"m", &ed25519.sign(b"m").unwrap()));
    assert!(!ed25519.public().verifies(b"m", &p256.sign(b"m").unwrap()));
    // The same bytes as a key of the other kind are no key at all.
    assert!(PublicKey::from_raw(Algorithm::EcdsaP256, ed25519.public().raw()).is_err());
    assert!(PublicKey::from_raw(Algorithm::Ed25519, p256.public().raw()).is_err());
}

#[test]
fn keys_under_which_anybody_can_sign_are_refused_in_every_spelling() {
    for y in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        let bytes = crate::digest::unhex(y).unwrap();
        assert_eq!(PublicKey::from_raw(Algorithm::Ed25519, &bytes), Err(KeyError::SmallOrder), "{y}");
    }
}

#[test]
fn what_is_not_one_key_is_refused() {
    let (key, private) = SigningKey::generate(Algorithm::Ed25519).unwrap();
    let public = key.public().to_pem();
    for text in [
        "",
        "x",
        "ssh-ed25519",
        "ssh-ed25519 ****",
        "ssh-rsa AAAA",
        &public[..60],
        &public.repeat(2),
        &private,
    ] {
        assert!(PublicKey::parse(text).is_err(), "{text}");
    }
    let ssh = key.public().to_openssh();
    assert!(PublicKey::parse(&ssh.replace("ssh-ed25519 ", "ecdsa-sha2-nistp256 ")).is_err());
    assert!(PublicKey::parse(&format!("restrict {ssh}")).is_err());
    assert!(PublicKey::parse(&ssh.repeat(2)).is_err());
    let encrypted = private.replace(PKCS8_LABEL, "ENCRYPTED PRIVATE KEY");
    assert_eq!(SigningKey::parse(&encrypted).unwrap_err(), KeyError::Encrypted);
    assert!(SigningKey::parse(&public).is_err());
}

#[test]
fn a_private_key_with_another_keys_public_half_is_refused() {
    let (one, text) = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
    let (other, _) = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
    let (_, mut der) = pem::decode(&text).unwrap();
    let at = der.windows(65).position(|window| window == one.public().raw()).unwrap();
    der[at..at + 65].copy_from_slice(other.public().raw());
    let swapped = pem::encode(PKCS8_LABEL, &der);
    assert_eq!(SigningKey::parse(&swapped).unwrap_err(), KeyError::Mismatch);
}

#[test]
fn a_key_has_one_id_whatever_format_it_was_read_from() {
    for algorithm in both() {
        let (key, private) = SigningKey::generate(algorithm).unwrap();
        let public = key.public();
        assert_eq!(&PublicKey::parse(&public.to_pem()).unwrap(), public);
        assert_eq!(&PublicKey::parse(&public.to_openssh()).unwrap(), public);
        assert_eq!(&PublicKey::parse(&format!("{} me@here", public.to_openssh().trim())).unwrap(), public);
        assert_eq!(SigningKey::parse(&private).unwrap().public().id(), public.id());
    }
}

#[test]
fn the_vectors_of_rfc_8032_hold() {
    let seed =
        crate::digest::unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(crate::digest::hex(key.public().raw()), public);
    let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
                     d25bf5f0595bbe24655141438e7a100b";
    assert_eq!(crate::digest::hex(&key.sign(b"").unwrap()), signature);
    assert!(key.public().verifies(b"", &crate::digest::unhex(signature).unwrap()));
}
