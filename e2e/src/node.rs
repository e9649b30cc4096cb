// SPDX-License-Identifier: Apache-2.0
//! How busy the nodes are: a test of times says nothing on a machine that has no time left.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt, api::ListParams};
use serde::Deserialize;

use crate::wait;

/// Share of a node's CPU below which times can be measured on it.
const CALM: f64 = 0.6;
/// Seconds to wait for that; what ran before may still be tidied up.
const PATIENCE: u64 = 60;

#[derive(Deserialize)]
struct List {
    items: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    metadata: Named,
    usage: Usage,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Usage {
    cpu: String,
}

/// Waits until less than 60 % of each node's CPU is in use.
///
/// # Errors
/// When one stays busier for a minute, or nobody measures it.
pub async fn calm(client: &Client) -> Result<()> {
    wait::eventually("less than 60 % of each node is busy", wait::seconds(PATIENCE), async || {
        let (node, share) = busiest(client).await?;
        // An error and not a mere no, so that the last one tells by how much.
        ensure!(share < CALM, "node {node} is {:.0} % busy", share * 100.0);
        Ok(Some(()))
    })
    .await
}

/// The busiest node, and the share of its CPU that is in use.
async fn busiest(client: &Client) -> Result<(String, f64)> {
    let request = http::Request::get("/apis/metrics.k8s.io/v1beta1/nodes").body(Vec::new())?;
    let measured: List = client.request(request).await.context("the cluster has no metrics of nodes")?;
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let mut busiest = None;
    for node in nodes {
        let name = node.name_any();
        let usage = measured.items.iter().find(|one| one.metadata.name == name);
        let usage = usage.with_context(|| format!("nobody measures node {name}"))?;
        let capacity = node.status.and_then(|status| status.capacity?.remove("cpu"));
        let capacity = cores(&capacity.with_context(|| format!("node {name} has no CPU"))?.0)?;
        let share = cores(&usage.usage.cpu)? / capacity;
        if busiest.as_ref().is_none_or(|(_, most)| share > *most) {
            busiest = Some((name, share));
        }
    }
    busiest.context("the cluster has no node")
}

/// Cores of a quantity such as `1`, `250m` or `123456789n`.
fn cores(text: &str) -> Result<f64> {
    let scale = match text.as_bytes().last() {
        Some(b'n') => 1e-9,
        Some(b'u') => 1e-6,
        Some(b'm') => 1e-3,
        _ => 1.0,
    };
    let number: f64 =
        text.trim_end_matches(['n', 'u', 'm']).parse().with_context(|| format!("{text} cores"))?;
    Ok(number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_read_in_each_unit() {
        for (text, expected) in [("2", 2.0), ("250m", 0.25), ("1500u", 0.0015), ("750000000n", 0.75)] {
            assert!((cores(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        assert!(cores("a lot").is_err());
    }
}
