// SPDX-License-Identifier: Apache-2.0
//! One run at a time per target, whoever asks and by whatever spelling; those that share are side by side and say so.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{api::events::v1::Event, jiff::Timestamp};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRun, conditions,
    internal::TargetLease,
    v1alpha1::{LoadTestRunStatus, Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    install,
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// Waits until a run is told that it waits for another one.
async fn waits(context: &Context, run: &str, holder: &str) -> Result<LoadTestRun> {
    let told = |run: &LoadTestRun| {
        let status = status(run);
        status.phase == Some(Phase::Pending)
            && status.reason.as_deref() == Some("TargetBusy")
            && status.message.is_some_and(|message| message.contains(&format!("run {holder} has")))
    };
    let what = format!("waits for {holder}");
    wait::until(&context.api::<LoadTestRun>(), run, &what, seconds(20), told).await
}

/// Start and end of a run's load.
fn load(status: &LoadTestRunStatus) -> Result<(Timestamp, Timestamp)> {
    let start = status.start_time.as_ref().context("no start of the load")?;
    let end = status.load_end_time.as_ref().context("no end of the load")?;
    Ok((start.0, end.0))
}

/// The leases that name a run.
async fn leases(context: &Context, run: &str) -> Result<Vec<TargetLease>> {
    let api: Api<TargetLease> = Api::namespaced(context.client.clone(), install::NAMESPACE);
    let all = api.list(&ListParams::default()).await?.items;
    let names = |lease: &TargetLease| {
        let mut users = lease.spec.holders.iter().chain(&lease.spec.waiting);
        users.any(|user| user.namespace == context.namespace && user.name == run)
    };
    Ok(all.into_iter().filter(names).collect())
}

/// A test of the target in a namespace, whichever it is run in.
fn elsewhere(target: &Context, test: Value) -> Value {
    merged(test, json!({"target": {"baseURL": format!("http://target.{}.svc:8080", target.namespace)}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_another_namespace_waits_for_the_first_and_both_verdicts_are_right() -> Result<()> {
    with_temp_namespace(async |context| {
        let other = context.clone();
        with_temp_namespace(move |foreign| one_after_the_other(other.clone(), foreign)).await
    })
    .await
}

async fn one_after_the_other(context: Context, foreign: Context) -> Result<()> {
    let target = Target::deploy(&context, json!({})).await?;
    let named = json!({"target": {"workloads": [{"name": "target"}]}});
    let first = context.start("first", merged(constant(10, 25), named)).await?;
    context.loaded(&first, seconds(60)).await?;
    // It names the address alone, and its deadline is shorter than it will have to wait.
    let patient = merged(constant(10, 3), json!({"deadlines": {"prepare": "15s"}}));
    let second = foreign.start("second", elsewhere(&context, patient)).await?;
    let holder = format!("{}/{first}", context.namespace);
    let waiting = waits(&foreign, &second, &holder).await?;
    let conditions = status(&waiting).conditions;
    let reconciling = conditions::find(&conditions, "Reconciling").context("no condition says so")?;
    ensure!(reconciling.reason == "TargetBusy", "the condition says {}", reconciling.reason);
    ensure!(foreign.jobs(&second).await?.is_empty(), "it has a Job already");
    told(&foreign, "second", &holder).await?;
    let [lease] = &leases(&foreign, &second).await?[..] else { anyhow::bail!("not in one line") };
    ensure!(lease.spec.waiting.len() == 1 && lease.spec.holders[0].name == first, "{:?}", lease.spec);

    let first = context.finished(&first, seconds(60)).await?;
    let second = foreign.finished(&second, seconds(90)).await?;
    for (run, requests) in [(&first, 250), (&second, 30)] {
        ensure_verdict(run, Verdict::Passed, "ThresholdsMet")?;
        let made = status(run).summary.context("no summary")?.requests;
        ensure!(made == requests, "{}: {made} requests instead of {requests}", run.name_any());
        ensure!(status(run).company.is_empty(), "{:?}", status(run).company);
    }
    ensure!(target.stats().await?.received == 280);
    let ((_, end), (start, _)) = (load(&status(&first))?, load(&status(&second))?);
    ensure!(end <= start, "the second load began at {start}, the first ended at {end}");
    // Nobody has the target any more.
    wait::eventually("the leases are gone", seconds(20), async || {
        let left = [leases(&context, &first.name_any()).await?, leases(&foreign, &second.name_any()).await?];
        Ok(left.iter().all(Vec::is_empty).then_some(()))
    })
    .await
}

/// Waits until an event on the test names the run that is waited for.
async fn told(context: &Context, test: &str, holder: &str) -> Result<()> {
    let events: Api<Event> = context.api();
    wait::eventually("an event on the test names the holder", seconds(10), async || {
        let found = events.list(&ListParams::default()).await?.items;
        let names = |event: &Event| {
            let regarding = event.regarding.as_ref();
            regarding.is_some_and(|about| {
                about.kind.as_deref() == Some("LoadTest") && about.name.as_deref() == Some(test)
            }) && event.reason.as_deref() == Some("TargetBusy")
                && event.note.as_ref().is_some_and(|note| note.contains(holder))
        };
        Ok(found.iter().any(names).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_one_target_by_whatever_spelling() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let first = context.start("first", constant(5, 120)).await?;
        context.phase(&first, Phase::Running, seconds(60)).await?;
        let holder = format!("{}/{first}", context.namespace);
        let namespace = &context.namespace;
        let spelled = [
            ("capitals", "http://TARGET:8080/".to_owned()),
            ("namespace", format!("http://target.{namespace}:8080/path")),
            ("whole", format!("http://target.{namespace}.svc.cluster.local.:8080")),
        ];
        let mut waiting = Vec::new();
        for (name, url) in spelled {
            let run =
                context.start(name, merged(constant(5, 3), json!({"target": {"baseURL": url}}))).await?;
            waits(&context, &run, &holder).await?;
            waiting.push(run);
        }
        // One that waits can be aborted, one can be deleted, and the third begins when the first is gone.
        let runs = context.api::<LoadTestRun>();
        let abort = json!({"spec": {"abort": true}});
        runs.patch(&waiting[0], &PatchParams::default(), &Patch::Merge(&abort)).await?;
        ensure_verdict(&context.finished(&waiting[0], seconds(20)).await?, Verdict::Aborted, "Aborted")?;
        runs.delete(&waiting[1], &DeleteParams::default()).await?;
        wait::until_gone(&runs, &waiting[1], seconds(20)).await?;
        runs.delete(&first, &DeleteParams::default()).await?;
        let third = context.finished(&waiting[2], seconds(60)).await?;
        ensure_verdict(&third, Verdict::Passed, "ThresholdsMet")?;
        for run in [&first, &waiting[0], &waiting[1]] {
            ensure!(leases(&context, run).await?.is_empty(), "{run} still has a place on the target");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over a minute; that one waits for the other is tried each time: make e2e-full"]
async fn those_who_share_a_target_are_side_by_side_and_the_verdict_says_so() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let shared = |test| merged(test, json!({"target": {"sharing": "Shared"}}));
        let long = context.start("long", shared(constant(5, 60))).await?;
        context.loaded(&long, seconds(60)).await?;
        let short = context.start("short", shared(constant(5, 6))).await?;
        context.loaded(&short, seconds(60)).await?;
        // Who does not share waits, and those who do don't pass him: he would wait for ever.
        let alone = context.start("alone", constant(5, 3)).await?;
        let told = |run: &LoadTestRun| status(run).reason.as_deref() == Some("TargetBusy");
        let runs = context.api::<LoadTestRun>();
        wait::until(&runs, &alone, "waits", seconds(20), told).await?;
        let late = context.start("late", shared(constant(5, 3))).await?;
        let behind = |run: &LoadTestRun| {
            let first = format!("run {}/{alone} is first", context.namespace);
            told(run) && status(run).message.is_some_and(|message| message.contains(&first))
        };
        wait::until(&runs, &late, "waits behind the one that does not share", seconds(20), behind).await?;

        let (short, long) =
            (context.finished(&short, seconds(60)).await?, context.finished(&long, seconds(120)).await?);
        let (brief, whole) = (load(&status(&short))?, load(&status(&long))?);
        ensure!(whole.0 <= brief.0 && brief.1 <= whole.1, "{brief:?} is not within {whole:?}");
        for (run, other) in [(&short, &long), (&long, &short)] {
            ensure_verdict(run, Verdict::Passed, "ThresholdsMet")?;
            let status = status(run);
            let [company] = &status.company[..] else { anyhow::bail!("company: {:?}", status.company) };
            ensure!((&company.namespace, &company.name) == (&context.namespace, &other.name_any()));
            ensure!((company.from.0, company.until.0) == brief, "{company:?} instead of {brief:?}");
            let told = format!("at the same time: {}/{} for ", context.namespace, other.name_any());
            ensure!(status.message.as_ref().is_some_and(|text| text.contains(&told)), "{:?}", status.message);
        }
        for run in [alone, late] {
            let run = context.finished(&run, seconds(60)).await?;
            ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
            ensure!(status(&run).company.is_empty(), "{} had no company", run.name_any());
        }
        Ok(())
    })
    .await
}
