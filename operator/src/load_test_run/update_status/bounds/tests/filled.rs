// SPDX-License-Identifier: Apache-2.0
//! A status in which there is something of everything.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use upsurge_crds::v1alpha1::{
    AutoscalingResult, CapacityResult, CheckCount, Company, ContainerEnd, CountResult, EpochOutcome,
    EpochResult, ExpectationResult, GeneratorResult, LatencyPart, LatencySplit, LatencySummary, LimitResult,
    LoadTestRunStatus, MetricResult, MetricType, OutputResult, PrometheusCheckResult, PrometheusSeriesResult,
    RecommendationResult, ReplicaPoint, RequestResult, RequestsWhileScalingDown, RunSummary, RunnerResult,
    ScalabilityResult, ScaleDownResult, ScaleUpResult, SizeResult, SoakResult, SpikeResult, StageResult,
    StressResult, ThresholdResult, UsageFigures, UsageResult, WorkloadCapacity, WorkloadResult,
};

/// How many entries the lists of a status have, and how wide its texts are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub entries: i32,
    pub width: usize,
    pub letter: char,
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
pub(super) fn summary(n: i32) -> RunSummary {
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
pub(super) fn status(shape: Shape) -> LoadTestRunStatus {
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
        lost_requests: Some(i64::MAX),
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
    let series = |n| PrometheusSeriesResult {
        name: name(n),
        unit: Some(shape.text(32)),
        message: Some(shape.text(2_000)),
        ..PrometheusSeriesResult::default()
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
        series: shape.list(8, series),
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
            sizes: shape.list(8, |_| SizeResult { limit: Some(shape.text(300)), ..SizeResult::default() }),
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
