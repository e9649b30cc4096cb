// SPDX-License-Identifier: Apache-2.0
//! What the platform team allows: where load may go, what runners may be, and how much of it at a time.
//!
//! [`Document`] is the file as it is written, [`Policy`] the same checked and ready, [`Rules`] what holds in one
//! namespace, each rule with the path by which refusals name it. [`check()`] judges a test, [`Queue`] says whose turn
//! it is, [`Rates`] watches how much load there really is. A policy that says nothing allows everything.

mod check;
mod document;
mod pattern;
mod queue;
mod rates;
mod rules;

use std::collections::BTreeMap;

pub use self::{
    check::{Refusal, check},
    document::{Document, NamespaceRules, PrometheusServer, RuleFields},
    pattern::Pattern,
    queue::{Entry, Queue, Turn},
    rates::{Excess, Rates, Sample},
    rules::{Rule, Rules},
};
use crate::field_error::{Errors, FieldError};

/// A policy that is right and ready to be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    contact: Option<String>,
    max_runs: Option<Rule<u32>>,
    servers: BTreeMap<String, PrometheusServer>,
    everywhere: Rules,
    namespaces: Vec<(Vec<Pattern>, Rules)>,
}

impl Policy {
    /// Checks a document.
    ///
    /// # Errors
    /// All that is wrong, each with its path.
    pub fn compile(document: &Document) -> Result<Self, Vec<FieldError>> {
        let mut errors = Errors::default();
        for (name, server) in &document.prometheus_servers {
            server.check(&format!("policy.prometheusServers.{name}"), &mut errors);
        }
        let mut namespaces = Vec::with_capacity(document.namespaces.len());
        for (index, namespace) in document.namespaces.iter().enumerate() {
            let path = format!("policy.namespaces[{index}]");
            if namespace.names.is_empty() {
                errors.add(format_args!("{path}.names"), "names no namespace");
            }
            let names = namespace.names.iter().map(|name| Pattern::new(name)).collect();
            namespaces.push((names, Rules::compile(&namespace.rules, &format!("{path}.rules"), &mut errors)));
        }
        let everywhere = Rules::compile(&document.rules, "policy.rules", &mut errors);
        let known = |rules: &Rules, errors: &mut Errors| {
            for name in rules.prometheus_servers.iter().flat_map(|rule| &rule.value) {
                if !document.prometheus_servers.contains_key(name) {
                    let path = rules.prometheus_servers.as_ref().map(|rule| rule.path.clone());
                    errors.add(
                        path.unwrap_or_default(),
                        format_args!("policy.prometheusServers has no server {name:?}"),
                    );
                }
            }
        };
        known(&everywhere, &mut errors);
        namespaces.iter().for_each(|(_, rules)| known(rules, &mut errors));
        let max_runs = Rule::positive(document.max_runs, "policy.maxRuns", &mut errors);
        errors.finish(Self {
            contact: document.contact.clone().filter(|contact| !contact.trim().is_empty()),
            max_runs,
            servers: document.prometheus_servers.clone(),
            everywhere,
            namespaces,
        })
    }

    /// What holds in a namespace: the rules of the first entry that names it, and for what they leave out those that
    /// hold everywhere.
    pub fn rules(&self, namespace: &str) -> Rules {
        let own = self.namespaces.iter().find(|(names, _)| names.iter().any(|name| name.matches(namespace)));
        own.map_or_else(|| self.everywhere.clone(), |(_, rules)| rules.over(&self.everywhere))
    }

    /// Whom to ask, as the end of a sentence.
    pub fn whom_to_ask(&self) -> String {
        match &self.contact {
            Some(contact) => format!("ask {contact}"),
            None => "ask whoever runs Upsurge in this cluster".into(),
        }
    }

    /// Most runs at the same time in all namespaces.
    pub fn max_runs(&self) -> Option<&Rule<u32>> {
        self.max_runs.as_ref()
    }

    /// A Prometheus server that tests may name.
    pub fn server(&self, name: &str) -> Option<&PrometheusServer> {
        self.servers.get(name)
    }

    /// All of them.
    pub fn servers(&self) -> impl Iterator<Item = (&str, &PrometheusServer)> {
        self.servers.iter().map(|(name, server)| (name.as_str(), server))
    }
}

#[cfg(test)]
mod tests;
