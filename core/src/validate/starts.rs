// SPDX-License-Identifier: Apache-2.0
//! What starts a test by itself: whether its schedule can be understood and its triggers can be seen.

use upsurge_crds::v1alpha1::{LoadTestSpec, TriggerType, Workload};

use crate::{
    calendar,
    field_error::{Errors, FieldError},
};

/// Kinds whose rollouts are seen; all of `apps/v1`.
const ROLLED_OUT: [&str; 2] = ["Deployment", "StatefulSet"];

/// Checks `spec.schedule` and `spec.triggers`. Also asked when no run is due: what is wrong here would never be seen
/// otherwise, as nothing would ever start.
///
/// # Errors
/// All that is wrong.
pub fn check_starts(spec: &LoadTestSpec) -> Result<(), Vec<FieldError>> {
    let mut errors = Errors::default();
    check(spec, &mut errors);
    errors.finish(())
}

pub(super) fn check(spec: &LoadTestSpec, errors: &mut Errors) {
    if let Some(schedule) = &spec.schedule {
        calendar::check(schedule, errors);
    }
    for (index, trigger) in spec.triggers.iter().enumerate() {
        let path = format!("spec.triggers[{index}]");
        match trigger.type_ {
            TriggerType::Rollout => check_rollout(&spec.target.workloads, &path, errors),
        }
        if spec.triggers[..index].iter().any(|other| other.type_ == trigger.type_) {
            errors.add(format_args!("{path}.type"), format_args!("{:?} is there twice", trigger.type_));
        }
    }
}

fn check_rollout(workloads: &[Workload], path: &str, errors: &mut Errors) {
    if workloads.is_empty() {
        let message = "a Rollout needs a workload to watch: name it in spec.target.workloads, for example [{name: checkout}]";
        return errors.add(path, message);
    }
    let is_seen = |workload: &&Workload| {
        workload.api_version == "apps/v1" && ROLLED_OUT.contains(&workload.kind.as_str())
    };
    if let Some(workload) = workloads.iter().find(|workload| !is_seen(workload)) {
        let (kind, version) = (&workload.kind, &workload.api_version);
        errors.add(
            path,
            format_args!(
                "a Rollout is seen of a Deployment or StatefulSet of apps/v1, not of a {kind} of {version}: start the test \
                 from what rolls it out instead, for example by the annotation upsurge.dev/rerun"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn complaints(target: Value, more: Value) -> String {
        let mut spec = json!({
            "target": {"baseURL": "http://checkout:8080"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/pay"}}]}],
            "load": {"constant": {"level": 5, "duration": "10s"}},
        });
        for (place, more) in [("target", target), ("", more)] {
            let fields = if place.is_empty() { &mut spec } else { &mut spec[place] };
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        let spec = serde_json::from_value(spec).unwrap();
        let wrong = check_starts(&spec).err().unwrap_or_default();
        // What is said here is said with all the rest too.
        let all = crate::validate::validate(&spec).err().unwrap_or_default();
        assert!(wrong.iter().all(|error| all.contains(error)), "{wrong:?} {all:?}");
        wrong.iter().map(|error| format!("{error}\n")).collect()
    }

    fn rollout() -> Value {
        json!({"triggers": [{"type": "Rollout"}]})
    }

    #[rstest]
    #[case::deployment(json!({"name": "a"}))]
    #[case::stateful_set(json!({"name": "a", "kind": "StatefulSet"}))]
    fn a_rollout_of_what_is_watched_is_fine(#[case] workload: Value) {
        assert_eq!(complaints(json!({"workloads": [workload, {"name": "b"}]}), rollout()), "");
    }

    #[rstest]
    #[case::none(json!({}), "name it in spec.target.workloads")]
    #[case::another_kind(json!({"workloads": [{"name": "a", "kind": "ReplicaSet"}]}), "not of a ReplicaSet of apps/v1")]
    #[case::the_second_one(json!({"workloads": [{"name": "a"}, {"name": "b", "kind": "ReplicaSet"}]}),
        "not of a ReplicaSet of apps/v1")]
    #[case::another_group(json!({"workloads": [{"name": "a", "kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1"}]}),
        "not of a Rollout of argoproj.io/v1alpha1: start the test from what rolls it out")]
    fn a_rollout_that_cannot_be_seen_is_refused_in_words(#[case] target: Value, #[case] expected: &str) {
        let said = complaints(target, rollout());
        assert!(said.starts_with("spec.triggers[0]: ") && said.contains(expected), "{said}");
    }

    #[test]
    fn expression_and_zone_are_both_told() {
        let said = complaints(json!({}), json!({"schedule": {"cron": "0 25 * * *", "timeZone": "Berlin"}}));
        assert!(said.contains("spec.schedule.cron: \"0 25 * * *\" is not a cron expression"), "{said}");
        assert!(said.contains("spec.schedule.timeZone: \"Berlin\" is not a time zone"), "{said}");
    }
}
