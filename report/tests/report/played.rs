// SPDX-License-Identifier: Apache-2.0
//! Records of runs that never were: a spike that an autoscaler follows too late, played second by second from a seed, and
//! others made of it. Tests read the reports of them; the documentation shows one.

#![allow(dead_code, unused_imports, reason = "each program uses a part of it")]

// By their paths, as this file is included by other programs, too.
#[path = "played/cluster.rs"]
mod cluster;
#[path = "played/load.rs"]
mod load;
#[path = "played/others.rs"]
mod others;
#[path = "played/scales.rs"]
mod scales;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use upsurge_crds::v1alpha1::{Snapshot, Verdict};
use upsurge_record::model::{
    Environment, Generator, KubernetesEnvironment, MadeBy, Node, Outcome, Record, Run, WorkloadEnvironment,
};

pub use self::others::{
    NAMES, aborted, broken_before_start, day, empty_load, hostile, lasting, one_request, search,
};
pub use self::scales::{scalability, sizes};

/// When every played load begins.
pub fn start() -> Timestamp {
    "2026-11-30T10:00:00Z".parse().unwrap()
}

/// An instant of the run.
pub fn at(seconds: f64) -> Timestamp {
    start() + SignedDuration::from_millis((seconds * 1e3).round() as i64)
}

/// A spike of six minutes on a service that is scaled from one replica to four.
pub fn spike() -> Record {
    let epoch = load::spike();
    let (autoscaling, workload, usage) = cluster::spike();
    let message = format!(
        "Deployment/checkout had enough replicas 61.4 s after the load rose, and 50s were asked for; {} was {}, and 250ms were asked for",
        "p95 of http_req_duration{stage:hold}",
        epoch.thresholds.iter().find(|one| !one.passed).map_or("well", |one| one.observed.as_str())
    );
    let run = Run {
        name: "checkout-spike".into(),
        namespace: Some("shop".into()),
        uid: Some("6f1c2d9e-0f5e-4a53-9a38-9b2f5f0f3c11".into()),
        start_time: start(),
        end_time: at(cluster::WATCHED),
    };
    let outcome = Outcome {
        verdict: Verdict::Failed,
        reason: "ExpectationsNotMet".into(),
        message,
        conditions: Vec::new(),
    };
    let made_by = MadeBy { name: "upsurge".into(), version: "0.1.0".into() };
    Record {
        shown_epoch: Some(1),
        epochs: vec![epoch],
        autoscaling: Some(autoscaling),
        workloads: vec![workload],
        usage,
        ..Record::new(made_by, run, test(), environment(), outcome)
    }
}

/// Its test.
pub fn test() -> Snapshot {
    serde_json::from_value(json!({
        "target": {
            "baseURL": "http://checkout.shop.svc:8080",
            "workloads": [{
                "name": "checkout",
                "capacityPerReplica": 50,
                "expect": {"scaleUpWithin": "50s", "minPeakReplicas": 3},
            }],
        },
        "scenarios": [{
            "name": "pay",
            "steps": [
                {"request": {"name": "create payment", "method": "POST", "url": "/api/v1/payments"}},
                {"request": {"name": "read payment", "url": "/api/v1/payments/1"}},
            ],
        }],
        "load": {
            "unit": "IterationsPerSecond",
            "spike": {"baseline": 40, "peak": 180, "warmUp": "60s", "hold": "180s", "recovery": "120s"},
        },
        "thresholds": [
            {"metric": "http_req_failed", "condition": "rate < 1%"},
            {"metric": "http_req_duration", "selector": {"stage": "hold"}, "condition": "p(95) < 250ms"},
        ],
    }))
    .unwrap()
}

fn environment() -> Environment {
    Environment {
        target: "http://checkout.shop.svc:8080".into(),
        generator: Generator {
            kind: "Runners".into(),
            processes: 2,
            threads: Some(2),
            cpus: Some(2),
            platform: Some("linux/x86_64".into()),
        },
        kubernetes: Some(KubernetesEnvironment {
            version: Some("v1.36.1".into()),
            nodes: vec![Node {
                count: 3,
                instance_type: Some("m7g.large".into()),
                cpu: Some("1930m".into()),
                memory: Some("7134Mi".into()),
            }],
        }),
        workloads: vec![WorkloadEnvironment {
            name: "checkout".into(),
            kind: "Deployment".into(),
            images: [("checkout".to_owned(), "registry.example.com/shop/checkout:1.8.2".to_owned())].into(),
            resources: [(
                "checkout".to_owned(),
                json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "256Mi"}}),
            )]
            .into(),
            autoscaler: Some(json!({
                "minReplicas": 1,
                "maxReplicas": 6,
                "metrics": [{
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }],
            })),
        }],
        git_revision: Some("main@sha1:4f2c9b1".into()),
    }
}
