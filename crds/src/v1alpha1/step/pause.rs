// SPDX-License-Identifier: Apache-2.0
//! Steps that let time pass.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1alpha1::duration::TimeSpan;

/// A pause, as a person makes it between two actions. With `min` alone all pauses have that length;
/// with `min` and `max` they are drawn evenly from between the two; `normal` and `exponential` are
/// other distributions, kept within `min` and `max` if those are given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "has(self.min) || has(self.normal) || has(self.exponential)",
        "a think needs min, normal or exponential"
    ),
    validation = (
        "!(has(self.normal) && has(self.exponential))",
        "a think has at most one of normal and exponential"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ThinkStep {
    /// Shortest pause. Default with `normal` and `exponential`: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<TimeSpan>,

    /// Longest pause. Default: `min`; with `normal` and `exponential`: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<TimeSpan>,

    /// Normally distributed pauses: most are near the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<NormalPause>,

    /// Exponentially distributed pauses, as between independent events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponential: Option<ExponentialPause>,
}

/// A normal distribution of pauses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NormalPause {
    /// Mean length.
    pub mean: TimeSpan,

    /// Standard deviation.
    pub deviation: TimeSpan,
}

/// An exponential distribution of pauses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExponentialPause {
    /// Mean length.
    pub mean: TimeSpan,
}

/// Waits until a span of time is over that began with the iteration, or ended with the last `pace` of the
/// iteration. What comes after is intended to start at that instant, so that the response time of a
/// user who is late includes the delay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaceStep {
    /// Length of the span. Example: `2s`.
    pub every: TimeSpan,
}
