// SPDX-License-Identifier: Apache-2.0
//! The operator that leads ends without warning, and another one goes on: same verdict, nothing lost, nothing twice.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    v1alpha1::{Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged, spec},
    install, kept,
    operator::{self, Kill},
    record,
    target::Target,
    wait::{self, seconds},
    whole::{Made, ensure_whole},
    with_temp_namespace,
};
use upsurge_figures::observation::{Event, Life, Source, What, lives};

/// Ends the operator that leads as soon as the run is in the phase.
async fn kill_in(context: &Context, run: &str, phase: Phase, how: Kill) -> Result<()> {
    // Known beforehand, so that nothing lies between the phase and the kill.
    let pod = operator::leader(&context.client).await?;
    context.phase(run, phase, seconds(120)).await?;
    operator::kill(&context.client, &pod, how).await
}

fn three_runners(load: Value) -> Value {
    merged(load, json!({"runner": {"parallelism": 3}}))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the cluster for itself, and killed_while_starting is much the same: make e2e-full"]
async fn killed_while_preparing() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let made = Made::watch(&context);
        let run = context.start("preparing", three_runners(constant(20, 8))).await?;
        kill_in(&context, &run, Phase::Preparing, Kill::Pod).await?;
        ensure_whole(&context.finished(&run, seconds(120)).await?, &target, 160).await?;
        made.ensure_once(3)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_starting() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let made = Made::watch(&context);
        // `before` takes a while, and must be done once all the same.
        let before =
            json!({"before": [{"request": {"name": "set up", "url": "/set-up"}}, {"think": {"min": "4s"}}]});
        // The operator that takes over finds no room for the record.
        kept::plant(&context).await?;
        let run = context.start("starting", merged(three_runners(constant(20, 8)), before)).await?;
        kill_in(&context, &run, Phase::Starting, Kill::Pod).await?;
        let finished = context.finished(&run, seconds(120)).await?;
        ensure_verdict(&finished, Verdict::Passed, "ThresholdsMet")?;
        let received = target.stats().await?.received;
        ensure!(received == 161, "{received} requests, of one set-up and 160 iterations");
        ensure!(status(&finished).summary.is_some_and(|summary| summary.iterations == Some(160)));
        kept::ensure_unplanted(&context).await?;
        kept::ensure_adds_up(&context, &finished).await?;
        made.ensure_once(3)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice_while_running() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let made = Made::watch(&context);
        let run = context.start("running", three_runners(constant(20, 45))).await?;
        let pod = operator::leader(&context.client).await?;
        context.loaded(&run, seconds(60)).await?;
        operator::kill(&context.client, &pod, Kill::Process).await?;
        // Another time, once the second operator has taken in something.
        let some = status(&context.phase(&run, Phase::Running, seconds(5)).await?)
            .summary
            .map_or(0, |all| all.requests);
        let more =
            |run: &LoadTestRun| status(run).summary.is_some_and(|summary| summary.requests > some + 40);
        let runs = context.api::<LoadTestRun>();
        upsurge_e2e::wait::until(&runs, &run, "has more requests", seconds(40), more).await?;
        let pod = operator::leader(&context.client).await?;
        operator::kill(&context.client, &pod, Kill::Pod).await?;
        ensure_whole(&context.finished(&run, seconds(120)).await?, &target, 900).await?;
        made.ensure_once(3)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other phases' kills are in make e2e, and this one is decided in memory too: make e2e-full"]
async fn killed_while_stopping() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let made = Made::watch(&context);
        let run = context.start("stopping", three_runners(constant(20, 60))).await?;
        context.loaded(&run, seconds(60)).await?;
        // Known beforehand, so that the kill comes before the runners have ended.
        let pod = operator::leader(&context.client).await?;
        let abort = Patch::Merge(json!({"spec": {"abort": true}}));
        context.api::<LoadTestRun>().patch(&run, &PatchParams::default(), &abort).await?;
        context.phase(&run, Phase::Stopping, seconds(20)).await?;
        operator::kill(&context.client, &pod, Kill::Pod).await?;
        let finished = context.finished(&run, seconds(120)).await?;
        ensure_verdict(&finished, Verdict::Aborted, "Aborted")?;
        let told = status(&finished).summary.map_or(0, |summary| summary.requests);
        let received = i64::try_from(target.stats().await?.received)?;
        // Each runner may have had one request under way when it was told to stop.
        ensure!(told > 0 && (told..=told + 3).contains(&received), "{told} of {received} requests were told");
        made.ensure_once(3)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute and a half with nothing beside it, and decided in memory too: make e2e-full"]
async fn killed_while_collecting() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({"cpuPerRequest": "8ms", "latency": {"fixed": "20ms"}})).await?;
        target.autoscale(4).await?;
        let made = Made::watch(&context);
        let load = json!({"unit": "IterationsPerSecond", "constant": {"level": 20, "duration": "40s"}});
        let test = merged(three_runners(spec(load)), json!({
            "target": {"workloads": [{"name": "target", "expect": {"minPeakReplicas": 2, "scaleDownWithin": "2m"}}]},
            "autoscaling": {"waitForIdle": {"timeout": "2m"}},
        }));
        let run = context.start("collecting", test).await?;
        kill_in(&context, &run, Phase::Collecting, Kill::Pod).await?;
        let run = context.finished(&run, seconds(180)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let status = status(&run);
        ensure!(status.summary.is_some_and(|summary| summary.requests == 800));
        // What the first operator saw of the autoscaler and what the second one saw are one course.
        let autoscaling = status.autoscaling.context("nothing about the autoscaler")?;
        ensure!(
            (autoscaling.start_replicas, autoscaling.end_replicas) == (Some(1), Some(1)),
            "{}",
            autoscaling.replicas
        );
        ensure!(autoscaling.peak_replicas >= Some(2) && autoscaling.scale_down_seconds.is_some(), "{autoscaling:?}");
        made.ensure_once(3)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two kills with nothing beside them, and decided in memory too: make e2e-full"]
async fn killed_while_a_run_has_the_target_and_another_waits_for_it() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let first = context.start("first", constant(20, 30)).await?;
        context.loaded(&first, seconds(60)).await?;
        let second = context.start("second", constant(20, 4)).await?;
        let waits = |run: &LoadTestRun| status(run).reason.as_deref() == Some("TargetBusy");
        let runs = context.api::<LoadTestRun>();
        upsurge_e2e::wait::until(&runs, &second, "waits", seconds(20), waits).await?;
        let pod = operator::leader(&context.client).await?;
        operator::kill(&context.client, &pod, Kill::Pod).await?;
        // Once more, with nobody to see that the first one has ended.
        let end = |run: &LoadTestRun| status(run).phase == Some(Phase::Collecting);
        upsurge_e2e::wait::until(&runs, &first, "has made its load", seconds(90), end).await?;
        let pod = operator::leader(&context.client).await?;
        operator::kill(&context.client, &pod, Kill::Pod).await?;
        let first = status(&context.finished(&first, seconds(120)).await?);
        let second = context.finished(&second, seconds(120)).await?;
        ensure_verdict(&second, Verdict::Passed, "ThresholdsMet")?;
        ensure!(first.verdict == Some(Verdict::Passed), "{:?}: {:?}", first.verdict, first.message);
        let (end, start) = (first.load_end_time, status(&second).start_time);
        ensure!(end.is_some() && end <= start, "one load ended at {end:?}, the next began at {start:?}");
        ensure!(target.stats().await?.received == 680);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute with nothing beside it; make e2e kills the leader in mid-run: make e2e-full"]
async fn an_upgrade_lets_runs_go_on_and_finished_tests_rest() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let made = Made::watch(&context);
        let run = context.start("upgraded", three_runners(constant(20, 30))).await?;
        context.loaded(&run, seconds(60)).await?;
        let upgrade = async |release: &str| {
            install::upgrade(&["--set-string", &format!("operator.podAnnotations.release={release}")]).await
        };
        upgrade("two").await?;
        ensure_whole(&context.finished(&run, seconds(120)).await?, &target, 600).await?;
        made.ensure_once(3)?;

        upgrade("three").await?;
        // A test that the new operator has dealt with from begin to end: by then it has looked at the old one too.
        let other = context.run("afterwards", constant(10, 2), seconds(60)).await?;
        ensure_verdict(&other, Verdict::Passed, "ThresholdsMet")?;
        context.observed("upgraded").await?;
        ensure!(context.runs("upgraded").await? == [run].into(), "the upgrade has made a run");
        install::upgrade(&[]).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits for a full minute, and is decided in memory too (load_test::tests::killed): make e2e-full"]
async fn killed_at_a_scheduled_time() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let each_minute = json!({"schedule": {"cron": "* * * * *"}});
        let first = context.start("nightly", merged(constant(5, 3), each_minute)).await?;
        context.finished(&first, seconds(60)).await?;
        let pod = operator::leader(&context.client).await?;
        let scheduled = |names: std::collections::BTreeSet<String>| {
            names.into_iter().filter(|name| name.starts_with("nightly-s")).collect::<Vec<_>>()
        };
        let made = wait::eventually("a run is made for a time", seconds(75), async || {
            Ok(scheduled(context.runs("nightly").await?).pop())
        })
        .await?;
        operator::kill(&context.client, &pod, Kill::Pod).await?;
        let noted = |test: &LoadTest| {
            let status = test.status.clone().unwrap_or_default();
            status
                .last_schedule_time
                .is_some_and(|time| made == format!("nightly-s{}", time.0.as_second() / 60))
        };
        wait::until(&context.api::<LoadTest>(), "nightly", "has noted its run", seconds(60), noted).await?;
        context.patch("nightly", json!({"spec": {"suspend": true}})).await?;
        ensure_verdict(&context.finished(&made, seconds(120)).await?, Verdict::Passed, "ThresholdsMet")?;
        // The next minute may have come meanwhile; its run has a name of its own.
        let times = scheduled(context.runs("nightly").await?).len();
        ensure!(times <= 2, "{times} scheduled runs within two minutes");
        Ok(())
    })
    .await
}

/// How far what is told may be from a pod's own stamp, which is a whole second, rounded down.
const STAMPED_WITHIN: f64 = 1.5;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a kill with nothing beside it, and decided in memory too (observer::tests::restarts): make e2e-full"]
async fn what_the_target_does_while_no_operator_watches_is_told_by_its_own_stamps() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let workload = json!({"target": {"workloads": [{"name": "target"}]}});
        let run = context.start("recorded", merged(constant(5, 90), workload)).await?;
        let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
        let listed = |events: &[Event], source| events.iter().any(|event| event.what == What::Listed { source });
        record::until(&context, "all was listed", seconds(60), |events| {
            sources.iter().all(|source| listed(events, *source))
        })
        .await?;
        context.loaded(&run, seconds(60)).await?;
        let leader = operator::leader(&context.client).await?;
        operator::kill(&context.client, &leader, Kill::Process).await?;
        target.scale(2).await?;
        let lost = |event: &Event| {
            matches!(&event.what, What::Lost { source: Source::Pods, message } if message.contains("restarted"))
        };
        let serving = |event: &Event| matches!(event.what, What::Pod { life: Life::Serving, .. });
        let events = record::until(&context, "the second pod serves, after a gap", seconds(60), |events| {
            let gap = events.iter().position(lost).unwrap_or(events.len());
            events.iter().skip(gap).any(serving)
        })
        .await?;
        let asked = events.iter().rev().find(|event| event.what == What::Asked { replicas: 2 });
        let asked = asked.context("nobody told of two replicas")?;
        ensure!(asked.stamped.is_some(), "the API server knows when that was asked for: {asked:?}");
        let pods = context.api::<Pod>().list(&ListParams::default().labels("app=target")).await?.items;
        let told = lives(&events);
        ensure!(pods.len() == 2 && told.len() == 2, "{told:?}");
        for pod in pods {
            let name = pod.metadata.name.unwrap_or_default();
            let life = told.iter().find(|life| life.pod == name).with_context(|| format!("{name} is not told of"))?;
            let conditions = pod.status.and_then(|status| status.conditions).unwrap_or_default();
            let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
            let stamp = ready.and_then(|ready| ready.last_transition_time).context("a pod that was never ready")?;
            let ready = life.ready.with_context(|| format!("{name} was never ready: {life:?}"))?;
            let apart = ready.duration_since(stamp.0).as_secs_f64();
            ensure!((-STAMPED_WITHIN..=STAMPED_WITHIN).contains(&apart), "{name} is told {apart} s late");
        }
        Ok(())
    })
    .await
}
