// SPDX-License-Identifier: Apache-2.0
//! An autoscaler without a window for scaling down, under a load that comes and goes with every second look of it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    metrics_api::{MetricsApi, of_pods},
    node,
    target::Target,
    wait::seconds,
    watcher::{ReplicaWatcher, turns},
    with_temp_namespace,
};

/// Six times up and down, each for one look of the autoscaler (5 s), and then low, so that the last turn is well before the end.
fn wave() -> Value {
    let stage = |duration: &str, target: u32| json!({"duration": duration, "target": target, "jump": true});
    let halves = (0..12).map(|half| stage("5s", if half % 2 == 0 { 3 } else { 30 }));
    let stages: Vec<Value> = halves.chain([stage("20s", 3)]).collect();
    json!({"unit": "IterationsPerSecond", "stages": stages})
}

async fn flaps(context: &Context, target: &Target) -> Result<()> {
    target.autoscale_after(of_pods(12), 4, 0).await?;
    target.autoscaler("ScalingActive", "True").await?;
    let watcher = ReplicaWatcher::start(context, "target");
    let expect = json!({"maxDirectionChanges": 2});
    let workload = json!({"name": "target", "capacityPerReplica": 12, "expect": expect});
    let test = merged(
        spec(wave()),
        json!({
            "target": {"workloads": [workload]},
            // Pods come and go: a request that meets one of them at its end is no matter here.
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 20%"}],
        }),
    );
    let run = context.run("wave", test, seconds(240)).await?;
    ensure_verdict(&run, Verdict::Failed, "AutoscalingExpectationMissed")?;
    let status = status(&run);
    let starts = status.runners.iter().filter_map(|runner| runner.start_time.as_ref().map(|time| time.0));
    let start = starts.min().context("no runner has started")?;
    let end = status.completion_time.as_ref().context("not completed")?.0;
    let asked = watcher.record().asked;
    let seen = turns(&asked, (start, end));
    ensure!(seen >= 4, "the autoscaler turned {seen} times only, so that this test shows little: {asked:?}");

    let autoscaling = status.autoscaling.context("nothing about the target")?;
    let workload = autoscaling.workloads.first().context("no figures of the target")?;
    let elasticity = workload.elasticity.as_ref().context("no elasticity")?;
    let told = elasticity.direction_changes.and_then(|changes| usize::try_from(changes).ok());
    ensure!(told == Some(seen), "{told:?} changes of direction are told, {seen} were seen: {asked:?}");
    let [expectation] = &autoscaling.expectations[..] else {
        anyhow::bail!("not one expectation: {:?}", autoscaling.expectations)
    };
    ensure!(!expectation.passed && expectation.observed == seen.to_string(), "{expectation:?}");
    let message = status.message.unwrap_or_default();
    ensure!(message.contains(&format!("replicas changed direction {seen} times")), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves an API for the whole cluster, a minute and a half long: make e2e-full"]
async fn changes_of_direction_are_those_that_an_independent_watcher_sees() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let target = Target::deploy(&context, json!({})).await?;
        let api = MetricsApi::start(&context, &target).await?;
        let outcome = flaps(&context, &target).await;
        api.remove(outcome).await
    })
    .await
}
