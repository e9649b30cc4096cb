// SPDX-License-Identifier: Apache-2.0
//! Workloads that runs observe. kwok plays their pods; there is no metrics API, so that their autoscalers see nothing.

use anyhow::{Context as _, Result};
use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler};
use kube::{Api, Client, api::PostParams};
use serde_json::json;

/// Pods of each.
const REPLICAS: i32 = 2;

/// Makes a Deployment with an autoscaler of its name.
pub async fn deploy(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let (deployment, autoscaler) = objects(name)?;
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
    let autoscalers = Api::<HorizontalPodAutoscaler>::namespaced(client.clone(), namespace);
    let made = deployments.create(&PostParams::default(), &deployment).await;
    made.with_context(|| format!("Deployment {name} can't be created"))?;
    let made = autoscalers.create(&PostParams::default(), &autoscaler).await;
    made.with_context(|| format!("the autoscaler of {name} can't be created"))?;
    Ok(())
}

fn objects(name: &str) -> Result<(Deployment, HorizontalPodAutoscaler)> {
    let labels = json!({"app": name});
    let deployment = json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [
                    {"name": "app", "image": "played", "resources": {"requests": {"cpu": "100m"}}},
                ]},
            },
        },
    });
    let autoscaler = json!({
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": REPLICAS,
            "maxReplicas": 2 * REPLICAS,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50},
            }}],
        },
    });
    Ok((serde_json::from_value(deployment)?, serde_json::from_value(autoscaler)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_scales_the_deployment_of_its_name() {
        let (deployment, autoscaler) = objects("shop").unwrap();
        let spec = autoscaler.spec;
        let (kind, name) = (&*spec.scale_target_ref.kind, &*spec.scale_target_ref.name);
        assert_eq!((kind, Some(name)), ("Deployment", deployment.metadata.name.as_deref()));
        let replicas = deployment.spec.replicas;
        assert_eq!((replicas, spec.min_replicas), (Some(REPLICAS), Some(REPLICAS)));
    }
}
