// SPDX-License-Identifier: Apache-2.0
//! The rules of `docs/adr/0034-words-and-shapes-of-v1alpha1.md`, held against every field of the generated schemas.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;
use serde_json::Value;
use upsurge_crds::{manifests, words::CHANGES};

/// A node of a schema with its path from the root.
struct Node<'a> {
    path: String,
    schema: &'a Value,
}

impl Node<'_> {
    /// The name of the field.
    fn name(&self) -> &str {
        let name = self.path.rsplit('.').next().unwrap_or_default();
        name.trim_end_matches("[]").trim_end_matches("{}")
    }

    fn is_spec(&self) -> bool {
        self.path.starts_with("spec")
    }

    /// Whether it is within a type of Kubernetes' own, which follows its own rules.
    fn is_of_kubernetes(&self) -> bool {
        const OWN: [&str; 14] = [
            ".runner.resources.",
            ".runner.tolerations[]",
            ".runner.imagePullSecrets[]",
            ".runner.topologySpreadConstraints[]",
            ".runner.env[]",
            ".runner.envFrom[]",
            ".runner.securityContext.",
            ".runner.containerSecurityContext.",
            ".runner.volumes[]",
            ".runner.volumeMounts[]",
            ".runner.initContainers[]",
            ".runner.hostAliases[]",
            ".runner.dnsConfig.",
            "status.conditions[]",
        ];
        OWN.iter().any(|own| self.path.contains(own))
    }

    fn is(&self, type_: &str) -> bool {
        self.schema["type"] == type_
    }
}

fn walk<'a>(schema: &'a Value, path: &str, found: &mut Vec<Node<'a>>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found.push(Node { path: path.clone(), schema: field });
        walk(field, &path, found);
    }
    for (word, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[word].is_object() {
            let path = format!("{path}{mark}");
            found.push(Node { path: path.clone(), schema: &schema[word] });
            walk(&schema[word], &path, found);
        }
    }
}

/// The definitions that people use, as JSON, with all texts.
fn definitions() -> [Value; 2] {
    manifests::explained().map(|one| serde_json::to_value(one).unwrap())
}

/// The same as they are installed.
fn installed() -> Vec<Value> {
    let public = manifests::all().into_iter().filter(|one| one.spec.group == "upsurge.dev");
    let all: Vec<Value> = public.map(|one| serde_json::to_value(one).unwrap()).collect();
    assert_eq!(all.len(), 2);
    all
}

fn schema(definition: &Value) -> &Value {
    definition.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap()
}

/// What is wrong with the fields for which a rule is not kept.
fn offenders(wrong: impl Fn(&Node<'_>) -> bool) -> Vec<String> {
    let definitions = definitions();
    let mut seen = 0;
    let mut offenders = Vec::new();
    for definition in &definitions {
        let mut nodes = Vec::new();
        walk(schema(definition), "", &mut nodes);
        seen += nodes.len();
        offenders.extend(nodes.iter().filter(|node| wrong(node)).map(|node| node.path.clone()));
    }
    assert!(seen > 800, "only {seen} fields were looked at");
    offenders
}

const NONE: [&str; 0] = [];

/// Acronyms, as they must not be written within a name.
const SPOILT: [&str; 18] = [
    "Url", "Ip", "Ips", "Tls", "Http", "Http1", "Http2", "Cpu", "Dns", "Json", "Html", "Css", "Csv", "Api",
    "Id", "Vu", "Vus", "Tcp",
];

/// The words of a name in camelCase: `insecureSkipTLSVerify` has insecure, Skip, TLS, Verify.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for character in name.chars() {
        match words.last_mut() {
            Some(word) if !character.is_ascii_uppercase() => word.push(character),
            _ => words.push(character.to_string()),
        }
    }
    words
}

#[test]
fn acronyms_are_in_capitals_within_a_name() {
    assert_eq!(words("insecureSkipTlsVerify"), ["insecure", "Skip", "Tls", "Verify"]);
    let spoilt = |name: &str| words(name).iter().any(|word| SPOILT.contains(&word.as_str()));
    assert!(spoilt("baseUrl") && !spoilt("baseURL") && !spoilt("httpOptions"));
    let choices = |node: &Node<'_>| {
        let choices = node.schema["enum"].as_array().cloned().unwrap_or_default();
        choices.iter().filter_map(Value::as_str).any(spoilt)
    };
    assert_eq!(offenders(|node| spoilt(node.name()) || choices(node)), NONE);
}

#[test]
fn no_field_is_what_yaml_1_1_takes_for_a_boolean() {
    let booleans = ["y", "n", "yes", "no", "on", "off"];
    let spoilt = |text: &str| booleans.contains(&text.to_ascii_lowercase().as_str());
    let choices = |node: &Node<'_>| {
        let of = |word: &str| node.schema[word].as_array().cloned().unwrap_or_default();
        of("enum").iter().chain(&of("x-kubernetes-list-map-keys")).filter_map(Value::as_str).any(spoilt)
    };
    assert_eq!(offenders(|node| spoilt(node.name()) || choices(node)), NONE);
}

#[test]
fn a_spec_has_no_floating_point() {
    assert_eq!(offenders(|node| node.is_spec() && node.is("number")), NONE);
    assert!(
        !offenders(|node| node.is_spec() && node.schema["x-kubernetes-int-or-string"] == true).is_empty()
    );
}

#[test]
fn nothing_is_nullable() {
    assert_eq!(offenders(|node| node.schema.get("nullable").is_some()), NONE);
}

#[test]
fn there_is_no_map_of_objects() {
    let of_objects = |node: &Node<'_>| {
        matches!(node.schema["additionalProperties"]["type"].as_str(), Some("object" | "array"))
    };
    assert_eq!(offenders(|node| of_objects(node) && !node.is_of_kubernetes()), NONE);
}

#[test]
fn every_list_says_how_it_is_merged_and_by_which_keys() {
    let wrong = |node: &Node<'_>| {
        let keys = node.schema["x-kubernetes-list-map-keys"].as_array();
        let item = &node.schema["items"];
        let is_given = |key: &Value| {
            let key = key.as_str().unwrap();
            let required = item["required"].as_array().is_some_and(|all| all.iter().any(|one| one == key));
            required || item["properties"][key].get("default").is_some()
        };
        match node.schema["x-kubernetes-list-type"].as_str() {
            Some("map") => !keys.is_some_and(|keys| !keys.is_empty() && keys.iter().all(is_given)),
            // The API server wants plain values in a set.
            Some("set") => !matches!(item["type"].as_str(), Some("string" | "integer")) || keys.is_some(),
            Some("atomic") => keys.is_some(),
            _ => true,
        }
    };
    assert_eq!(offenders(|node| node.is("array") && wrong(node)), NONE);
}

#[test]
fn no_default_is_filled_in_within_a_list() {
    // Or each `kubectl apply` of the same manifest would be a change, and Argo CD would never see it in sync.
    let filled_in =
        |node: &Node<'_>| node.is_spec() && node.path.contains("[]") && node.schema.get("default").is_some();
    assert_eq!(offenders(|node| filled_in(node) && !node.is_of_kubernetes()), NONE);
    // Only the description can tell them.
    let whole = serde_json::to_value(manifests::whole()).unwrap();
    let mut nodes = Vec::new();
    walk(schema(&whole), "", &mut nodes);
    let there = nodes.iter().filter(|node| filled_in(node) && !node.is_of_kubernetes());
    let (told, untold): (Vec<&Node<'_>>, Vec<_>) = there
        .partition(|node| node.schema["description"].as_str().is_some_and(|text| text.contains("Default:")));
    assert!(
        told.len() >= 40 && untold.is_empty(),
        "{:?}",
        untold.iter().map(|node| &node.path).collect::<Vec<_>>()
    );
}

/// Lists of named objects whose order is their meaning, or in which a name may come again.
const IN_ORDER: [&str; 6] = [
    // What is captured under a name once more takes the place of the first.
    "request.capture[]",
    "request.multipart[]",
    "request.expect[]",
    ".set[]",
    // Stages follow each other, and need no name.
    ".stages[]",
    "thresholds[]",
];

#[test]
fn what_has_a_name_is_merged_by_it() {
    let unnamed = |node: &Node<'_>| {
        let has_name = node.schema["items"]["properties"].get("name").is_some();
        let item = format!("{}[]", node.path);
        node.is_spec() && has_name && !IN_ORDER.iter().any(|one| item.ends_with(one))
    };
    let by_name = |node: &Node<'_>| node.schema["x-kubernetes-list-type"] == "map";
    assert_eq!(offenders(|node| unnamed(node) && !node.is_of_kubernetes() && !by_name(node)), NONE);
}

#[test]
fn everything_that_people_write_has_bounds() {
    let unbounded = |node: &Node<'_>| {
        let is_map = node.schema["additionalProperties"].is_object();
        let closed = node.schema.get("enum").is_some();
        // Of the values of a map the length of the whole object is limit enough.
        let is_field = !node.path.ends_with("{}");
        (node.is("array") && node.schema.get("maxItems").is_none())
            || (is_map && node.schema.get("maxProperties").is_none())
            || (node.is("string") && is_field && !closed && node.schema.get("maxLength").is_none())
    };
    assert_eq!(offenders(|node| node.is_spec() && !node.is_of_kubernetes() && unbounded(node)), NONE);
    let lists = |node: &Node<'_>| node.is("array") && node.schema.get("maxItems").is_none();
    assert_eq!(offenders(|node| lists(node) && !node.is_of_kubernetes()), NONE);
}

#[test]
fn every_field_of_ours_is_described_in_sentences_and_no_other() {
    // What is within steps within steps is described where steps are, and a run's copy where tests are.
    let elsewhere = |node: &Node<'_>| {
        let nested = [
            "then[].",
            "else[].",
            "loop.steps[].",
            "group.steps[].",
            "parallel.steps[].",
            "onStart[].",
            "onStop[].",
            "verify[].",
        ];
        nested.iter().any(|place| node.path.contains(place)) || node.path.starts_with("spec.test.")
    };
    let is_field = |node: &Node<'_>| !node.path.ends_with(']') && !node.path.ends_with('}');
    let said = |node: &Node<'_>| node.schema["description"].as_str().unwrap_or_default().to_owned();
    let ours = |node: &Node<'_>| is_field(node) && !elsewhere(node) && !node.is_of_kubernetes();
    let top = ["apiVersion", "kind", "metadata"];
    let wrong = |node: &Node<'_>| {
        let said = said(node);
        let of_kubernetes = top.contains(&node.path.as_str());
        ours(node) && !of_kubernetes && !(said.len() > 4 && said.ends_with(['.', '`', '…', ')']))
    };
    assert_eq!(offenders(wrong), NONE);
    assert_eq!(offenders(|node| node.is_of_kubernetes() && !said(node).is_empty()), NONE);
}

/// So nobody adds a field without a look at how the others are called and shaped.
#[test]
fn every_field_stands_on_the_page_that_decides_on_words_and_shapes() {
    const PAGE: &str = include_str!("../../docs/adr/0034-words-and-shapes-of-v1alpha1.md");
    let known: BTreeSet<&str> = PAGE.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let is_field = |node: &Node<'_>| !node.path.ends_with(']') && !node.path.ends_with('}');
    // What a run keeps of older tests may have words that nobody writes any more.
    let ours = |node: &Node<'_>| !node.is_of_kubernetes() && !node.path.starts_with("spec.test.");
    assert_eq!(offenders(|node| is_field(node) && ours(node) && !known.contains(node.name())), NONE);
}

#[test]
fn what_kubectl_explains_first_was_written_by_a_person() {
    for definition in definitions() {
        let description = schema(&definition)["description"].as_str().unwrap().to_owned();
        assert!(
            description.starts_with("A load test: ") || description.starts_with("One execution"),
            "{description}"
        );
        for path in ["/properties/spec", "/properties/status"] {
            let said = schema(&definition).pointer(path).unwrap()["description"].as_str().unwrap().to_owned();
            assert!(said.len() > 20 && !said.contains("derived"), "{path}: {said}");
        }
    }
}

#[test]
fn who_lists_tests_or_runs_sees_replicas_and_what_limited() {
    for definition in definitions() {
        let columns = definition.pointer("/spec/versions/0/additionalPrinterColumns").unwrap();
        for (name, field) in [("Replicas", "replicas"), ("Limited By", "limitedBy")] {
            let path = format!(".status.autoscaling.{field}");
            let column = columns.as_array().unwrap().iter().find(|column| column["name"] == name).unwrap();
            assert_eq!(column["jsonPath"], path.as_str());
            // Any other is shown by `--output wide` only.
            assert_eq!(column["priority"].as_i64().unwrap_or(0), 0, "{name}");
        }
    }
}

/// What is explained once is explained, says where, and is the same everywhere but for the texts.
#[test]
fn the_fields_of_a_step_are_explained_at_one_place() {
    let (installed, explained) = (installed().remove(0), definitions()[0].clone());
    assert_ne!(installed, explained);
    let step = |definition: &Value, place: &str| {
        schema(definition).pointer(&format!("/properties/spec/properties{place}/items")).unwrap().clone()
    };
    let first = "/scenarios/items/properties/steps";
    assert_eq!(step(&installed, first), step(&explained, first));
    for place in ["/before", "/after", "/blocks/items/properties/steps"] {
        let mut nodes = Vec::new();
        let bare = step(&installed, place);
        walk(&bare, "", &mut nodes);
        assert!(nodes.len() > 100, "{}", nodes.len());
        assert!(nodes.iter().all(|node| !node.schema["description"].is_string()), "{place}");
        let list = schema(&installed).pointer(&format!("/properties/spec/properties{place}")).unwrap();
        let text = list["description"].as_str().unwrap();
        assert!(text.contains("`spec.scenarios.steps`"), "{place}: {text}");
    }
    let without = |definition: &Value| {
        let mut bare = definition.clone();
        without_texts(&mut bare);
        bare
    };
    assert_eq!(without(&installed), without(&explained), "nothing but texts is left out");
}

/// Takes out each `description` that is a text; a field of that name is an object.
fn without_texts(value: &mut Value) {
    match value {
        Value::Object(words) => {
            words.retain(|word, value| word != "description" || !value.is_string());
            words.values_mut().for_each(without_texts);
        }
        Value::Array(items) => items.iter_mut().for_each(without_texts),
        _ => {}
    }
}

/// 256 KiB is the end: `kubectl apply` keeps the object in an annotation of at most that size.
#[test]
fn each_definition_fits_into_its_budget() {
    let sizes: BTreeMap<String, usize> = installed()
        .iter()
        .map(|definition| (definition["metadata"]["name"].to_string(), definition.to_string().len()))
        .collect();
    assert!(sizes.values().all(|size| *size <= 256 * 1024), "{sizes:?}");
    // What is yet to come needs room too: whoever adds much here says so.
    assert!(sizes.values().all(|size| *size <= 225_000), "{sizes:?}");
}

#[rstest]
#[case::request("request")]
#[case::run("run")]
#[case::set("set")]
fn steps_within_steps_are_known_by_their_kind(#[case] kind: &str) {
    for definition in definitions().iter().take(1) {
        let mut nodes = Vec::new();
        walk(schema(definition), "", &mut nodes);
        let nested: Vec<&Node<'_>> = nodes
            .iter()
            .filter(|node| ["onStart[]", "then[]", "else[]"].iter().any(|end| node.path.ends_with(end)))
            .collect();
        assert!(nested.len() > 5, "{}", nested.len());
        for node in nested {
            assert!(node.schema["properties"].get(kind).is_some(), "{} has no {kind}", node.path);
            assert_eq!(
                (&node.schema["minProperties"], &node.schema["maxProperties"]),
                (&1.into(), &1.into())
            );
            assert_eq!(node.schema.get("x-kubernetes-preserve-unknown-fields"), None, "{}", node.path);
        }
    }
}

/// The kinds of step that the schema knows one level deep are those that there are.
#[test]
fn no_kind_of_step_is_missing_within_steps() {
    let definition = &definitions()[0];
    let steps = schema(definition).pointer("/properties/spec/properties/before/items").unwrap();
    let kinds =
        |schema: &Value| schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let nested = steps.pointer("/properties/if/properties/then/items").unwrap();
    assert_eq!(kinds(nested), kinds(steps));
}

#[test]
fn no_old_word_is_left_in_the_schemas() {
    use upsurge_crds::words::Change;
    for change in CHANGES {
        if let Change::Field { was, .. } = change {
            let was = was.trim_start_matches('…');
            let left = offenders(|node| {
                let path = node.path.strip_prefix("spec.").filter(|path| !path.starts_with("test."));
                path.is_some_and(|path| path.ends_with(was))
            });
            assert!(left.is_empty(), "{was} is still at {left:?}");
        }
    }
}
