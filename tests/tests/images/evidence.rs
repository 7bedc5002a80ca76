//! Attachments of images: they accompany the image, and third-party tools find them.

use super::pushing::digest_of;
use super::serving::Endpoint;
use super::*;
use stele_tests::docker_registry::Registry;

const NOTE: &str = "application/vnd.example.note";

impl Images {
    /// Attaches a file with that text; the digest of the attachment.
    #[track_caller]
    fn attach(&self, image: &str, text: &str, more: &[&str]) -> String {
        let file = self.scratch("note.txt");
        fs::write(&file, text).unwrap();
        let file = super::text(&file).to_owned();
        let args = ["image", "attach", image, &file, "--type", NOTE, "--media-type", "text/plain"];
        let said = self.shop.stele.ok(&[&args[..], more].concat());
        said.split(' ').next().unwrap().to_owned()
    }

    /// The digests of an image's attachments.
    fn attached(&self, image: &str) -> Vec<String> {
        let list = self.shop.stele.json(&["image", "referrers", image]);
        let list = list.as_array().unwrap().iter();
        list.map(|it| it["digest"].as_str().unwrap().to_owned()).collect()
    }
}

/// Runs a program of Python's oras against a repository; its output.
fn oras(program: &str, there: &str) -> String {
    let head = "import sys, json, oras.provider, oras.container\n\
                host, name = sys.argv[1].split('/', 1)\n\
                registry = oras.provider.Registry(hostname=host, insecure=True, tls_verify=False)\n\
                container = oras.container.Container(sys.argv[1])\n";
    peer(&python(), &["-c", &format!("{head}{program}"), there])
}

#[test]
fn attachments_are_listed_kept_and_removed() {
    let images = Images::new();
    let stele = &images.shop.stele;
    let digest = images.build("box");
    let note = images.attach("box", "first\n", &["--annotation", "org.example.k=v"]);
    // Attaching it again changes nothing.
    assert_eq!(images.attach("box", "first\n", &["--annotation", "org.example.k=v"]), note);
    let on_note = images.attach("box", "about the note\n", &["--subject", &note]);
    let list = stele.json(&["image", "referrers", "box", "--type", NOTE]);
    let of = |digest: &str| list.as_array().unwrap().iter().find(|it| it["digest"] == digest).unwrap();
    assert_eq!(of(&note)["subject"], digest);
    assert_eq!(of(&note)["annotations"]["org.example.k"], "v");
    assert_eq!(of(&on_note)["subject"], note);
    let blob = &of(&note)["blobs"][0];
    assert_eq!((blob["title"].as_str(), blob["media_type"].as_str()), (Some("note.txt"), Some("text/plain")));
    assert_eq!(stele.ok(&["store", "cat", blob["place"].as_str().unwrap()]), "first");
    assert_eq!(stele.json(&["image", "referrers", "box", "--type", "a/b"]), serde_json::json!([]));
    // The image is unchanged, and keeps them when built again.
    assert_eq!(images.build("box"), digest);
    assert_eq!(images.attached("box").len(), 2);
    // They are not garbage.
    stele.ok(&["store", "gc"]);
    stele.ok(&["store", "verify"]);
    assert_eq!(images.attached("box").len(), 2);
    assert!(stele.fails(&["image", "detach", "box", &note], 1).contains("detach that first"));
    assert_eq!(stele.ok(&["image", "detach", "box", &on_note]), on_note);
    assert_eq!(stele.ok(&["image", "detach", "box", &note["sha256:".len()..][..12]]), note);
    assert_eq!(images.attached("box"), Vec::<String>::new());
}

#[test]
fn another_image_under_the_name_has_nothing_of_it() {
    let images = Images::new();
    images.build("box");
    images.attach("box", "first\n", &[]);
    images.image("box", "inputs = [box]");
    images.build("box");
    assert_eq!(images.attached("box"), Vec::<String>::new());
}

#[test]
fn an_impossible_attachment_is_refused() {
    let images = Images::new();
    images.build("box");
    let note = images.attach("box", "first\n", &[]);
    let fails = |args: &[&str], code| images.shop.stele.fails(&[&["image"], args].concat(), code);
    let zeros = format!("sha256:{}", "0".repeat(64));
    let (file, folder) = (images.scratch("note.txt"), images.scratch(""));
    let (file, folder) = (text(&file), text(&folder));
    for (args, code, says) in [
        (&["attach", "box", file, "--type", "note"][..], 2, "TYPE/SUBTYPE"),
        (&["attach", "box", file, "--type", "a/b c"], 2, "TYPE/SUBTYPE"),
        (&["attach", "box", "--type", NOTE], 2, "FILE"),
        (&["attach", "box", file, "--type", NOTE, "--annotation", "=v"], 2, "KEY=VALUE"),
        (&["attach", "box", "/nowhere", "--type", NOTE], 3, "/nowhere"),
        (&["attach", "box", folder, "--type", NOTE], 2, "is not a file"),
        (&["attach", "nothing", file, "--type", NOTE], 3, "nothing"),
        (&["attach", "box", file, "--type", NOTE, "--subject", &zeros], 3, "inspect"),
        (&["attach", "box", file, "--type", NOTE, "--subject", "sha256:12"], 2, "64 digits"),
        (&["detach", "box", &zeros], 3, "image referrers"),
        (&["detach", "box", "12"], 3, "8 or more"),
        (&["referrers", "nothing"], 3, "image ls"),
    ] {
        let said = fails(args, code);
        assert!(said.contains(says), "{args:?}: {said}");
    }
    assert_eq!(images.attached("box"), [note]);
}

#[test]
fn a_layout_has_it_and_gives_it_back_and_skopeo_still_finds_the_image() {
    let images = Images::new();
    let stele = &images.shop.stele;
    let digest = images.build("box");
    let note = images.attach("box", "first\n", &["--annotation", "org.example.k=v"]);
    images.attach("box", "about the note\n", &["--subject", &note]);
    let all = images.attached("box");
    for name in ["layout", "box.tar"] {
        let to = images.scratch(name);
        stele.ok(&["image", "export", "box", text(&to)]);
        let kind = if name == "layout" { "oci" } else { "oci-archive" };
        let shown = peer("skopeo", &["inspect", &format!("{kind}:{}:box", text(&to))]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["Digest"], digest);
        stele.ok(&["image", "import", "--name", "back", text(&to)]);
        assert_eq!(images.attached("back"), all);
        stele.ok(&["image", "import", "--name", "bare", "--no-referrers", text(&to)]);
        assert_eq!(images.attached("bare"), Vec::<String>::new());
    }
    let layout = images.scratch("layout");
    let again = stele.json(&["image", "export", "box", text(&layout)]);
    assert_eq!(again["unchanged"], true, "{again}");
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let entry = index["manifests"].as_array().unwrap().iter().find(|it| it["digest"] == note.as_str());
    let entry = entry.unwrap();
    assert_eq!(
        (entry["artifactType"].as_str(), &entry["annotations"]["org.example.k"]),
        (Some(NOTE), &"v".into())
    );
    // And on request without.
    let bare = images.scratch("bare");
    stele.ok(&["image", "export", "--no-referrers", "box", text(&bare)]);
    let index = fs::read_to_string(bare.join("index.json")).unwrap();
    assert!(!index.contains(&note) && index.contains(&digest), "{index}");
    // A payload that does not match its digest is refused, with its whole image.
    let shown = stele.json(&["image", "referrers", "box"]);
    let blob = shown[0]["blobs"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let path = layout.join("blobs/sha256").join(blob);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = stele.fails(&["image", "import", "--name", "damaged", text(&layout)], 4);
    assert!(said.contains("digest") && said.contains("damaged"), "{said}");
    stele.fails(&["image", "inspect", "damaged"], 3);
}

#[test]
fn a_referrer_of_one_platform_accompanies_that_platform() {
    let images = Images::new();
    let stele = &images.shop.stele;
    images.two_platforms();
    images.build("box");
    let arm = stele.json(&["image", "inspect", "box"])["images"][1]["digest"].clone();
    let on_arm = images.attach("box", "arm\n", &["--subject", arm.as_str().unwrap()]);
    let on_index = images.attach("box", "both\n", &[]);
    let layout = images.scratch("layout");
    stele.ok(&["image", "export", "--platform", "linux/arm64", "box", text(&layout)]);
    let index = fs::read_to_string(layout.join("index.json")).unwrap();
    assert!(index.contains(&on_arm) && !index.contains(&on_index), "{index}");
}

#[test]
fn the_endpoint_serves_it_and_oras_finds_and_pulls_it() {
    let images = Images::new();
    let digest = images.build("box");
    let note = images.attach("box", "from the endpoint\n", &["--annotation", "org.example.k=v"]);
    let endpoint = Endpoint::of(&images, &[]);
    let there = format!("{}/box:latest", endpoint.host());
    let found = oras(
        &format!(
            "answer = registry.do_request(f'http://{{host}}/v2/box/referrers/{digest}?artifactType={NOTE}', 'GET')\n\
             print(json.dumps(answer.json()))\n"
        ),
        &there,
    );
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["manifests"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["manifests"][0]["digest"], note.as_str());
    assert_eq!(found["manifests"][0]["annotations"]["org.example.k"], "v");
    let folder = images.scratch("pulled");
    fs::create_dir(&folder).unwrap();
    let pull =
        format!("print(registry.pull(target=f'{{host}}/box@{note}', outdir='{}')[0])\n", text(&folder));
    let file = oras(&pull, &there);
    assert_eq!(fs::read_to_string(file).unwrap(), "from the endpoint\n");
    // Our own import fetches it from there, by the API.
    images.shop.stele.ok(&["image", "import", "--name", "back", &there]);
    assert_eq!(images.attached("back"), [note]);
}

#[test]
fn a_registry_accepts_it_lists_it_under_a_tag_and_returns_it() {
    let images = Images::new();
    let stele = &images.shop.stele;
    let digest = images.build("box");
    let note = images.attach("box", "pushed\n", &[]);
    let on_note = images.attach("box", "about the note\n", &["--subject", &note]);
    let registry = Registry::new(stele.scratch());
    let there = format!("127.0.0.1:{}/some/box:1", registry.port);
    let pushed = stele.json(&["image", "push", "box", &there]);
    assert_eq!(pushed["referrers"], 2, "{pushed}");
    assert_eq!(digest_of(&there, &[]), digest);
    let again = stele.json(&["image", "push", "box", &there]);
    assert_eq!((&again["sent"], &again["manifests"]), (&0.into(), &0.into()), "{again}");
    // This registry has no referrers API: clients look under a tag derived from the digest.
    let tag = format!("{}/some/box:{}", there.split('/').next().unwrap(), digest.replace(':', "-"));
    let listed = peer("skopeo", &["inspect", "--tls-verify=false", "--raw", &format!("docker://{tag}")]);
    assert!(listed.contains(&note) && listed.contains(NOTE), "{listed}");
    stele.ok(&["image", "import", "--name", "back", &there]);
    let mut all = images.attached("back");
    all.sort();
    let mut wanted = vec![note, on_note];
    wanted.sort();
    assert_eq!(all, wanted);
    let bare = format!("127.0.0.1:{}/bare:1", registry.port);
    assert_eq!(stele.json(&["image", "push", "--no-referrers", "box", &bare])["referrers"], 0);
}

#[test]
fn a_damaged_payload_is_never_exported_or_served_as_whole() {
    let images = Images::new();
    images.build("box");
    let text: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    images.attach("box", &text, &[]);
    let shown = images.shop.stele.json(&["image", "referrers", "box"]);
    let place = shown[0]["blobs"][0]["place"].as_str().unwrap();
    let file = stele_tests::damage::payload(&images.shop.stele, place);
    stele_tests::damage::flip(&file, 1000);
    let to = images.scratch("layout");
    let said = images.shop.stele.fails(&["image", "export", "box", super::text(&to)], 4);
    assert!(said.contains("referrer "), "{said}");
    assert!(!to.join("index.json").exists());
}
