//! SBOMs: valid by the formats' own tools, and about this very image.

use serde_json::Value;

use super::*;

/// A recipe that is built with another, from a patched source; and the image `made` with it and a declared file.
fn made() -> Images {
    let images = Images::new();
    images.shop.recipe("tool", &[], "echo tool > $OUT/tool");
    images.shop.put("pkgs/thing/part/a", "hello\n");
    images.shop.put(
        "pkgs/thing/recipe.star",
        "load('//pkgs/box/recipe.star', 'box')\nload('//pkgs/tool/recipe.star', 'tool')\n\
         thing = recipe(name = 'thing', version = '1+x', license = 'GPL-2.0-only AND LicenseRef-own', \
         homepage = 'https://example.org/', description = 'a \"thing\"', \
         sources = [local('part'), local('oné', at = '/src/one')], \
         inputs = [box, tool], script = 'mkdir -p $OUT/bin; cat /src/part/a /src/one > $OUT/bin/é; \
         echo both > $OUT/both')\n",
    );
    images.shop.recipe("other", &[], "echo both > $OUT/both");
    images.shop.put(
        "pkgs/made/recipe.star",
        "load('//pkgs/thing/recipe.star', 'thing')\nload('//pkgs/other/recipe.star', 'other')\n\
         image(name = 'made', inputs = [thing, other], files = {'/etc/motd': 'hello'})\n",
    );
    images.shop.put("pkgs/thing/oné", "one\n");
    images
}

impl Images {
    fn bill(&self, image: &str, more: &[&str]) -> String {
        let args = ["image", "sbom", image];
        self.shop.stele.ok(&[&args[..], more].concat())
    }
}

/// Whether SPDX's own program accepts it.
fn is_spdx(images: &Images, text: &str) -> bool {
    let file = images.scratch("it.spdx.json");
    fs::write(&file, text).unwrap();
    let tool = ["-m", "spdx_tools.spdx.clitools.pyspdxtools", "-i", super::text(&file)];
    Command::new(python()).args(tool).output().expect("tools/install-deps installs it").status.success()
}

/// Whether CycloneDX's own library accepts it.
fn is_cyclonedx(images: &Images, text: &str) -> bool {
    let file = images.scratch("it.cdx.json");
    fs::write(&file, text).unwrap();
    let program = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding='utf-8').read())
print('valid' if error is None else error)
";
    peer(&python(), &["-c", program, super::text(&file)]) == "valid"
}

/// What another checker of minimum elements says of SPDX 3, and SPDX's own model in Python of its form.
fn minimum_elements(images: &Images, text: &str, standard: &str) -> String {
    let file = images.scratch("it.spdx3.json");
    fs::write(&file, text).unwrap();
    let program = "\
import sys
from ntia_conformance_checker.sbom_checker import SbomChecker
it = SbomChecker(sys.argv[1], compliance=sys.argv[2], sbom_spec='spdx3')
wrong = list(it.parsing_errors) + [str(m.validation_message) for m in it.validation_messages]
wrong += [name for name, fine in it.table_elements if not fine and '(' not in name]
print('accepted' if it.compliant and not wrong else '; '.join(wrong) or 'refused')
";
    peer(&python(), &["-c", program, super::text(&file), standard])
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

#[test]
fn spdx_is_valid_and_lists_the_parts_of_the_image() {
    let images = made();
    let digest = images.build("made");
    for more in [&[][..], &["--build-tools"]] {
        let text = images.bill("made", more);
        assert!(is_spdx(&images, &text), "{text}");
        assert_eq!(images.bill("made", more), text);
        let bill: Value = serde_json::from_str(&text).unwrap();
        let packages = &bill["packages"];
        assert_eq!(named(packages, "made")["versionInfo"], digest);
        let thing = named(packages, "thing");
        assert_eq!(thing["licenseDeclared"], "GPL-2.0-only AND LicenseRef-own");
        assert_eq!(
            (&thing["versionInfo"], &thing["homepage"]),
            (&"1+x".into(), &"https://example.org/".into())
        );
        // The tool that built it is listed only on request.
        let tools = packages.as_array().unwrap().iter().filter(|it| it["name"] == "tool").count();
        assert_eq!(tools, usize::from(!more.is_empty()));
        let related = |kind: &str, from: &Value, to: &Value| {
            bill["relationships"].as_array().unwrap().iter().any(|it| {
                it["relationshipType"] == kind
                    && it["spdxElementId"] == from["SPDXID"]
                    && it["relatedSpdxElement"] == to["SPDXID"]
            })
        };
        let file =
            |path: &str| bill["files"].as_array().unwrap().iter().find(|it| it["fileName"] == path).unwrap();
        assert!(related("GENERATED_FROM", thing, named(packages, r"pkgs/thing/on\xc3\xa9")));
        assert!(related("CONTAINS", thing, file("./bin/é")));
        // Of an entry in two layers the higher one counts, once.
        assert!(related("CONTAINS", named(packages, "other"), file("./both")));
        assert!(related("CONTAINS", named(packages, "made (declared files)"), file("./etc/motd")));
        assert!(more.is_empty() || related("BUILD_TOOL_OF", named(packages, "tool"), thing));
        // Their digests are those of the files, by other programs.
        let layout = images.scratch("file");
        fs::write(&layout, images.shop.stele.run(&["store", "cat", "image-made/rootfs/bin/é"]).stdout)
            .unwrap();
        for (program, sum) in [("sha1sum", 0), ("sha256sum", 1), ("sha512sum", 2)] {
            let said = peer(program, &[super::text(&layout)]);
            let wanted = file("./bin/é")["checksums"][sum]["checksumValue"].as_str().unwrap().to_owned();
            assert_eq!(said.split(' ').next().unwrap(), wanted);
        }
    }
    // The control: an invalid document is refused.
    let wrong = images.bill("made", &[]).replace("\"CC0-1.0\"", "\"MIT\"");
    assert!(!is_spdx(&images, &wrong));
}

#[test]
fn cyclonedx_is_valid_and_can_be_attached() {
    let images = made();
    let digest = images.build("made");
    for more in [&[][..], &["--build-tools"]] {
        let args = [&["--format", "cyclonedx-json"], more].concat();
        let text = images.bill("made", &args);
        assert!(is_cyclonedx(&images, &text), "{text}");
        assert_eq!(images.bill("made", &args), text);
        let bill: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bill["metadata"]["component"]["version"], digest);
        let thing = named(&bill["components"], "thing");
        assert_eq!(thing["purl"], "pkg:generic/thing@1%2Bx");
        assert_eq!(thing["components"][0]["name"], "/bin/é");
        assert_eq!(bill["metadata"]["lifecycles"][0]["phase"], "build");
        assert_eq!(bill["metadata"]["authors"][0]["name"], "unknown");
        let complete =
            bill["compositions"].as_array().unwrap().iter().all(|it| it["aggregate"] == "complete");
        assert_eq!(complete, !more.is_empty());
        let tool = bill["components"].as_array().unwrap().iter().find(|it| it["name"] == "tool");
        assert_eq!(tool.map(|it| it["scope"].clone()), (!more.is_empty()).then(|| "excluded".into()));
    }
    let wrong = images.bill("made", &["--format", "cyclonedx-json"]).replace("\"library\"", "\"hobby\"");
    assert!(!is_cyclonedx(&images, &wrong));
    let plain = images.bill("made", &["--format", "cyclonedx-json"]);
    images.bill("made", &["--format", "cyclonedx-json", "--attach"]);
    images.bill("made", &["--attach"]);
    let list = images.shop.stele.json(&["image", "referrers", "made"]);
    let found = |kind: &str| list.as_array().unwrap().iter().find(|it| it["artifact_type"] == kind).unwrap();
    let bill = found("application/vnd.cyclonedx+json");
    assert_eq!((&bill["subject"], &bill["blobs"][0]["title"]), (&digest.into(), &"made.cdx.json".into()));
    let kept = images.shop.stele.ok(&["store", "cat", bill["blobs"][0]["place"].as_str().unwrap()]);
    assert_eq!(kept, plain);
    found("application/spdx+json");
}

const AUTHOR: [&str; 4] = ["--author", "A <a@b.example>", "--supplier", "S <https://s.example/>"];

#[test]
fn spdx_3_has_the_minimum_elements_and_the_digests_of_what_is_handed_out() {
    let images = made();
    let digest = images.build("made");
    let args = [&["--format", "spdx3-json"][..], &AUTHOR].concat();
    let text = images.bill("made", &args);
    assert_eq!(images.bill("made", &args), text);
    assert_eq!(minimum_elements(&images, &text, "ntia"), "accepted");
    // One of the recipes has no homepage, so nobody knows who made it.
    assert_eq!(minimum_elements(&images, &text, "bsi"), "Component Creators; Distribution Licenses");
    let anonymous = images.bill("made", &["--format", "spdx3-json"]);
    assert!(minimum_elements(&images, &anonymous, "bsi").contains("Creator of the SBOM"));
    // The manifest and each layer, in a layout, by another program.
    let layout = images.scratch("layout");
    images.shop.stele.ok(&["image", "export", "made", super::text(&layout)]);
    let bill: Value = serde_json::from_str(&text).unwrap();
    let graph = bill["@graph"].as_array().unwrap();
    let mut blobs = 0;
    for blob in graph.iter().filter(|it| it["spdxId"].as_str().is_some_and(|it| it.contains("#Blob-"))) {
        let sum = |number: usize| blob["verifiedUsing"][number]["hashValue"].as_str().unwrap();
        assert_eq!(blob["name"], sum(0));
        let said = peer("sha512sum", &[super::text(&layout.join("blobs/sha256").join(sum(0)))]);
        assert_eq!(said.split(' ').next().unwrap(), sum(1));
        blobs += 1;
    }
    assert_eq!(blobs, 4, "a manifest, two inputs and the declared files");
    let image = graph.iter().find(|it| it["software_primaryPurpose"] == "container").unwrap();
    assert_eq!(image["software_packageVersion"], digest);
}

#[test]
fn a_file_is_called_executable_or_an_archive_by_what_it_is() {
    let images = Images::new();
    images.shop.recipe(
        "kinds",
        &[],
        "echo text > $OUT/text; printf '#!/bin/sh\\n' > $OUT/script; printf '!<arch>\\n' > $OUT/it.a",
    );
    images.shop.put(
        "pkgs/kinds-image/recipe.star",
        "load('//pkgs/kinds/recipe.star', 'kinds')\nimage(name = 'kinds-image', inputs = [kinds])\n",
    );
    images.build("kinds-image");
    let text = images.bill("kinds-image", &["--format", "cyclonedx-json"]);
    let bill: Value = serde_json::from_str(&text).unwrap();
    let files = &named(&bill["components"], "kinds")["components"];
    for (path, executable, archive) in [
        ("/text", "non-executable", "no archive"),
        ("/script", "executable", "no archive"),
        ("/it.a", "non-executable", "archive"),
    ] {
        let properties = &named(files, path)["properties"];
        assert_eq!(named(properties, "bsi:component:executable")["value"], executable, "{path}");
        assert_eq!(named(properties, "bsi:component:archive")["value"], archive, "{path}");
        assert_eq!(named(properties, "bsi:component:filename")["value"], path[1..]);
    }
}

#[test]
fn an_author_who_is_no_party_is_refused() {
    let images = Images::new();
    for wrong in ["", "A <b>", "<a@b.example>"] {
        let said = images.shop.stele.fails(&["image", "sbom", "made", "--author", wrong], 2);
        assert!(said.contains("NAME <E-MAIL>"), "{said}");
    }
}

#[test]
fn each_platform_of_an_index_has_its_own() {
    let images = Images::new();
    images.two_platforms();
    images.build("box");
    let said = images.shop.stele.fails(&["image", "sbom", "box"], 2);
    assert!(said.contains("--platform"), "{said}");
    let bill: Value = serde_json::from_str(&images.bill("box", &["--platform", "linux/arm64"])).unwrap();
    let inspected = images.shop.stele.json(&["image", "inspect", "box"]);
    assert_eq!(named(&bill["packages"], "box")["versionInfo"], inspected["images"][1]["digest"]);
    assert_eq!(bill["files"].as_array().unwrap().len(), 1);
    images.shop.stele.fails(&["image", "sbom", "box", "--platform", "linux/s390x"], 3);
}

#[test]
fn outputs_of_no_recipe_are_not_reported() {
    let images = made();
    let stele = &images.shop.stele;
    images.build("made");
    let layout = images.scratch("layout");
    stele.ok(&["image", "export", "made", text(&layout)]);
    stele.ok(&["image", "import", "--name", "foreign", text(&layout)]);
    let said = stele.fails(&["image", "sbom", "foreign"], 3);
    assert!(said.contains("imported"), "{said}");
    // The recipe has changed, and is not built.
    images.shop.put("pkgs/thing/oné", "two\n");
    let said = stele.fails(&["image", "sbom", "made"], 1);
    assert!(said.contains("`thing`") && said.contains("image build made"), "{said}");
    // It is built, and the image is still the previous one.
    stele.ok(&["build", "thing"]);
    let said = stele.fails(&["image", "sbom", "made"], 1);
    assert!(said.contains("recipes now produce sha256:"), "{said}");
    images.build("made");
    images.bill("made", &[]);
    stele.fails(&["image", "sbom", "nothing"], 3);
}
