// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of the target's pods: a leak of a known slope, and none.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{Bottleneck, LoadTestRunStatus, UsageResult, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    node,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// Requests per second, and seconds of them.
const LOAD: (u32, u64) = (20, 240);
/// What each request leaves behind: 24 MiB per minute in all, above the 20 that must be found.
const LEFT_BEHIND: u32 = 24 * (1 << 20) / 60 / LOAD.0;

/// A soak of a target that leaves so many bytes of each request behind, and what came of it.
async fn soaked(context: &Context, bytes: u32, expected: (Verdict, &str)) -> Result<LoadTestRunStatus> {
    node::calm(&context.client).await?;
    let limits = json!({"cpu": "500m", "memory": "512Mi"});
    Target::deploy_limited(context, json!({"memoryPerRequest": bytes}), limits).await?;
    let (level, duration) = LOAD;
    let soak = json!({"soak": {"level": level, "duration": format!("{duration}s")}});
    let load = merged(json!({"unit": "IterationsPerSecond"}), soak);
    let test = merged(
        spec(load),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            // The pod is nearly empty at first, so the leak is many thousand percent per hour.
            "usage": [
                {"resource": "CPU", "relativeTo": "Limit", "maxPercent": 90},
                {"resource": "Memory", "relativeTo": "Limit", "maxPercent": 90, "maxGrowthPercentPerHour": 1_000,
                 "maxRestarts": 0},
            ],
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}],
        }),
    );
    let run = context.run("soak", test, seconds(120 + duration)).await?;
    ensure_verdict(&run, expected.0, expected.1)?;
    let status = status(&run);
    ensure!(status.soak.is_some() && status.bottleneck.is_some(), "{status:?}");
    Ok(status)
}

/// The one pod of the target.
fn pod(status: &LoadTestRunStatus) -> Result<&UsageResult> {
    let pods: Vec<&UsageResult> = status.usage.iter().filter(|usage| usage.pod.is_some()).collect();
    let [pod] = pods[..] else { anyhow::bail!("not one pod: {:?}", status.usage) };
    ensure!(pod.samples >= 8 && pod.restarts == 0 && pod.oom_kills == 0, "{pod:?}");
    Ok(pod)
}

/// A figure without its unit.
fn number(text: &str) -> Result<f64> {
    let end =
        text.find(|sign: char| !(sign.is_ascii_digit() || sign == '.' || sign == '-')).unwrap_or(text.len());
    Ok(text[..end].parse()?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "four minutes of load, as a slope needs its time; in memory too (figures::usage::tests): make e2e-full"]
async fn a_leak_of_known_slope_is_found_within_a_fifth() -> Result<()> {
    with_temp_namespace(async |context| {
        let status = soaked(&context, LEFT_BEHIND, (Verdict::Failed, "UsageExceeded")).await?;
        let pod = pod(&status)?;
        let growth = pod.memory_growth_per_hour.as_ref().context("no growth")?;
        let (percent, memory) = (number(&growth.estimate)?, pod.memory.as_ref().context("no memory")?);
        let mean = number(&memory.mean)?;
        ensure!(memory.mean.ends_with("MiB"), "{memory:?}");
        // mean = level + slope × half of the time, and percent per hour = 100 × slope × 60 ÷ level.
        let half = LOAD.1 as f64 / 60.0 / 2.0;
        let level = mean / (1.0 + percent / 100.0 / 60.0 * half);
        let slope = percent / 100.0 * level / 60.0;
        ensure!((slope - 24.0).abs() < 24.0 * 0.2, "{slope} MiB/min of 24: {pod:?}");
        let message = status.message.unwrap_or_default();
        ensure!(message.contains("grew by") && message.contains("may grow by 1000%/h"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "four minutes of load, as for the leak beside it: make e2e-full"]
async fn a_steady_target_has_no_leak() -> Result<()> {
    with_temp_namespace(async |context| {
        let status = soaked(&context, 0, (Verdict::Passed, "ThresholdsMet")).await?;
        let pod = pod(&status)?;
        let held = status.usage_expectations.iter().all(|expectation| expectation.passed);
        ensure!(held && status.usage_expectations.len() == 4, "{:?}", status.usage_expectations);
        let growth = pod.memory_growth_per_hour.as_ref().context("no growth")?;
        ensure!(number(&growth.estimate)?.abs() < 1_000.0, "{pod:?}");
        let cpu = pod.cpu.as_ref().context("no CPU")?;
        ensure!(cpu.max_of_limit.is_some() && cpu.nearest_container.as_deref() == Some("target"), "{cpu:?}");
        Ok(())
    })
    .await
}

/// What a run names as scarce of a target with these limits, on which two users work for 75 seconds.
async fn scarce(context: &Context, behaviour: Value, limits: Value) -> Result<(Bottleneck, String)> {
    node::calm(&context.client).await?;
    Target::deploy_limited(context, behaviour, limits).await?;
    let test = merged(
        spec(json!({"unit": "Users", "constant": {"level": 2, "duration": "75s"}})),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            "scenarios": [{"name": "get", "steps": [
                {"request": {"name": "get", "url": "/"}}, {"think": {"min": "20ms"}}
            ]}],
        }),
    );
    let run = context.run("scarce", test, seconds(180)).await?;
    let found = status(&run).bottleneck.context("nothing is told of what was scarce")?;
    Ok((found.name, found.evidence))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "75 seconds of load, as usage is told each quarter of a minute: make e2e-full"]
async fn a_target_that_works_at_its_cpu_limit_is_named_with_its_pod() -> Result<()> {
    with_temp_namespace(async |context| {
        let (behaviour, limits) =
            (json!({"cpuPerRequest": "5ms"}), json!({"cpu": "100m", "memory": "128Mi"}));
        let (name, evidence) = scarce(&context, behaviour, limits).await?;
        ensure!(name == Bottleneck::CPU, "{name:?}: {evidence}");
        ensure!(evidence.contains("pod target-") && evidence.contains("of the CPU limit"), "{evidence}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "75 seconds of load, as above: make e2e-full"]
async fn a_target_that_has_room_is_not_named() -> Result<()> {
    with_temp_namespace(async |context| {
        let limits = json!({"cpu": "500m", "memory": "128Mi"});
        let (name, evidence) = scarce(&context, json!({"latency": {"fixed": "20ms"}}), limits).await?;
        ensure!(name == Bottleneck::None, "{name:?}: {evidence}");
        ensure!(evidence.contains("not looked at: throttling"), "{evidence}");
        Ok(())
    })
    .await
}
