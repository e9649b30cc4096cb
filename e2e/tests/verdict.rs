// SPDX-License-Identifier: Apache-2.0
//! Runs that pass, and whether their figures are true.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::json;
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{LatencySummary, ReplicaPoint, Verdict},
};
use upsurge_e2e::{
    api::{ensure_verdict, milliseconds, status},
    fixtures::{constant, merged, runner, spec},
    target::Target,
    wait::seconds,
    watcher::{ReplicaWatcher, Steps, ensure_same},
    with_temp_namespace,
};

/// Largest status, in bytes.
const LARGEST_STATUS: usize = 256 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_spike_scales_the_workload_up_and_back_and_passes() -> Result<()> {
    with_temp_namespace(async |context| {
        // At the peak 40 × 5 ms of CPU per second: at 60 % of 100m per pod, that takes four pods. How many of its draws
        // a pod gets to is up to the autoscaler, so the percentiles that are compared lie well within plateaus.
        let target = Target::deploy(&context, json!({
            "cpuPerRequest": "5ms",
            "latency": {"percentiles": [
                [0, "200ms"], [30, "300ms"], [70, "300ms"], [85, "600ms"], [97, "600ms"], [97.1, "900ms"], [100, "900ms"],
            ]},
        }))
        .await?;
        target.autoscale(5).await?;
        let watcher = ReplicaWatcher::start(&context, "target");
        let load = json!({
            "unit": "IterationsPerSecond",
            "spike": {"baseline": 2, "peak": 40, "warmUp": "10s", "hold": "50s", "recovery": "10s"},
        });
        let test = merged(spec(load), json!({
            "target": {"workloads": [{
                "kind": "Deployment", "name": "target",
                "expect": {
                    "scaleUpWithin": "60s", "minPeakReplicas": 3, "maxPeakReplicas": 5, "scaleDownWithin": "Auto",
                },
            }]},
            "thresholds": [
                {"metric": "http_req_failed", "condition": "rate < 1%"},
                {"metric": "http_req_duration", "selector": {"stage": "warm-up"}, "condition": "p(95) < 1s"},
            ],
            "autoscaling": {"waitForIdle": {"timeout": "2m"}},
        }));
        let run = context.run("spike", test, seconds(300)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let status = status(&run);

        // Baseline, hold and recovery, by hand: 2 × 10 + 40 × 50 + 2 × 10.
        let planned = 2_040.0;
        let summary = status.summary.clone().context("no summary")?;
        ensure!((summary.requests as f64 / planned - 1.0).abs() <= 0.01, "{} requests of {planned}", summary.requests);
        ensure!(summary.dropped_iterations == Some(0), "{:?} dropped", summary.dropped_iterations);
        ensure_latency(&summary.latency, &[("p50", 300.0), ("p95", 600.0), ("p99", 900.0)])?;
        let stages: Vec<_> = status.stages.iter().map(|stage| (stage.name.as_str(), stage.summary.requests)).collect();
        ensure!(stages.iter().map(|(name, _)| *name).eq(["warm-up", "hold", "recovery"]), "{stages:?}");
        ensure!(stages.iter().map(|(_, requests)| requests).sum::<i64>() == summary.requests, "{stages:?}");

        // Nothing is limited, so CPU is known of what is asked for alone: the autoscaler keeps it at 60 % and lets it rise above.
        let whole = status.usage.first().context("nothing about CPU and memory")?;
        ensure!(whole.pod.is_none() && whole.samples >= 3 && whole.gaps.is_empty(), "{:?}", status.usage);
        ensure!(whole.pods.is_some_and(|pods| (3..=8).contains(&pods)) && whole.restarts == 0, "{:?}", status.usage);
        let cpu = whole.cpu.as_ref().context("no CPU")?;
        ensure!(cpu.max_of_request.is_some() && cpu.max_of_limit.is_none(), "{cpu:?}");

        let autoscaling = status.autoscaling.clone().context("nothing about the autoscaler")?;
        ensure!(autoscaling.autoscaler.as_deref() == Some("HorizontalPodAutoscaler/target"));
        ensure!(
            (autoscaling.start_replicas, autoscaling.end_replicas) == (Some(1), Some(1)),
            "{}",
            autoscaling.replicas
        );
        ensure!(autoscaling.peak_replicas.is_some_and(|peak| (3..=5).contains(&peak)), "{}", autoscaling.replicas);
        ensure!(autoscaling.expectations.len() == 4 && autoscaling.expectations.iter().all(|one| one.passed));
        // The load falls 10 s before its end, and its autoscaler has a window of 15 s and Kubernetes' own policies.
        let down = autoscaling.expectations.iter().find(|one| one.name == "scaleDownWithin").context("not judged")?;
        let basis = "2m5s (10s until the load asks for that many + 15s of its stabilization window + 1m40s to see a change of the \
                     load and act on it)";
        ensure!(down.expected == "Auto" && down.basis.as_deref() == Some(basis), "{down:?}");
        let up = autoscaling.scale_up_seconds.context("no time to scale up")?;
        let down = autoscaling.scale_down_seconds.context("no time to scale down")?;
        ensure!(up > 0.0 && up <= 60.0 && down > 0.0 && down <= 125.0, "up {up} s, down {down} s");
        ensure_timeline(&run, &autoscaling.timeline, &watcher)?;

        let size = serde_json::to_vec(&status)?.len();
        ensure!(size < LARGEST_STATUS, "the status has {size} bytes");
        Ok(())
    })
    .await
}

/// The timeline of the status is what an independent watcher saw.
fn ensure_timeline(run: &LoadTestRun, timeline: &[ReplicaPoint], watcher: &ReplicaWatcher) -> Result<()> {
    let status = status(run);
    // With microseconds, which `status.startTime` does not have.
    let starts = status.runners.iter().filter_map(|runner| runner.start_time.as_ref().map(|time| time.0));
    let start = starts.min().context("no runner has started")?;
    let steps = |value: fn(&ReplicaPoint) -> i32| -> Steps {
        let at = |point: &ReplicaPoint| start + SignedDuration::from_secs_f64(point.seconds);
        timeline.iter().map(|point| (at(point), value(point))).collect()
    };
    let end: Timestamp = status.completion_time.context("not completed")?.0;
    let period = (start, end - SignedDuration::from_secs(1));
    let seen = watcher.record();
    let slack = Duration::from_millis(800);
    ensure_same("ready", &steps(|point| point.ready), &seen.ready, period, slack)?;
    ensure_same("current", &steps(|point| point.current), &seen.current, period, slack)?;
    ensure_same("desired", &steps(|point| point.desired), &seen.desired, period, slack)
}

fn ensure_latency(latency: &LatencySummary, expected: &[(&str, f64)]) -> Result<()> {
    for (name, expected) in expected {
        let text = match *name {
            "p50" => &latency.p50,
            "p95" => &latency.p95,
            "p99" => &latency.p99,
            "max" => &latency.max,
            _ => anyhow::bail!("no percentile {name}"),
        };
        let observed = milliseconds(text)?;
        ensure!(
            (observed / expected - 1.0).abs() <= 0.05,
            "{name} is {observed} ms, scripted was {expected} ms"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_runners_start_together_and_give_the_totals_of_one() -> Result<()> {
    with_temp_namespace(async |context| {
        // Draws come in blocks of 1,000 that hold each thousandth once. So of 1,000 requests exactly 20 are slow,
        // whichever runner they come from: the union of all samples is known.
        let behaviour =
            json!({"latency": {"percentiles": [[0, "400ms"], [97.99, "400ms"], [98, "2s"], [100, "2s"]]}});
        let (one, three) = tokio::try_join!(
            Target::deploy_as(&context, "one", behaviour.clone()),
            Target::deploy_as(&context, "three", behaviour),
        )?;
        let test = |parallelism: i32, host: &str| {
            let expect = json!([{"name": "fast", "responseTime": "1s"}]);
            merged(constant(50, 20), json!({
                "target": {"baseURL": format!("http://{host}:8080")},
                "scenarios": [
                    {"name": "read", "weight": 3, "steps": [{"request": {"name": "read", "url": "/r", "expect": expect}}]},
                    {"name": "write", "weight": 1, "steps": [{"request": {"name": "write", "url": "/w", "expect": expect}}]},
                ],
                "runner": runner(parallelism),
            }))
        };
        let (run_of_one, run_of_three) = tokio::try_join!(
            context.run("one", test(1, "one"), seconds(120)),
            context.run("three", test(3, "three"), seconds(120)),
        )?;
        let mut counts = Vec::new();
        for (run, target, runners) in [(&run_of_one, &one, 1), (&run_of_three, &three, 3)] {
            ensure_verdict(run, Verdict::Passed, "ThresholdsMet")?;
            let status = status(run);
            let summary = status.summary.clone().context("no summary")?;
            ensure!(summary.requests == 1_000 && summary.iterations == Some(1_000), "{} requests", summary.requests);
            ensure!(target.stats().await?.received == 1_000, "the target has seen {:?}", target.stats().await?);
            let slow: i64 = status.expectations.iter().map(|check| check.fails).sum();
            ensure!(slow == 20, "{slow} slow requests of 20");
            // The percentiles of the union: p95 is of the fast ones, p99 of the slow ones.
            ensure_latency(&summary.latency, &[("p50", 400.0), ("p95", 400.0), ("p99", 2_000.0), ("max", 2_000.0)])?;
            ensure!(status.runners.len() == runners, "{} runners", status.runners.len());
            ensure!(status.runners.iter().all(|runner| runner.state == "Completed"), "{:?}", status.runners);
            let requests = status.requests.iter().map(|one| (one.name.clone(), one.summary.requests));
            counts.push(requests.collect::<Vec<_>>());
        }
        ensure!(counts.first() == counts.last() && counts.iter().all(|counts| counts.len() == 2), "{counts:?}");

        let status = status(&run_of_three);
        let starts: Vec<_> =
            status.runners.iter().filter_map(|runner| Some(runner.start_time.as_ref()?.0.as_microsecond())).collect();
        ensure!(starts.len() == 3, "{:?}", status.runners);
        let spread = (starts.iter().max().unwrap_or(&0) - starts.iter().min().unwrap_or(&0)) as f64 / 1e3;
        let reported = status.generator.and_then(|generator| generator.start_spread).context("no spread")?;
        ensure!((milliseconds(&reported)? - spread).abs() < 1.0, "reported {reported}, starts differ by {spread} ms");
        ensure!(spread < 50.0, "starts differ by {spread} ms");
        Ok(())
    })
    .await
}
