// SPDX-License-Identifier: Apache-2.0
//! What to change, in words and where possible as a merge patch for the autoscaler.
//!
//! A patch is only given where the figures say by how much. It replaces lists, as merge patches do, so it holds the policies that
//! were there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Limit;
use crate::observation::Autoscaler;

/// Changes of direction that nothing asked for, from which on an autoscaler is said to flap.
const FLAPPING: u64 = 2;
/// Kubernetes' default window for scaling down.
const DEFAULT_DOWN_WINDOW: u32 = 300;

/// What a recommendation rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The limit of the run; `None` if there were enough replicas.
    pub limit: Option<Limit>,
    /// What it was seen by.
    pub evidence: &'a str,
    /// The autoscaler's settings.
    pub autoscaler: Option<&'a Autoscaler>,
    /// Most replicas that the load asked for, if that is known.
    pub most_demanded: Option<u32>,
    /// Changes of direction that nothing asked for.
    pub flapping: u64,
}

/// A recommendation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// What to do, in a sentence.
    pub text: String,
    /// Why.
    pub reason: String,
    /// The same as a JSON merge patch for the autoscaler; absent where it isn't the autoscaler's to change, or not known by how
    /// much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
}

/// What to change; `None` if nothing has to be.
pub fn recommend(facts: &Facts<'_>) -> Option<Recommendation> {
    let (text, patch) = match facts.limit {
        None | Some(Limit::None) if facts.flapping >= FLAPPING => return Some(steadier(facts)),
        None => return None,
        Some(limit) => against(limit, facts),
    };
    Some(Recommendation { text, reason: facts.evidence.into(), patch })
}

fn against(limit: Limit, facts: &Facts<'_>) -> (String, Option<Value>) {
    let words = |text: &str| (text.to_owned(), None);
    match limit {
        Limit::MaxReplicas => match facts.most_demanded.zip(facts.autoscaler) {
            Some((demand, autoscaler)) if demand > autoscaler.max => {
                let text = format!("raise maxReplicas from {} to at least {demand}", autoscaler.max);
                (text, Some(bounded(autoscaler, demand)))
            }
            _ => {
                words("raise maxReplicas; with capacityPerReplica in the test the next run says to how many")
            }
        },
        Limit::ScaleUpPolicy => match facts.most_demanded.zip(facts.autoscaler) {
            Some((demand, autoscaler)) if demand > autoscaler.min => {
                let pods = demand - autoscaler.min;
                let text = format!(
                    "let the autoscaler add {pods} pods at once: a policy of {pods} pods per 15 seconds"
                );
                (
                    text,
                    Some(behavior(
                        autoscaler,
                        json!({"scaleUp": {"selectPolicy": "Max", "policies": policies(autoscaler, pods)}}),
                    )),
                )
            }
            _ => words("give behavior.scaleUp a policy that adds more pods per period"),
        },
        Limit::Stabilization => {
            let patch = json!({"scaleUp": {"stabilizationWindowSeconds": 0}});
            let text =
                "set behavior.scaleUp.stabilizationWindowSeconds to 0, so that a rise is followed at once";
            (text.into(), facts.autoscaler.map(|autoscaler| behavior(autoscaler, patch)))
        }
        Limit::CPULimit => words(
            "raise the pods' CPU limit, or remove it, or set a lower target: what a pod can't use, the autoscaler doesn't see",
        ),
        Limit::Nodes => words(
            "give the cluster room for more pods (nodes, a node autoscaler), or lower the pods' requests",
        ),
        Limit::Quota => words("raise the namespace's ResourceQuota, or lower the pods' requests"),
        Limit::MetricsBroken => words("mend what serves the autoscaler's metrics, and run the test again"),
        Limit::ImagePull => words(
            "see to the image: its name, its registry, the pull secret; or have it on the nodes beforehand",
        ),
        Limit::Readiness => words(
            "let pods be ready sooner: a shorter start, a readiness probe that looks earlier and more often, or replicas kept in \
             reserve by a higher minReplicas",
        ),
        Limit::None => words(
            "nothing held the autoscaler back: to have replicas sooner, lower its target, or keep more of them by a higher minReplicas",
        ),
    }
}

/// A longer window for scaling down.
fn steadier(facts: &Facts<'_>) -> Recommendation {
    let window = facts.autoscaler.map_or(0, |autoscaler| autoscaler.down_window);
    let longer = window.saturating_mul(2).max(DEFAULT_DOWN_WINDOW);
    let patch = json!({"scaleDown": {"stabilizationWindowSeconds": longer}});
    Recommendation {
        text: format!("set behavior.scaleDown.stabilizationWindowSeconds from {window} to {longer}"),
        reason: format!("replicas changed direction {} times although the load did not", facts.flapping),
        patch: facts.autoscaler.map(|autoscaler| behavior(autoscaler, patch)),
    }
}

/// The policies of now, or Kubernetes' own if there are none, and one more.
fn policies(autoscaler: &Autoscaler, pods: u32) -> Vec<Value> {
    let mut policies = autoscaler.up_policies.clone();
    if policies.is_empty() {
        policies.push(json!({"type": "Percent", "value": 100, "periodSeconds": 15}));
    }
    policies.push(json!({"type": "Pods", "value": pods, "periodSeconds": 15}));
    policies
}

fn is_keda(autoscaler: &Autoscaler) -> bool {
    autoscaler.kind == "ScaledObject"
}

/// A new upper bound. KEDA calls it by another name, and would undo a change of the autoscaler that it made.
fn bounded(autoscaler: &Autoscaler, max: u32) -> Value {
    if is_keda(autoscaler) {
        json!({"spec": {"maxReplicaCount": max}})
    } else {
        json!({"spec": {"maxReplicas": max}})
    }
}

/// A new behavior.
fn behavior(autoscaler: &Autoscaler, behavior: Value) -> Value {
    if is_keda(autoscaler) {
        return json!({"spec": {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}}});
    }
    json!({"spec": {"behavior": behavior}})
}
