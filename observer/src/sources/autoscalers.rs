// SPDX-License-Identifier: Apache-2.0
//! The autoscaler of a workload: its settings, what it says, and whether it is the only one.
//!
//! Several HorizontalPodAutoscalers on one workload work against each other. The oldest is told, whichever was seen last,
//! and that there are more is a condition of its own.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior,
};
use kube::core::DynamicObject;
use upsurge_figures::observation::{Autoscaler, Condition, Scaling, What};

use super::{
    keda,
    readings::readings,
    requests::{self, MissingRequest},
    resources::Resources,
};
use crate::{fact::Fact, target::Target};

/// Condition that this crate adds to those of the autoscaler: `False` while several of them target the workload.
pub const ONLY_ONE: &str = "OnlyAutoscaler";
/// Condition of a ScaledObject: `True` while KEDA was told to leave the replicas alone.
pub const PAUSED: &str = "Paused";
/// Condition of a ScaledObject: `True` while KEDA can't read a trigger and sets the replicas that its `fallback` names.
pub const FALLBACK: &str = "Fallback";

/// Seconds for which Kubernetes waits before it scales down, where nothing is said.
const DOWN_WINDOW: u32 = 300;

/// The autoscalers that target a workload, by name.
#[derive(Clone, Debug, Default)]
pub struct Autoscalers {
    hpas: BTreeMap<String, HorizontalPodAutoscaler>,
    scaled_objects: BTreeMap<String, DynamicObject>,
}

impl Autoscalers {
    /// These HorizontalPodAutoscalers, and no others.
    pub fn list(&mut self, all: Vec<HorizontalPodAutoscaler>, target: &Target) {
        self.hpas.clear();
        all.into_iter().for_each(|hpa| self.set(hpa, target));
    }

    /// One is new or changed. One that targets something else now is none any more.
    pub fn set(&mut self, hpa: HorizontalPodAutoscaler, target: &Target) {
        let name = hpa.metadata.name.clone().unwrap_or_default();
        let of = &hpa.spec.scale_target_ref;
        if target.is(of.api_version.as_deref().unwrap_or_default(), &of.kind, &of.name) {
            self.hpas.insert(name, hpa);
        } else {
            self.hpas.remove(&name);
        }
    }

    /// One is gone.
    pub fn remove(&mut self, hpa: &HorizontalPodAutoscaler) {
        self.hpas.remove(hpa.metadata.name.as_deref().unwrap_or_default());
    }

    /// These ScaledObjects, and no others.
    pub fn list_scaled_objects(&mut self, all: Vec<DynamicObject>, target: &Target) {
        self.scaled_objects.clear();
        all.into_iter().for_each(|object| self.set_scaled_object(object, target));
    }

    /// One is new or changed.
    pub fn set_scaled_object(&mut self, object: DynamicObject, target: &Target) {
        let name = object.metadata.name.clone().unwrap_or_default();
        if keda::targets(&object, target) {
            self.scaled_objects.insert(name, object);
        } else {
            self.scaled_objects.remove(&name);
        }
    }

    /// One is gone.
    pub fn remove_scaled_object(&mut self, object: &DynamicObject) {
        self.scaled_objects.remove(object.metadata.name.as_deref().unwrap_or_default());
    }

    /// The first of those requests that containers lack which the autoscaler needs.
    pub fn lacks(&self, missing: &BTreeSet<MissingRequest>) -> Option<MissingRequest> {
        requests::needed(self.oldest()?, missing)
    }

    /// `spec` of the HorizontalPodAutoscaler that is told; `None` if there is none.
    pub fn spec(&self) -> Option<serde_json::Value> {
        self.oldest().and_then(|hpa| serde_json::to_value(&hpa.spec).ok())
    }

    fn oldest(&self) -> Option<&HorizontalPodAutoscaler> {
        self.hpas.values().min_by_key(|hpa| {
            let created = hpa.metadata.creation_timestamp.as_ref().map(|time| time.0);
            (created, hpa.metadata.name.clone())
        })
    }

    /// What there is to tell. `AutoscalerGone` if there is none; whether that is news is not known here.
    pub fn facts(&self, resources: Option<&Resources>) -> Vec<Fact> {
        let hpa = self.oldest();
        let Some((autoscaler, scaled_object)) = self.settings(hpa) else {
            return vec![Fact::of(What::AutoscalerGone)];
        };
        let mut facts = vec![Fact::of(What::Autoscaler(autoscaler))];
        let theirs = scaled_object.into_iter().flat_map(keda::conditions);
        facts.extend(theirs.map(|condition| Fact::of(What::Condition(condition))));
        facts.push(Fact::of(What::Condition(self.only_one())));
        if let Some(hpa) = hpa {
            facts.extend(conditions(hpa));
            facts.extend(scaling(hpa, resources));
        }
        facts
    }

    /// The settings that hold, and the ScaledObject that they come from, if one is seen. KEDA deletes the
    /// HorizontalPodAutoscaler of a paused one.
    fn settings(
        &self,
        hpa: Option<&HorizontalPodAutoscaler>,
    ) -> Option<(Autoscaler, Option<&DynamicObject>)> {
        let Some(hpa) = hpa else {
            let object = self.scaled_objects.values().next()?;
            return Some((keda::settings(object), Some(object)));
        };
        let owner = hpa
            .metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.kind == keda::KIND && owner.api_version.starts_with("keda.sh/"));
        let own = described(hpa);
        let Some(owner) = owner else { return Some((own, None)) };
        let object = self.scaled_objects.get(&owner.name);
        let min = object.map_or(own.min, |object| keda::settings(object).min);
        Some((Autoscaler { kind: owner.kind.clone(), name: owner.name.clone(), min, ..own }, object))
    }

    fn only_one(&self) -> Condition {
        let names: Vec<&str> = self.hpas.keys().map(String::as_str).collect();
        let several = names.len() > 1;
        let message = if several {
            format!("HorizontalPodAutoscalers {} target the same workload", names.join(", "))
        } else {
            String::new()
        };
        Condition {
            condition: ONLY_ONE.into(),
            status: if several { "False" } else { "True" }.into(),
            reason: if several { "SeveralAutoscalers" } else { "OneAutoscaler" }.into(),
            message,
        }
    }
}

/// How quickly an autoscaler may act.
pub struct Behavior<'a>(Option<&'a HorizontalPodAutoscalerBehavior>);

impl<'a> Behavior<'a> {
    /// Of an autoscaler that may say so.
    pub fn of(behavior: Option<&'a HorizontalPodAutoscalerBehavior>) -> Self {
        Self(behavior)
    }

    /// The settings with windows and policies.
    pub fn on(&self, autoscaler: Autoscaler) -> Autoscaler {
        let up = self.0.and_then(|behavior| behavior.scale_up.as_ref());
        let down = self.0.and_then(|behavior| behavior.scale_down.as_ref());
        let window = |seconds: Option<i32>| seconds.and_then(|seconds| u32::try_from(seconds).ok());
        Autoscaler {
            up_window: window(up.and_then(|rules| rules.stabilization_window_seconds)).unwrap_or(0),
            down_window: window(down.and_then(|rules| rules.stabilization_window_seconds))
                .unwrap_or(DOWN_WINDOW),
            up_policies: policies(up),
            down_policies: Some(policies(down)),
            up_select: Some(select(up)),
            down_select: Some(select(down)),
            ..autoscaler
        }
    }
}

fn policies(rules: Option<&HPAScalingRules>) -> Vec<serde_json::Value> {
    let policies = rules.and_then(|rules| rules.policies.as_ref()).into_iter().flatten();
    policies.filter_map(|policy| serde_json::to_value(policy).ok()).collect()
}

/// Which policy counts. Kubernetes goes by the one that changes most unless it is told otherwise.
fn select(rules: Option<&HPAScalingRules>) -> String {
    rules.and_then(|rules| rules.select_policy.clone()).unwrap_or_else(|| "Max".into())
}

fn described(hpa: &HorizontalPodAutoscaler) -> Autoscaler {
    let autoscaler = Autoscaler {
        kind: "HorizontalPodAutoscaler".into(),
        name: hpa.metadata.name.clone().unwrap_or_default(),
        min: count(hpa.spec.min_replicas.unwrap_or(1)),
        max: count(hpa.spec.max_replicas),
        ..Autoscaler::default()
    };
    Behavior::of(hpa.spec.behavior.as_ref()).on(autoscaler)
}

/// What it wants. A status without conditions was never written by the autoscaler; its zeros mean nothing.
fn scaling(hpa: &HorizontalPodAutoscaler, resources: Option<&Resources>) -> Option<Fact> {
    let status = hpa.status.as_ref().filter(|status| status.conditions.is_some())?;
    Some(Fact::of(What::Scaling(Scaling {
        desired: count(status.desired_replicas),
        current: count(status.current_replicas.unwrap_or_default()),
        last_scale: status.last_scale_time.as_ref().map(|time| time.0),
        readings: readings(hpa, resources),
    })))
}

fn conditions(hpa: &HorizontalPodAutoscaler) -> impl Iterator<Item = Fact> {
    let all = hpa.status.iter().flat_map(|status| status.conditions.iter().flatten());
    all.map(|condition| {
        let said = Condition {
            condition: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
        };
        Fact::of(What::Condition(said)).since(condition.last_transition_time.as_ref())
    })
}

fn count(replicas: i32) -> u32 {
    u32::try_from(replicas).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(behavior: serde_json::Value) -> Autoscaler {
        let behavior: HorizontalPodAutoscalerBehavior = serde_json::from_value(behavior).unwrap();
        Behavior::of(Some(&behavior)).on(Autoscaler::default())
    }

    #[test]
    fn policies_and_which_of_them_counts_are_told_of_both_directions() {
        let pods = json!({"type": "Pods", "value": 2, "periodSeconds": 60});
        let found = settings(json!({
            "scaleUp": {"selectPolicy": "Min", "policies": [pods], "stabilizationWindowSeconds": 30},
            "scaleDown": {"selectPolicy": "Disabled"}
        }));
        assert_eq!((found.up_window, found.down_window), (30, 300));
        assert_eq!((&found.up_policies, &found.down_policies), (&vec![pods], &Some(Vec::new())));
        assert_eq!(
            (found.up_select.as_deref(), found.down_select.as_deref()),
            (Some("Min"), Some("Disabled"))
        );
    }

    #[test]
    fn what_is_not_said_is_as_kubernetes_has_it() {
        let found = Behavior::of(None).on(Autoscaler::default());
        assert_eq!((found.up_window, found.down_window), (0, 300));
        assert_eq!((found.up_policies, found.down_policies), (vec![], Some(vec![])));
        assert_eq!((found.up_select.as_deref(), found.down_select.as_deref()), (Some("Max"), Some("Max")));
    }
}
