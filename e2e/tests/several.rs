// SPDX-License-Identifier: Apache-2.0
//! Two workloads in one test, each with an autoscaler of its own: the one that is slow to start fails the run under its name, and the
//! figures of the other are whole.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    node,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// Seconds that pods of the slow one take to be ready.
const DELAY: u32 = 40;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over two minutes, as pods that are late take them; in memory too (core::autoscaling::several): make e2e-full"]
async fn of_two_workloads_the_one_that_is_slow_to_start_is_named() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let behaviour = json!({"cpuPerRequest": "2ms"});
        let gateway = Target::deploy(&context, behaviour.clone()).await?;
        let late = json!({"readinessProbe": {"initialDelaySeconds": DELAY}});
        let orders = Target::deploy_shaped(&context, "orders", behaviour, late, json!({})).await?;
        gateway.autoscale_at(20, 2).await?;
        orders.autoscale_at(20, 2).await?;
        let spike = json!({"baseline": 1, "peak": 25, "warmUp": "5s", "hold": "90s"});
        let test = merged(
            spec(json!({"unit": "IterationsPerSecond", "spike": spike})),
            json!({
                "target": {"workloads": [
                    {"name": "target", "expect": {"scaleUpWithin": "70s", "minPeakReplicas": 2}},
                    {"name": "orders", "capacityPerReplica": 15, "expect": {"scaleUpWithin": "30s"}},
                ]},
                "scenarios": [{"name": "order", "steps": [
                    {"request": {"name": "enter", "url": "/"}},
                    {"request": {"name": "order", "url": "http://orders:8080/"}},
                ]}],
            }),
        );
        let run = context.start("several", test).await?;
        let run = context.finished(&run, seconds(240)).await?;
        ensure_verdict(&run, Verdict::Failed, "AutoscalingExpectationMissed")?;
        let status = status(&run);
        let message = status.message.as_deref().unwrap_or_default();
        ensure!(message.contains("orders: scaleUpWithin 30s"), "{message}");
        let seen = status.autoscaling.context("nothing about the target")?;
        let names: Vec<&str> = seen.workloads.iter().map(|workload| workload.name.as_str()).collect();
        ensure!(names == ["target", "orders"], "{names:?}");
        ensure!(
            seen.replicas.starts_with("target 1→2→") && seen.replicas.contains(", orders 1→2→"),
            "{}",
            seen.replicas
        );
        let missed: Vec<&str> =
            seen.expectations.iter().filter(|one| !one.passed).map(|one| one.name.as_str()).collect();
        ensure!(missed == ["orders: scaleUpWithin"], "{:?}", seen.expectations);
        let largest: Vec<Option<&str>> =
            seen.workloads.iter().map(|workload| workload.largest_part.as_deref()).collect();
        ensure!(largest.get(1) == Some(&Some("ready")), "{largest:?}");
        for workload in &seen.workloads {
            ensure!(workload.peak_replicas == Some(2) && !workload.timeline.is_empty(), "{workload:?}");
            let autoscaler = format!("HorizontalPodAutoscaler/{}", workload.name);
            ensure!(workload.autoscaler.as_ref() == Some(&autoscaler), "{workload:?}");
        }
        Ok(())
    })
    .await
}
