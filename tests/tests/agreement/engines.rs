//! `approve`: after the policy agrees, and only then, an image is signed so that engines run it. The peers are cosign,
//! skopeo and podman of a newer Debian.

use std::fs;
use std::path::Path;
use std::process::Output;

use stele_tests::docker_registry::Registry;
use stele_tests::{newer, skip};

use super::builders::{Builders, write_app};

/// The trusted root of a world without certificates and logs: keys alone count.
const NO_ROOT: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

/// An image that all builders agree on, and a key for the gate.
fn approved() -> Option<(Builders, Registry)> {
    if !newer::is_there() {
        skip("cosign, podman and skopeo of a newer Debian are not there");
        return None;
    }
    let it = Builders::new();
    for name in ["alice", "bob"] {
        it.of(name).ok(&["build", "app"]);
        it.of(name).ok(&["image", "build", "app"]);
    }
    it.of("alice").ok(&["key", "new", "--algorithm", "p256", &it.path("gate")]);
    let registry = Registry::new(it.shop.stele.scratch());
    Some((it, registry))
}

fn ok(output: &Output) -> String {
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn refused(output: &Output, why: &str) {
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(!output.status.success() && text.contains(why), "{text}");
}

/// The policy of an engine that runs only what the gate signed.
fn enforce(scratch: &Path, address: &str) {
    let policy = serde_json::json!({
        "default": [{ "type": "reject" }],
        "transports": { "docker": { address: [{ "type": "sigstoreSigned", "keyPath": "/scratch/gate.pub" }] } },
    });
    fs::write(scratch.join("policy.json"), policy.to_string()).unwrap();
    let folder = scratch.join("home/.config/containers/registries.d");
    fs::create_dir_all(&folder).unwrap();
    let lookup = format!("docker:\n  {address}:\n    use-sigstore-attachments: true\n");
    fs::write(folder.join("here.yaml"), lookup).unwrap();
}

#[test]
fn an_image_is_not_approved_before_the_policy_agrees_and_engines_refuse_it() {
    let Some((it, registry)) = approved() else { return };
    let (scratch, address) = (it.shop.stele.scratch(), registry.address());
    let reference = format!("{address}/app:1");
    enforce(scratch, &address);
    it.attests("alice", "image-app");
    let alice = it.of("alice");
    let (key, policy) = (it.path("gate"), it.path("policy"));
    let approve = ["approve", "app", "--key", &key, "--policy", &policy, "--for", &reference, "--closure"];
    let error = alice.fails(&approve, 10);
    assert!(error.contains("INSUFFICIENT") && error.contains("not approved"), "{error}");
    assert_eq!(alice.json(&["image", "referrers", "app"]).as_array().unwrap().len(), 0);
    let error = alice.fails(&["image", "push", "app", &reference, "--policy", &policy], 1);
    assert!(error.contains("does not agree"), "{error}");
    alice.ok(&["image", "push", "app", &reference]);
    let podman =
        ["podman", "--root", "/scratch/images", "--storage-driver", "vfs", "pull", "--tls-verify=false"];
    let pull = [&podman[..], &["--signature-policy", "/scratch/policy.json", &reference]].concat();
    refused(&newer::run(scratch, &pull), "signature");

    let bob = it.attests("bob", "image-app");
    alice.ok(&["evidence", "add", &bob]);
    let said = alice.ok(&approve);
    assert!(said.starts_with("sha256:"), "{said}");
    alice.ok(&["image", "push", "app", &reference, "--policy", &policy, "--policy-closure"]);
    ok(&newer::run(scratch, &pull));
    let podman =
        ["podman", "--root", "/scratch/images", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"];
    let how = ["--runtime", "runc", "run", "--network", "none", "--rm", "--tls-verify=false"];
    let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
    let enforced = ["--pull", "always", "--signature-policy", "/scratch/policy.json", &reference];
    let run = [&podman[..], &how, &limits, &enforced].concat();
    assert!(ok(&newer::run(scratch, &run)).contains("hello"));
    let skopeo = ["skopeo", "--policy", "/scratch/policy.json", "copy", "--src-tls-verify=false"];
    let from = format!("docker://{reference}");
    let copy = [&skopeo[..], &[&from, "dir:/scratch/copy"]].concat();
    ok(&newer::run(scratch, &copy));

    // Another image under the same name, which nobody approved.
    write_app(&it.shop, "other");
    alice.ok(&["image", "build", "app"]);
    alice.ok(&["image", "push", "app", &reference]);
    refused(&newer::run(scratch, &run), "signature");
    // And another key.
    fs::copy(it.path("alice.pub"), scratch.join("gate.pub")).unwrap();
    refused(&newer::run(scratch, &copy), "ignature");
}

#[test]
fn cosign_verifies_the_signature_the_summary_and_a_builders_bundle_and_nothing_that_was_changed() {
    let Some((it, registry)) = approved() else { return };
    let (scratch, reference) = (it.shop.stele.scratch(), format!("{}/app:1", registry.address()));
    let alice = it.of("alice");
    let files = ["alice", "bob"].map(|name| it.attests(name, "image-app"));
    alice.ok(&["evidence", "add", &files[1]]);
    let (key, policy) = (it.path("gate"), it.path("policy"));
    alice.ok(&["approve", "app", "--key", &key, "--policy", &policy, "--for", &reference]);
    // A second approval stands beside the first.
    let second = it.path("alice");
    alice.ok(&["approve", "app", "--key", &second, "--policy", &policy, "--for", &reference]);
    alice.ok(&["image", "push", "app", &reference]);
    fs::write(scratch.join("root.json"), NO_ROOT).unwrap();
    let alone = ["--insecure-ignore-tlog", "--private-infrastructure"];
    let verify = |key: &str| {
        let start = ["cosign", "verify", "--allow-insecure-registry", "--key", key];
        newer::run(scratch, &[&start[..], &alone, &[&reference]].concat())
    };
    ok(&verify("/scratch/gate.pub"));
    ok(&verify("/scratch/alice.pub"));
    refused(&verify("/scratch/bob.pub"), "no matching signatures");
    let start = ["cosign", "verify-attestation", "--allow-insecure-registry", "--new-bundle-format"];
    let summary = |key: &str| {
        let more = ["--trusted-root", "/scratch/root.json", "--key", key, "--type"];
        let kind = ["https://slsa.dev/verification_summary/v1", &reference];
        newer::run(scratch, &[&start[..], &more, &kind, &alone].concat())
    };
    ok(&summary("/scratch/gate.pub"));
    refused(&summary("/scratch/bob.pub"), "no matching attestations");

    // A builder's provenance of the image, by itself.
    let text = fs::read_to_string(&files[0]).unwrap();
    let bundle = text.lines().last().unwrap();
    fs::write(scratch.join("bundle.json"), bundle).unwrap();
    let manifest = scratch.join("manifest");
    let layout = scratch.join("layout");
    alice.ok(&["image", "export", "app", layout.to_str().unwrap(), "--policy", &policy]);
    let digest = alice.json(&["image", "inspect", "app"])["digest"].as_str().unwrap().to_owned();
    fs::copy(layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:")), &manifest).unwrap();
    let blob = || {
        let start =
            ["cosign", "verify-blob-attestation", "--new-bundle-format", "--key", "/scratch/alice.pub"];
        let more = ["--bundle", "/scratch/bundle.json", "--trusted-root", "/scratch/root.json"];
        let kind = ["--type", "slsaprovenance1", "/scratch/manifest"];
        newer::run(scratch, &[&start[..], &more, &alone, &kind].concat())
    };
    ok(&blob());
    fs::write(&manifest, [&fs::read(&manifest).unwrap()[..], b" "].concat()).unwrap();
    refused(&blob(), "does not match any digest");
}
