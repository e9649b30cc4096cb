// SPDX-License-Identifier: Apache-2.0
//! Where runners rather run, if nobody says otherwise: each on a node of its own, and not beside the pods of the target, with
//! which they would compete for what is measured. Preferred only: a cluster of one node can run tests too.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Affinity, PodAffinityTerm, PodAntiAffinity, PodTemplateSpec, TopologySpreadConstraint,
        WeightedPodAffinityTerm,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
};
use upsurge_crds::names::labels;

/// What tells one node from another.
const NODE: &str = "kubernetes.io/hostname";
/// How much it matters to be away from the target: the most there is.
const WEIGHT: i32 = 100;

/// Fills what neither the test nor the platform team says; `targets` select the pods of each of the target's workloads, where they are known.
pub fn fill(template: &mut PodTemplateSpec, targets: &[&str]) {
    let own = template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
    let run = own.and_then(|labels| labels.get(labels::RUN)).cloned().unwrap_or_default();
    let runners = LabelSelector {
        match_labels: Some(BTreeMap::from([(labels::RUN.to_owned(), run)])),
        match_expressions: None,
    };
    let pod = template.spec.get_or_insert_default();
    let spread = pod.topology_spread_constraints.get_or_insert_with(|| {
        vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: NODE.into(),
            when_unsatisfiable: "ScheduleAnyway".into(),
            ..TopologySpreadConstraint::default()
        }]
    });
    for constraint in spread {
        // Without one it would count no pod at all, and nobody knows the label of a run beforehand.
        constraint.label_selector.get_or_insert_with(|| runners.clone());
    }
    let terms = targets.iter().filter_map(|target| selector(target)).map(|target| WeightedPodAffinityTerm {
        weight: WEIGHT,
        pod_affinity_term: PodAffinityTerm {
            topology_key: NODE.into(),
            label_selector: Some(target),
            ..PodAffinityTerm::default()
        },
    });
    let terms: Vec<WeightedPodAffinityTerm> = terms.collect();
    if terms.is_empty() {
        return;
    }
    let away = PodAntiAffinity {
        preferred_during_scheduling_ignored_during_execution: Some(terms),
        ..PodAntiAffinity::default()
    };
    let affinity: &mut Affinity = pod.affinity.get_or_insert_default();
    affinity.pod_anti_affinity.get_or_insert(away);
}

/// Reads a selector as the scale subresource writes it: `app=checkout,tier in (a,b),!canary`. `None` for one that selects
/// everything, or can't be read.
fn selector(text: &str) -> Option<LabelSelector> {
    let requirements: Option<Vec<_>> = split(text).map(requirement).collect();
    let requirements = requirements.filter(|all| !all.is_empty())?;
    Some(LabelSelector { match_expressions: Some(requirements), match_labels: None })
}

/// Requirements end at commas that are not within brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    let parts = text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn requirement(text: &str) -> Option<LabelSelectorRequirement> {
    let required = |key: &str, operator: &str, values: Option<Vec<String>>| {
        let key = key.trim();
        let is_key = !key.is_empty() && !key.contains([' ', '(', ')', '=', '!']);
        is_key.then(|| LabelSelectorRequirement { key: key.into(), operator: operator.into(), values })
    };
    if let Some(key) = text.strip_prefix('!') {
        return required(key, "DoesNotExist", None);
    }
    for (mark, operator) in [(" notin ", "NotIn"), (" in ", "In")] {
        if let Some((key, values)) = text.split_once(mark) {
            let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            return required(key, operator, Some(values));
        }
    }
    for (mark, operator) in [("!=", "NotIn"), ("==", "In"), ("=", "In")] {
        if let Some((key, value)) = text.split_once(mark) {
            return required(key, operator, Some(vec![value.trim().to_owned()]));
        }
    }
    required(text, "Exists", None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case("app=checkout", json!([{"key": "app", "operator": "In", "values": ["checkout"]}]))]
    #[case("a==b,c!=d", json!([{"key": "a", "operator": "In", "values": ["b"]}, {"key": "c", "operator": "NotIn", "values": ["d"]}]))]
    #[case("tier in (a, b),env notin (test),!canary,app", json!([
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "env", "operator": "NotIn", "values": ["test"]},
        {"key": "canary", "operator": "DoesNotExist"}, {"key": "app", "operator": "Exists"}]))]
    fn a_selector_is_read_as_kubernetes_writes_it(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(serde_json::to_value(selector(text)).unwrap(), json!({"matchExpressions": expected}));
    }

    #[rstest]
    #[case("")]
    #[case("a in b")]
    #[case("a b")]
    fn one_that_selects_everything_or_cannot_be_read_is_none(#[case] text: &str) {
        assert_eq!(selector(text), None);
    }

    fn filled(spec: Value, target: Option<&str>) -> Value {
        let mut template: PodTemplateSpec = serde_json::from_value(json!({
            "metadata": {"labels": {"upsurge.dev/run": "checkout-g1"}}, "spec": spec
        }))
        .unwrap();
        fill(&mut template, target.as_slice());
        serde_json::to_value(template).unwrap()["spec"].take()
    }

    fn runners() -> Value {
        json!({"matchLabels": {"upsurge.dev/run": "checkout-g1"}})
    }

    #[test]
    fn runners_are_spread_over_nodes_and_keep_away_from_the_target() {
        let app = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["checkout"]}]});
        assert_eq!(
            filled(json!({"containers": []}), Some("app=checkout")),
            json!({
                "containers": [],
                "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": runners()}],
                "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 100, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": app}}]}},
            })
        );
    }

    #[test]
    fn they_keep_away_from_the_pods_of_each_workload() {
        let mut template = PodTemplateSpec::default();
        fill(&mut template, &["app=gateway", "", "app=cart"]);
        let affinity = template.spec.unwrap().affinity.unwrap().pod_anti_affinity.unwrap();
        let terms = affinity.preferred_during_scheduling_ignored_during_execution.unwrap();
        let selected = terms.into_iter().map(|term| term.pod_affinity_term.label_selector);
        assert_eq!(selected.collect::<Vec<_>>(), [selector("app=gateway"), selector("app=cart")]);
    }

    #[test]
    fn without_a_workload_they_are_only_spread() {
        let filled = filled(json!({"containers": []}), None);
        assert_eq!(filled["affinity"], Value::Null);
        assert_eq!(filled["topologySpreadConstraints"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_somebody_said_stays_and_a_constraint_without_selector_is_about_the_runners() {
        let zones = json!({"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
        let mine = json!({"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}});
        let spec = json!({
            "containers": [], "topologySpreadConstraints": [zones, mine],
            "affinity": {"podAntiAffinity": {}, "nodeAffinity": {}},
        });
        let mut expected = spec.clone();
        expected["topologySpreadConstraints"][0]["labelSelector"] = runners();
        assert_eq!(filled(spec, Some("app=checkout")), expected);
    }
}
