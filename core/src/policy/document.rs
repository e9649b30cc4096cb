// SPDX-License-Identifier: Apache-2.0
//! The policy as it is written in a file. Fields that are unknown are refused: a rule with a typing error would
//! else allow what it was to forbid.

use std::{collections::BTreeMap, path::Path};

use http::Uri;
use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::TimeSpan;

use crate::field_error::Errors;

/// A policy file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Document {
    /// Whom those are to ask who were refused something; a refusal ends with "ask …".
    pub contact: Option<String>,
    /// Most runs at the same time in all namespaces; the others wait for their turn.
    pub max_runs: Option<u32>,
    /// Prometheus servers that tests may name in `spec.prometheus.server`, by name. The operator asks them.
    pub prometheus_servers: BTreeMap<String, PrometheusServer>,
    /// What holds in every namespace.
    pub rules: RuleFields,
    /// What holds in some namespaces instead. The first entry that names a namespace is its own; what its rules leave
    /// out is as everywhere.
    pub namespaces: Vec<NamespaceRules>,
}

/// Rules of some namespaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceRules {
    /// Names of namespaces, in which `*` stands for any characters.
    pub names: Vec<String>,
    /// What holds in them.
    pub rules: RuleFields,
}

/// What may be done in a namespace. What is absent is not limited; an empty list allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleFields {
    /// Hosts that load may go to: names, which may begin with `*.`.
    pub target_hosts: Option<Vec<String>>,
    /// Networks in CIDR notation that runners may connect to.
    pub target_networks: Option<Vec<String>>,
    /// Networks that runners may not connect to, also if `targetNetworks` holds them.
    pub blocked_networks: Option<Vec<String>>,
    /// Servers of `prometheusServers` that tests may name.
    pub prometheus_servers: Option<Vec<String>>,
    /// Images that runners may have besides the operator's own, in which `*` stands for any characters.
    pub runner_images: Option<Vec<String>>,
    /// Secrets that tests may use, by name, in which `*` stands for any characters.
    pub secret_names: Option<Vec<String>>,
    /// Images that init containers may have, in which `*` stands for any characters. Where this is absent and
    /// `runnerImages` is not, there may be no init containers.
    pub init_container_images: Option<Vec<String>>,
    /// Service accounts that tests may name, in which `*` stands for any characters. Where this is absent and
    /// `secretNames` is not, they may name none.
    pub service_accounts: Option<Vec<String>>,
    /// Priority classes that tests may name, in which `*` stands for any characters.
    pub priority_classes: Option<Vec<String>>,
    /// Most runners at the same time, of all runs together.
    pub max_runners: Option<u32>,
    /// Most requests per second, of all runs together, as they are measured.
    pub max_requests_per_second: Option<u32>,
    /// Most runs at the same time; the others wait for their turn.
    pub max_runs: Option<u32>,
    /// Longest load of a run, and longest wait of each kind before and after it (15 minutes in any case).
    pub max_duration: Option<TimeSpan>,
}

/// A Prometheus server of the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusServer {
    /// Base URL.
    pub url: String,
    /// File with certificate authorities as PEM, mounted into the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// File with a token that is sent as `Authorization: Bearer`, mounted into the operator and read for each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<String>,
}

impl PrometheusServer {
    pub(super) fn check(&self, path: &str, errors: &mut Errors) {
        let url = self.url.parse::<Uri>();
        let good = url.is_ok_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some_and(|host| !host.is_empty())
        });
        if !good {
            errors.add(format_args!("{path}.url"), "needs http:// or https:// and a host");
        }
        for (field, file) in [("caFile", &self.ca_file), ("bearerTokenFile", &self.bearer_token_file)] {
            if file.as_ref().is_some_and(|file| !Path::new(file).is_absolute()) {
                errors.add(
                    format_args!("{path}.{field}"),
                    "has to be a path from the root, as /etc/prometheus/token",
                );
            }
        }
    }
}
