// SPDX-License-Identifier: Apache-2.0
//! Rules that are ready to be used, each with the path by which refusals name it.

use std::time::Duration;

use super::{Pattern, RuleFields};
use crate::{
    field_error::Errors,
    http::{HostPattern, IpRange, ReachRules},
};

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule<T> {
    /// What it says.
    pub value: T,
    /// Path in the policy.
    pub path: String,
}

impl Rule<u32> {
    /// A limit that is not 0: that would be a policy that stops everything and says so nowhere.
    pub(super) fn positive(value: Option<u32>, path: &str, errors: &mut Errors) -> Option<Self> {
        if value == Some(0) {
            errors.add(path, "must be at least 1; take away the rights on load tests to allow none");
        }
        value.map(|value| Self { value, path: path.to_owned() })
    }
}

/// What holds in a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    pub(super) target_hosts: Option<Rule<Vec<String>>>,
    pub(super) target_networks: Option<Rule<Vec<String>>>,
    pub(super) blocked_networks: Option<Rule<Vec<String>>>,
    pub(super) prometheus_servers: Option<Rule<Vec<String>>>,
    pub(super) runner_images: Option<Rule<Vec<Pattern>>>,
    pub(super) secret_names: Option<Rule<Vec<Pattern>>>,
    pub(super) init_container_images: Option<Rule<Vec<Pattern>>>,
    pub(super) service_accounts: Option<Rule<Vec<Pattern>>>,
    pub(super) priority_classes: Option<Rule<Vec<Pattern>>>,
    /// Most runners at the same time.
    pub max_runners: Option<Rule<u32>>,
    /// Most requests per second.
    pub max_requests_per_second: Option<Rule<u32>>,
    /// Most runs at the same time.
    pub max_runs: Option<Rule<u32>>,
    pub(super) max_duration: Option<Rule<Duration>>,
}

impl Rules {
    pub(super) fn compile(fields: &RuleFields, path: &str, errors: &mut Errors) -> Self {
        let at = |field: &str| format!("{path}.{field}");
        let list = |value: &Option<Vec<String>>, field: &str| {
            value.clone().map(|value| Rule { value, path: at(field) })
        };
        let patterns = |value: &Option<Vec<String>>, field: &str| {
            let value = value.as_ref()?.iter().map(|text| Pattern::new(text)).collect();
            Some(Rule { value, path: at(field) })
        };
        let mut verify = |value: &Option<Vec<String>>, field: &str, parse: fn(&str) -> Result<(), String>| {
            for (index, text) in value.iter().flatten().enumerate() {
                errors.check(format_args!("{path}.{field}[{index}]"), parse(text));
            }
        };
        let network = |text: &str| IpRange::parse(text).map(drop);
        verify(&fields.target_hosts, "targetHosts", |text| HostPattern::parse(text).map(drop));
        verify(&fields.target_networks, "targetNetworks", network);
        verify(&fields.blocked_networks, "blockedNetworks", network);
        let mut limit = |value, field: &str| Rule::positive(value, &at(field), errors);
        Self {
            target_hosts: list(&fields.target_hosts, "targetHosts"),
            target_networks: list(&fields.target_networks, "targetNetworks"),
            blocked_networks: list(&fields.blocked_networks, "blockedNetworks"),
            prometheus_servers: list(&fields.prometheus_servers, "prometheusServers"),
            runner_images: patterns(&fields.runner_images, "runnerImages"),
            secret_names: patterns(&fields.secret_names, "secretNames"),
            init_container_images: patterns(&fields.init_container_images, "initContainerImages"),
            service_accounts: patterns(&fields.service_accounts, "serviceAccounts"),
            priority_classes: patterns(&fields.priority_classes, "priorityClasses"),
            max_runners: limit(fields.max_runners, "maxRunners"),
            max_requests_per_second: limit(fields.max_requests_per_second, "maxRequestsPerSecond"),
            max_runs: limit(fields.max_runs, "maxRuns"),
            max_duration: fields.max_duration.map(|span| Rule { value: span.0, path: at("maxDuration") }),
        }
    }

    /// These rules, and for what they leave out others.
    pub(super) fn over(&self, others: &Self) -> Self {
        fn first<T: Clone>(one: &Option<T>, other: &Option<T>) -> Option<T> {
            one.as_ref().or(other.as_ref()).cloned()
        }
        Self {
            target_hosts: first(&self.target_hosts, &others.target_hosts),
            target_networks: first(&self.target_networks, &others.target_networks),
            blocked_networks: first(&self.blocked_networks, &others.blocked_networks),
            prometheus_servers: first(&self.prometheus_servers, &others.prometheus_servers),
            runner_images: first(&self.runner_images, &others.runner_images),
            secret_names: first(&self.secret_names, &others.secret_names),
            init_container_images: first(&self.init_container_images, &others.init_container_images),
            service_accounts: first(&self.service_accounts, &others.service_accounts),
            priority_classes: first(&self.priority_classes, &others.priority_classes),
            max_runners: first(&self.max_runners, &others.max_runners),
            max_requests_per_second: first(&self.max_requests_per_second, &others.max_requests_per_second),
            max_runs: first(&self.max_runs, &others.max_runs),
            max_duration: first(&self.max_duration, &others.max_duration),
        }
    }

    /// What runners may reach, as they are told it.
    pub fn reach(&self) -> ReachRules {
        let value = |rule: &Option<Rule<Vec<String>>>| rule.as_ref().map(|rule| rule.value.clone());
        ReachRules {
            hosts: value(&self.target_hosts),
            networks: value(&self.target_networks),
            blocked: value(&self.blocked_networks).unwrap_or_default(),
        }
    }
}
