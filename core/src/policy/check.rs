// SPDX-License-Identifier: Apache-2.0
//! Whether a test is allowed in a namespace, as far as that can be told before it runs: addresses that names lead to,
//! and URLs that are put together at run time, are for the runners to judge, by the same rules.

mod pods;

use std::{fmt, time::Duration};

use http::Uri;
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{TimeLimit, TimeSpan},
};

use super::{Pattern, Policy, Rule, Rules};
use crate::{
    autoscaling::USUAL_WAIT,
    epochs::Epochs,
    files::{self, FileKind},
    http::{Forbidden, Reach},
    scenario::{Request, requests},
    template::{Piece, Template},
    validate::Valid,
};

/// Entries of a list that a refusal shows.
const SHOWN: usize = 5;

/// What the policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {asked}, which {rule} does not allow{allowed}")]
pub struct Refusal {
    /// Path of the rule.
    pub rule: String,
    /// Path of the field of the test.
    pub field: String,
    /// What it asks for, as the end of "spec.… asks for".
    pub asked: String,
    /// What would be allowed, in brackets, as far as that can be listed.
    pub allowed: String,
}

/// Checks a test against a policy.
///
/// # Errors
/// All that is not allowed, and whom to ask.
pub fn check(
    test: &LoadTestSpec,
    valid: &Valid,
    policy: &Policy,
    namespace: &str,
) -> Result<(), Vec<Refusal>> {
    let rules = policy.rules(namespace);
    let mut checker = Checker { test, policy, rules, refusals: Vec::new() };
    // Patterns and networks were read when the policy was.
    if let Ok(reach) = checker.rules.reach().compile() {
        checker.urls(valid, &reach);
        checker.addresses(valid, &reach);
        checker.names(&valid.pod, &reach);
    }
    checker.prometheus();
    checker.outputs();
    checker.images();
    checker.secrets();
    checker.pods(&valid.pod);
    checker.size(valid);
    if checker.refusals.is_empty() { Ok(()) } else { Err(checker.refusals) }
}

struct Checker<'a> {
    test: &'a LoadTestSpec,
    policy: &'a Policy,
    rules: Rules,
    refusals: Vec<Refusal>,
}

impl Checker<'_> {
    fn urls(&mut self, valid: &Valid, reach: &Reach) {
        self.url("spec.target.baseURL", &self.test.target.base_url, reach);
        let set = &valid.scenarios;
        let once = [("spec.before", &set.before), ("spec.verify", &set.verify), ("spec.after", &set.after)];
        for (path, steps) in once {
            for request in requests(steps) {
                self.request(path, request, reach);
            }
        }
        for (scenario, request) in valid.scenarios.requests() {
            self.request(&format!("spec.scenarios, {}", scenario.name), request, reach);
        }
        let proxy = &valid.http.proxy;
        for (field, template) in [("http", &proxy.http), ("https", &proxy.https)] {
            if let Some(url) = template.as_ref().and_then(origin) {
                self.url(&format!("spec.http.proxy.{field}"), &url, reach);
            }
        }
    }

    fn request(&mut self, path: &str, request: &Request, reach: &Reach) {
        if let Some(url) = origin(&request.url) {
            self.url(&format!("{path}: the URL of request {:?}", request.name), &url, reach);
        }
    }

    fn url(&mut self, field: &str, url: &str, reach: &Reach) {
        let uri = url.parse::<Uri>();
        // A URL that is none leads nowhere.
        let Some(host) = uri.as_ref().ok().and_then(Uri::host) else { return };
        if let Err(forbidden) = reach.host(host) {
            self.forbidden(field, &format!("leads to {host}"), &forbidden);
        }
    }

    fn addresses(&mut self, valid: &Valid, reach: &Reach) {
        for entry in &valid.http.hosts {
            if let Err(forbidden) = reach.redirected(entry.address) {
                self.forbidden("spec.http.hosts", &format!("sends a name to {}", entry.address), &forbidden);
            }
        }
    }

    fn forbidden(&mut self, field: &str, asked: &str, forbidden: &Forbidden) {
        let rule = match forbidden {
            Forbidden::Host(_) => &self.rules.target_hosts,
            Forbidden::Address(_) => &self.rules.target_networks,
            Forbidden::Blocked(_) => &self.rules.blocked_networks,
        };
        let Some(rule) = rule.clone() else { return };
        let allowed = match forbidden {
            Forbidden::Blocked(_) => String::new(),
            _ => listed(rule.value.iter().map(String::as_str)),
        };
        self.refuse(&rule, field, asked, allowed);
    }

    fn prometheus(&mut self) {
        let Some(prometheus) = &self.test.prometheus else { return };
        if let Some(url) = &prometheus.url
            && let Ok(reach) = self.rules.reach().compile()
        {
            self.url("spec.prometheus.url", url, &reach);
        }
        let Some(name) = &prometheus.server else { return };
        let field = "spec.prometheus.server";
        let asked = format!("asks for {name:?}");
        match self.rules.prometheus_servers.clone() {
            Some(rule) if !rule.value.contains(name) => {
                let allowed = listed(rule.value.iter().map(String::as_str));
                self.refuse(&rule, field, &asked, allowed);
            }
            _ if self.policy.server(name).is_some() => {}
            _ => {
                let rule = Rule { value: (), path: "policy.prometheusServers".to_owned() };
                self.refuse(&rule, field, &asked, listed(self.policy.servers().map(|(name, _)| name)));
            }
        }
    }

    /// Runners contact these servers as they do the target, and so under the same rules.
    fn outputs(&mut self) {
        let Ok(reach) = self.rules.reach().compile() else { return };
        for (index, output) in self.test.outputs.iter().enumerate() {
            if let Some((field, url, _)) = output.destination() {
                self.url(&format!("spec.outputs[{index}].{field}"), url, &reach);
            }
        }
    }

    fn images(&mut self) {
        if let (Some(rule), Some(image)) = (self.rules.runner_images.clone(), &self.test.runner.image) {
            self.pattern(&rule, "spec.runner.image", image);
        }
    }

    fn secrets(&mut self) {
        let Some(rule) = self.rules.secret_names.clone() else { return };
        let test = self.test;
        for (index, secret) in test.secrets.iter().enumerate() {
            self.pattern(
                &rule,
                &format!("spec.secrets[{index}].secretKeyRef.name"),
                &secret.secret_key_ref.name,
            );
        }
        let headers = test.prometheus.iter().flat_map(|prometheus| &prometheus.headers);
        for (index, header) in headers.enumerate() {
            let field = format!("spec.prometheus.headers[{index}].valueFrom.secretKeyRef.name");
            self.pattern(&rule, &field, &header.value_from.secret_key_ref.name);
        }
        for (index, output) in test.outputs.iter().enumerate() {
            for (field, header) in output.headers() {
                let field = format!("spec.outputs[{index}].{field}.valueFrom.secretKeyRef.name");
                self.pattern(&rule, &field, &header.value_from.secret_key_ref.name);
            }
        }
        if let Some(store) = test.record.as_ref().and_then(|record| record.store.object_store.as_ref()) {
            self.pattern(&rule, "spec.record.store.objectStore.secretRef.name", &store.secret_ref.name);
        }
        for (index, secret) in test.runner.image_pull_secrets.iter().enumerate() {
            self.pattern(&rule, &format!("spec.runner.imagePullSecrets[{index}].name"), &secret.name);
        }
        for reference in files::references(test) {
            if reference.id.kind == FileKind::Secret {
                self.pattern(&rule, &format!("{}.name", reference.field), &reference.id.name);
            }
        }
    }

    fn pattern(&mut self, rule: &Rule<Vec<Pattern>>, field: &str, asked: &str) {
        if !rule.value.iter().any(|pattern| pattern.matches(asked)) {
            let allowed = listed(rule.value.iter().map(Pattern::as_str));
            self.refuse(rule, field, &format!("asks for {asked:?}"), allowed);
        }
    }

    fn size(&mut self, valid: &Valid) {
        let runners = u32::try_from(self.test.runner.parallelism).unwrap_or(1).max(1);
        if let Some(rule) = self.rules.max_runners.clone().filter(|rule| runners > rule.value) {
            let asked = format!("asks for {runners} runners");
            self.refuse(&rule, "spec.runner.parallelism", &asked, format!(" (at most {})", rule.value));
        }
        if let Some(rule) = self.rules.max_duration.clone() {
            let one = valid.timeline.duration();
            let (verb, lasts) = match Epochs::of(&self.test.load) {
                // Of a load only its end takes longer; of a search that comes once more with each probe, and so does its target's rest,
                // or the wait for as many replicas as it is to have.
                Ok(epochs) if epochs.are_several() => {
                    let idle = self.test.autoscaling.as_ref().and_then(|asked| asked.wait_for_idle.as_ref());
                    let (verb, wait) = match idle {
                        _ if epochs.set_replicas() => {
                            ("with its waits for replicas lasts up to", self.test.deadlines.prepare.0)
                        }
                        Some(idle) => ("with its waits for a quiet target lasts up to", idle.timeout.0),
                        None => ("lasts", Duration::ZERO),
                    };
                    (verb, epochs.longest(one + valid.timeline.graceful_stop + wait))
                }
                _ => ("lasts", one),
            };
            self.duration(&rule, "spec.load", verb, lasts, rule.value);
            self.waits(valid, &rule);
        }
    }

    /// What a run waits for keeps its target from others as its load does. What is usual is always allowed.
    fn waits(&mut self, valid: &Valid, rule: &Rule<Duration>) {
        let test = self.test;
        let (deadlines, autoscaling) = (&test.deadlines, test.autoscaling.as_ref());
        let idle = autoscaling.and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
        let most = rule.value.max(USUAL_WAIT);
        let spans = [
            ("spec.deadlines.prepare", Some(&deadlines.prepare), most),
            ("spec.deadlines.start", Some(&deadlines.start), most),
            ("spec.deadlines.run", deadlines.run.as_ref(), valid.timeline.duration() + most),
            ("spec.deadlines.restore", deadlines.restore.as_ref(), most),
            ("spec.load.gracefulStop", test.load.graceful_stop.as_ref(), most),
            ("spec.autoscaling.waitForIdle.timeout", idle.map(|idle| &idle.timeout), most),
        ];
        for (field, span, most) in spans {
            if let Some(span) = span {
                self.duration(rule, field, "is", span.0, most);
            }
        }
        for (index, workload) in test.target.workloads.iter().enumerate() {
            let Some(expected) = &workload.expect else { continue };
            let down = expected.scale_down_within.as_ref().and_then(TimeLimit::span);
            let spans = [("scaleDownWithin", down), ("maxSettlingTime", expected.max_settling_time.as_ref())];
            for (field, span) in spans {
                if let Some(span) = span {
                    let field = format!("spec.target.workloads[{index}].expect.{field}");
                    self.duration(rule, &field, "is", span.0, most);
                }
            }
        }
    }

    fn duration(&mut self, rule: &Rule<Duration>, field: &str, verb: &str, asked: Duration, most: Duration) {
        if asked > most {
            let asked = format!("{verb} {}", TimeSpan(asked));
            self.refuse(rule, field, &asked, format!(" (at most {})", TimeSpan(most)));
        }
    }

    fn refuse<T>(&mut self, rule: &Rule<T>, field: &str, asked: &str, allowed: String) {
        self.refusals.push(Refusal {
            rule: rule.path.clone(),
            field: field.to_owned(),
            asked: asked.to_owned(),
            allowed,
        });
    }
}

/// Scheme and host of a URL that begins with both, whatever follows; `None` when they are known at run time only, or
/// are those of the target.
fn origin(url: &Template) -> Option<String> {
    let [Piece::Text(text), rest @ ..] = url.pieces.as_slice() else { return None };
    let begin = text.get(..text.find("://")? + 3)?;
    if !matches!(begin.to_ascii_lowercase().as_str(), "http://" | "https://") {
        return None;
    }
    let after = &text[begin.len()..];
    let end = after.find(['/', '?', '#']);
    match (end, rest) {
        (Some(end), _) => Some(format!("{begin}{}", &after[..end])),
        (None, []) => Some(text.clone()),
        (None, _) => None,
    }
}

fn listed<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    let entries: Vec<&str> = entries.collect();
    let more = entries.len().saturating_sub(SHOWN);
    let shown = entries.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match (entries.len(), more) {
        (0, _) => " (none are allowed)".into(),
        (_, 0) => format!(" (allowed: {shown})"),
        (_, more) => format!(" (allowed: {shown} and {more} more)"),
    }
}

impl Policy {
    /// All refusals and whom to ask, as one message.
    pub fn message(&self, refusals: &[impl fmt::Display]) -> String {
        let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        format!("{}; {}", lines.join("; "), self.whom_to_ask())
    }
}
