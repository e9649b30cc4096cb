// SPDX-License-Identifier: Apache-2.0
//! What a ScaledObject of KEDA says. Its kind is not compiled in: clusters have other versions of it, or none.

use kube::core::DynamicObject;
use serde_json::Value;
use upsurge_figures::observation::{Autoscaler, Condition};

use super::autoscalers::{Behavior, PAUSED};
use crate::target::Target;

/// Kind of KEDA's autoscaler.
pub const KIND: &str = "ScaledObject";
/// Annotations by which KEDA is told to leave the replicas alone.
const PAUSING: [&str; 2] = ["autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"];
/// Most replicas of a ScaledObject that doesn't say it; KEDA's default.
const MOST: u32 = 100;

/// Whether it scales a workload.
pub fn targets(object: &DynamicObject, target: &Target) -> bool {
    let text = |field: &str, otherwise| {
        let found = object.data.pointer(&format!("/spec/scaleTargetRef/{field}"));
        found.and_then(Value::as_str).unwrap_or(otherwise)
    };
    target.is(text("apiVersion", "apps/v1"), text("kind", "Deployment"), text("name", ""))
}

/// Its settings. The fewest replicas are its own: its HorizontalPodAutoscaler never goes below 1, KEDA itself does the rest.
pub fn settings(object: &DynamicObject) -> Autoscaler {
    let number = |field: &str| {
        let found = object.data.pointer(&format!("/spec/{field}")).and_then(Value::as_u64);
        found.and_then(|number| u32::try_from(number).ok())
    };
    let behavior = object.data.pointer("/spec/advanced/horizontalPodAutoscalerConfig/behavior");
    let behavior = behavior.and_then(|behavior| serde_json::from_value(behavior.clone()).ok());
    let autoscaler = Autoscaler {
        kind: KIND.into(),
        name: object.metadata.name.clone().unwrap_or_default(),
        min: number("idleReplicaCount").or_else(|| number("minReplicaCount")).unwrap_or(0),
        max: number("maxReplicaCount").unwrap_or(MOST),
        ..Autoscaler::default()
    };
    Behavior::of(behavior.as_ref()).on(autoscaler)
}

/// Its conditions, `Ready`, `Active`, `Fallback` and [`PAUSED`]. Older versions say the last one by an annotation only.
pub fn conditions(object: &DynamicObject) -> Vec<Condition> {
    let said = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions: Vec<Condition> = said
        .into_iter()
        .flatten()
        .map(|condition| {
            let text =
                |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            Condition {
                condition: text("type"),
                status: text("status"),
                reason: text("reason"),
                message: text("message"),
            }
        })
        .filter(|condition| !condition.condition.is_empty() && condition.condition != PAUSED)
        .collect();
    conditions.push(paused(object, said));
    conditions
}

fn paused(object: &DynamicObject, said: Option<&Vec<Value>>) -> Condition {
    let annotations = object.metadata.annotations.as_ref();
    let by = PAUSING.iter().find_map(|name| {
        let value = annotations?.get(*name)?;
        (value != "false").then(|| format!("{name}: {value}"))
    });
    let own = said.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some(PAUSED)
            && condition.get("status").and_then(Value::as_str) == Some("True")
    });
    let (status, reason) = if by.is_some() || own { ("True", "Paused") } else { ("False", "NotPaused") };
    Condition {
        condition: PAUSED.into(),
        status: status.into(),
        reason: reason.into(),
        message: by.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &Value, annotations: &Value, conditions: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": "queue", "annotations": annotations}, "spec": spec, "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn target(kind: &str) -> Target {
        Target {
            namespace: "shop".into(),
            api_version: "apps/v1".into(),
            kind: kind.into(),
            name: "worker".into(),
        }
    }

    #[test]
    fn its_own_bounds_and_windows_count_with_its_defaults() {
        let plain = object(&json!({"scaleTargetRef": {"name": "worker"}}), &json!({}), &json!([]));
        assert!(targets(&plain, &target("Deployment")) && !targets(&plain, &target("StatefulSet")));
        let settings_of = settings(&plain);
        assert_eq!((settings_of.min, settings_of.max, settings_of.down_window), (0, 100, 300));
        let full = object(
            &json!({"scaleTargetRef": {"name": "worker", "kind": "StatefulSet"}, "idleReplicaCount": 0, "minReplicaCount": 3,
                "maxReplicaCount": 9, "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {
                    "scaleDown": {"stabilizationWindowSeconds": 15}}}}}),
            &json!({}),
            &json!([]),
        );
        assert!(targets(&full, &target("StatefulSet")));
        let settings_of = settings(&full);
        assert_eq!((settings_of.min, settings_of.max, settings_of.down_window), (0, 9, 15));
    }

    #[test]
    fn that_it_is_paused_is_told_by_annotation_or_condition() {
        let spec = json!({"scaleTargetRef": {"name": "worker"}});
        let is_paused = |annotations, conditions| {
            let all = super::conditions(&object(&spec, &annotations, &conditions));
            assert_eq!(all.iter().filter(|condition| condition.condition == PAUSED).count(), 1);
            all.last().unwrap().status == "True"
        };
        assert!(!is_paused(json!({}), json!([{"type": "Paused", "status": "False"}])));
        assert!(!is_paused(json!({"autoscaling.keda.sh/paused": "false"}), json!([])));
        assert!(is_paused(
            json!({}),
            json!([{"type": "Active", "status": "True"}, {"type": "Paused", "status": "True"}])
        ));
        assert!(is_paused(json!({"autoscaling.keda.sh/paused-replicas": "0"}), json!([])));
    }
}
