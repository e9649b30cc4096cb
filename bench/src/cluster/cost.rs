// SPDX-License-Identifier: Apache-2.0
//! What the operator's pod uses, as metrics.k8s.io says.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

const NAMESPACE: &str = "upsurge-system";
const SELECTOR: &str = "app.kubernetes.io/name=upsurge,app.kubernetes.io/component=operator";
/// Readings that are averaged; the metrics server makes a new one about every ten seconds.
const READINGS: usize = 3;

/// CPU and memory of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Working set.
    pub mebibytes: f64,
    /// CPU, in thousandths of a core.
    pub millicores: f64,
}

/// The mean of the next few readings.
pub async fn settled(client: &Client) -> Result<Cost> {
    let (mut costs, mut seen) = (Vec::new(), String::new());
    let deadline = Instant::now() + Duration::from_secs(180);
    while costs.len() < READINGS {
        if Instant::now() > deadline {
            bail!("metrics.k8s.io gave no {READINGS} readings of the operator within three minutes");
        }
        if let Some((timestamp, cost)) = reading(client).await?
            && timestamp != seen
        {
            // The first reading may reach back to before the time that is measured.
            if !seen.is_empty() {
                costs.push(cost);
            }
            seen = timestamp;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
    Ok(Cost { mebibytes: mean(|cost| cost.mebibytes), millicores: mean(|cost| cost.millicores) })
}

/// The highest of the readings that come until something is done, and what that was.
pub async fn highest<T>(client: &Client, done: impl Future<Output = Result<T>>) -> Result<(Cost, T)> {
    let mut done = pin!(done);
    let mut highest = Cost { mebibytes: 0.0, millicores: 0.0 };
    loop {
        match tokio::time::timeout(Duration::from_secs(1), &mut done).await {
            Ok(result) => return Ok((highest, result?)),
            Err(_) => {
                let Some((_, cost)) = reading(client).await? else { continue };
                highest.mebibytes = highest.mebibytes.max(cost.mebibytes);
                highest.millicores = highest.millicores.max(cost.millicores);
            }
        }
    }
}

/// Scales the operator and waits until it is so: finished runs are made while it is away, so that it does
/// not take them for new ones.
pub async fn scale_operator(client: &Client, replicas: i32) -> Result<()> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let parameters = ListParams::default().labels(SELECTOR);
    let list = deployments.list(&parameters).await?;
    let name =
        list.items.into_iter().next().and_then(|one| one.metadata.name).context("no operator deployment")?;
    let patch = json!({"spec": {"replicas": replicas}});
    deployments.patch_scale(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let now = pods.list(&parameters).await?.items;
        let ready = now.iter().filter(|pod| is_ready(pod)).count();
        if now.len() == replicas as usize && ready == replicas as usize {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the operator has {ready} ready pods instead of {replicas}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

async fn reading(client: &Client) -> Result<Option<(String, Cost)>> {
    let path = format!(
        "/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods?labelSelector={}",
        SELECTOR.replace('=', "%3D").replace(',', "%2C")
    );
    let list: Value = client.request(http::Request::get(path).body(Vec::new())?).await?;
    let Some(pod) = list["items"].as_array().and_then(|items| items.first()) else { return Ok(None) };
    let usage = &pod["containers"][0]["usage"];
    let (Some(cpu), Some(memory)) = (usage["cpu"].as_str(), usage["memory"].as_str()) else {
        return Ok(None);
    };
    let cost = Cost { mebibytes: quantity(memory)? / 1_048_576.0, millicores: quantity(cpu)? * 1e3 };
    Ok(Some((pod["timestamp"].as_str().unwrap_or_default().to_owned(), cost)))
}

/// A Kubernetes quantity as a number, for the suffixes that metrics-server uses.
fn quantity(text: &str) -> Result<f64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..split].parse().with_context(|| format!("{text:?} is no quantity"))?;
    Ok(number
        * match &text[split..] {
            "" => 1.0,
            "n" => 1e-9,
            "u" => 1e-6,
            "m" => 1e-3,
            "Ki" => 1024.0,
            "Mi" => 1_048_576.0,
            "Gi" => 1_073_741_824.0,
            other => bail!("{text:?} has the unknown suffix {other:?}"),
        })
}
