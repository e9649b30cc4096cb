// SPDX-License-Identifier: Apache-2.0
//! What a plan asks of runners that came with this version of the protocol. A runner of the version before reads over what it
//! doesn't know: it would carry out another test than the one that is judged.

use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{ExpectWhen, NestedSteps, Step, Threshold, TimeLimit, Workload},
};

use super::{RunPlan, first_epoch};
use crate::metrics::names;

/// Whether there is any such thing in a plan. Pure.
pub(super) fn is_any(plan: &RunPlan) -> bool {
    plan.more || plan.epoch > first_epoch() || is_in(&plan.test)
}

fn is_in(test: &LoadTestSpec) -> bool {
    let load = &test.load;
    load.capacity.is_some()
        || load.scalability.is_some()
        || load.benchmark.is_some()
        || load.smoke.is_some()
        || load.spike.as_ref().is_some_and(|spike| spike.spikes.is_some())
        || load
            .stress
            .as_ref()
            .is_some_and(|stress| stress.broken_at.is_some() || stress.recover_within.is_some())
        || !test.verify.is_empty()
        || test.thresholds.iter().any(is_of_seconds)
        || test.target.workloads.iter().any(has_own_limit)
        || expects_of_failed(test)
}

/// Whether a threshold is on the share of good seconds, of which runners tell second by second.
fn is_of_seconds(threshold: &Threshold) -> bool {
    let metric = threshold.metric.split('{').next().unwrap_or_default();
    metric.trim() == names::AVAILABILITY
}

/// Whether a time that is expected of an autoscaler is its own, which a runner of the version before can't read.
fn has_own_limit(workload: &Workload) -> bool {
    let limits = workload.expect.iter().flat_map(|expect| [expect.scale_up_within, expect.scale_down_within]);
    limits.flatten().any(|limit| limit == TimeLimit::Auto)
}

/// Whether a request of the test expects something of answers that count as failed, and of no others.
fn expects_of_failed(test: &LoadTestSpec) -> bool {
    let scenarios = || test.scenarios.iter().flatten();
    let flat = [&test.before, &test.after].into_iter();
    let flat =
        flat.chain(test.blocks.iter().map(|block| &block.steps)).chain(scenarios().map(|one| &one.steps));
    let mut nested = scenarios().flat_map(|scenario| [&scenario.on_start, &scenario.on_stop]);
    flat.flatten().any(step_expects) || nested.any(steps_expect)
}

fn step_expects(step: &Step) -> bool {
    let mut expected = step.request.iter().flat_map(|request| &request.expect);
    let choice = step.if_step.iter().flat_map(|step| [&step.then, &step.otherwise]);
    let mut nested = choice
        .chain(step.loop_step.iter().map(|step| &step.steps))
        .chain(step.group.iter().map(|step| &step.steps))
        .chain(step.parallel.iter().map(|step| &step.steps));
    expected.any(|expected| expected.when == Some(ExpectWhen::Failed)) || nested.any(steps_expect)
}

/// Those that can't be read are in no plan.
fn steps_expect(steps: &NestedSteps) -> bool {
    steps.0.iter().any(|raw| serde_json::from_value(raw.clone()).is_ok_and(|step: Step| step_expects(&step)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn plan(changes: Value) -> RunPlan {
        let mut test = json!({
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "home", "url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1h"}},
        });
        let Value::Object(changes) = changes else { panic!("{changes}") };
        test.as_object_mut().unwrap().extend(changes);
        RunPlan {
            namespace: "shop".into(),
            run: "checkout-1".into(),
            uid: "5d1c".into(),
            runners: 1,
            test: serde_json::from_value(test).unwrap(),
            epoch: 1,
            more: false,
            reach: Default::default(),
        }
    }

    fn request(when: &str) -> Value {
        json!({"request": {"url": "/", "expect": [{"header": "retry-after", "when": when}]}})
    }

    fn target(expect: Value) -> Value {
        json!({"target": {"baseURL": "http://checkout", "workloads": [{"name": "checkout", "expect": expect}]}})
    }

    fn stress(field: &str, value: Value) -> Value {
        let mut stress = json!({"start": 1, "increment": 1, "every": "10s", "max": 3});
        stress.as_object_mut().unwrap().insert(field.into(), value);
        json!({"load": {"stress": stress}})
    }

    #[rstest]
    #[case::capacity(json!({"load": {"capacity": {"find": "MaxRate", "from": 1, "to": 9, "measure": "1m"}}}))]
    #[case::scalability(
        json!({"load": {"scalability": {"replicas": {"counts": [1, 2], "levelPerReplica": 5, "measure": "1m"}}}}))]
    #[case::sizes(json!({"load": {"scalability": {"sizes": {"sizes": [], "level": 5, "measure": "1m"}}}}))]
    #[case::benchmark(json!({"load": {"benchmark": {}}}))]
    #[case::smoke(json!({"load": {"smoke": {}}}))]
    #[case::named_spikes(json!({"load": {"spike": {"baseline": 1, "spikes": [{"name": "a", "peak": 9, "hold": "1m"}]}}}))]
    #[case::broken_at(stress("brokenAt", json!({"errorRate": "5%"})))]
    #[case::recovery(stress("recoverWithin", json!("1m")))]
    #[case::verify(json!({"verify": [{"request": {"url": "/"}}]}))]
    #[case::availability(json!({"thresholds": [{"metric": "availability", "condition": "rate > 99%"}]}))]
    #[case::availability_of_some(
        json!({"thresholds": [{"metric": "availability{group:pay}", "condition": "rate > 99%"}]}))]
    #[case::auto_up(target(json!({"scaleUpWithin": "Auto"})))]
    #[case::auto_down(target(json!({"scaleUpWithin": "90s", "scaleDownWithin": "Auto"})))]
    #[case::when_failed(json!({"before": [request("Failed")]}))]
    #[case::when_failed_after(json!({"after": [request("Failed")]}))]
    #[case::when_failed_in_a_scenario(json!({"scenarios": [{"name": "pay", "steps": [request("Failed")]}]}))]
    #[case::when_failed_at_the_start(
        json!({"scenarios": [{"name": "pay", "onStart": [request("Failed")], "steps": [request("Always")]}]}))]
    #[case::when_failed_at_the_end(
        json!({"scenarios": [{"name": "pay", "onStop": [request("Failed")], "steps": [request("Always")]}]}))]
    #[case::when_failed_in_a_block(json!({"blocks": [{"name": "pay", "steps": [request("Failed")]}]}))]
    #[case::when_failed_in_a_choice(json!({"before": [{"if": {"condition": "true", "then": [], "else": [request("Failed")]}}]}))]
    #[case::when_failed_in_a_loop(json!({"before": [{"loop": {"count": 2, "steps": [request("Failed")]}}]}))]
    #[case::when_failed_in_a_group_of_branches(
        json!({"before": [{"group": {"name": "a", "steps": [{"parallel": {"steps": [request("Failed")]}}]}}]}))]
    fn what_came_with_this_version_is_found(#[case] changes: Value) {
        assert!(is_any(&plan(changes)));
    }

    #[rstest]
    #[case::nothing(json!({}))]
    #[case::always(json!({"before": [request("Always")]}))]
    #[case::a_body_that_looks_like_it(
        json!({"before": [{"group": {"name": "a", "steps": [{"request": {"url": "/", "json": request("Failed")}}]}}]}))]
    #[case::times_that_are_written(target(json!({"scaleUpWithin": "90s", "scaleDownWithin": "6m"})))]
    #[case::one_spike(json!({"load": {"spike": {"baseline": 1, "peak": 9, "hold": "1m"}}}))]
    #[case::stop_at(stress("stopAt", json!({"errorRate": "5%"})))]
    // What the operator finds out by itself.
    #[case::usage(json!({"usage": [{"resource": "Memory", "maxRestarts": 0}]}))]
    #[case::soak(json!({"load": {"soak": {"level": 1, "duration": "1h", "maxLatencyGrowthPercentPerHour": 5}}}))]
    #[case::a_metric_of_such_a_name(
        json!({"thresholds": [{"metric": "availability_of_stock", "condition": "count > 1"}]}))]
    fn all_else_was_there_before(#[case] changes: Value) {
        assert!(!is_any(&plan(changes)));
    }

    #[test]
    fn so_are_several_epochs() {
        assert!(is_any(&RunPlan { more: true, ..plan(json!({})) }));
        assert!(is_any(&RunPlan { epoch: 2, ..plan(json!({})) }), "also the last one");
    }
}
