// SPDX-License-Identifier: Apache-2.0
//! The HorizontalPodAutoscaler of a target, which has its name. A test says by what metric it scales, and waits for what it says of
//! itself.

use anyhow::Result;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::{Value, json};

use super::Target;
use crate::wait;

impl Target {
    /// Gives the target a HorizontalPodAutoscaler at 60 % of the requested CPU and waits until it reads its metrics.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn autoscale(&self, max_replicas: i32) -> Result<()> {
        self.autoscale_at(60, max_replicas).await
    }

    /// The same at so many percent.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn autoscale_at(&self, percent: i32, max_replicas: i32) -> Result<()> {
        self.autoscale_by(Self::cpu_at(percent), max_replicas).await?;
        self.autoscaler("ScalingActive", "True").await
    }

    /// 60 % of the requested CPU, as an autoscaler's metric.
    pub fn cpu() -> Value {
        Self::cpu_at(60)
    }

    /// So many percent of the requested CPU, as an autoscaler's metric.
    pub fn cpu_at(percent: i32) -> Value {
        json!({"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent},
        }})
    }

    /// Gives the target a HorizontalPodAutoscaler with that metric.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn autoscale_by(&self, metric: Value, max_replicas: i32) -> Result<()> {
        self.autoscale_after(metric, max_replicas, 15).await
    }

    /// The same, with so many seconds of a window for scaling down.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn autoscale_after(&self, metric: Value, max_replicas: i32, window: u32) -> Result<()> {
        self.apply::<HorizontalPodAutoscaler>(json!({"spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": self.kind.resource().kind, "name": self.name},
            "minReplicas": 1, "maxReplicas": max_replicas, "metrics": [metric],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": window}},
        }}))
        .await
    }

    /// Waits until a condition of the autoscaler has a status.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn autoscaler(&self, type_: &str, status: &str) -> Result<()> {
        self.autoscaler_named(&self.name, type_, status).await
    }

    /// The same of an autoscaler with another name than the target's.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn autoscaler_named(&self, name: &str, type_: &str, status: &str) -> Result<()> {
        let holds = |autoscaler: &HorizontalPodAutoscaler| {
            let conditions = autoscaler.status.as_ref().and_then(|status| status.conditions.as_ref());
            conditions
                .into_iter()
                .flatten()
                .any(|condition| condition.type_ == type_ && condition.status == status)
        };
        let what = format!("has {type_}={status}");
        wait::until(&self.context.api::<HorizontalPodAutoscaler>(), name, &what, wait::seconds(90), holds)
            .await?;
        Ok(())
    }
}
