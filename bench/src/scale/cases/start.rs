// SPDX-License-Identifier: Apache-2.0
//! From applying a test to its first request.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use k8s_openapi::jiff::Timestamp;
use upsurge_crds::v1alpha1::Phase;

use super::row;
use crate::{
    number::number,
    results::Goal,
    scale::{
        Bench, Outcome,
        load_test::{Shape, Test},
    },
};

/// Tests that are applied one after another.
const ROUNDS: usize = 9;
/// Runners of each.
const RUNNERS: usize = 3;
/// Longest time for one of them.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures it.
pub async fn measure(bench: &Bench, namespace: &str) -> Outcome {
    let operator = bench.start_operator().await?;
    let how = format!(
        "{ROUNDS} tests with {RUNNERS} runners, one after another: from the request that creates the test to the start of the \
         first runner's load. Pods are up as soon as they have a node: the time that a kubelet takes for them comes on top."
    );
    let mut case = bench.case("Apply to first request", how);
    let (mut seconds, mut wrong) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let shape = Shape { name: format!("start-{round}"), runners: RUNNERS, series: 50, seconds: 3 };
        let test = Test::new(&shape).await?;
        let applied = Timestamp::try_from(SystemTime::now())?;
        test.create(&bench.client, namespace).await?;
        let run = test.reached(&bench.client, namespace, Phase::Finished, PATIENCE).await?;
        wrong.extend(test.differences(&run, &bench.ledger)?);
        let status = run.status.unwrap_or_default();
        let starts = status.runners.iter().filter_map(|runner| runner.start_time.as_ref());
        let first = starts.map(|time| time.0).min();
        let first =
            first.with_context(|| format!("no runner of {} started: {:?}", test.run(), status.message))?;
        seconds.push(first.duration_since(applied).as_secs_f64());
        test.delete(&bench.client, namespace).await?;
    }
    operator.kill();
    case.rounds = ROUNDS;
    let all: Vec<String> = seconds.iter().map(|seconds| number(*seconds)).collect();
    row(&mut case, "each round, s", all.join(", "));
    let what = format!("apply to first request, {RUNNERS} runners");
    case.goals.extend(Goal::new(what, "s", 2.0, &seconds));
    Ok((case, wrong))
}
