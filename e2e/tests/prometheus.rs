// SPDX-License-Identifier: Apache-2.0
//! Checks on what a real Prometheus server knows of the target, and figures that runners push to it.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{Bottleneck, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    operator, prometheus,
    target::Target,
    wait::{self, seconds},
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
            let series = json!([
                {"name": "requests", "query": rate, "unit": "1/s", "saturatedAt": 10},
                {"name": "nothing", "query": "no_such_metric"},
            ]);
            merged(constant(20, 12), json!({"prometheus": {"url": url, "checks": checks, "series": series}}))
        };

        let holds = json!({"name": "rate", "query": rate, "aggregate": "max", "condition": "> 15"});
        let run = context.run("holds", test(&url, &[holds, check("up", "up", "== 1")]), seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let checks = status(&run).checks;
        ensure!(checks.len() == 2 && checks.iter().all(|check| check.passed), "{checks:?}");
        let observed = checks.first().and_then(|check| check.observed.clone()).context("no value")?;
        let value: f64 = observed.parse()?;
        ensure!((15.0..30.0).contains(&value), "20 requests per second were made, Prometheus saw {observed}");
        let told = status(&run);
        let [requests, nothing] = told.series.as_slice() else { anyhow::bail!("{:?}", told.series) };
        let most: f64 = requests.max.as_deref().context("no values of the series")?.parse()?;
        ensure!((15.0..30.0).contains(&most) && requests.message.is_none(), "{requests:?}");
        ensure!(nothing.max.is_none() && nothing.message.is_some(), "{nothing:?}");
        ensure!(told.warnings.iter().any(|warning| warning.contains("\"nothing\"")), "{:?}", told.warnings);
        let name = told.bottleneck.map(|found| found.name);
        ensure!(name != Some(Bottleneck::Series), "nothing was missed, so what is full is only well used");

        let run = context.run("breached", test(&url, &[check("rate", rate, "> 1000")]), seconds(90)).await?;
        ensure_verdict(&run, Verdict::Failed, "ChecksBreached")?;
        let message = status(&run).message.unwrap_or_default();
        ensure!(message.contains("rate") && message.contains("> 1000"), "{message}");
        ensure!(message.contains("bottleneck: requests (up to "), "{message}");

        // Each in its own way without an answer: no series, many series, a wrong query, nobody there.
        let nobody = format!("http://target.{}.svc:9999", context.namespace);
        let queries =
            [("no-series", "no_such_metric"), ("many-series", "{job=\"target\"}"), ("wrong-query", "rate(")];
        let queries = queries.map(|(name, query)| check(name, query, "> 0"));
        let unanswered = async |name: &str, url: &str, checks: &[Value]| -> Result<()> {
            let brief = json!({"target": {"sharing": "Shared"}, "load": {"constant": {"duration": "3s"}}});
            let run = context.run(name, merged(test(url, checks), brief), seconds(90)).await?;
            ensure_verdict(&run, Verdict::Inconclusive, "CheckUnanswered").context(name.to_owned())?;
            let found = status(&run).checks;
            let is_told = found.iter().all(|check| {
                check.observed.is_none() && check.message.as_ref().is_some_and(|told| !told.is_empty())
            });
            ensure!(found.len() == checks.len() && is_told, "{name}: {found:?}");
            Ok(())
        };
        let of_nobody = [check("unanswered", "up", "> 0")];
        tokio::try_join!(
            unanswered("unanswered", &url, &queries),
            unanswered("nobody", &nobody, &of_nobody),
        )?;
        Ok(())
    })
    .await
}

/// Waits until the operator that leads shows requests of a test whose load goes on.
async fn live_figures(context: &Context, test: &str) -> Result<()> {
    let series =
        format!("upsurge_run_requests_total{{namespace=\"{}\",test=\"{test}\"}} ", context.namespace);
    let leader = operator::leader(&context.client).await?;
    wait::eventually("the operator shows figures of the load", seconds(60), async || {
        let text = operator::metrics(&context.client, &leader).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        Ok(value.and_then(|value| value.parse::<f64>().ok()).filter(|requests| *requests > 0.0))
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_three_runners_push_gives_the_percentile_of_the_verdict() -> Result<()> {
    with_temp_namespace(async |context| {
        let latency = json!({"percentiles": [[0, "2ms"], [50, "8ms"], [95, "40ms"], [100, "120ms"]]});
        let behaviour = json!({"latency": latency});
        Target::deploy(&context, behaviour).await?;
        prometheus::deploy(&context).await?;
        let url = format!("{}/api/v1/write", prometheus::url(&context));
        let nobody = format!("http://target.{}.svc:9999/api/v1/write", context.namespace);
        let output = |name: &str, url: &str| {
            json!({"name": name, "prometheusRemoteWrite": {"url": url}, "interval": "2s"})
        };
        let more = json!({
            "runner": {"parallelism": 3},
            "outputs": [output("metrics", &url), output("nobody", &nobody)],
        });
        let run = context.start("pushed", merged(constant(60, 10), more)).await?;
        live_figures(&context, "pushed").await?;
        let run = context.finished(&run, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let status = status(&run);
        let [metrics, nobody] = status.outputs.as_slice() else {
            anyhow::bail!("{:?}", status.outputs);
        };
        ensure!(metrics.delivered_samples > 0 && metrics.message.is_none(), "{metrics:?}");
        ensure!(nobody.lost_samples > 0 && nobody.message.is_some(), "{nobody:?}");

        let summary = status.summary.context("no summary")?;
        let of = format!("{{namespace=\"{}\",testid=\"{}\"}}", context.namespace, run.name_any());
        let requests = prometheus::value(&context, &format!("sum(k6_http_reqs_total{of})")).await?;
        ensure!(requests as i64 == summary.requests, "{requests} of {}", summary.requests);
        let runners = format!("count(sum by (runner) (k6_http_reqs_total{of}))");
        ensure!(prometheus::value(&context, &runners).await? == 3.0, "each runner is told apart");
        let quantile = format!("histogram_quantile(0.99, sum(k6_http_req_duration_seconds{of}))");
        let asked = prometheus::value(&context, &quantile).await? * 1e6;
        let judged = summary.latency.p99_microseconds.context("no p99")? as f64;
        ensure!((1.0 / 1.022..1.022).contains(&(asked / judged)), "{asked} µs is not {judged} µs");
        Ok(())
    })
    .await
}
