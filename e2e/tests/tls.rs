// SPDX-License-Identifier: Apache-2.0
//! Runners and operator speak by TLS, and each knows what the other one must show.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{ResourceExt, api::ListParams};
use serde_json::json;
use upsurge_crds::{names::labels, v1alpha1::Verdict};
use upsurge_e2e::{
    api::{ensure_verdict, status},
    certificate::{self, Issuer},
    collector::{post_plainly, token},
    fixtures::{constant, merged},
    target::Target,
    wait::seconds,
    whole::ensure_whole,
    with_temp_namespace,
};

#[tokio::test(flavor = "multi_thread")]
async fn runners_are_told_by_whom_they_know_the_collector_and_every_replica_shows_it() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let test = merged(constant(10, 5), json!({"runner": {"parallelism": 2}}));
        let run = context.run("told", test, seconds(90)).await?;
        ensure_whole(&run, &target, 50).await?;

        let told = certificate::told(&context, &run.name_any()).await?;
        ensure!(!told.contains("PRIVATE"), "runners are told a key");
        ensure!(told.matches("BEGIN CERTIFICATE").count() >= 2, "the next authority is not told:\n{told}");
        ensure!(told == certificate::authorities(&context.client).await?, "the Secret says something else");
        let (replicas, stranger) = (certificate::replicas(&context.client).await?, Issuer::new()?.pem());
        for pod in &replicas {
            certificate::shown(&context.client, pod, &told).await.with_context(|| pod.clone())?;
            let refused = certificate::shown(&context.client, pod, &stranger).await;
            ensure!(refused.is_err(), "{pod} is taken for one that another authority knows");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_speaks_without_tls_ends_its_run_and_says_why() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let run = context.start("plain", constant(5, 60)).await?;
        context.loaded(&run, seconds(60)).await?;
        let selected = format!("{}={run}", labels::RUN);
        let pods = context.api::<Pod>().list(&ListParams::default().labels(&selected)).await?.items;
        let pod = pods.first().context("no runner")?;
        // What an image of an earlier release would say.
        let path = format!("/v1/runs/{}/{run}/hello", context.namespace);
        let now = Timestamp::now().as_nanosecond() as i64;
        let hello = json!({"version": 2, "runner": 0, "pod": pod.name_any(), "sentAt": now, "readiness": "ready", "wantsPlan": true});
        let (code, _) = post_plainly(&context, &path, None, &hello).await?;
        ensure!(code == 401, "a stranger gets {code}");
        let token = token(&context, pod, Some("upsurge.dev"), true).await?;
        let (code, text) = post_plainly(&context, &path, Some(&token), &hello).await?;
        ensure!(code == 200 && text.contains("without TLS") && !text.contains("scenarios"), "{code}: {text}");
        let run = context.finished(&run, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Error, "ProtocolMismatch")?;
        let message = status(&run).message.unwrap_or_default();
        ensure!(message.contains("without TLS") && message.contains("spec.runner.image"), "{message}");
        Ok(())
    })
    .await
}
