//! What a document says, read from its text alone: the rules are of no format.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A document.
#[derive(Default, Debug)]
pub struct Facts {
    pub format: Option<String>,
    pub identity: Option<String>,
    pub version: Option<String>,
    pub author: Option<Agent>,
    pub tool: Option<String>,
    pub tool_version: Option<String>,
    pub timestamp: Option<String>,
    pub context: Option<String>,
    pub vulnerabilities: bool,
    pub parts: Vec<Part>,
}

/// Whoever made something: a name, which may be `unknown`, and whether it can be reached.
#[derive(Clone, Default, Debug)]
pub struct Agent {
    pub name: String,
    pub reachable: bool,
}

/// A component.
#[derive(Default, Debug)]
pub struct Part {
    pub name: Option<String>,
    /// A file of another component, which inherits what is said of that one.
    pub is_file: bool,
    /// Whether it is handed out, and not only a tool.
    pub delivered: bool,
    pub version: Option<String>,
    pub producer: Option<Agent>,
    pub supplier: Option<Agent>,
    pub identifiers: Vec<String>,
    pub hashes: BTreeMap<String, String>,
    pub licensed: bool,
    pub license_concluded: bool,
    pub dependencies_listed: bool,
    pub completeness: Option<String>,
    pub file_name: Option<String>,
    pub executable: Option<bool>,
    pub archive: Option<bool>,
    pub structured: Option<bool>,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|it| !it.trim().is_empty()).map(str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Facts {
    /// Of CycloneDX.
    pub fn of_cyclonedx(document: &Value) -> Self {
        let metadata = &document["metadata"];
        let author = &list(&metadata["authors"]).first().cloned().unwrap_or_default();
        let tool = &list(&metadata["tools"]["components"]).first().cloned().unwrap_or_default();
        let mut parts = vec![cyclonedx_part(document, &metadata["component"], false)];
        for component in list(&document["components"]) {
            parts.push(cyclonedx_part(document, component, false));
            let files = list(&component["components"]).iter();
            parts.extend(files.map(|it| cyclonedx_part(document, it, true)));
        }
        Self {
            format: text(&document["specVersion"]).map(|version| format!("CycloneDX {version}")),
            identity: text(&document["serialNumber"]),
            version: document["version"].as_u64().map(|it| it.to_string()),
            author: text(&author["name"]).map(|name| Agent {
                name,
                reachable: text(&author["email"]).is_some()
                    || organisation(&metadata["manufacturer"]).is_some_and(|it| it.reachable),
            }),
            tool: text(&tool["name"]),
            tool_version: text(&tool["version"]),
            timestamp: text(&metadata["timestamp"]),
            context: list(&metadata["lifecycles"]).first().and_then(|it| text(&it["phase"])),
            vulnerabilities: document.get("vulnerabilities").is_some(),
            parts,
        }
    }

    /// Of SPDX 3.
    pub fn of_spdx3(document: &Value) -> Self {
        let graph = Graph(list(&document["@graph"]));
        let creation = graph.typed("CreationInfo").next().cloned().unwrap_or_default();
        let spdx_document = graph.typed("SpdxDocument").next().cloned().unwrap_or_default();
        let sbom = graph.typed("software_Sbom").next().cloned().unwrap_or_default();
        let tool = list(&creation["createdUsing"]).first().and_then(|id| graph.element(id));
        let tool = tool.and_then(|it| text(&it["name"]));
        let tool = tool.as_deref().and_then(|it| it.rsplit_once('-'));
        let version = text(&creation["specVersion"]);
        let mut parts: Vec<Part> = graph.typed("software_Package").map(|it| graph.package(it)).collect();
        let packed: BTreeSet<&str> =
            graph.related("contains").flat_map(|it| list(&it["to"])).filter_map(Value::as_str).collect();
        let files =
            graph.typed("software_File").filter(|it| packed.contains(it["spdxId"].as_str().unwrap_or("")));
        parts.extend(files.map(|it| Part {
            is_file: true,
            delivered: true,
            file_name: text(&it["name"]),
            ..graph.artifact(it, Some(it))
        }));
        Self {
            format: version.map(|version| format!("SPDX {version}")),
            identity: text(&spdx_document["spdxId"]),
            // A changed document has another name.
            version: text(&spdx_document["spdxId"]),
            author: list(&creation["createdBy"]).first().and_then(|id| graph.agent(id)),
            tool: tool.map(|it| it.0.to_owned()),
            tool_version: tool.map(|it| it.1.to_owned()),
            timestamp: text(&creation["created"]),
            context: list(&sbom["software_sbomType"]).first().and_then(text),
            vulnerabilities: list(&document["@graph"])
                .iter()
                .any(|it| it["type"].as_str().is_some_and(|it| it.starts_with("security_"))),
            parts,
        }
    }
}

fn organisation(entity: &Value) -> Option<Agent> {
    let contact = list(&entity["contact"]).iter().any(|it| text(&it["email"]).is_some());
    let site = list(&entity["url"]).iter().any(|it| text(it).is_some());
    Some(Agent { name: text(&entity["name"])?, reachable: contact || site })
}

fn cyclonedx_part(document: &Value, component: &Value, is_file: bool) -> Part {
    let property = |name: &str| {
        let mut found = list(&component["properties"]).iter().filter(|it| it["name"] == name);
        let first = found.next().and_then(|it| text(&it["value"]));
        first.filter(|_| found.next().is_none())
    };
    // The taxonomy has these two values for each, and no others.
    let flag = |name: &str, yes: &str, no: &str| {
        property(name).and_then(|it| (it == yes || it == no).then_some(it == yes))
    };
    let licenses = list(&component["licenses"]);
    let reference = &component["bom-ref"];
    let names_it = |it: &&Value| list(&it["dependencies"]).contains(reference);
    let composition = list(&document["compositions"]).iter().find(names_it);
    Part {
        name: text(&component["name"]),
        is_file,
        delivered: component["scope"] != "excluded",
        version: text(&component["version"]),
        producer: organisation(&component["manufacturer"]),
        supplier: organisation(&component["supplier"]),
        identifiers: text(&component["purl"]).into_iter().collect(),
        hashes: list(&component["hashes"])
            .iter()
            .filter_map(|it| Some((text(&it["alg"])?, text(&it["content"])?)))
            .collect(),
        licensed: licenses
            .iter()
            .any(|it| text(&it["expression"]).is_some() || text(&it["license"]["name"]).is_some()),
        license_concluded: licenses
            .iter()
            .any(|it| text(&it["expression"]).is_some() && it["acknowledgement"] == "concluded"),
        dependencies_listed: list(&document["dependencies"])
            .iter()
            .any(|it| it["ref"] == *reference && it["dependsOn"].is_array()),
        completeness: composition.and_then(|it| text(&it["aggregate"])),
        file_name: property("bsi:component:filename"),
        executable: flag("bsi:component:executable", "executable", "non-executable"),
        archive: flag("bsi:component:archive", "archive", "no archive"),
        structured: flag("bsi:component:structured", "structured", "unstructured"),
    }
}

/// The elements of a document in SPDX 3.
struct Graph<'a>(&'a [Value]);

impl<'a> Graph<'a> {
    fn typed(&self, kind: &'static str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |it| it["type"] == kind)
    }

    fn element(&self, id: &Value) -> Option<&'a Value> {
        self.0.iter().find(|it| it["spdxId"] == *id)
    }

    fn agent(&self, id: &Value) -> Option<Agent> {
        let agent = self.element(id)?;
        let kinds = ["email", "urlScheme"];
        let reachable = list(&agent["externalIdentifier"])
            .iter()
            .any(|it| kinds.iter().any(|kind| it["externalIdentifierType"] == *kind));
        Some(Agent { name: text(&agent["name"])?, reachable })
    }

    fn related(&self, kind: &'static str) -> impl Iterator<Item = &'a Value> {
        let all = ["Relationship", "LifecycleScopedRelationship"];
        self.0
            .iter()
            .filter(move |it| all.iter().any(|class| it["type"] == *class) && it["relationshipType"] == kind)
    }

    fn of(&self, element: &Value, kind: &'static str) -> Vec<&'a Value> {
        self.related(kind).filter(|it| it["from"] == element["spdxId"]).collect()
    }

    /// What is said of an element by itself, and by the file that it is handed out as.
    fn artifact(&self, element: &Value, file: Option<&Value>) -> Part {
        let file = file.cloned().unwrap_or_default();
        let purposes = list(&file["software_additionalPurpose"]);
        let is = |purpose: &str| Some(purposes.iter().any(|it| it == purpose)).filter(|_| file.is_object());
        Part {
            name: text(&element["name"]),
            hashes: list(&file["verifiedUsing"])
                .iter()
                .filter_map(|it| {
                    Some((text(&it["algorithm"])?.replace("sha", "SHA-"), text(&it["hashValue"])?))
                })
                .collect(),
            executable: is("executable"),
            archive: is("archive"),
            structured: is("container"),
            ..Part::default()
        }
    }

    fn package(&self, package: &Value) -> Part {
        let target = |kind| self.of(package, kind).first().and_then(|it| list(&it["to"]).first());
        let license = |kind| target(kind).filter(|id| self.element(id).is_some());
        let file = target("hasDistributionArtifact").and_then(|id| self.element(id));
        let needs = self.of(package, "dependsOn");
        Part {
            delivered: file.is_some(),
            version: text(&package["software_packageVersion"]),
            producer: list(&package["originatedBy"]).first().and_then(|id| self.agent(id)),
            supplier: self.agent(&package["suppliedBy"]),
            identifiers: list(&package["externalIdentifier"])
                .iter()
                .filter_map(|it| text(&it["identifier"]))
                .collect(),
            licensed: target("hasDeclaredLicense").is_some(),
            license_concluded: license("hasConcludedLicense").is_some(),
            dependencies_listed: !needs.is_empty(),
            completeness: needs.first().and_then(|it| text(&it["completeness"])),
            file_name: file.and_then(|it| text(&it["name"])),
            ..self.artifact(package, file)
        }
    }
}
