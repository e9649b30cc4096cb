// SPDX-License-Identifier: Apache-2.0
//! A status stays small, keeps what tells most, and says what it leaves out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::CustomResourceExt;
use proptest::prelude::*;
use serde_json::Value;
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{
        AutoscalingResult, CapacityResult, CheckCount, Company, ContainerEnd, CountResult, EpochOutcome,
        EpochResult, ExpectationResult, GeneratorResult, LatencyPart, LatencySplit, LatencySummary,
        LimitResult, MetricResult, MetricType, OutputResult, PrometheusCheckResult, RecommendationResult,
        ReplicaPoint, RequestResult, RequestsWhileScalingDown, RunSummary, RunnerResult, ScalabilityResult,
        ScaleDownResult, ScaleUpResult, SoakResult, SpikeResult, StageResult, StressResult, ThresholdResult,
        UsageFigures, UsageResult, WorkloadCapacity, WorkloadResult,
    },
};

use super::*;

/// How many entries the lists of a status have, and how wide its texts are.
#[derive(Clone, Copy, Debug)]
struct Shape {
    entries: i32,
    width: usize,
    letter: char,
}

impl Shape {
    fn text(self, longest: usize) -> String {
        self.letter.to_string().repeat(self.width.min(longest))
    }

    fn list<T>(self, most: i32, entry: impl Fn(i32) -> T) -> Vec<T> {
        (0..self.entries.min(most)).map(entry).collect()
    }
}

fn latency(p95: i32) -> LatencySummary {
    let text = |value: i32| format!("{value}.4ms");
    LatencySummary {
        min: text(1),
        mean: text(p95 / 2),
        p50: text(p95 / 2),
        p90: text(p95),
        p95: text(p95),
        p99: text(p95),
        p999: text(p95),
        max: text(2 * p95),
        ..LatencySummary::default()
    }
}

/// Later requests are slower, earlier ones fail more.
fn summary(n: i32) -> RunSummary {
    RunSummary {
        requests: 10_000,
        requests_per_second: "166.67".into(),
        error_rate: format!("{}%", 100.0 / f64::from(n + 1)),
        iterations: Some(10_000),
        latency: latency(n + 10),
        response_time: Some(latency(n + 10)),
        ..RunSummary::default()
    }
}

/// A status with lists as long, and texts as wide, as a spec and a cluster can make them.
fn status(shape: Shape) -> LoadTestRunStatus {
    let at = Time(Timestamp::UNIX_EPOCH);
    let point =
        |n: i32| ReplicaPoint { at: at.clone(), seconds: f64::from(n), desired: n, current: n, ready: n };
    let up = |n: i32| ScaleUpResult {
        at: at.clone(),
        seconds: f64::from(n),
        from: n,
        to: n + 1,
        split: LatencySplit { ready: Some(shape.text(8)), ..LatencySplit::default() },
        largest: Some("ready".into()),
        limited_by: (n % 5 == 0).then(|| "Nodes".into()),
        missing_pods: None,
    };
    let down = |n: i32| ScaleDownResult {
        at: at.clone(),
        seconds: f64::from(n),
        from: n + 1,
        to: n,
        decided: Some(shape.text(8)),
        ended: Some(shape.text(8)),
    };
    let limit = |n: i32| LimitResult {
        limit: "Nodes".into(),
        from: at.clone(),
        to: at.clone(),
        seconds: f64::from(n),
        evidence: shape.text(2_000),
    };
    let part =
        |n: i32| LatencyPart { part: format!("part-{n}"), max: shape.text(8), ..LatencyPart::default() };
    // The lists of each workload are measured by the longest of them.
    let workload = WorkloadResult {
        name: shape.text(253),
        kind: shape.text(63),
        scale_ups: shape.list(1_200, up),
        scale_downs: shape.list(1_200, down),
        latency: shape.list(7, part),
        largest_part: Some("ready".into()),
        elasticity: Some(Box::default()),
        limited_by: Some("Nodes".into()),
        limits: shape.list(50, limit),
        recommendation: Some(RecommendationResult { text: shape.text(2_000), ..Default::default() }),
        gaps: shape.list(20, |_| shape.text(2_000)),
        timeline: shape.list(1_200, point),
        requests_while_scaling_down: Some(RequestsWhileScalingDown {
            gaps: shape.list(20, |_| shape.text(2_000)),
            ..RequestsWhileScalingDown::default()
        }),
        ..WorkloadResult::default()
    };
    let name = |n: i32| format!("{n}{}", shape.text(250));
    let request = |n| RequestResult { name: name(n), scenario: shape.text(128), summary: summary(n) };
    let stage = |n| StageResult {
        name: name(n),
        start_seconds: f64::from(n),
        duration_seconds: 1.0,
        summary: summary(n),
    };
    let threshold = |n| ThresholdResult {
        metric: name(n),
        condition: shape.text(128),
        observed: shape.text(64),
        passed: n % 3 != 0,
        undecided: false,
        detail: Some(shape.text(2_000)),
    };
    let expectation = |n| ExpectationResult {
        name: name(n),
        expected: "1".into(),
        observed: "2".into(),
        passed: false,
        undecided: false,
        message: Some(shape.text(2_000)),
        basis: Some(shape.text(2_000)),
    };
    // Of most pods nothing ended, and nothing was missed.
    let usage = |n: i32| UsageResult {
        workload: name(n),
        pod: Some(name(n)),
        samples: 1 << 40,
        cpu: Some(UsageFigures { mean: "0.25".into(), max: "0.5".into(), ..UsageFigures::default() }),
        ends: shape.list(if n == 0 { 50 } else { 0 }, |_| ContainerEnd {
            at: at.clone(),
            reason: shape.text(2_000),
            exit_code: 137,
        }),
        gaps: shape.list(if n == 0 { 50 } else { 0 }, |_| shape.text(2_000)),
        ..UsageResult::default()
    };
    let check = |n| CheckCount { name: name(n), request: shape.text(256), passes: 1, fails: i64::from(n) };
    let metric = |n| MetricResult {
        name: name(n),
        type_: MetricType::Trend,
        values: ["count", "p95"].map(|name| (name.into(), shape.text(50))).into(),
    };
    let prometheus = |n| PrometheusCheckResult {
        name: name(n),
        condition: shape.text(64),
        observed: None,
        passed: false,
        message: Some(shape.text(2_000)),
    };
    let runner = |index| RunnerResult {
        index,
        pod: Some(shape.text(253)),
        state: "Completed".into(),
        start_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
        message: Some(shape.text(2_000)),
    };
    let condition = |type_: &str| Condition {
        type_: type_.into(),
        status: "True".into(),
        reason: "ThresholdsBreached".into(),
        message: shape.text(20_000),
        observed_generation: Some(1),
        last_transition_time: at.clone(),
    };
    LoadTestRunStatus {
        message: Some(shape.text(20_000)),
        summary: Some(Box::new(summary(1))),
        requests: shape.list(1_000, request),
        stages: shape.list(100, stage),
        thresholds: shape.list(100, threshold),
        expectations: shape.list(1_000, check),
        metrics: shape.list(50, metric),
        checks: shape.list(50, prometheus),
        epochs: shape.list(60, |number| EpochResult {
            number,
            level: number.to_string(),
            outcome: Some(EpochOutcome::Failed),
            limit: Some(shape.text(500)),
            message: Some(shape.text(300)),
            ..EpochResult::default()
        }),
        capacity: Some(Box::new(CapacityResult {
            contradictions: shape.list(20, |_| shape.text(100)),
            workloads: shape
                .list(16, |_| WorkloadCapacity { name: shape.text(253), ..WorkloadCapacity::default() }),
            ..CapacityResult::default()
        })),
        scalability: Some(Box::new(ScalabilityResult {
            counts: shape
                .list(20, |_| CountResult { limit: Some(shape.text(300)), ..CountResult::default() }),
            doubts: shape.list(8, |_| shape.text(100)),
            ..ScalabilityResult::default()
        })),
        usage: shape.list(100, usage),
        usage_expectations: shape.list(100, expectation),
        soak: Some(Box::new(SoakResult {
            expectations: shape.list(10, expectation),
            ..SoakResult::default()
        })),
        runners: shape.list(1_000, runner),
        outputs: shape.list(8, |index| OutputResult {
            name: name(index),
            delivered_samples: 1 << 40,
            lost_samples: 1 << 40,
            other_series: Some(1 << 40),
            message: Some(shape.text(2_000)),
        }),
        company: shape.list(64, |index| Company {
            namespace: shape.text(63),
            name: shape.text(253),
            from: Time(Timestamp::UNIX_EPOCH),
            until: Time(Timestamp::from_second(index.into()).unwrap()),
        }),
        warnings: shape.list(500, |_| shape.text(2_000)),
        generator: Some(Box::new(GeneratorResult {
            problems: shape.list(500, |_| shape.text(2_000)),
            warnings: shape.list(500, |_| shape.text(2_000)),
            ..GeneratorResult::default()
        })),
        autoscaling: Some(Box::new(AutoscalingResult {
            timeline: shape.list(1_200, point),
            workloads: vec![workload],
            problems: shape.list(500, |_| shape.text(2_000)),
            expectations: shape.list(100, expectation),
            requests_while_scaling_down: Some(RequestsWhileScalingDown {
                gaps: shape.list(20, |_| shape.text(2_000)),
                ..RequestsWhileScalingDown::default()
            }),
            ..AutoscalingResult::default()
        })),
        stress: Some(Box::new(StressResult {
            message: shape.text(2_000),
            expectations: shape.list(8, expectation),
            ..StressResult::default()
        })),
        spikes: shape.list(12, |n| SpikeResult {
            name: name(n),
            message: shape.text(2_000),
            ..SpikeResult::default()
        }),
        conditions: ["Ready", "Stalled", "Complete", "Failed"].map(condition).into(),
        ..LoadTestRunStatus::default()
    }
}

const HUGE: Shape = Shape { entries: 5_000, width: 100_000, letter: '"' };

fn breached(status: &LoadTestRunStatus) -> usize {
    status.thresholds.iter().filter(|threshold| !threshold.passed).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_status_is_small_complete_or_says_so_and_stays_as_it_is(
        entries in prop_oneof![0..30_i32, 0..1_200_i32],
        width in prop_oneof![0..100_usize, 0..3_000_usize],
        letter in prop_oneof![Just('x'), Just('"'), Just('ä'), Just('\u{1}')],
    ) {
        let whole = status(Shape { entries, width, letter });
        let small = bounded(whole.clone());
        prop_assert!(size(&small) <= LARGEST, "{} bytes", size(&small));
        for list in &LISTS {
            let (before, _) = (list.measure)(&whole);
            let (after, _) = (list.measure)(&small);
            prop_assert!(after <= list.most);
            let left_out = small.omitted.get(list.name).copied().unwrap_or_default();
            // What a pod that is left out had goes with it, and is not counted by itself.
            if list.name.starts_with("usage[]") && small.omitted.contains_key("usage") {
                continue;
            }
            prop_assert_eq!(before - after, left_out as usize, "{}", list.name);
        }
        // No threshold that held is shown in the place of one that did not.
        let left_out = small.omitted.get("thresholds").copied().unwrap_or_default();
        prop_assert!(left_out == 0 || breached(&small) == breached(&whole).min(small.thresholds.len()));
        prop_assert_eq!(bounded(small.clone()), small);
    }
}

/// A test has one load, so what belongs to others is not there.
fn of_one_load(status: LoadTestRunStatus) -> LoadTestRunStatus {
    LoadTestRunStatus {
        epochs: Vec::new(),
        capacity: None,
        scalability: None,
        stress: None,
        spikes: Vec::new(),
        operations: Vec::new(),
        soak: None,
        ..status
    }
}

#[test]
fn the_largest_status_still_shows_something_of_everything() {
    let whole = of_one_load(status(HUGE));
    let status = bounded(whole.clone());
    assert!(breached(&status) > 0);
    for list in LISTS.iter().filter(|list| (list.measure)(&whole).0 > 0) {
        assert!((list.measure)(&status).0 > 0, "{} is empty: {:?}", list.name, status.omitted);
    }
}

#[test]
fn the_status_of_a_common_run_is_complete_and_small() {
    let mut common = of_one_load(status(Shape { entries: 4, width: 24, letter: 'x' }));
    // It asks for nothing of usage, which is told with some 300 bytes for each pod.
    (common.usage, common.usage_expectations) = (Vec::new(), Vec::new());
    // A minute of scaling up, and as much of scaling down.
    let whole = status(Shape { entries: 40, width: 24, letter: 'x' });
    let autoscaling = common.autoscaling.as_mut().unwrap();
    autoscaling.timeline = whole.autoscaling.unwrap().timeline;
    // Most have one workload, of which these are told above it.
    autoscaling.workloads.truncate(1);
    let workload = &mut autoscaling.workloads[0];
    (workload.timeline, workload.requests_while_scaling_down) = (Vec::new(), None);
    common.message = Some("x".repeat(200));
    common.conditions.iter_mut().for_each(|condition| condition.message = "x".repeat(200));
    let status = bounded(common.clone());
    assert_eq!(status, common);
    assert!(size(&status) <= 16 * 1_024, "{} bytes", size(&status));
}

#[test]
fn requests_that_fail_and_slow_ones_are_kept_and_those_of_breached_thresholds() {
    let mut whole = status(Shape { entries: 0, width: 0, letter: 'x' });
    whole.requests = (0..1_000)
        .map(|n| RequestResult { name: format!("r{n}"), scenario: "all".into(), summary: summary(n) })
        .collect();
    whole.thresholds = vec![ThresholdResult {
        metric: "http_req_duration{request:r500,stage:hold}".into(),
        ..ThresholdResult::default()
    }];
    let small = bounded(whole);
    let shown: Vec<&str> = small.requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!((shown.len(), small.omitted.get("requests")), (50, Some(&950)));
    assert!(["r0", "r1", "r500", "r998", "r999"].iter().all(|name| shown.contains(name)), "{shown:?}");
}

#[test]
fn runners_that_failed_are_shown_before_those_that_did_not() {
    let mut whole = status(Shape { entries: 0, width: 0, letter: 'x' });
    whole.runners = (0..1_000)
        .map(|index| RunnerResult { index, state: "Completed".into(), ..RunnerResult::default() })
        .collect();
    whole.runners[777].state = "RunnerOOMKilled".into();
    let small = bounded(whole);
    assert!(small.runners.iter().any(|runner| runner.index == 777));
    assert!(small.runners.is_sorted_by_key(|runner| runner.index));
    assert_eq!(small.omitted, BTreeMap::from([("runners".to_owned(), 950)]));
}

/// Paths of the lists of a schema, with their greatest lengths.
fn lists_of(schema: &Value, path: &str, found: &mut BTreeMap<String, usize>) {
    if let Some(most) = schema.get("maxItems").and_then(Value::as_u64) {
        found.insert(path.into(), most as usize);
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        lists_of(field, &path, found);
    }
    if let Some(items) = schema.get("items") {
        lists_of(items, &format!("{path}[]"), found);
    }
}

#[test]
fn each_list_of_the_schema_is_bounded_to_what_it_says() {
    let definition = serde_json::to_value(LoadTestRun::crd()).unwrap();
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap();
    let mut declared = BTreeMap::new();
    lists_of(schema, "", &mut declared);
    // There are as many conditions as there are types of them.
    declared.remove("conditions");
    // Without any of them something would stay as a run has set it.
    declared.remove("pinning.originals");
    let bounded: BTreeMap<String, usize> =
        LISTS.iter().map(|list| (list.name.to_owned(), list.most)).collect();
    assert_eq!(bounded, declared);
}
