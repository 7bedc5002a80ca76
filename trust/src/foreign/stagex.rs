//! StageX's signatures of images: OpenPGP messages whose payload says which image. Both forms are read: until June
//! 2025 a JSON array with a digest without `sha256:`, since then containers/image's "atomic container signature".
//!
//! What counts is the distinct valid *certificate*: files are signed by subkeys, and several files of an image can
//! be of one person.

use serde_json::Value;

use super::gpgv;
use crate::digest::Sha256;
use crate::json::{self, JsonError};
use crate::principal::Material;
use crate::simple_signing::{self, Kind, Payload, PayloadError};
use crate::vote::{Evidence, ForeignVote};

/// The type of the older form.
const OLD_TYPE: &str = "pgp container image signature";

/// Which image a file is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Its name, such as `stagex/gcc`, without a tag.
    pub name: String,
    /// Its manifest.
    pub manifest: Sha256,
}

/// Why a file holds no vote.
#[derive(Debug, thiserror::Error)]
pub enum StagexError {
    /// The payload is not JSON.
    #[error("its payload is not a signature of an image: {0}")]
    Json(#[from] JsonError),
    /// The payload is of another form.
    #[error("its payload is not a signature of an image: {0}")]
    Payload(#[from] PayloadError),
    /// Not one image.
    #[error("its payload names {0} images, and one was expected")]
    Count(usize),
    /// The folder's name is not one.
    #[error("{0:?} is not `NAME@sha256=DIGEST`, as folders of signatures are called")]
    Folder(String),
    /// It says something else than the place where it lies.
    #[error("it is a signature of {} with sha256:{}, and lies with those of another image", found.name, found.manifest)]
    Misplaced {
        /// What it is of.
        found: Image,
    },
    /// There is no signature.
    #[error("it is empty, cut off, or not signed")]
    NoSignature,
}

impl Image {
    /// The image of a folder, which is called `NAME@sha256=DIGEST`.
    pub fn of_folder(folder: &str) -> Result<Self, StagexError> {
        let wrong = || StagexError::Folder(folder.chars().take(200).collect());
        let (name, digest) = folder.split_once("@sha256=").ok_or_else(wrong)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(wrong());
        }
        Ok(Self { name: format!("stagex/{name}"), manifest: digest.parse().map_err(|_| wrong())? })
    }

    /// The image that a payload names, in either form.
    pub fn of_payload(payload: &[u8]) -> Result<Self, StagexError> {
        let value = match json::parse(payload)? {
            Value::Array(values) if values.len() == 1 => values.into_iter().next().unwrap_or_default(),
            Value::Array(values) => return Err(StagexError::Count(values.len())),
            _ => {
                let payload = Payload::parse(payload)?;
                if payload.kind != Kind::Atomic {
                    return Err(PayloadError::Invalid("its type is not known").into());
                }
                return Ok(Self {
                    name: without_tag(&payload.reference).to_owned(),
                    manifest: payload.manifest,
                });
            }
        };
        let (critical, optional) = simple_signing::parts(&value)?;
        if critical.kind != OLD_TYPE || !optional.is_none_or(|it| it.is_null() || it.is_object()) {
            return Err(PayloadError::Invalid("its type is not known").into());
        }
        let manifest =
            critical.digest.parse().map_err(|_| PayloadError::Invalid("its digest is not 64 digits"))?;
        Ok(Self { name: without_tag(critical.reference).to_owned(), manifest })
    }
}

/// A reference without its tag. A colon before the last slash belongs to a registry's port.
fn without_tag(reference: &str) -> &str {
    let (path, last) =
        reference.rsplit_once('/').map_or((0, reference), |(path, last)| (path.len() + 1, last));
    last.split_once(':').map_or(reference, |(name, _)| &reference[..path + name.len()])
}

/// The evidence in a file: a vote for each valid signature. `payload` and `status` are what `gpgv` wrote for the
/// `file`, and `folder` is the name of the folder in which it lies.
pub fn evidence(file: &[u8], folder: &str, payload: &[u8], status: &str) -> Vec<Evidence> {
    let digest = Sha256::of(file);
    let unreadable = |reason: String| Evidence::Unreadable { digest, reason };
    let image = match placed(folder, payload, status) {
        Ok(image) => image,
        Err(error) => return vec![unreadable(error.to_string())],
    };
    let vote = |signature: Result<gpgv::Valid, gpgv::Invalid>| match signature {
        Err(error) => unreadable(error.to_string()),
        Ok(valid) => Evidence::Foreign(ForeignVote {
            evidence: digest,
            signer: Material::OpenPgp(valid.primary),
            name: image.name.clone(),
            sha256: image.manifest,
            signed: Some(valid.made),
            key_expired: valid.key_expired,
            key_revoked: valid.key_revoked,
        }),
    };
    gpgv::read(status).into_iter().map(vote).collect()
}

fn placed(folder: &str, payload: &[u8], status: &str) -> Result<Image, StagexError> {
    if gpgv::read(status).is_empty() {
        return Err(StagexError::NoSignature);
    }
    let (expected, found) = (Image::of_folder(folder)?, Image::of_payload(payload)?);
    (found == expected).then_some(expected).ok_or(StagexError::Misplaced { found })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn old(name: &str, digest: &str) -> String {
        let (identity, image) =
            (json!({ "docker-reference": name }), json!({ "docker-manifest-digest": digest }));
        let critical = json!({ "identity": identity, "image": image, "type": OLD_TYPE });
        json!([{ "critical": critical, "optional": null }]).to_string()
    }

    fn new(name: &str, digest: &str) -> String {
        let inner = old(name, &format!("sha256:{digest}")).replace("pgp container image", "atomic container");
        inner[1..inner.len() - 1].replace("null", "{}")
    }

    #[test]
    fn both_forms_are_read_and_a_mixture_is_refused() {
        let digest = "ab".repeat(32);
        let image = Image { name: "stagex/gcc".to_owned(), manifest: digest.parse().unwrap() };
        for text in [old("stagex/gcc", &digest), new("stagex/gcc", &digest), new("stagex/gcc:13.1", &digest)]
        {
            assert_eq!(Image::of_payload(text.as_bytes()).unwrap(), image, "{text}");
        }
        for text in [
            old("stagex/gcc", &format!("sha256:{digest}")),
            format!("[{}]", new("stagex/gcc", &digest)),
            new("stagex/gcc", &digest).replace("sha256:", ""),
            new("stagex/gcc", &digest).replace("atomic container", "cosign container image"),
            format!("[{0},{0}]", &old("stagex/gcc", &digest)[1..old("stagex/gcc", &digest).len() - 1]),
            "[]".to_owned(),
            String::new(),
        ] {
            assert!(Image::of_payload(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn folders_with_an_empty_or_wrong_digest_are_refused() {
        for folder in ["build.log@sha256=", "core@sha256=xy", "gcc", "@sha256=", "a/b@sha256="] {
            assert!(Image::of_folder(folder).is_err(), "{folder}");
        }
        assert!(Image::of_folder(&format!("gcc@sha256={}", "AB".repeat(32))).is_err());
        let image = Image::of_folder(&format!("gcc@sha256={}", "ab".repeat(32))).unwrap();
        assert_eq!(image.name, "stagex/gcc");
    }

    #[test]
    fn a_tag_is_not_part_of_a_name_and_a_port_is() {
        assert_eq!(without_tag("stagex/gcc:1"), "stagex/gcc");
        assert_eq!(without_tag("host:5000/stagex/gcc"), "host:5000/stagex/gcc");
        assert_eq!(without_tag("host:5000/gcc:1"), "host:5000/gcc");
        assert_eq!(without_tag("gcc:1"), "gcc");
    }

    #[test]
    fn a_signature_of_one_image_among_those_of_another_is_no_vote() {
        let (one, other) = ("ab".repeat(32), "cd".repeat(32));
        let key = "A".repeat(40);
        let status = format!(
            "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG K n\n[GNUPG:] VALIDSIG {key} 2024-01-01 1000 0 4 0 22 10 00 {key}\n"
        );
        let votes = |folder: &str, payload: &str, status: &str| {
            let all = evidence(b"file", folder, payload.as_bytes(), status);
            all.iter().filter(|it| matches!(it, Evidence::Foreign(_))).count()
        };
        let folder = format!("gcc@sha256={one}");
        assert_eq!(votes(&folder, &old("stagex/gcc", &one), &status), 1);
        assert_eq!(votes(&folder, &old("stagex/gcc", &other), &status), 0);
        assert_eq!(votes(&folder, &old("stagex/tcc", &one), &status), 0);
        assert_eq!(votes(&folder, &old("stagex/gcc", &one), ""), 0);
        assert_eq!(votes(&folder, "", &status), 0);
    }
}
