// SPDX-License-Identifier: Apache-2.0
//! How the cluster's API server finds the server of the tests.

use std::net::{IpAddr, UdpSocket};

use anyhow::{Context as _, Result};
use k8s_openapi::{
    api::{
        core::v1::{Node, Service},
        discovery::v1::EndpointSlice,
    },
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::answers::{CUSTOM, EXTERNAL};
use crate::{Context, target::apply, wait};

/// Name of the Service.
const NAME: &str = "metrics-of-tests";

/// Makes the APIs known to the cluster, as served by this process at a port, and waits until they can be reached.
pub(super) async fn register(context: &Context, port: u16) -> Result<()> {
    let address = own_address(&context.client).await?;
    apply::<Service>(context, NAME, json!({"spec": {"ports": [{"port": 443, "targetPort": port}]}})).await?;
    let slice = json!({
        "metadata": {"labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "ports": [{"port": port, "protocol": "TCP", "name": ""}],
        "endpoints": [{"addresses": [address.to_string()], "conditions": {"ready": true}}],
    });
    apply::<EndpointSlice>(context, NAME, slice).await?;
    let services = Api::<APIService>::all(context.client.clone());
    for (group, version) in [CUSTOM, EXTERNAL] {
        let name = format!("{version}.{group}");
        let service = json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
            "spec": {
                "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": {"name": NAME, "namespace": context.namespace},
            },
        });
        services
            .patch(&name, &PatchParams::apply("upsurge-e2e").force(), &Patch::Apply(service))
            .await
            .with_context(|| format!("APIService {name} was refused"))?;
        wait::until(&services, &name, "can be reached", wait::seconds(60), is_available).await?;
    }
    Ok(())
}

/// Takes them out of the cluster: both, whatever becomes of the first.
pub(super) async fn remove(client: &Client) -> Result<()> {
    let services = Api::<APIService>::all(client.clone());
    let custom = remove_one(&services, CUSTOM).await;
    let external = remove_one(&services, EXTERNAL).await;
    custom.and(external)
}

async fn remove_one(services: &Api<APIService>, (group, version): (&str, &str)) -> Result<()> {
    let name = format!("{version}.{group}");
    match services.delete(&name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        other => drop(other.with_context(|| format!("APIService {name} can't be deleted"))?),
    }
    wait::until_gone(services, &name, wait::seconds(20)).await
}

fn is_available(service: &APIService) -> bool {
    let conditions = service.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Available" && condition.status == "True")
}

/// The address at which nodes reach this process: the one from which it reaches them.
async fn own_address(client: &Client) -> Result<IpAddr> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let mut addresses = nodes.into_iter().filter_map(|node| node.status?.addresses).flatten();
    let node = addresses.find(|address| address.type_ == "InternalIP").context("no node has an address")?;
    // Nothing is sent: this only asks the kernel for the way.
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket
        .connect((node.address.as_str(), 9))
        .with_context(|| format!("there is no way to {}", node.address))?;
    Ok(socket.local_addr()?.ip())
}
