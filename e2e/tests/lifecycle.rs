// SPDX-License-Identifier: Apache-2.0
//! When runs are made, how they are stopped, and what is left of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Pod, ServiceAccount},
    events::v1::Event,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    internal::{Checkpoint, Record},
    names::{annotations, labels},
    v1alpha1::{EndCauseType, Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::{ensure_conditions, ensure_verdict, status},
    fixtures::{constant, merged},
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// Load of two seconds.
fn short() -> Value {
    constant(10, 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_stops_the_load_and_keeps_what_was_measured() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let run = context.start("aborted", constant(20, 120)).await?;
        context.loaded(&run, seconds(60)).await?;
        let runs = context.api::<LoadTestRun>();
        let abort = Patch::Merge(json!({"spec": {"abort": true}}));
        runs.patch(&run, &PatchParams::default(), &abort).await?;
        let stats = target.quiet(seconds(8)).await?;
        context.told("aborted", "AbortRequested").await?;
        let finished = context.finished(&run, seconds(30)).await?;
        ensure_verdict(&finished, Verdict::Aborted, "Aborted")?;
        let summary = status(&finished).summary.context("no summary")?;
        let missing = stats.received as i64 - summary.requests;
        // A request that was cut off is one that the target has seen and nobody has measured.
        ensure!(
            summary.requests > 0 && (0..=2).contains(&missing),
            "{summary:?}, the target has seen {stats:?}"
        );
        let back = Patch::Merge(json!({"spec": {"abort": false}}));
        let refused = runs.patch(&run, &PatchParams::default(), &back).await;
        ensure!(refused.is_err_and(|error| error.to_string().contains("abort")), "an abort was taken back");
        ensure!(context.runs("aborted").await?.len() == 1, "an aborted test ran again");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over a minute and a half, and decided in memory too (decide::tests): make e2e-full"]
async fn an_abort_while_the_scale_down_is_awaited_keeps_the_whole_load() -> Result<()> {
    with_temp_namespace(async |context| {
        let target =
            Target::deploy(&context, json!({"cpuPerRequest": "8ms", "latency": {"fixed": "20ms"}})).await?;
        target.autoscale(4).await?;
        let test = merged(
            constant(20, 40),
            json!({
                "target": {"workloads": [
                    {"name": "target", "expect": {"minPeakReplicas": 2, "scaleDownWithin": "10m"}},
                ]},
                "autoscaling": {"waitForIdle": {"timeout": "2m"}},
            }),
        );
        let run = context.start("unwatched", test).await?;
        let runs = context.api::<LoadTestRun>();
        let watched = |run: &LoadTestRun| {
            let status = status(run);
            status.phase == Some(Phase::Collecting)
                && status.message.is_some_and(|message| message.contains("watching the autoscaler"))
        };
        wait::until(&runs, &run, "watches the autoscaler after the load", seconds(240), watched).await?;
        let abort = Patch::Merge(json!({"spec": {"abort": true}}));
        runs.patch(&run, &PatchParams::default(), &abort).await?;
        context.told("unwatched", "AbortRequested").await?;
        let finished = context.finished(&run, seconds(10)).await?;
        ensure_verdict(&finished, Verdict::Aborted, "Aborted")?;
        let status = status(&finished);
        let cause = status.end_cause.context("no cause of the early end")?;
        ensure!(
            cause.type_ == EndCauseType::Aborted && cause.message.contains("after its load"),
            "{cause:?}"
        );
        ensure!(
            status.summary.is_some_and(|summary| summary.requests == 800),
            "not the figures of the whole load"
        );
        ensure!(status.autoscaling.is_some_and(|autoscaling| autoscaling.peak_replicas >= Some(2)));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_while_a_quiet_target_is_awaited_makes_no_load() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        // An autoscaler that never gets to read its metric.
        let metric = json!({"name": "nothing"});
        let average = json!({"type": "AverageValue", "averageValue": "1"});
        target.autoscale_by(json!({"type": "Pods", "pods": {"metric": metric, "target": average}}), 4).await?;
        let test = merged(
            constant(20, 40),
            json!({"target": {"workloads": [{"name": "target"}]}, "autoscaling": {"waitForIdle": {"timeout": "10m"}}}),
        );
        let run = context.start("waiting", test).await?;
        let runs = context.api::<LoadTestRun>();
        let waits = |run: &LoadTestRun| {
            status(run).message.is_some_and(|message| message.contains("for a quiet target"))
        };
        wait::until(&runs, &run, "waits for a quiet target", seconds(30), waits).await?;
        let abort = Patch::Merge(json!({"spec": {"abort": true}}));
        runs.patch(&run, &PatchParams::default(), &abort).await?;
        context.told("waiting", "AbortRequested").await?;
        let finished = context.finished(&run, seconds(10)).await?;
        ensure_verdict(&finished, Verdict::Aborted, "Aborted")?;
        ensure!(context.jobs(&run).await?.is_empty(), "a Job was made");
        ensure!(target.stats().await?.received == 0, "there was load");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_test_stops_its_load_within_seconds_and_leaves_nothing() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let test = merged(constant(30, 120), json!({"runner": {"parallelism": 2}}));
        let run = context.start("deleted", test).await?;
        context.loaded(&run, seconds(60)).await?;
        context.api::<LoadTest>().delete("deleted", &DeleteParams::default()).await?;
        let deleted = Instant::now();
        // No request comes later than five seconds after the deletion: `quiet` adds two to be sure.
        target.quiet(Duration::from_secs(5)).await?;
        ensure!(deleted.elapsed() < Duration::from_secs(8), "took {:?}", deleted.elapsed());
        wait::until_gone(&context.api::<LoadTestRun>(), &run, seconds(30)).await?;
        nothing_left::<Job>(&context).await?;
        nothing_left::<Pod>(&context).await?;
        nothing_left::<Checkpoint>(&context).await?;
        nothing_left::<ConfigMap>(&context).await?;
        nothing_left::<ServiceAccount>(&context).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_says_so_and_leaves_its_result_and_after_a_while_no_runners() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let run = context.run("over", constant(10, 2), seconds(60)).await?;
        ensure!(status(&run).verdict == Some(Verdict::Passed), "{:?}", status(&run).message);
        let name = run.metadata.name.clone().unwrap_or_default();
        ensure!(!context.jobs(&name).await?.is_empty(), "the Job is gone before anybody could read the logs");
        told(&context, "over", &run).await?;
        nothing_left::<Checkpoint>(&context).await?;
        nothing_left::<Job>(&context).await?;
        nothing_left::<Pod>(&context).await?;
        nothing_left::<ServiceAccount>(&context).await?;
        let kept = context.api::<LoadTestRun>().get(&name).await?;
        ensure!(status(&kept) == status(&run), "the result changed");
        let records = context.api::<Record>();
        ensure!(records.get_opt(&name).await?.is_some(), "the run has left no record");
        context.api::<LoadTest>().delete("over", &DeleteParams::default()).await?;
        wait::until_gone(&records, &name, seconds(30)).await
    })
    .await
}

/// The end of a run that passed is told by its test, and by an event.
async fn told(context: &Context, test: &str, run: &LoadTestRun) -> Result<()> {
    let done = |test: &LoadTest| test.status.as_ref().is_some_and(|status| status.verdict.is_some());
    let test = wait::until(&context.api::<LoadTest>(), test, "has the verdict", seconds(10), done).await?;
    let found = test.status.context("no status")?;
    ensure!(found.phase == Some(Phase::Finished) && found.last_run == Some(run.name_any()), "{found:?}");
    ensure!(found.summary.as_ref() == status(run).summary.as_deref(), "{found:?}");
    ensure_conditions(&found.conditions, Verdict::Passed, "ThresholdsMet")?;
    let events = context.api::<Event>();
    wait::eventually("an event tells the verdict", seconds(10), async || {
        let about_run = events.list(&ListParams::default()).await?.items.into_iter().find(|event| {
            event.regarding.as_ref().and_then(|object| object.name.as_ref()) == Some(&run.name_any())
                && event.reason.as_deref() == Some("Passed")
        });
        Ok(about_run.map(drop))
    })
    .await
}

/// Waits until no object of a kind that belongs to a run is there.
async fn nothing_left<K>(context: &Context) -> Result<()>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = context.api();
    let of_runs = ListParams::default().labels(labels::RUN);
    wait::eventually(&format!("no {} is left", K::kind(&())), seconds(60), async || {
        Ok(api.list_metadata(&of_runs).await?.items.is_empty().then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_run_comes_by_a_changed_spec_or_the_annotation_and_by_nothing_else() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let first = context.run("again", short(), seconds(60)).await?.name_any();

        // The same manifest once more, a label, and a part of the spec that no run depends on.
        let again: Api<LoadTest> = context.api();
        let same = json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": "again"}, "spec": short(),
        });
        again.patch("again", &PatchParams::apply("gitops").force(), &Patch::Apply(same)).await?;
        context.patch("again", json!({"metadata": {"labels": {"team": "shop"}}})).await?;
        context.patch("again", json!({"spec": {"history": {"notPassed": {"count": 3}}}})).await?;
        context.observed("again").await?;
        ensure!(context.runs("again").await?.len() == 1, "a run that nobody asked for");

        // The annotation, and its same value again.
        context.rerun("again", "1").await?;
        let second = context.next_run("again", Some(&first)).await?;
        context.finished(&second, seconds(60)).await?;
        context.told("again", "Rerun").await?;
        let test = context.rerun("again", "1").await?;
        ensure!(test.annotations().get(annotations::RERUN).is_some_and(|value| value == "1"));
        context.patch("again", json!({"spec": {"history": {"notPassed": {"count": 4}}}})).await?;
        context.observed("again").await?;
        ensure!(context.runs("again").await?.len() == 2, "an annotation that did not change made a run");

        // A changed spec.
        let thresholds = json!([{"metric": "http_req_failed", "condition": "rate < 5%"}]);
        let test = context.patch("again", json!({"spec": {"thresholds": thresholds}})).await?;
        let third = context.next_run("again", Some(&second)).await?;
        let run = context.finished(&third, seconds(60)).await?;
        let snapshot = run.spec.test.as_ref().and_then(|test| test.read().ok()).context("no snapshot of the spec")?;
        ensure!(snapshot.thresholds.len() == 1 && status(&run).thresholds.len() == 1, "not the changed spec");
        let generation = test.metadata.generation.unwrap_or_default().to_string();
        ensure!(run.annotations().get(annotations::GENERATION) == Some(&generation), "{:?}", run.annotations());
        ensure!(context.runs("again").await?.len() == 3, "{:?}", context.runs("again").await?);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_during_a_run_is_run_after_it() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let first = context.start("edited", constant(10, 8)).await?;
        context.loaded(&first, seconds(60)).await?;
        let thresholds = json!([{"metric": "http_reqs", "condition": "count > 1000"}]);
        context.patch("edited", json!({"spec": {"thresholds": thresholds}})).await?;
        let one = context.finished(&first, seconds(60)).await?;
        ensure_verdict(&one, Verdict::Passed, "ThresholdsMet")?;
        let second = context.next_run("edited", Some(&first)).await?;
        let two = context.finished(&second, seconds(60)).await?;
        ensure_verdict(&two, Verdict::Failed, "ThresholdsBreached")?;
        let (ended, began) = (status(&one).completion_time, status(&two).start_time);
        ensure!(ended.as_ref() <= began.as_ref(), "two runs of one test at once: {ended:?}, {began:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_test_makes_no_run_until_it_is_released() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        context.create("held", merged(short(), json!({"suspend": true}))).await?;
        let test = context.observed("held").await?;
        let conditions = test.status.clone().unwrap_or_default().conditions;
        let ready = upsurge_crds::conditions::find(&conditions, "Ready").context("no condition Ready")?;
        ensure!(ready.status == "False" && ready.reason == "Suspended", "{ready:?}");
        ensure!(context.runs("held").await?.is_empty(), "a suspended test has made a run");
        context.told("held", "Suspended").await?;

        context.patch("held", json!({"spec": {"suspend": false}})).await?;
        let run = context.next_run("held", None).await?;
        context.told("held", "Resumed").await?;
        context.told("held", "Started").await?;
        context.finished(&run, seconds(60)).await?;

        // Held and released again, with nothing else changed.
        for suspend in [true, false] {
            context.patch("held", json!({"spec": {"suspend": suspend}})).await?;
            context.observed("held").await?;
        }
        ensure!(context.runs("held").await?.len() == 1, "releasing made a run");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_beyond_the_history_are_deleted() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let test = merged(constant(10, 1), json!({"history": {"passed": {"count": 1}}}));
        let mut last = context.run("history", test, seconds(60)).await?.name_any();
        for number in 0..2 {
            context.rerun("history", &number.to_string()).await?;
            last = context.next_run("history", Some(&last)).await?;
            context.finished(&last, seconds(60)).await?;
        }
        wait::eventually("only the newest run is kept", seconds(30), async || {
            let runs = context.runs("history").await?;
            Ok((runs.len() == 1 && runs.contains(&last)).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_made_by_hand_runs_the_test_as_it_is() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let first = context.run("manual", short(), seconds(60)).await?.name_any();
        let by_hand = |name: &str, test: &str| -> Result<LoadTestRun> {
            Ok(serde_json::from_value(json!({
                "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": name},
                "spec": {"loadTestRef": {"name": test}},
            }))?)
        };
        let runs = context.api::<LoadTestRun>();
        runs.create(&PostParams::default(), &by_hand("from-ci", "manual")?).await?;
        let run = context.finished("from-ci", seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        ensure!(run.spec.test.is_some(), "no snapshot of the spec");
        ensure!(status(&run).summary.is_some_and(|summary| summary.requests == 20));
        // It belongs to its test, and the test has made none on its own.
        ensure!(
            run.owner_references().iter().any(|owner| owner.name == "manual"),
            "{:?}",
            run.owner_references()
        );
        ensure!(
            context.runs("manual").await? == [first, "from-ci".into()].into(),
            "{:?}",
            context.runs("manual").await?
        );

        runs.create(&PostParams::default(), &by_hand("lost", "absent")?).await?;
        let lost = context.finished("lost", seconds(30)).await?;
        ensure_verdict(&lost, Verdict::Error, "TestNotFound")
    })
    .await
}
