// SPDX-License-Identifier: Apache-2.0
//! Runs that fail because something did not hold, and say what, with numbers.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    api::{ensure_verdict, milliseconds, status},
    fixtures::{constant, merged, spec},
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_breached_threshold_fails_the_run_and_is_told_with_what_was_observed() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(
            &context,
            json!({"latency": {"fixed": "120ms"}, "errorRate": 0.1, "errorStatus": 500}),
        )
        .await?;
        let thresholds = json!([
            {"metric": "http_req_duration", "condition": "p(95) < 50ms"},
            {"metric": "http_req_failed", "condition": "rate < 20%"},
        ]);
        let test = merged(constant(10, 10), json!({"thresholds": thresholds}));
        let run = context.run("slow", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Failed, "ThresholdsBreached")?;
        let status = status(&run);
        let message = status.message.unwrap_or_default();
        let observed: Vec<_> =
            status.thresholds.iter().map(|one| (one.passed, one.observed.as_str())).collect();
        ensure!(observed.iter().map(|(passed, _)| *passed).eq([false, true]), "{observed:?}");
        let (_, p95) = observed.first().context("no threshold")?;
        ensure!((118.0..140.0).contains(&milliseconds(p95)?), "{p95}");
        ensure!(message.contains("http_req_duration") && message.contains("p(95) < 50ms"), "{message}");
        ensure!(message.contains(p95) && !message.contains("http_req_failed"), "{message}");
        // One in ten of a hundred, at even distances.
        let summary = status.summary.context("no summary")?;
        ensure!(summary.requests == 100 && summary.error_rate.starts_with("10"), "{summary:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_with_abort_on_fail_stops_the_load_early() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({"errorRate": 1.0})).await?;
        let threshold = json!([{
            "metric": "http_req_failed", "condition": "rate < 1%", "abortOnFail": true, "delayAbortEval": "2s",
        }]);
        let test = merged(constant(10, 120), json!({"thresholds": threshold}));
        let run = context.run("stopped", test, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Failed, "ThresholdsBreached")?;
        let summary = status(&run).summary.context("no summary")?;
        // Not before the delay, and soon after it.
        ensure!((20..200).contains(&summary.requests), "{} requests", summary.requests);
        let stats = target.stats().await?;
        ensure!(stats.received as i64 - summary.requests <= 1, "{stats:?}, {} reported", summary.requests);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_of_the_autoscaler_that_is_too_low_is_named_with_numbers() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({"cpuPerRequest": "8ms", "latency": {"fixed": "20ms"}})).await?;
        target.autoscale(2).await?;
        let load = json!({"unit": "IterationsPerSecond", "spike": {"baseline": 1, "peak": 30, "warmUp": "3s", "hold": "45s"}});
        let test = merged(spec(load), json!({
            "target": {"workloads": [{"name": "target", "expect": {"scaleUpWithin": "40s", "minPeakReplicas": 3}}]},
            "autoscaling": {"waitForIdle": {"timeout": "1m"}},
        }));
        let run = context.run("capped", test, seconds(180)).await?;
        ensure_verdict(&run, Verdict::Failed, "AutoscalingExpectationMissed")?;
        let status = status(&run);
        let message = status.message.unwrap_or_default();
        for part in ["minPeakReplicas", "3", "2", "maxReplicas 2", "HorizontalPodAutoscaler/target"] {
            ensure!(message.contains(part), "{part:?} is not in the message: {message}");
        }
        let autoscaling = status.autoscaling.context("nothing about the autoscaler")?;
        ensure!(autoscaling.limited_by.as_deref() == Some("MaxReplicas"), "{:?}", autoscaling.limited_by);
        ensure!(autoscaling.peak_replicas == Some(2) && autoscaling.max_replicas == Some(2), "{}", autoscaling.replicas);
        ensure!(autoscaling.expectations.iter().all(|one| !one.passed), "{:?}", autoscaling.expectations);
        ensure!(autoscaling.scale_up_seconds.is_none(), "three replicas were never there");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_iterations_fail_the_run() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({"latency": {"fixed": "1s"}})).await?;
        let test = merged(constant(10, 8), json!({"load": {"arrivals": {"maxUsers": 2}}}));
        let run = context.run("dropped", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Failed, "IterationsDropped")?;
        let summary = status(&run).summary.context("no summary")?;
        // Two users at one second each: some 16 of 80.
        let (done, dropped) = summary.iterations.zip(summary.dropped_iterations).context("no iterations")?;
        ensure!(done + dropped == 80, "{summary:?}");
        ensure!((14..=18).contains(&done), "{summary:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_hangs_until_the_load_is_cut_off_fails_the_run() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({"latency": {"fixed": "60s"}})).await?;
        let test =
            merged(constant(5, 4), json!({"load": {"arrivals": {"maxUsers": 30}, "gracefulStop": "3s"}}));
        let run = context.run("hanging", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Failed, "RequestsUnanswered")?;
        let status = status(&run);
        let (summary, message) = (status.summary.context("no summary")?, status.message.unwrap_or_default());
        ensure!(summary.unanswered_requests == Some(20) && summary.requests == 0, "{summary:?}");
        ensure!(message.contains("20 requests") && message.contains("gracefulStop"), "{message}");
        Ok(())
    })
    .await
}
