// SPDX-License-Identifier: Apache-2.0
//! What was seen of the cluster during the played spike: one replica becomes two, then four, each too late, and one again.

use upsurge_crds::v1alpha1::{
    AutoscalingResult, ElasticityResult, ExpectationResult, LatencyPart, LatencySplit, LimitResult,
    ProvisioningResult, RecommendationResult, ScaleDownResult, ScaleUpResult, UsageFigures, UsageResult,
    WorkloadResult,
};
use upsurge_figures::observation::{
    Amount, Autoscaler, Condition, ContainerUsage, Event, Life, PodUsage, Reading, Scaling, Source, What,
};
use upsurge_record::model::ObservedWorkload;

use super::{at, load};

/// What a replica serves, in iterations per second.
pub const CAPACITY: f64 = 50.0;
/// Until when it was watched.
pub const WATCHED: f64 = 600.0;

/// When each pod is asked for, when it serves, and when it is gone.
const PODS: [(&str, f64, f64, f64); 4] = [
    ("checkout-7d9c5b-2xk4q", -600.0, -590.0, f64::MAX),
    ("checkout-7d9c5b-8mwzr", 79.0, 101.0, 566.0),
    ("checkout-7d9c5b-c6t9p", 94.0, 121.4, 566.0),
    ("checkout-7d9c5b-j5hvn", 94.0, 126.4, 566.0),
];

/// How many pods serve at a second.
pub fn ready(second: f64) -> u32 {
    PODS.iter().filter(|(_, _, ready, gone)| second >= *ready && second < *gone - 15.0).count() as u32
}

/// What the status says, what was seen, and what pods used.
pub fn spike() -> (AutoscalingResult, ObservedWorkload, Vec<UsageResult>) {
    let mut events = vec![
        found(What::Autoscaler(Autoscaler {
            kind: "HorizontalPodAutoscaler".into(),
            name: "checkout".into(),
            min: 1,
            max: 6,
            up_window: 0,
            down_window: 300,
            ..Autoscaler::default()
        })),
        found(What::Asked { replicas: 1 }),
        found(What::Existing { replicas: 1 }),
    ];
    for life in [Life::Created, Life::SCHEDULED, Life::Started, Life::Ready, Life::Serving] {
        events.push(found(What::Pod { pod: PODS[0].0.into(), life }));
    }
    for source in [Source::Runners, Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints] {
        events.push(Event::live(at(-3.0), What::Listed { source }));
    }
    events.push(live(0.0, What::Thresholds { met: true }));
    for second in 0..load::LOAD {
        let (before, now) = (load::level(second as f64 - 1.0), load::level(second as f64));
        if second == 0 || (before - now).abs() > 1.0 {
            events.push(live(second as f64, What::Load { level: now }));
        }
    }
    events.push(live(load::LOAD as f64, What::Load { level: 0.0 }));
    events.push(live(67.0, What::Thresholds { met: false }));
    events.push(live(131.0, What::Thresholds { met: true }));
    scaling(&mut events);
    pods(&mut events);
    usage(&mut events);
    events.sort_by_key(|event| event.seen);
    let workload = ObservedWorkload {
        name: "checkout".into(),
        kind: "Deployment".into(),
        api_version: "apps/v1".into(),
        until: at(WATCHED),
        events,
        left_out: Default::default(),
    };
    (result(), workload, figures())
}

fn found(what: What) -> Event {
    Event::found(at(-3.0), what)
}

fn live(second: f64, what: What) -> Event {
    Event::live(at(second), what)
}

fn desired(second: f64) -> u32 {
    match second {
        second if second < 79.0 => 1,
        second if second < 94.0 => 2,
        second if second < 551.0 => 4,
        _ => 1,
    }
}

fn scaling(events: &mut Vec<Event>) {
    for step in 0..40 {
        let second = f64::from(step) * 15.0 + 4.0;
        let cores =
            load::level(second).min(if second < load::LOAD as f64 { f64::MAX } else { 0.0 }) / CAPACITY;
        let percent = (160.0 * cores / f64::from(ready(second))).min(200.0).round();
        let reading =
            Reading { metric: "cpu".into(), current: Some(percent), target: 70.0, ceiling: Some(200.0) };
        events.push(live(
            second,
            What::Scaling(Scaling {
                desired: desired(second),
                current: desired(second),
                last_scale: None,
                readings: vec![reading],
            }),
        ));
    }
    for (second, replicas) in [(79.0, 2), (94.0, 4), (551.0, 1)] {
        events.push(live(second, What::Asked { replicas }));
        events
            .push(live(second + 0.6, What::Existing { replicas: if replicas == 1 { 4 } else { replicas } }));
    }
    events.push(live(566.0, What::Existing { replicas: 1 }));
    events.push(live(
        94.0,
        What::Condition(Condition {
            condition: "ScalingLimited".into(),
            status: "True".into(),
            reason: "ScaleUpLimit".into(),
            message: "the desired replica count is increasing faster than the maximum scale rate".into(),
        }),
    ));
}

fn pods(events: &mut Vec<Event>) {
    for (name, asked, ready, gone) in PODS.into_iter().skip(1) {
        let mut step =
            |second: f64, life: Life| events.push(live(second, What::Pod { pod: name.into(), life }));
        step(asked + 0.6, Life::Created);
        step(asked + 1.1, Life::Scheduled { node: Some("node-2".into()) });
        step(asked + 5.0, Life::Started);
        step(ready - 0.4, Life::Ready);
        step(ready, Life::Serving);
        step(gone - 15.0, Life::Terminating);
        step(gone - 14.0, Life::NotServing);
        step(gone - 1.0, Life::Stopped);
        step(gone, Life::Gone);
    }
}

fn usage(events: &mut Vec<Event>) {
    for step in 0..40 {
        let second = f64::from(step) * 15.0 + 7.0;
        let load = if second < load::LOAD as f64 { load::level(second) } else { 0.0 };
        let pods = PODS
            .into_iter()
            .enumerate()
            .filter(|(_, (_, asked, _, gone))| second > asked + 10.0 && second < *gone);
        let pods = pods.map(|(index, (name, _, serves, _))| {
            let share =
                if second >= serves { load / CAPACITY / f64::from(ready(second).max(1)) } else { 0.4 };
            let cpu = (0.02 + 0.8 * share).min(0.98 - 0.02 * index as f64);
            let memory = 90.0 + 12.0 * index as f64 + 20.0 * share.min(1.5);
            PodUsage {
                pod: name.into(),
                at: at(second),
                window: 15.0,
                containers: vec![ContainerUsage {
                    name: "checkout".into(),
                    cpu: Amount { used: cpu, request: Some(0.5), limit: Some(1.0) },
                    memory: Amount {
                        used: memory * 1_048_576.0,
                        request: None,
                        limit: Some(256.0 * 1_048_576.0),
                    },
                }],
                is_seen: true,
            }
        });
        events.push(live(second, What::Usage { pods: pods.collect(), omitted: 0 }));
    }
}

fn result() -> AutoscalingResult {
    let split = |decided: &str, ready: &str, recovered: Option<&str>| LatencySplit {
        decided: Some(decided.into()),
        created: Some("0.6s".into()),
        scheduled: Some("0.5s".into()),
        started: Some("3.9s".into()),
        ready: Some(ready.into()),
        in_endpoints: Some("0.4s".into()),
        recovered: recovered.map(Into::into),
    };
    let up = |second: f64, from, to, split| ScaleUpResult {
        at: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(second)),
        seconds: second,
        from,
        to,
        split,
        largest: Some("ready".into()),
        limited_by: None,
        missing_pods: None,
    };
    let ups =
        vec![up(79.0, 1, 2, split("14s", "16.6s", None)), up(94.0, 2, 4, split("29s", "27s", Some("4.6s")))];
    let part = |part: &str, p50: &str, max: &str| LatencyPart {
        part: part.into(),
        p50: p50.into(),
        p95: max.into(),
        max: max.into(),
        unknown: None,
    };
    let time = |second: f64| k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(second));
    let workload = WorkloadResult {
        name: "checkout".into(),
        kind: "Deployment".into(),
        scale_ups: ups,
        scale_downs: vec![ScaleDownResult {
            at: time(551.0),
            seconds: 551.0,
            from: 4,
            to: 1,
            decided: Some("306s".into()),
            ended: Some("15s".into()),
            lost_requests: Some(12),
        }],
        latency: vec![part("decided", "14s", "29s"), part("started", "3.9s", "3.9s"), part("ready", "22s", "27s")],
        largest_part: Some("ready".into()),
        elasticity: Some(Box::new(ElasticityResult {
            demand_source: "Declared".into(),
            peak_demand: Some(4),
            unclamped: Some(ProvisioningResult {
                under_provisioned: Some("9.8%".into()),
                over_provisioned: Some("117%".into()),
                time_under: Some("10.2%".into()),
                cost: Some("2.11".into()),
                ..ProvisioningResult::default()
            }),
            settling_time: Some("61.4s".into()),
            direction_changes: Some(1),
            flapping: Some(0),
            ..ElasticityResult::default()
        })),
        limited_by: Some("Readiness".into()),
        limits: vec![LimitResult {
            limit: "Readiness".into(),
            from: time(98.0),
            to: time(126.4),
            seconds: 28.4,
            evidence: "pod checkout-7d9c5b-j5hvn was started and not ready for 27 s".into(),
        }],
        recommendation: Some(RecommendationResult {
            text: "let pods become ready sooner: of 32 s until a pod served, 27 s went from its start to its readiness".into(),
            reason: "initialDelaySeconds of the readiness probe, and what the program does before it serves".into(),
            patch: None,
        }),
        ..WorkloadResult::default()
    };
    AutoscalingResult {
        autoscaler: Some("HorizontalPodAutoscaler/checkout".into()),
        replicas: "1→4→1".into(),
        start_replicas: Some(1),
        peak_replicas: Some(4),
        end_replicas: Some(1),
        min_replicas: Some(1),
        max_replicas: Some(6),
        scale_up_seconds: Some(61.4),
        limited_by: Some("Readiness".into()),
        expectations: vec![
            ExpectationResult {
                name: "scaleUpWithin".into(),
                expected: "50s".into(),
                observed: "61.4s".into(),
                passed: false,
                undecided: false,
                message: Some(
                    "most of that time went to the readiness of pods (p50 22s, longest 27s)".into(),
                ),
                basis: None,
            },
            ExpectationResult {
                name: "minPeakReplicas".into(),
                expected: "3".into(),
                observed: "4".into(),
                passed: true,
                undecided: false,
                message: None,
                basis: None,
            },
        ],
        workloads: vec![workload],
        ..AutoscalingResult::default()
    }
}

fn figures() -> Vec<UsageResult> {
    let cpu = |mean: &str, max: &str, limit: &str| {
        Some(UsageFigures {
            mean: mean.into(),
            max: max.into(),
            max_of_request: None,
            max_of_limit: Some(limit.into()),
            nearest_container: Some("checkout".into()),
        })
    };
    let pod = |name: &str, mean: &str, max: &str, limit: &str| UsageResult {
        workload: "checkout".into(),
        pod: Some(name.into()),
        samples: 30,
        cpu: cpu(mean, max, limit),
        memory: cpu("104.2 MiB", "131 MiB", "51.2%"),
        ..UsageResult::default()
    };
    let mut all = vec![UsageResult {
        workload: "checkout".into(),
        pods: Some(4),
        samples: 108,
        cpu: cpu("1.32", "2.94", "98%"),
        memory: cpu("310.4 MiB", "472 MiB", "51.2%"),
        ..UsageResult::default()
    }];
    let figures =
        [("0.51", "0.98", "98%"), ("0.44", "0.96", "96%"), ("0.41", "0.94", "94%"), ("0.4", "0.92", "92%")];
    all.extend(PODS.iter().zip(figures).map(|((name, ..), (mean, max, limit))| pod(name, mean, max, limit)));
    all
}
