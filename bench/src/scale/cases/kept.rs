// SPDX-License-Identifier: Apache-2.0
//! Many tests and finished runs that are kept: what the operator costs that has nothing to do.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use upsurge_crds::{LoadTest, LoadTestRun, v1alpha1::Phase};

use super::row;
use crate::{
    number::number,
    results::Goal,
    scale::{
        Bench, Outcome,
        load_test::{Shape, Test},
        workload,
    },
};

/// Tests that are kept.
const TESTS: usize = 1_000;
/// Finished runs of each.
const RUNS_EACH: usize = 10;
/// Requests to the API server at the same time.
const CLIENTS: usize = 32;
/// Time in which the API server calms down before the operator is started, from being ready to the look at memory, and that of
/// the CPU after it.
const SETTLE: Duration = Duration::from_secs(60);
/// Longest time for the run that the others are copies of.
const PATIENCE: Duration = Duration::from_secs(180);

/// Measures it.
pub async fn measure(bench: &Bench, namespace: &str) -> Outcome {
    let tests = bench.scaled(TESTS);
    let how = format!(
        "{tests} tests with {RUNS_EACH} finished runs each, copies of one that just ran with 3 runners and about 200 series and \
         observed a Deployment. They are made while no operator is at work; {} s later, when the API server is done with that, it is started.",
        SETTLE.as_secs()
    );
    let mut case = bench.case("Many tests and runs kept", how);
    let operator = bench.start_operator().await?;
    let shape = Shape { name: "model".into(), runners: 3, series: 200, seconds: 10 };
    workload::deploy(&bench.client, namespace, &shape.name).await?;
    let test = Test::new(&shape).await?.observing(&shape.name)?;
    test.create(&bench.client, namespace).await?;
    let run = test.reached(&bench.client, namespace, Phase::Finished, PATIENCE).await?;
    let mut wrong = test.differences(&run, &bench.ledger)?;
    let model = Model { test: settled(bench, namespace, &test).await?, run: yesterday(run) };
    operator.kill();
    let status = serde_json::to_vec(&model.run.status)?.len();
    row(&mut case, "status of a run", format!("{} KiB", number(status as f64 / 1024.0)));
    let all = stream::iter(0..tests).map(|index| model.copy(bench, namespace, index));
    all.buffer_unordered(CLIENTS).try_collect::<()>().await?;
    let etcd = bench.etcd.mebibytes_compacted().await?;
    tokio::time::sleep(SETTLE).await;

    let mark = bench.audit.mark();
    let operator = bench.start_operator().await?;
    let starting = bench.audit.since(mark)?;
    let ready = operator.ready_after.as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    let memory = operator.memory()?;
    let (watched, mark) = (operator.watch()?, bench.audit.mark());
    tokio::time::sleep(SETTLE).await;
    let (cores, asked) = (operator.cores(&watched)?, bench.audit.since(mark)?);
    let peak = operator.peak()?;
    operator.kill();
    let made = Api::<LoadTestRun>::namespaced(bench.client.clone(), namespace);
    let left = made.list_metadata(&kube::api::ListParams::default()).await?.items.len();
    if left != tests * RUNS_EACH + 1 {
        wrong.push(format!("there are {left} runs, not the {} that were made", tests * RUNS_EACH + 1));
    }
    row(&mut case, "runs", number(left as f64));
    row(&mut case, "API requests until ready", number(starting.total() * ready));
    super::rates(&mut case, &asked);
    let goals = [
        ("working set 60 s after ready", "MiB", 100.0, memory),
        ("highest memory while starting", "MiB", 200.0, peak),
        ("idle CPU", "mcores", 20.0, cores * 1e3),
        ("ready after a restart", "s", 10.0, ready),
        ("etcd", "MiB", 500.0, etcd),
    ];
    let kept = format!("{tests} tests, {} runs kept", tests * RUNS_EACH);
    case.goals.extend(goals.into_iter().filter_map(|(what, unit, limit, value)| {
        Goal::new(format!("{kept}: {what}"), unit, limit, &[value])
    }));
    Ok((case, wrong))
}

/// The test, once its status tells of its run's end.
async fn settled(bench: &Bench, namespace: &str, test: &Test) -> Result<LoadTest> {
    let tests = Api::<LoadTest>::namespaced(bench.client.clone(), namespace);
    let done = |test: Option<&LoadTest>| {
        test.and_then(|test| test.status.as_ref()).is_some_and(|status| status.verdict.is_some())
    };
    let name = test.name();
    let waited = kube::runtime::wait::await_condition(tests, &name, done);
    let found =
        tokio::time::timeout(PATIENCE, waited).await.context("the test did not learn of its run's end")?;
    found?.context("the test is gone")
}

/// The run as if it had ended a day ago: after those that ended just now an operator looks what is left of them.
fn yesterday(mut run: LoadTestRun) -> LoadTestRun {
    if let Some(time) = run.status.as_mut().and_then(|status| status.completion_time.as_mut()) {
        time.0 -= Duration::from_secs(24 * 3_600);
    }
    run
}

/// What is copied.
struct Model {
    test: LoadTest,
    run: LoadTestRun,
}

impl Model {
    /// One test with its runs.
    async fn copy(&self, bench: &Bench, namespace: &str, index: usize) -> Result<()> {
        let tests = Api::<LoadTest>::namespaced(bench.client.clone(), namespace);
        let runs = Api::<LoadTestRun>::namespaced(bench.client.clone(), namespace);
        let name = format!("kept-{index}");
        let test =
            tests.create(&PostParams::default(), &LoadTest::new(&name, self.test.spec.clone())).await?;
        let mut status = self.test.status.clone().unwrap_or_default();
        status.last_run = Some(format!("{name}-g1"));
        let patch = json!({"status": status});
        tests.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        for number in 0..RUNS_EACH {
            let mut run = LoadTestRun::new(&run_name(&name, number), self.run.spec.clone());
            run.spec.load_test_ref.name.clone_from(&name);
            run.metadata.labels = self.run.metadata.labels.clone();
            run.labels_mut().insert(upsurge_crds::names::labels::TEST.into(), name.clone());
            run.metadata.annotations = self.run.metadata.annotations.clone();
            run.metadata.owner_references = test.controller_owner_ref(&()).map(|owner| vec![owner]);
            runs.create(&PostParams::default(), &run).await?;
            let patch = json!({"status": self.run.status});
            runs.patch_status(&run.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
        }
        Ok(())
    }
}

/// The first one as the operator names it, so that it takes it for the test's last one.
fn run_name(test: &str, number: usize) -> String {
    if number == 0 { format!("{test}-g1") } else { format!("{test}-g1-{number:08x}") }
}
