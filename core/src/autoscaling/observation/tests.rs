// SPDX-License-Identifier: Apache-2.0
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[test]
fn only_changes_of_replicas_are_kept_and_in_order_of_time() {
    let mut observation = Observation::default();
    for (second, ready) in [(0, 1), (1, 1), (5, 2), (3, 1), (4, 3), (6, 2)] {
        observation.record_replicas(at(second), 2, 2, ready);
    }
    let kept: Vec<_> = observation.samples.iter().map(|sample| (sample.at, sample.ready)).collect();
    assert_eq!(kept, [(at(0), 1), (at(4), 3), (at(5), 2)]);
}

#[test]
fn an_observation_stays_small_whatever_happens() {
    let mut observation = Observation::default();
    for second in 0..20_000 {
        let ready = if second == 7_777 { 99 } else { (second % 7) as i32 + 1 };
        observation.record_replicas(at(second), 9, 9, ready);
        observation.record_condition(
            at(second),
            "ScalingActive",
            "False",
            &second.to_string(),
            &"x".repeat(9_999),
        );
        observation.record_pod(PodTimes { name: format!("checkout-{second}"), ..PodTimes::default() });
        observation.record_problem(&second.to_string());
        observation.record_rollout(at(second));
    }
    let bytes = serde_json::to_vec(&observation).unwrap().len();
    assert!(bytes < 400_000, "{bytes} bytes");
    let samples = &observation.samples;
    assert_eq!(samples.first().map(|sample| sample.at), Some(at(0)));
    assert_eq!(samples.last().map(|sample| sample.at), Some(at(19_999)));
    assert!(samples.iter().any(|sample| sample.ready == 99), "the peak is kept");
    assert!(samples.is_sorted_by_key(|sample| sample.at));
}

#[test]
fn conditions_are_kept_at_transitions_only() {
    let mut observation = Observation::default();
    for (second, status, reason) in [(0, "True", "a"), (1, "True", "a"), (2, "False", "b"), (3, "False", "c")]
    {
        observation.record_condition(at(second), "ScalingActive", status, reason, "");
        observation.record_condition(at(second), "AbleToScale", "True", "a", "");
    }
    let active: Vec<_> = observation
        .conditions
        .iter()
        .filter(|sample| sample.type_ == "ScalingActive")
        .map(|sample| sample.reason.as_str())
        .collect();
    assert_eq!((active, observation.conditions.len()), (vec!["a", "b", "c"], 4));
}

#[test]
fn what_is_known_of_a_pod_is_completed_never_replaced() {
    let mut observation = Observation::default();
    observation.record_pod(PodTimes { name: "a".into(), created: Some(at(1)), ..PodTimes::default() });
    let later =
        PodTimes { name: "a".into(), created: Some(at(9)), ready: Some(at(4)), ..PodTimes::default() };
    observation.record_pod(later);
    let pod = observation.pods.first().unwrap();
    assert_eq!((pod.created, pod.ready, observation.pods.len()), (Some(at(1)), Some(at(4)), 1));
}

#[test]
fn an_observation_survives_the_checkpoint() {
    let mut observation = Observation::default();
    observation.record_replicas(at(0), 1, 1, 1);
    observation.record_condition(at(0), "ScalingActive", "True", "ValidMetricFound", "fine");
    observation.record_pod(PodTimes { name: "a".into(), ready: Some(at(3)), ..PodTimes::default() });
    observation.record_rollout(at(4));
    observation.unschedulable = true;
    let text = serde_json::to_string(&observation).unwrap();
    assert_eq!(serde_json::from_str::<Observation>(&text).unwrap(), observation);
    assert_eq!(serde_json::from_str::<Observation>("{}").unwrap(), Observation::default());
}
