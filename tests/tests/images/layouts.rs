//! Hand-written layouts and tars, as no program writes them.

use serde_json::{Value, json};
use sha2::Digest as _;

use super::*;

/// A tar of entries that no tar program writes: each a header's fields, and bytes.
#[derive(Default)]
pub struct Tar(pub Vec<u8>);

impl Tar {
    pub fn entry(self, kind: u8, name: &str, link: &str, bytes: &[u8]) -> Self {
        self.entry_of(kind, 0o755, name, link, bytes)
    }

    pub fn entry_of(mut self, kind: u8, mode: u32, name: &str, link: &str, bytes: &[u8]) -> Self {
        let mut block = [0u8; 512];
        // What is too long for its own field goes into the preceding one, split at a slash.
        let (above, last) = match name.len() > 100 {
            true => name.split_at(name[..name.len() - 1].rfind('/').expect("a slash")),
            false => ("", name),
        };
        let last = if above.is_empty() { last } else { &last[1..] };
        block[..last.len()].copy_from_slice(last.as_bytes());
        block[345..345 + above.len()].copy_from_slice(above.as_bytes());
        block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        block[108..115].copy_from_slice(b"0000000");
        block[116..123].copy_from_slice(b"0000000");
        block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        block[136..147].copy_from_slice(b"00000000001");
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.extend(block);
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        self.entry(b'0', name, "", text.as_bytes())
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(b'5', name, "", b"")
    }

    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name, target, b"")
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

pub fn digest(bytes: &[u8]) -> String {
    let hex: String = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A hand-written layout with these tars as its layers.
pub struct Layout {
    pub path: PathBuf,
}

impl Layout {
    pub fn new(images: &Images, name: &str, layers: &[Vec<u8>]) -> Self {
        let layout = Self { path: images.scratch(name) };
        fs::create_dir_all(layout.path.join("blobs/sha256")).unwrap();
        fs::write(layout.path.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
        let descriptors: Vec<Value> =
            layers.iter().map(|it| layout.put("application/vnd.oci.image.layer.v1.tar", it)).collect();
        let diff_ids: Vec<String> = layers.iter().map(|it| digest(it)).collect();
        layout.manifest(&descriptors, &diff_ids);
        layout
    }

    pub fn put(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        fs::write(self.path.join("blobs/sha256").join(&digest[7..]), bytes).unwrap();
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    /// The manifest of these layers becomes the image `it`.
    pub fn manifest(&self, layers: &[Value], diff_ids: &[String]) {
        let config = json!({
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.put("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers,
        });
        let mut entry =
            self.put("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "it"});
        self.index(&[entry]);
    }

    pub fn index(&self, entries: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": entries});
        fs::write(self.path.join("index.json"), index.to_string()).unwrap();
    }

    /// Replaces the bytes of the largest blob.
    pub fn spoil(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let entries =
            fs::read_dir(self.path.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
        let largest = entries.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        let mut bytes = fs::read(&largest).unwrap();
        change(&mut bytes);
        fs::write(largest, bytes).unwrap();
    }
}
