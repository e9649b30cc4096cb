// SPDX-License-Identifier: Apache-2.0
//! All scale-ups of a run together: percentiles of each part, and the part that took the most time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Part, Quantiles, ScaleUp, quantiles};

/// Each part over all scale-ups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The parts of which anything is known.
    pub parts: BTreeMap<Part, PartSummary>,
    /// The part that took the most time of all scale-ups together, each with its last pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest: Option<Part>,
    /// Pods that the scale-ups asked for.
    #[serde(default)]
    pub pods: u32,
}

/// A part over all scale-ups: of each pod, or of each scale-up if it is none of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartSummary {
    /// Percentiles, in seconds.
    #[serde(flatten)]
    pub seconds: Quantiles,
    /// How many values they are of.
    pub known: u32,
    /// How many values are not known.
    pub unknown: u32,
}

/// Sums scale-ups up.
pub fn summary(scale_ups: &[ScaleUp]) -> Summary {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let pods: usize = scale_ups.iter().map(|up| up.pods.len() + up.missing as usize).sum();
    let part = |part: Part| {
        let of_pods = !matches!(part, Part::Decision | Part::Recovery);
        let values: Vec<f64> = match of_pods {
            true => scale_ups
                .iter()
                .flat_map(|up| &up.pods)
                .filter_map(|pod| pod.parts.get(&part).copied())
                .collect(),
            false => scale_ups.iter().filter_map(|up| up.parts.get(&part).copied()).collect(),
        };
        let all: usize = match part {
            // That thresholds were met all the time is known.
            Part::Recovery => values.len(),
            _ if of_pods => pods,
            _ => scale_ups.len(),
        };
        let unknown = number(all.saturating_sub(values.len()));
        let seconds = quantiles(&values)?;
        Some((part, PartSummary { seconds, known: number(values.len()), unknown }))
    };
    let total = |part: &Part| scale_ups.iter().filter_map(|up| up.parts.get(part)).sum::<f64>();
    let parts: BTreeMap<Part, PartSummary> = Part::ALL.into_iter().filter_map(part).collect();
    let largest = parts.keys().copied().max_by(|one, other| total(one).total_cmp(&total(other)));
    Summary { parts, largest, pods: number(pods) }
}
