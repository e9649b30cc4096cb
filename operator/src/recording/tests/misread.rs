// SPDX-License-Identifier: Apache-2.0
//! What was once misread, from the objects of a cluster to the verdict.

use jiff::Timestamp;
use k8s_openapi::serde::de::DeserializeOwned;
use rstest::rstest;
use upsurge_core::{
    autoscaling::{self, Observed},
    thresholds::Windows,
};
use upsurge_crds::v1alpha1::AutoscalingResult;
use upsurge_observer::{Change, Observer, Seen};

use super::*;
use crate::load_test_run::fixtures::{at, plan};

/// When the observation ends; the load lasts from 0 to 60 s and rises at 10 s.
const END: i64 = 90;

struct Watched {
    observer: Observer,
    record: Recorded,
}

fn listed<K: DeserializeOwned>(all: &[Value]) -> Change<K> {
    Change::Listed(all.iter().map(|one| serde_json::from_value(one.clone()).unwrap()).collect())
}

fn applied<K: DeserializeOwned>(one: &Value) -> Change<K> {
    Change::Applied(Box::new(serde_json::from_value(one.clone()).unwrap()))
}

impl Watched {
    /// All is listed for the first time before the load.
    fn begin(deployment: &Value, pods: &[Value], hpas: &[Value], slices: &[Value]) -> Self {
        let mut record = Recorded::default();
        let mut watched = Self { observer: record.observer(checkout()), record };
        watched.list(-30, deployment, pods, hpas, slices);
        watched
    }

    fn list(&mut self, second: i64, deployment: &Value, pods: &[Value], hpas: &[Value], slices: &[Value]) {
        self.see(second, Seen::Autoscalers(listed(hpas)));
        self.see(second, Seen::Workload(listed(std::slice::from_ref(deployment))));
        self.see(second, Seen::Pods(listed(pods)));
        self.see(second, Seen::Slices(listed(slices)));
    }

    fn see(&mut self, second: i64, seen: Seen) {
        let events = self.observer.see(seen, at(second));
        self.record.note(events);
    }

    /// Another operator goes on with what the one before had kept at a second.
    fn taken_over(self, second: i64) -> Self {
        let kept = serde_json::to_value(self.record.kept(at(second))).unwrap();
        let mut record = recorded(serde_json::from_value(kept).unwrap(), Demand::None);
        Self { observer: record.observer(checkout()), record }
    }

    fn judged(&self, expect: &Value) -> (AutoscalingResult, Vec<&'static str>) {
        let plan = plan(&json!({
            "target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout", "expect": expect}]},
            "load": {"stages": [
                {"name": "base", "duration": "10s", "target": 1, "jump": true},
                {"name": "peak", "duration": "50s", "target": 20, "jump": true}
            ]},
        }));
        let observed = Observed {
            record: self.record.workload(),
            timeline: plan.timeline(),
            windows: &Windows::default(),
            start: at(0),
            end: at(END),
            workload: plan.test().target.workload().unwrap(),
            base_url: "http://checkout:8080",
        };
        let report = observed.report().unwrap();
        let doubts = observed.doubts(&report).into_iter().map(|doubt| doubt.reason).collect();
        (observed.result(&report, None), doubts)
    }

    /// Whether one expectation held; nothing if that is open.
    fn held(&self, expect: &Value) -> (Option<bool>, String) {
        let (mut result, _) = self.judged(expect);
        let one = result.expectations.remove(0);
        ((!one.undecided).then_some(one.passed), one.message.unwrap_or_default())
    }
}

fn stamp(second: i64) -> String {
    let at: Timestamp = at(second);
    format!("{at:.0}")
}

fn deployment(asked: u32, existing: u32) -> Value {
    json!({
        "metadata": {"name": "checkout", "uid": "0a1b2c3d", "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": asked},
        "status": {"replicas": existing, "updatedReplicas": existing, "conditions": [
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]},
    })
}

/// A pod that was created at one second and is ready since another one.
fn pod(name: &str, created: i64, ready: i64) -> Value {
    json!({
        "metadata": {"name": name, "uid": name, "creationTimestamp": stamp(created), "labels": {"pod-template-hash": "7f"}},
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp(ready)}]},
    })
}

fn hpa(name: &str, created: i64, max: u32) -> Value {
    json!({
        "metadata": {"name": name, "creationTimestamp": stamp(created)},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}, "maxReplicas": max},
        "status": {"desiredReplicas": 1, "currentReplicas": 1, "conditions": [
            {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}]},
    })
}

fn slice(pods: &[&str]) -> Value {
    let endpoint = |pod: &&str| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": pod}});
    json!({"metadata": {"name": "checkout-x"}, "addressType": "IPv4", "endpoints": pods.iter().map(endpoint).collect::<Vec<_>>()})
}

/// One replica with its autoscaler, behind a Service.
fn one() -> Watched {
    Watched::begin(&deployment(1, 1), &[pod("a", -90, -80)], &[hpa("checkout", -99, 5)], &[slice(&["a"])])
}

#[test]
fn a_scale_from_zero_is_no_rollout() {
    let mut watched = Watched::begin(&deployment(0, 0), &[], &[hpa("checkout", -99, 5)], &[]);
    watched.see(12, Seen::Workload(applied(&deployment(1, 1))));
    watched.see(15, Seen::Pods(applied(&pod("a", 12, 15))));
    let (result, doubts) = watched.judged(&json!({"scaleUpWithin": "10s"}));
    assert_eq!((doubts.len(), result.replicas.as_str(), result.scale_up_seconds), (0, "0→1→1", Some(5.0)));
    assert!(result.expectations[0].passed, "{result:?}");
}

#[test]
fn a_rollout_that_is_under_way_as_the_load_starts_is_noticed() {
    let mut rolling = deployment(3, 4);
    rolling["status"]["updatedReplicas"] = json!(1);
    let mut watched = Watched::begin(&rolling, &[pod("a", -90, -80)], &[hpa("checkout", -99, 5)], &[]);
    watched.see(20, Seen::Workload(applied(&deployment(3, 3))));
    assert_eq!(watched.judged(&json!({"minPeakReplicas": 1})).1, ["RolloutDuringRun"]);
}

#[test]
fn what_happened_while_the_operator_was_down_is_not_taken_for_late() {
    let mut watched = one().taken_over(11);
    let pods = [pod("a", -90, -80), pod("b", 12, 15)];
    watched.list(70, &deployment(2, 2), &pods, &[hpa("checkout", -99, 5)], &[slice(&["a", "b"])]);
    let (held, why) = watched.held(&json!({"scaleUpWithin": "30s"}));
    assert_eq!(held, None, "nobody knows: {why}");
    assert!(why.contains("pods were not seen from 11 s to 70 s of the run"), "{why}");
    let (result, _) = watched.judged(&json!({"minPeakReplicas": 2}));
    assert_eq!((result.scale_up_seconds, result.expectations[0].passed), (None, true));
}

#[test]
fn what_a_watch_lists_again_after_a_gap_is_not_taken_for_late() {
    let mut watched = one();
    watched.see(11, Seen::Pods(Change::Lost("connection reset".into())));
    watched.see(60, Seen::Pods(listed(&[pod("a", -90, -80), pod("b", 12, 15)])));
    watched.see(61, Seen::Slices(applied(&slice(&["a", "b"]))));
    assert_eq!(watched.held(&json!({"scaleUpWithin": "30s"})).0, None);
}

#[test]
fn a_broken_watch_of_endpoint_slices_does_not_keep_its_old_set() {
    let mut watched = one();
    watched.see(5, Seen::Slices(Change::Lost("endpointslices is forbidden".into())));
    watched.see(15, Seen::Pods(applied(&pod("b", 12, 15))));
    let (held, why) = watched.held(&json!({"minPeakReplicas": 2}));
    assert_eq!(held, None, "it may serve: {why}");
    assert!(why.contains("EndpointSlices were not seen from 5 s"), "{why}");
    let (result, _) = watched.judged(&json!({}));
    assert!(
        result.problems.iter().any(|problem| problem.ends_with("endpointslices is forbidden")),
        "{result:?}"
    );
}

#[test]
fn without_a_selector_pods_of_others_are_not_counted() {
    let mut watched = one();
    watched
        .see(-20, Seen::Pods(Change::Lost("the scale of Deployment shop/checkout has no selector".into())));
    let (held, _) = watched.held(&json!({"maxPeakReplicas": 9}));
    assert_eq!(held, None);
    let (result, _) = watched.judged(&json!({}));
    assert_eq!((result.replicas.as_str(), result.timeline.len()), ("?→?→?", 0));
}

#[test]
fn of_several_autoscalers_the_oldest_is_told_and_none_is_judged() {
    let mut watched = one();
    watched.see(20, Seen::Autoscalers(applied(&hpa("another", -10, 50))));
    let (result, doubts) = watched.judged(&json!({"minPeakReplicas": 1}));
    assert_eq!(result.autoscaler.as_deref(), Some("HorizontalPodAutoscaler/checkout"));
    assert_eq!((result.max_replicas, doubts), (Some(5), vec!["SeveralAutoscalers"]));
}

#[test]
fn bounds_that_are_changed_do_not_overwrite_those_before() {
    let mut watched = one();
    watched.see(20, Seen::Autoscalers(applied(&hpa("checkout", -99, 50))));
    let (result, doubts) = watched.judged(&json!({"minPeakReplicas": 1}));
    assert_eq!((result.max_replicas, doubts), (Some(5), vec!["AutoscalerChanged"]));
}

#[rstest]
#[case::before_the_load(-20, None)]
#[case::during_the_load(12, Some("Nodes"))]
fn that_a_pod_found_no_node_has_a_time(#[case] second: i64, #[case] limited_by: Option<&str>) {
    let mut watched = one();
    let mut homeless = pod("b", second, second);
    homeless["status"] = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/3 nodes are available", "lastTransitionTime": stamp(second)}]});
    watched.see(second, Seen::Workload(applied(&deployment(2, 2))));
    watched.see(second, Seen::Pods(applied(&homeless)));
    watched
        .see(second + 10, Seen::Pods(Change::Deleted(Box::new(serde_json::from_value(homeless).unwrap()))));
    watched.see(second + 10, Seen::Workload(applied(&deployment(1, 1))));
    let (result, _) = watched.judged(&json!({"minPeakReplicas": 2}));
    assert_eq!(result.limited_by.as_deref(), limited_by);
}

#[test]
fn when_to_stop_watching_is_decided_by_the_record() {
    let mut watched = one();
    watched.see(20, Seen::Workload(applied(&deployment(2, 2))));
    watched.see(25, Seen::Pods(applied(&pod("b", 20, 25))));
    watched.see(25, Seen::Slices(applied(&slice(&["a", "b"]))));
    let plan = plan(&json!({
        "target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout", "expect": {"scaleDownWithin": "2m"}}]},
        "load": {"stages": [{"name": "peak", "duration": "60s", "target": 20, "jump": true}]},
    }));
    let workload = plan.test().target.workload().unwrap();
    let until = |watched: &Watched| {
        autoscaling::watch_until(watched.record.workload(), plan.timeline(), at(0), workload, at(80))
    };
    assert_eq!(until(&watched), Some(at(180)));
    watched.see(75, Seen::Workload(applied(&deployment(1, 1))));
    watched.see(76, Seen::Slices(applied(&slice(&["a"]))));
    watched.see(77, Seen::Pods(Change::Deleted(Box::new(serde_json::from_value(pod("b", 20, 25)).unwrap()))));
    assert_eq!(until(&watched), None);
}
