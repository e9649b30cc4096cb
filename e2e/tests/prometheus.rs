// SPDX-License-Identifier: Apache-2.0
//! Checks on what a real Prometheus server knows of the target.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    prometheus,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

fn check(name: &str, query: &str, condition: &str) -> Value {
    json!({"name": name, "query": query, "condition": condition})
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_hold_are_breached_or_stay_unanswered() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        prometheus::deploy(&context).await?;
        let rate = "sum(rate(http_requests_total[5s]))";
        let url = prometheus::url(&context);
        let test = |url: &str, checks: &[Value]| {
            merged(constant(20, 12), json!({"prometheus": {"url": url, "checks": checks}}))
        };

        let holds = json!({"name": "rate", "query": rate, "aggregate": "max", "condition": "> 15"});
        let run = context.run("holds", test(&url, &[holds, check("up", "up", "== 1")]), seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let checks = status(&run).checks;
        ensure!(checks.len() == 2 && checks.iter().all(|check| check.passed), "{checks:?}");
        let observed = checks.first().and_then(|check| check.observed.clone()).context("no value")?;
        let value: f64 = observed.parse()?;
        ensure!((15.0..30.0).contains(&value), "20 requests per second were made, Prometheus saw {observed}");

        let run = context.run("breached", test(&url, &[check("rate", rate, "> 1000")]), seconds(90)).await?;
        ensure_verdict(&run, Verdict::Failed, "ChecksBreached")?;
        let message = status(&run).message.unwrap_or_default();
        ensure!(message.contains("rate") && message.contains("> 1000"), "{message}");

        // Each in its own way without an answer: no series, many series, a wrong query, nobody there.
        let nobody = format!("http://target.{}.svc:9999", context.namespace);
        for (name, url, query) in [
            ("no-series", &url, "no_such_metric"),
            ("many-series", &url, "{job=\"target\"}"),
            ("wrong-query", &url, "rate("),
            ("nobody", &nobody, "up"),
        ] {
            let test = merged(
                test(url, &[check("unanswered", query, "> 0")]),
                json!({"load": {"constant": {"duration": "3s"}}}),
            );
            let run = context.run(name, test, seconds(90)).await?;
            ensure_verdict(&run, Verdict::Inconclusive, "CheckUnanswered").context(name)?;
            let checks = status(&run).checks;
            let told = checks.first().and_then(|check| check.message.clone()).unwrap_or_default();
            ensure!(checks.len() == 1 && !told.is_empty(), "{name}: {checks:?}");
        }
        Ok(())
    })
    .await
}
