// SPDX-License-Identifier: Apache-2.0
//! What to do when a namespace refuses the runner pods: the well-known words of quotas, LimitRanges, pod security and
//! webhooks, turned into fields of the spec. Pure.

use super::pods::CONTAINER;

/// How a quota calls the number of Jobs.
const JOBS: &str = "count/jobs.batch";

/// The refusal with what to do about it, then the API server's own words.
pub fn explained(message: &str) -> String {
    let told = told(message);
    match advice(told) {
        Some(advice) => format!("{advice} ({told})"),
        None => message.to_owned(),
    }
}

/// The words without the name of a pod that does not exist.
fn told(message: &str) -> &str {
    let found = [" is forbidden: ", " is invalid: "].iter().find_map(|mark| message.split_once(mark));
    found.map_or(message, |(_, rest)| rest)
}

fn advice(told: &str) -> Option<String> {
    demanded(told)
        .or_else(|| exceeded(told))
        .or_else(|| above_the_limit(told))
        .or_else(|| limited(told))
        .or_else(|| security(told))
        .or_else(|| webhook(told))
}

/// `failed quota: compute: must specify limits.cpu for: runner; limits.memory for: runner`, before Kubernetes 1.22
/// `must specify limits.cpu,limits.memory`.
fn demanded(told: &str) -> Option<String> {
    let (quota, rest) = told.strip_prefix("failed quota: ")?.split_once(": must specify ")?;
    let fields: Vec<String> = rest.split("; ").flat_map(demands).collect();
    (!fields.is_empty()).then(|| {
        format!("ResourceQuota {quota} demands them of every pod: set {} in the test", fields.join(" and "))
    })
}

/// The fields of `limits.cpu for: fetch,runner`: that of the runner, and those of containers besides.
fn demands(part: &str) -> Vec<String> {
    let (resources, containers) = part.split_once(" for: ").unwrap_or((part, CONTAINER));
    let fields = |container: &str| {
        let of = match container.trim() {
            CONTAINER => String::new(),
            other => format!(" of init container {other}"),
        };
        let place = if of.is_empty() { "spec.runner" } else { "spec.runner.initContainers[]" };
        let set = resources.split(',').filter_map(|resource| field(resource.trim()));
        set.map(|field| field.replacen("spec.runner", place, 1) + &of).collect::<Vec<_>>()
    };
    containers.split(',').flat_map(fields).collect()
}

/// `exceeded quota: compute, requested: limits.cpu=2, used: limits.cpu=1, limited: limits.cpu=2`.
fn exceeded(told: &str) -> Option<String> {
    let (quota, rest) = told.strip_prefix("exceeded quota: ")?.split_once(", requested: ")?;
    let (requested, rest) = rest.split_once(", used: ")?;
    let (used, limited) = rest.split_once(", limited: ")?;
    let amount = |list: &str, name: &str| {
        let entry = list.split(',').filter_map(|entry| entry.trim().split_once('='));
        entry.into_iter().find(|(known, _)| *known == name).map(|(_, amount)| amount.to_owned())
    };
    let named: Vec<(&str, &str)> =
        requested.split(',').filter_map(|entry| entry.trim().split_once('=')).collect();
    if let [(name, _)] = named.as_slice()
        && *name == JOBS
    {
        let known = |list| amount(list, JOBS).unwrap_or_else(|| "?".into());
        return Some(format!(
            "ResourceQuota {quota} has no room for the runners' Job: {} of {} Jobs are there: delete others, or have the quota \
             raised",
            known(used),
            known(limited)
        ));
    }
    let asked: Vec<String> = named
        .iter()
        .map(|(name, wanted)| {
            let known = |list| amount(list, name).unwrap_or_else(|| "?".into());
            format!("{wanted} of {name}, and {} of {} are in use", known(used), known(limited))
        })
        .collect();
    let mut fields: Vec<String> = named.iter().filter_map(|(name, _)| field(name)).collect();
    fields.push("spec.runner.parallelism".into());
    Some(format!(
        "ResourceQuota {quota} has no room: each runner asks for {}: lower {}, or have the quota raised",
        asked.join("; "),
        fields.join(" or ")
    ))
}

/// `Invalid value: "512Mi": must be less than or equal to memory limit of 256Mi`, of the pods in a Job: no LimitRange has had a
/// hand in these, so that both amounts are what the test says, or the platform team.
fn above_the_limit(told: &str) -> Option<String> {
    let (place, rest) = told.split_once("resources.requests: Invalid value: ")?;
    if !place.contains("spec.template.spec.") {
        return None;
    }
    let (request, rest) = rest.split_once(": must be less than or equal to ")?;
    let (resource, limit) = rest.split_once(" limit of ")?;
    let (request, limit) =
        (request.trim_matches('"'), limit.split([',', ' ', ']']).next().unwrap_or_default());
    let (whose, fields) = if place.contains("initContainers[") {
        ("an init container", "spec.runner.initContainers[].resources")
    } else {
        ("the runner", "spec.runner.resources")
    };
    Some(format!(
        "{whose} requests {request} of {resource}, above its limit of {limit}: lower {fields}.requests.{resource} or raise \
         {fields}.limits.{resource}; what the test leaves out is from runner.resources in the chart's values"
    ))
}

/// `maximum memory usage per Container is 64Mi, but limit is 512Mi`, and the same in a list; and what comes of a limit
/// that a LimitRange gave a pod by default: `Invalid value: "500m": must be less than or equal to cpu limit of 20m`.
fn limited(told: &str) -> Option<String> {
    let mut found = Vec::new();
    for part in told.trim_matches(['[', ']']).split(", ") {
        // The second half of what was split at its own comma.
        let Some((kind, rest)) = part.split_once(" usage per ") else { continue };
        let (Some((bound, resource)), Some((_, value))) =
            (kind.trim().split_once(' '), rest.split_once(" is "))
        else {
            continue;
        };
        found.push(match bound {
            "maximum" => format!(
                "sets at most {value} of {resource}: set spec.runner.resources.limits.{resource} within it"
            ),
            _ => format!(
                "sets at least {value} of {resource}: raise spec.runner.resources.requests.{resource}"
            ),
        });
    }
    if told.contains(" max limit to request ratio per ") {
        found.push(
            "bounds the ratio of limit to request: bring spec.runner.resources.limits and requests closer"
                .into(),
        );
    }
    if let Some((_, rest)) = told.split_once("must be less than or equal to ")
        && let Some((resource, value)) = rest.split_once(" limit of ")
    {
        let value = value.split([',', ' ', ']']).next().unwrap_or_default();
        found.push(format!(
            "gives a limit of {value} of {resource}, unless the test sets it itself: ask for no more in \
             spec.runner.resources.requests.{resource}, or set a higher limit"
        ));
    }
    (!found.is_empty()).then(|| format!("the namespace's LimitRange {}", found.join("; it ")))
}

/// `violates PodSecurity "restricted:latest": privileged (container "istio-init" must not set …)`.
fn security(told: &str) -> Option<String> {
    let standard = told.strip_prefix("violates PodSecurity \"")?.split('"').next()?;
    let ours = "runners keep the standard restricted";
    Some(match told.split("container \"").nth(1).or_else(|| told.split("containers \"").nth(1)) {
        Some(rest) if !rest.starts_with("runner\"") => {
            let name = rest.split('"').next().unwrap_or_default();
            format!(
                "pod security {standard} of the namespace refuses container {name}, which the test or somebody else put into \
                 the pod; {ours}: correct spec.runner.initContainers, or turn off the injection for pods labelled \
                 app.kubernetes.io/component=runner"
            )
        }
        _ => format!(
            "pod security {standard} of the namespace refuses the pod; {ours}: look at what changes pods there"
        ),
    })
}

/// `admission webhook "validate.kyverno.svc" denied the request: …`.
fn webhook(told: &str) -> Option<String> {
    let name = told.split_once("admission webhook \"")?.1.split('"').next()?;
    Some(format!(
        "a policy of the cluster (webhook {name}) refuses the pod: ask whoever keeps it, or do what it says"
    ))
}

/// The field that a resource of a quota is set by.
fn field(resource: &str) -> Option<String> {
    let (kind, name) = resource.split_once('.').unwrap_or(("requests", resource));
    (matches!(kind, "limits" | "requests") && matches!(name, "cpu" | "memory" | "ephemeral-storage"))
        .then(|| format!("spec.runner.resources.{kind}.{name}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CREATING: &str = "Error creating: pods \"small-g1-5f0c-0-x7k2p\" is forbidden: ";

    #[rstest]
    #[case::demanded(
        "failed quota: compute: must specify limits.cpu for: runner; limits.memory for: runner",
        "ResourceQuota compute demands them of every pod: set spec.runner.resources.limits.cpu and \
         spec.runner.resources.limits.memory in the test"
    )]
    #[case::demanded_of_an_init_container(
        "failed quota: compute: must specify limits.cpu for: fetch,runner; limits.memory for: runner",
        "set spec.runner.initContainers[].resources.limits.cpu of init container fetch and \
         spec.runner.resources.limits.cpu and spec.runner.resources.limits.memory in the test"
    )]
    #[case::demanded_in_old_words(
        "failed quota: compute: must specify cpu,memory",
        "set spec.runner.resources.requests.cpu and spec.runner.resources.requests.memory in the test"
    )]
    #[case::exceeded(
        "exceeded quota: compute, requested: limits.cpu=2,requests.memory=128Mi, used: limits.cpu=1,requests.memory=0, \
         limited: limits.cpu=2,requests.memory=64Mi",
        "ResourceQuota compute has no room: each runner asks for 2 of limits.cpu, and 1 of 2 are in use; 128Mi of \
         requests.memory, and 0 of 64Mi are in use: lower spec.runner.resources.limits.cpu or \
         spec.runner.resources.requests.memory or spec.runner.parallelism, or have the quota raised"
    )]
    #[case::no_pods(
        "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0",
        "each runner asks for 1 of pods, and 0 of 0 are in use: lower spec.runner.parallelism"
    )]
    #[case::no_jobs(
        "exceeded quota: none, requested: count/jobs.batch=1, used: count/jobs.batch=2, limited: count/jobs.batch=2",
        "ResourceQuota none has no room for the runners' Job: 2 of 2 Jobs are there: delete others"
    )]
    #[case::limit_range(
        "maximum memory usage per Container is 64Mi, but limit is 512Mi",
        "the namespace's LimitRange sets at most 64Mi of memory: set spec.runner.resources.limits.memory within it"
    )]
    #[case::limit_ranges(
        "[maximum cpu usage per Container is 20m, but no limit is specified, minimum memory usage per Container is \
         200Mi, but request is 128Mi]",
        "sets at most 20m of cpu: set spec.runner.resources.limits.cpu within it; it sets at least 200Mi of memory: \
         raise spec.runner.resources.requests.memory"
    )]
    #[case::security(
        "violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"istio-init\" must \
         set securityContext.allowPrivilegeEscalation=false)",
        "pod security restricted:latest of the namespace refuses container istio-init"
    )]
    fn a_refusal_says_what_to_set(#[case] words: &str, #[case] expected: &str) {
        let explained = explained(&format!("{CREATING}{words}"));
        assert!(explained.contains(expected), "{explained}");
        assert!(explained.ends_with(&format!(" ({words})")), "{explained}");
    }

    #[test]
    fn a_default_limit_below_the_request_names_the_request() {
        let message = "Error creating: Pod \"small-g1-0-x\" is invalid: spec.containers[0].resources.requests: Invalid \
            value: \"500m\": must be less than or equal to cpu limit of 20m";
        let explained = explained(message);
        assert!(explained.contains("a limit of 20m of cpu"), "{explained}");
        assert!(explained.contains("spec.runner.resources.requests.cpu"), "{explained}");
    }

    #[test]
    fn a_request_above_the_limit_of_the_job_itself_is_no_matter_of_a_limit_range() {
        let message = "Job.batch \"my-spike-g3\" is invalid: spec.template.spec.containers[0].resources.requests: Invalid value: \
            \"512Mi\": must be less than or equal to memory limit of 256Mi";
        let explained = explained(message);
        assert!(
            explained.starts_with("the runner requests 512Mi of memory, above its limit of 256Mi: lower"),
            "{explained}"
        );
        assert!(!explained.contains("LimitRange"), "{explained}");
    }

    #[test]
    fn a_webhook_is_named() {
        let message =
            "Error creating: admission webhook \"validate.kyverno.svc-fail\" denied the request: no tests";
        assert!(explained(message).contains("webhook validate.kyverno.svc-fail"), "{}", explained(message));
    }

    #[test]
    fn other_words_stay_as_they_are() {
        for message in
            ["Error creating: timed out", "", "pods \"x\" is forbidden: not here", "failed quota: x"]
        {
            assert_eq!(explained(message), message);
        }
    }
}
