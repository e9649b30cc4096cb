// SPDX-License-Identifier: Apache-2.0
//! Servers that figures are pushed to while the load runs.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration::TimeSpan, prometheus::SecretHeader};

/// A server that every runner pushes its figures to while the load runs. Exactly one of `prometheusRemoteWrite` and `otlp`
/// is given. A server that is slow or away changes neither load nor verdict; `status.outputs` tells of it. Runners contact
/// it under the same rules as the target: what they may not reach gets nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "has(self.prometheusRemoteWrite) != has(self.otlp)",
        "an output has exactly one of prometheusRemoteWrite and otlp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct OutputSpec {
    /// Name by which `status.outputs` shows it. Example: `metrics`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// A server that takes Prometheus remote writes, and native histograms in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_remote_write: Option<RemoteWriteOutput>,

    /// A server that takes OpenTelemetry metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpOutput>,

    /// Time between two pushes, from 1s to 1m. Default: 5s.
    #[serde(default = "five_seconds")]
    pub interval: TimeSpan,
}

/// A server that takes Prometheus remote writes 1.0. It has to take native histograms: Prometheus does so from 3.8 on, and
/// before that with `--enable-feature=native-histograms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteWriteOutput {
    /// Where it takes them. No login may stand in it: see `headers`. Redirects are not followed. Example:
    /// `http://prometheus.monitoring.svc:9090/api/v1/write`.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s/?#@]+([/?#]\S*)?$"))]
    pub url: String,

    /// Headers of every message, with values from Secrets. Example:
    /// `[{name: Authorization, valueFrom: {secretKeyRef: {name: prometheus, key: authorization}}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<SecretHeader>,
}

/// A server that takes OpenTelemetry metrics: OTLP over HTTP in protobuf, with exponential histograms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtlpOutput {
    /// Where it takes them; without a path it is `/v1/metrics`. No login may stand in it: see `headers`. Redirects are not
    /// followed. Example: `http://otel-collector.monitoring.svc:4318`.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s/?#@]+([/?#]\S*)?$"))]
    pub endpoint: String,

    /// Headers of every message, with values from Secrets. Example:
    /// `[{name: X-Api-Key, valueFrom: {secretKeyRef: {name: telemetry, key: api-key}}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<SecretHeader>,
}

impl OutputSpec {
    /// The name of the member that is given, its URL with the field it stands in, and its headers; `None` when none is.
    pub fn destination(&self) -> Option<(&'static str, &str, &[SecretHeader])> {
        let write = self.prometheus_remote_write.as_ref();
        let write = write.map(|write| ("prometheusRemoteWrite.url", write.url.as_str(), &write.headers[..]));
        let otlp = self.otlp.as_ref();
        write.or(otlp.map(|otlp| ("otlp.endpoint", otlp.endpoint.as_str(), &otlp.headers[..])))
    }

    /// The headers with their fields, from the output on.
    pub fn headers(&self) -> impl Iterator<Item = (String, &SecretHeader)> {
        let (field, _, headers) = self.destination().unwrap_or_default();
        let member = field.split('.').next().unwrap_or_default();
        headers.iter().enumerate().map(move |(index, header)| (format!("{member}.headers[{index}]"), header))
    }
}

fn five_seconds() -> TimeSpan {
    TimeSpan::from_secs(5)
}
