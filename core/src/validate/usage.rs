// SPDX-License-Identifier: Apache-2.0
//! Limits on usage that say nothing, or can't be judged.

use upsurge_crds::v1alpha1::{LoadTestSpec, UsageLimit, UsageResource};

use crate::field_error::Errors;

pub(super) fn check(spec: &LoadTestSpec, errors: &mut Errors) {
    let names: Vec<&str> = spec.target.workloads.iter().map(|workload| workload.name.as_str()).collect();
    for (index, limit) in spec.usage.iter().enumerate() {
        let path = format!("spec.usage[{index}]");
        check_limit(limit, &path, errors);
        match &limit.workload {
            _ if names.is_empty() => {
                errors
                    .add(&path, "needs spec.target.workloads: without it nobody knows whose pods are meant");
            }
            Some(name) if !names.contains(&name.as_str()) => {
                let path = format_args!("{path}.workload");
                errors.add(path, format_args!("no workload of spec.target.workloads is named {name:?}"));
            }
            _ => {}
        }
        let key = |limit: &UsageLimit| (limit.resource, limit.workload.clone(), limit.relative_to);
        if spec.usage.iter().take(index).any(|earlier| key(earlier) == key(limit)) {
            let message = "another limit is on the same resource, relative to the same, of the same workload";
            errors.add(&path, message);
        }
    }
}

/// As the rules of the schema.
fn check_limit(limit: &UsageLimit, path: &str, errors: &mut Errors) {
    let UsageLimit { max_percent, relative_to, max_growth_percent_per_hour: growth, max_restarts, .. } =
        limit;
    if max_percent.is_some() != relative_to.is_some() {
        errors.add(path, "maxPercent and relativeTo belong together: percent of what?");
    }
    if limit.resource != UsageResource::Memory && (growth.is_some() || max_restarts.is_some()) {
        errors.add(path, "maxGrowthPercentPerHour and maxRestarts go with resource: Memory");
    }
    if max_percent.is_none() && growth.is_none() && max_restarts.is_none() {
        errors.add(
            path,
            "a limit on usage needs at least one of maxPercent, maxGrowthPercentPerHour and maxRestarts",
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::validate::validate;

    #[rstest]
    #[case::whole(json!([{"resource": "CPU", "relativeTo": "Limit", "maxPercent": 70},
        {"resource": "CPU", "relativeTo": "Request", "maxPercent": 150, "workload": "checkout"},
        {"resource": "Memory", "maxGrowthPercentPerHour": 5, "maxRestarts": 0}]), &[])]
    #[case::percent_of_nothing(json!([{"resource": "CPU", "maxPercent": 70}]), &["spec.usage[0]"])]
    #[case::growth_of_cpu(json!([{"resource": "CPU", "maxGrowthPercentPerHour": 7}]), &["spec.usage[0]"])]
    #[case::nothing(json!([{"resource": "Memory"}]), &["spec.usage[0]"])]
    #[case::stranger(json!([{"resource": "Memory", "maxRestarts": 0, "workload": "check"}]), &["spec.usage[0].workload"])]
    #[case::twice(json!([{"resource": "Memory", "maxRestarts": 0}, {"resource": "Memory", "maxRestarts": 1}]), &["spec.usage[1]"])]
    fn a_limit_that_says_nothing_is_refused(#[case] usage: Value, #[case] refused: &[&str]) {
        let mut spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}]},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "usage": usage
        });
        let paths = |spec: &Value| -> Vec<String> {
            let spec = serde_json::from_value(spec.clone()).unwrap();
            validate(&spec).err().unwrap_or_default().into_iter().map(|error| error.path).collect()
        };
        assert_eq!(paths(&spec), refused);
        spec["target"]["workloads"] = json!([]);
        assert!(!paths(&spec).is_empty(), "nobody knows whose pods are meant");
    }
}
