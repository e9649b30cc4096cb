// SPDX-License-Identifier: Apache-2.0
//! Figures that runners push to servers that ask who they are, with credentials from a Secret.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    target::{Target, apply},
    telemetry::{self, value},
    wait::seconds,
    with_temp_namespace,
};

/// As much as two bounds of a bucket are apart.
const BUCKET: f64 = 1.022;
/// A password that the server does not take.
const WRONG: &str = "Basic cnVubmVyczpzZXNhbWU=";

/// The header by which a server knows who writes, from a key of the Secret.
fn by(key: &str) -> Value {
    json!([{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "telemetry", "key": key}}}])
}

/// The same run as OpenTelemetry and by remote writes, and once with a password that is wrong.
fn outputs(context: &Context) -> Value {
    let otlp = telemetry::url(context, "/api/v1/otlp/v1/metrics");
    let write = telemetry::url(context, "/api/v1/write");
    json!([
        {"name": "otlp", "interval": "2s", "otlp": {"endpoint": otlp, "headers": by("right")}},
        {"name": "write", "interval": "2s", "prometheusRemoteWrite": {"url": write, "headers": by("right")}},
        {"name": "stranger", "interval": "2s", "otlp": {"endpoint": otlp, "headers": by("wrong")}},
    ])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Prometheus newer than Debian's, which is compiled for it: make e2e-full"]
async fn three_runners_with_a_password_from_a_secret_give_otlp_the_figures_of_the_verdict() -> Result<()> {
    with_temp_namespace(async |context| {
        let latency = json!({"percentiles": [[0, "2ms"], [50, "8ms"], [95, "40ms"], [100, "120ms"]]});
        Target::deploy(&context, json!({"latency": latency})).await?;
        telemetry::deploy(&context).await?;
        let words = json!({"stringData": {"right": telemetry::AUTHORIZATION, "wrong": WRONG}});
        apply::<Secret>(&context, "telemetry", words).await?;
        let more = json!({"runner": {"parallelism": 3}, "outputs": outputs(&context)});
        let run = context.run("pushed", merged(constant(60, 10), more), seconds(120)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let status = status(&run);
        let [otlp, write, stranger] = status.outputs.as_slice() else {
            anyhow::bail!("{:?}", status.outputs);
        };
        for taken in [otlp, write] {
            let whole =
                taken.delivered_samples > 0 && taken.lost_samples == 0 && taken.other_series.is_none();
            ensure!(whole && taken.message.is_none(), "{taken:?}");
        }
        // Who is not known gets nothing in, and the message says why without the password.
        let message = stranger.message.clone().unwrap_or_default();
        ensure!(stranger.delivered_samples == 0 && stranger.lost_samples > 0, "{stranger:?}");
        ensure!(message.contains("answered 401") && !message.contains("cnVubmVyczp"), "{message}");
        context.told_about("LoadTestRun", &run.name_any(), "OutputIncomplete").await?;

        let summary = status.summary.context("no summary")?;
        let judged = summary.latency.p99_microseconds.context("no p99")? as f64;
        let of = format!("{{namespace=\"{}\",testid=\"{}\"}}", context.namespace, run.name_any());
        for (count, duration, microseconds) in [
            ("http_reqs_total", "http_req_duration_milliseconds", 1e3),
            ("k6_http_reqs_total", "k6_http_req_duration_seconds", 1e6),
        ] {
            let requests = value(&context, &format!("sum({count}{of})")).await?;
            ensure!(requests as i64 == summary.requests, "{count}: {requests} of {}", summary.requests);
            let runners = format!("count(sum by (runner) ({count}{of}))");
            ensure!(value(&context, &runners).await? == 3.0, "{count}: each runner is told apart");
            let counted = value(&context, &format!("histogram_count(sum({duration}{of}))")).await?;
            ensure!(counted as i64 == summary.requests, "{duration}: {counted} of {}", summary.requests);
            let quantile = format!("histogram_quantile(0.99, sum({duration}{of}))");
            let asked = value(&context, &quantile).await? * microseconds;
            let ratio = asked / judged;
            ensure!((1.0 / BUCKET..BUCKET).contains(&ratio), "{duration}: {asked} µs is not {judged} µs");
        }
        Ok(())
    })
    .await
}
