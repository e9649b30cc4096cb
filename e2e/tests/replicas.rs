// SPDX-License-Identifier: Apache-2.0
//! Two replicas of the operator: whichever a runner reaches, it finds the one that leads.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use kube::ResourceExt;
use serde_json::json;
use upsurge_crds::names::annotations::COLLECTOR_ADDRESS;
use upsurge_e2e::{
    Context, collector,
    fixtures::{constant, merged},
    operator::{self, PORT},
    target::Target,
    wait::seconds,
    whole::ensure_whole,
    with_temp_namespace,
};

/// Header in which a replica that stands by says where the leader is.
const LEADER: &str = "upsurge-leader";

/// Runs side by side, with so many runners that some of them reach the replica that stands by.
#[tokio::test(flavor = "multi_thread")]
async fn runs_of_several_runners_pass() -> Result<()> {
    with_temp_namespace(async |context| {
        let leader = operator::leader(&context.client).await?;
        operator::standby(&context.client, &leader).await?;
        let runs = (0..3).map(|number| passes(&context, number));
        try_join_all(runs).await?;
        let now = operator::leader(&context.client).await?;
        ensure!(now.uid() == leader.uid(), "the leader has changed, so that this test shows nothing");
        Ok(())
    })
    .await
}

async fn passes(context: &Context, number: u32) -> Result<()> {
    let name = format!("target-{number}");
    let target = Target::deploy_as(context, &name, json!({})).await?;
    let test = merged(
        constant(15, 6),
        json!({"target": {"baseURL": format!("http://{name}:8080")}, "runner": {"parallelism": 3}}),
    );
    let run = context.run(&format!("test-{number}"), test, seconds(90)).await?;
    ensure_whole(&run, &target, 90).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_ready_and_leads_to_the_leader() -> Result<()> {
    with_temp_namespace(async |context| {
        let leader = operator::leader(&context.client).await?;
        let standby = operator::standby(&context.client, &leader).await?;
        let ip = leader.status.as_ref().and_then(|status| status.pod_ip.clone()).context("no address")?;
        let address = SocketAddr::new(ip.parse()?, PORT).to_string();
        let lease = operator::lease(&context.client).await?.context("no lease")?;
        let written = lease.annotations().get(COLLECTOR_ADDRESS);
        ensure!(written == Some(&address), "the lease says {written:?}, the leader is at {address}");

        let path = format!("/v1/runs/{}/nothing/hello", context.namespace);
        let (head, text) = collector::post_to(&context, &standby, &path, None, &json!({})).await?;
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        ensure!(head.status == 503, "a standby answers {}: {text}", head.status);
        ensure!(header("connection") == Some("close"), "{:?}", head.headers);
        ensure!(header(LEADER) == Some(address.as_str()), "{:?}, the leader is at {address}", head.headers);
        // The leader itself listens, and refuses who does not prove who it is.
        let (status, text) = collector::post(&context, &path, None, &json!({})).await?;
        ensure!(status == 401, "the leader answers {status}: {text}");
        Ok(())
    })
    .await
}
