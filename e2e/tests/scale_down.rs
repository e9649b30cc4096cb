// SPDX-License-Identifier: Apache-2.0
//! Requests that fail while the target is scaled down: which coincide, and which don't.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::RequestsWhileScalingDown;
use upsurge_e2e::{
    Context,
    api::status,
    fixtures::{merged, spec},
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// Three pods under load for so many seconds, of which two are scaled down in the middle.
async fn scaled_down(
    context: &Context,
    behaviour: Value,
    duration: u32,
) -> Result<(i64, RequestsWhileScalingDown)> {
    let target = Target::deploy(context, behaviour).await?;
    target.scale(3).await?;
    // Many users, each with a connection of its own: every pod has requests in work at any time.
    // A POST is never sent again, so that each one that gets no answer is seen.
    let load = json!({"unit": "Users", "constant": {"level": 30, "duration": format!("{duration}s")}});
    let request = json!({"request": {"name": "post", "method": "POST", "url": "/"}});
    let test = merged(
        spec(load),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            "scenarios": [{"name": "post", "steps": [request]}],
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 50%"}],
        }),
    );
    let run = context.start("shrinking", test).await?;
    // Not before there are figures: what keeps the pods is watched from then on at the latest.
    context.loaded(&run, seconds(60)).await?;
    target.scale(1).await?;
    let run = context.finished(&run, seconds(120)).await?;
    let status = status(&run);
    let message = status.message.clone().unwrap_or_default();
    let autoscaling = status.autoscaling.context("nothing about the target")?;
    let downs = autoscaling.workloads.iter().flat_map(|workload| &workload.scale_downs);
    let lost: Vec<Option<i64>> = downs.map(|down| down.lost_requests).collect();
    let found = autoscaling.requests_while_scaling_down;
    let found = found.with_context(|| format!("nothing about pods that ended: {message}"))?;
    ensure!(found.pods == 2 && found.gaps.is_empty(), "{found:?}");
    ensure!(lost == [Some(found.requests)], "{lost:?} of the one scale-down: {found:?}");
    ensure!(found.requests == 0 || message.contains("coincident"), "{message}");
    let summary = status.summary.context("no summary")?;
    Ok((summary.requests, found))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_that_an_ending_pod_drops_is_found() -> Result<()> {
    with_temp_namespace(async |context| {
        let behaviour = json!({"latency": {"fixed": "200ms"}, "dropOnStop": true});
        let (_, found) = scaled_down(&context, behaviour, 25).await?;
        ensure!(found.failed > 0 && found.requests == found.failed, "{found:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_that_fail_at_random_only_those_in_flight_are_claimed() -> Result<()> {
    with_temp_namespace(async |context| {
        // An orderly end: what fails, fails all the time.
        let behaviour = json!({"latency": {"fixed": "200ms"}, "resetRate": 0.02, "drain": "3s"});
        let (requests, found) = scaled_down(&context, behaviour, 40).await?;
        ensure!(found.failed > 20 && requests > 1_000, "{found:?}");
        // The pods were ending for some 3 + 2 s of 40 s; twice that is the most that luck and a slow machine explain.
        ensure!(found.requests * 4 < found.failed * 2, "{found:?}");
        Ok(())
    })
    .await
}
