// SPDX-License-Identifier: Apache-2.0
//! The operator's pods, which of them leads, and ways to end them.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Namespace that the operator is installed in.
pub const NAMESPACE: &str = "upsurge-system";
/// Name of its release, and so of its Deployment and of its lease.
pub const RELEASE: &str = "upsurge";
/// Port of the collector in the operator's pods.
pub const PORT: u16 = 8080;

/// How to end an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// SIGKILL to the process, as when it runs out of memory; the kubelet starts it again in the same pod, which then
    /// leads again. Where the nodes are other machines, the same as [`Kill::Pod`].
    Process,
    /// The pod is taken away without grace, as when its node is lost; one that stood by takes over.
    Pod,
}

/// The pods of the operator.
pub fn pods(client: &Client) -> Api<Pod> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// The lease by which the operators elect one of them.
///
/// # Errors
/// When it can't be read.
pub async fn lease(client: &Client) -> Result<Option<Lease>> {
    Ok(Api::namespaced(client.clone(), NAMESPACE).get_opt(RELEASE).await?)
}

/// The pod of the operator that leads, ready.
///
/// # Errors
/// When there is none in time.
pub async fn leader(client: &Client) -> Result<Pod> {
    wait::eventually("an operator leads and is ready", wait::seconds(60), async || {
        let holder = lease(client).await?.and_then(|lease| lease.spec?.holder_identity);
        Ok(ready(client).await?.into_iter().find(|pod| holder == Some(pod.name_any())))
    })
    .await
}

/// A pod that stands by, ready, beside the one that leads.
///
/// # Errors
/// When there is none in time.
pub async fn standby(client: &Client, leader: &Pod) -> Result<Pod> {
    wait::eventually("an operator stands by and is ready", wait::seconds(60), async || {
        Ok(ready(client).await?.into_iter().find(|pod| pod.uid() != leader.uid()))
    })
    .await
}

async fn ready(client: &Client) -> Result<Vec<Pod>> {
    let selected =
        ListParams::default().labels("app.kubernetes.io/name=upsurge,app.kubernetes.io/component=operator");
    let found = pods(client).list(&selected).await?.items.into_iter();
    Ok(found.filter(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod)).collect())
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// What an operator's pod serves as its metrics.
///
/// # Errors
/// When it does not answer.
pub async fn metrics(client: &Client, pod: &Pod) -> Result<String> {
    let path = format!("/api/v1/namespaces/{}/pods/{}:9090/proxy/metrics", NAMESPACE, pod.name_any());
    Ok(client.request_text(http::Request::get(path).body(Vec::new())?).await?)
}

/// Ends an operator without any warning, and makes sure that it has happened.
///
/// # Errors
/// When it can't be ended.
pub async fn kill(client: &Client, pod: &Pod, how: Kill) -> Result<()> {
    let (name, uid) = (pod.name_any(), pod.uid().context("a pod without UID")?);
    match (how, process(&uid)) {
        (Kill::Process, Some(process)) => {
            kill_process(process, Signal::KILL)?;
            let gone = || process_is_gone(process);
            wait::eventually("the process is gone", Duration::from_secs(5), async || Ok(gone().then_some(())))
                .await
        }
        _ => {
            pods(client).delete(&name, &DeleteParams::default().grace_period(0)).await?;
            let gone = async || {
                let now = pods(client).get_opt(&name).await?;
                Ok(now.is_none_or(|now| now.uid().as_ref() != Some(&uid)).then_some(()))
            };
            wait::eventually("the operator's pod is gone", wait::seconds(20), gone).await
        }
    }
}

/// The operator's process, if it runs on this machine: the one in the control group of the pod.
fn process(uid: &str) -> Option<Pid> {
    let names = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
    let numbers =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Pid::from_raw).find(|process| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.as_raw_nonzero()));
        // The kernel cuts names after 15 characters.
        read("comm").is_ok_and(|comm| comm.trim() == "upsurge-operato")
            && read("cgroup").is_ok_and(|groups| names.iter().any(|name| groups.contains(name)))
    })
}

fn process_is_gone(process: Pid) -> bool {
    !fs::exists(format!("/proc/{}", process.as_raw_nonzero())).unwrap_or(true)
}
