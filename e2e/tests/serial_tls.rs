// SPDX-License-Identifier: Apache-2.0
//! What becomes of runs when the collector's certificate changes: its authorities take turns, are taken away, or are
//! somebody else's.

use std::{collections::BTreeMap, future::Future};

use anyhow::{Result, ensure};
use k8s_openapi::{api::core::v1::Secret, jiff::Timestamp};
use kube::{
    Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use upsurge_crds::v1alpha1::Phase;
use upsurge_e2e::{
    Context,
    certificate::{self, Issuer, NAME, SECRET},
    fixtures::{constant, merged},
    install,
    operator::{self, Kill},
    target::Target,
    wait::{self, seconds},
    whole::{Made, ensure_whole},
    with_temp_namespace,
};

/// Takes a minute from one authority to the next.
const QUICK: [&str; 2] = ["--set", "operator.extraArgs[0]=--collector-authority-lifetime=180s"];
/// A Secret of somebody else's.
const FOREIGN: &str = "e2e-collector";

/// Starts a run of three runners and waits for its load. Its last moments are after so many seconds.
async fn three_runners(context: &Context, length: u32) -> Result<String> {
    let test = merged(constant(20, length), json!({"runner": {"parallelism": 3}}));
    let run = context.start("three", test).await?;
    context.loaded(&run, seconds(60)).await?;
    Ok(run)
}

/// Waits until the next authority has taken its turn; gives its certificate.
async fn turn(client: &Client, before: &str) -> Result<String> {
    wait::eventually("the next authority takes its turn", seconds(100), async || {
        let now = certificate::part(client, "current.crt").await?;
        Ok((now != before).then_some(now))
    })
    .await
}

/// Does something under other settings, and puts things back whatever comes of it.
async fn altered(context: Context, done: impl Future<Output = Result<()>>) -> Result<()> {
    let outcome = done.await;
    install::upgrade(&[]).await?;
    operator::leader(&context.client).await?;
    // Runs of other tests must not see authorities of a minute.
    wait::eventually("the authorities are long-lived again", seconds(200), async || {
        let kept = certificate::kept(&context.client).await?;
        let tomorrow = Timestamp::now().as_second() + 86_400;
        let mut lasting = 0;
        for key in ["current.crt", "next.crt"] {
            let expiry = kept.get(key).map(|certificate| certificate::expiry(certificate)).transpose()?;
            lasting += u32::from(expiry.is_some_and(|expiry| expiry.as_second() > tomorrow));
        }
        Ok((lasting == 2).then_some(()))
    })
    .await?;
    outcome
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e-full"]
async fn the_next_authority_takes_its_turn_in_the_middle_of_a_run() -> Result<()> {
    with_temp_namespace(async |context| {
        install::upgrade(&QUICK).await?;
        altered(context.clone(), rotated(context)).await
    })
    .await
}

async fn rotated(context: Context) -> Result<()> {
    let client = &context.client;
    operator::leader(client).await?;
    let target = Target::deploy(&context, json!({})).await?;
    // Just after a turn, so that the next one is in the middle of the run and the one after it is not.
    let first = turn(client, &certificate::part(client, "current.crt").await?).await?;
    let made = Made::watch(&context);
    let run = three_runners(&context, 75).await?;
    let told = certificate::told(&context, &run).await?;
    let second = turn(client, &first).await?;
    context.phase(&run, Phase::Running, seconds(5)).await?;
    ensure!(told.contains(&first) && told.contains(&second), "runners were not told both before the turn");
    ensure!(told != certificate::authorities(client).await?, "nothing new is told to the runs that follow");
    for pod in certificate::replicas(client).await? {
        certificate::shown(client, &pod, &told).await?;
    }
    // All connections are made anew, to an operator that never knew the first authority as the present one.
    operator::kill(client, &operator::leader(client).await?, Kill::Process).await?;
    // The one that was killed holds the lease for a while, and shows nothing until it is back.
    wait::eventually("the leader shows what the second authority signed", seconds(60), async || {
        let leader = operator::leader(client).await?.name_any();
        Ok(certificate::shown(client, &leader, &second).await.ok())
    })
    .await?;
    ensure_whole(&context.finished(&run, seconds(120)).await?, &target, 1500).await?;
    made.ensure_once(3)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e-full"]
async fn authorities_that_are_taken_away_or_spoilt_are_written_back_and_no_run_notices() -> Result<()> {
    with_temp_namespace(async |context| {
        let client = &context.client;
        operator::leader(client).await?;
        let target = Target::deploy(&context, json!({})).await?;
        let before = certificate::kept(client).await?;
        let run = three_runners(&context, 150).await?;
        let secrets = certificate::secrets(client);
        secrets.delete(SECRET, &DeleteParams::default()).await?;
        restored(client, &before).await?;
        let spoilt = Patch::Merge(json!({"stringData": {"current.key": "nonsense"}}));
        secrets.patch(SECRET, &PatchParams::default(), &spoilt).await?;
        restored(client, &before).await?;
        operator::kill(client, &operator::leader(client).await?, Kill::Process).await?;
        ensure_whole(&context.finished(&run, seconds(150)).await?, &target, 3000).await
    })
    .await
}

/// Waits until the Secret holds what it held before.
async fn restored(client: &Client, before: &BTreeMap<String, String>) -> Result<()> {
    wait::eventually("the authorities are written back", seconds(70), async || {
        Ok((certificate::kept(client).await? == *before).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e-full"]
async fn a_certificate_of_somebody_elses_is_used_and_renewed_in_the_middle_of_a_run() -> Result<()> {
    with_temp_namespace(async |context| {
        let outcome = foreign(context.clone()).await;
        let altered = altered(context.clone(), async { outcome }).await;
        let _ = certificate::secrets(&context.client).delete(FOREIGN, &DeleteParams::default()).await;
        altered
    })
    .await
}

async fn foreign(context: Context) -> Result<()> {
    let (client, issuer) = (&context.client, Issuer::new()?);
    let secrets = certificate::secrets(client);
    let secret = |data: BTreeMap<String, String>| -> Result<Secret> {
        Ok(serde_json::from_value(
            json!({"metadata": {"name": FOREIGN}, "type": "kubernetes.io/tls", "stringData": data}),
        )?)
    };
    let (data, first) = issuer.issue()?;
    // Left by an attempt before this one.
    let _ = secrets.delete(FOREIGN, &DeleteParams::default()).await;
    secrets.create(&PostParams::default(), &secret(data)?).await?;
    install::upgrade(&["--set", &format!("collector.tls.secretName={FOREIGN}")]).await?;
    let leader = operator::leader(client).await?;
    let target = Target::deploy(&context, json!({})).await?;
    ensure!(
        certificate::shown(client, &leader.name_any(), &issuer.pem()).await? == first,
        "the collector shows another certificate for {NAME}"
    );
    let run = three_runners(&context, 60).await?;
    ensure!(certificate::told(&context, &run).await? == issuer.pem(), "runners are told something else");

    let (data, second) = issuer.issue()?;
    secrets.patch(FOREIGN, &PatchParams::default(), &Patch::Merge(secret(data)?)).await?;
    let pods = operator::pods(client);
    // The kubelet brings a changed Secret with its next look at a pod, which a change of the pod makes at once.
    let touch = Patch::Merge(json!({"metadata": {"annotations": {"upsurge.dev/e2e-look": "again"}}}));
    for pod in certificate::replicas(client).await? {
        pods.patch(&pod, &PatchParams::default(), &touch).await?;
    }
    wait::eventually("the renewed certificate is shown", seconds(60), async || {
        let shown = certificate::shown(client, &leader.name_any(), &issuer.pem()).await?;
        Ok((shown == second).then_some(()))
    })
    .await?;
    operator::kill(client, &leader, Kill::Process).await?;
    ensure_whole(&context.finished(&run, seconds(120)).await?, &target, 1200).await
}
