// SPDX-License-Identifier: Apache-2.0
//! What of a valid spec hardly anybody means. It is told and refused nowhere: some may mean it.

use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold};

use crate::{
    field_error::FieldError,
    metrics::{Catalog, names::Kind},
    thresholds::Rule,
};

/// All that is doubtful, each with the path of its field.
pub fn doubtful(spec: &LoadTestSpec) -> Vec<FieldError> {
    let catalog = Catalog::new(&spec.metrics);
    let thresholds = spec.thresholds.iter().enumerate();
    let found = thresholds.filter_map(|(index, threshold)| {
        let message = loose(threshold, catalog)?;
        Some(FieldError { path: format!("spec.thresholds[{index}].condition"), message })
    });
    found.collect()
}

/// That no window is without any success is worth asking, and so is a quotient below one.
fn loose(threshold: &Threshold, catalog: Catalog<'_>) -> Option<String> {
    if threshold.window.is_some() || threshold.ratio_to.is_some() {
        return None;
    }
    let rule = Rule::compile(threshold, catalog).ok().filter(|rule| rule.definition.kind == Kind::Rate)?;
    rule.condition.loose_on_share(&threshold.condition)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::no_sign(json!({"metric": "http_req_failed", "condition": "rate < 1"}), Some("did you mean rate < 1%?"))]
    #[case::all(json!({"metric": "http_req_failed", "condition": "rate < 100%"}), Some("choose a lower limit"))]
    #[case::a_percentage(json!({"metric": "http_req_failed", "condition": "rate < 1%"}), None)]
    #[case::all_of_them(json!({"metric": "checks", "condition": "rate >= 1"}), None)]
    #[case::per_second(json!({"metric": "http_reqs", "condition": "rate < 1"}), None)]
    #[case::of_each_window(json!({"metric": "http_req_failed", "condition": "rate < 1", "window": "10s"}), None)]
    #[case::a_quotient(
        json!({"metric": "http_req_failed", "condition": "rate < 1", "ratioTo": {"selector": {"scenario": "a"}}}),
        None
    )]
    fn a_limit_that_only_all_requests_break_is_doubted(#[case] threshold: Value, #[case] told: Option<&str>) {
        let spec: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop"},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "thresholds": [threshold]
        }))
        .unwrap();
        assert!(crate::validate::validate(&spec).is_ok(), "it can be run");
        let found = doubtful(&spec);
        match told {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(told) => {
                assert_eq!((found.len(), &*found[0].path), (1, "spec.thresholds[0].condition"));
                assert!(found[0].message.contains(told), "{found:?}");
            }
        }
    }
}
