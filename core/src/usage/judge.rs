// SPDX-License-Identifier: Apache-2.0
//! The limits of `spec.usage`, held against what was measured.

use jiff::{SignedDuration, Timestamp};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{ExpectationResult, UsageBound, UsageLimit, UsageResource},
};
use upsurge_figures::{
    observation::{Source, What},
    usage::{Share, Shares},
};

use super::{
    Used,
    growth::{findings, in_words, needed},
    told::gaps,
};
use crate::{
    format::decimal,
    judged::{Judged, grown},
};

/// Fewest looks that measured anything that a share is judged by.
const FEWEST: u64 = 3;
/// Longest time without a measurement that hides nothing: a metrics API may take so long from one to the next.
const BLIND: SignedDuration = SignedDuration::from_secs(60);

/// All limits of a workload, in the order of the spec.
pub fn judge(used: &Used<'_>) -> Vec<Judged> {
    let own = used
        .test
        .usage
        .iter()
        .filter(|limit| limit.workload.as_ref().is_none_or(|workload| *workload == used.workload.name));
    own.flat_map(|limit| {
        let share =
            limit.max_percent.zip(limit.relative_to).map(|(most, bound)| share(used, limit, most, bound));
        let growth = limit.max_growth_percent_per_hour.map(|most| growth(used, most));
        let restarts = limit.max_restarts.map(|most| restarts(used, most));
        [share, growth, restarts].into_iter().flatten()
    })
    .collect()
}

/// How a limit came out.
enum Finding {
    Held { observed: String },
    Missed { observed: String, why: String },
    Unknown { observed: String, why: String },
}

fn judged(name: &str, expected: String, finding: Finding) -> Judged {
    let (observed, passed, undecided, message) = match finding {
        Finding::Held { observed } => (observed, true, false, None),
        Finding::Missed { observed, why } => (observed, false, false, Some(why)),
        Finding::Unknown { observed, why } => (observed, false, true, Some(why)),
    };
    let name = name.into();
    let result = ExpectationResult { name, expected, observed, passed, undecided, message, basis: None };
    Judged { result, missed: reasons::USAGE_EXCEEDED, unknown: reasons::USAGE_UNKNOWN }
}

fn unknown(observed: impl Into<String>, why: String) -> Finding {
    Finding::Unknown { observed: observed.into(), why }
}

fn share(used: &Used<'_>, limit: &UsageLimit, most: i32, bound: UsageBound) -> Judged {
    let resource = word(limit.resource);
    let field = match bound {
        UsageBound::Request => "request",
        UsageBound::Limit => "limit",
    };
    let expected = format!("{most}% of the {field}");
    let finding = share_finding(used, &(limit.resource, bound), f64::from(most), resource, field);
    judged(&format!("{resource} maxPercent"), expected, finding)
}

fn share_finding(
    used: &Used<'_>,
    which: &(UsageResource, UsageBound),
    most: f64,
    resource: &str,
    field: &str,
) -> Finding {
    let usage = used.usage();
    let pods = usage.pods().map(|(name, pod)| (format!("pod {name}"), of(&pod.track.shares, which)));
    let others =
        (usage.omitted() > 0).then(|| ("one of the other pods".to_owned(), of(usage.others(), which)));
    let shares: Vec<(String, &Share)> = pods.chain(others).collect();
    let highest = shares.iter().filter(|(_, share)| share.known > 0);
    let highest = highest.max_by(|(_, one), (_, other)| one.most.total_cmp(&other.most));
    if let Some((pod, share)) = highest.filter(|(_, share)| share.most > most) {
        let observed = percent(share.most);
        let of = share.container.as_ref().map_or_else(String::new, |name| format!(" of container {name}"));
        let why =
            format!("{pod} used {observed} of the {resource} {field}{of}, and may use {}", percent(most));
        return Finding::Missed { observed, why };
    }
    // What is measured is memory as it was some seconds before it was too much.
    if let kills @ 1.. = usage.oom_kills()
        && *which == (UsageResource::Memory, UsageBound::Limit)
    {
        let why = format!(
            "containers were killed for lack of memory {kills} times, and may use {} of the {resource} {field}{}",
            percent(most),
            last_end(used)
        );
        return Finding::Missed { observed: "killed for lack of memory".into(), why };
    }
    let observed = highest.map_or_else(|| "not known".into(), |(_, share)| percent(share.most));
    if let Some(why) = not_measured(used, resource) {
        return unknown(observed, why);
    }
    if let Some(pods) = some(&usage.ended_unmeasured()) {
        let why = format!(
            "{pods} ended before anybody measured it: let it run for longer than a metrics API takes, or see to why it ends"
        );
        return unknown(observed, why);
    }
    if let Some((pod, _)) = shares.iter().find(|(_, share)| share.unbounded > 0) {
        let other = if field == "limit" { ", or use relativeTo: Request" } else { "" };
        return unknown(
            observed,
            format!(
                "a container of {pod} has no {resource} {field}: set resources.{field}s.{} on each{other}",
                resource.to_ascii_lowercase()
            ),
        );
    }
    if let Some((pod, _)) = shares.iter().find(|(_, share)| share.unseen > share.known) {
        let why = format!(
            "{pod} itself was not seen, so its {resource} {field} is not known: see to the operator's rights on pods"
        );
        return unknown(observed, why);
    }
    Finding::Held { observed }
}

fn growth(used: &Used<'_>, most: i32) -> Judged {
    let limit = grown(f64::from(most));
    let findings = findings(used, f64::from(most));
    let estimate = |growth: &upsurge_figures::growth::Growth| {
        growth.percent_per_hour.map_or_else(|| "not known".into(), |percent| grown(percent.estimate))
    };
    let finding = if let Some((pod, fastest)) = findings.above.first() {
        let more = match findings.above.len() {
            1 => String::new(),
            many => format!(", and {} other pods grew by too much as well", many - 1),
        };
        Finding::Missed {
            observed: estimate(fastest),
            why: format!("{}, and may grow by {limit}/h{more}", in_words(pod, fastest)),
        }
    } else if let Some(why) = not_measured(used, "Memory") {
        unknown("not known", why)
    } else if let Some((pod, growth)) = findings.undecided.first() {
        match (needed(growth), growth.percent_per_hour) {
            (Some(needed), _) => {
                let advice = format!(
                    "this time is too short to tell that from {limit}/h: let it last at least {needed}"
                );
                unknown(estimate(growth), format!("{}, and {advice}", in_words(pod, growth)))
            }
            (None, Some(_)) => {
                let advice = format!("that is too close to {limit}/h to say which it is");
                unknown(estimate(growth), format!("{}, and {advice}", in_words(pod, growth)))
            }
            (None, None) => unknown("not known", too_few(used, "Memory")),
        }
    } else if let Some((_, fastest)) = findings.below.first() {
        let brief = match findings.brief + used.usage().omitted() {
            0 => String::new(),
            some => format!(
                " ({some} more pods were not looked at: there for less than half of the time, or too many)"
            ),
        };
        Finding::Held { observed: format!("at most {}{brief}", estimate(fastest)) }
    } else {
        unknown("not known", too_few(used, "Memory"))
    };
    judged("Memory maxGrowthPercentPerHour", limit, finding)
}

fn restarts(used: &Used<'_>, most: i32) -> Judged {
    let usage = used.usage();
    let (restarts, kills) = (usage.restarts(), usage.oom_kills());
    let observed = restarts.to_string();
    let finding = if i64::from(restarts) > i64::from(most) {
        let why = format!(
            "containers ended by themselves {restarts} times, {kills} of them for lack of memory, and may do so {most} times{}",
            last_end(used)
        );
        Finding::Missed { observed, why }
    } else if let Some(why) = pods_unseen(used) {
        unknown(observed, why)
    } else {
        Finding::Held { observed }
    };
    judged("Memory maxRestarts", most.to_string(), finding)
}

/// The last end of a container that nobody asked for, in words that end a sentence.
fn last_end(used: &Used<'_>) -> String {
    let ends = used.usage().pods().flat_map(|(name, pod)| pod.ends.iter().map(move |end| (name, end)));
    ends.max_by_key(|(_, end)| end.at).map_or_else(String::new, |(name, end)| {
        let seconds = end.at.duration_since(used.start).as_secs_f64();
        format!(
            "; the last one was in pod {name} {seconds:.0} s after the start of the load ({}, exit code {})",
            end.reason, end.exit_code
        )
    })
}

/// Why usage is not known well enough, if it isn't.
fn not_measured(used: &Used<'_>, resource: &str) -> Option<String> {
    let gap = used.usage().gaps().find(|gap| {
        let (from, to) = (gap.from.max(used.start), gap.to.unwrap_or(used.end).min(used.end));
        to.duration_since(from) > BLIND
    });
    if gap.is_some() {
        return Some(format!("{resource} is not known for all of the load: {}", gaps(used).join("; ")));
    }
    if let more @ 1.. = used.usage().left_out() {
        return Some(format!(
            "{resource} is not known of {more} pods or more: they are too many to look at each of them"
        ));
    }
    if used.usage().whole().samples() < FEWEST {
        return Some(too_few(used, resource));
    }
    let pods = some(&used.usage().unmeasured(used.end))?;
    Some(format!(
        "{resource} is not known for all of the load: {pods} was ready for more than 90 s without a measurement; the log of \
         metrics-server says which kubelet it can't ask"
    ))
}

/// Pods in words: the first, and how many more there are.
fn some(pods: &[&str]) -> Option<String> {
    let (first, others) = pods.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(" (and {} more pods)", others.len()) };
    Some(format!("pod {first}{more}"))
}

fn too_few(used: &Used<'_>, resource: &str) -> String {
    let samples = used.usage().whole().samples();
    let mut gaps = gaps(used);
    if gaps.is_empty() {
        gaps.push("a metrics API measures every 10 to 60 s, so let the load last longer".into());
    }
    format!("{resource} was measured {samples} times in all while the load lasted: {}", gaps.join("; "))
}

/// Why ends of containers may have been missed, if so: nobody sees pods as the load ends. What ended before they could be seen
/// again is told by the pods themselves.
fn pods_unseen(used: &Used<'_>) -> Option<String> {
    let events = used.recorded.log().events().iter().filter(|event| event.seen <= used.end);
    let mut sight = Err("pods were never seen".to_owned());
    for event in events {
        match &event.what {
            What::Listed { source: Source::Pods } => sight = Ok(()),
            What::Lost { source: Source::Pods, message } => sight = Err(lost(event.seen, used, message)),
            _ => {}
        }
    }
    sight.err().map(|why| format!("restarts are not known: {why}"))
}

fn lost(at: Timestamp, used: &Used<'_>, message: &str) -> String {
    format!(
        "from {:.0} s of the load on pods were not seen ({message})",
        at.duration_since(used.start).as_secs_f64().max(0.0)
    )
}

fn of<'a>(shares: &'a Shares, which: &(UsageResource, UsageBound)) -> &'a Share {
    match which {
        (UsageResource::CPU, UsageBound::Request) => &shares.cpu_request,
        (UsageResource::CPU, UsageBound::Limit) => &shares.cpu_limit,
        (UsageResource::Memory, UsageBound::Request) => &shares.memory_request,
        (UsageResource::Memory, UsageBound::Limit) => &shares.memory_limit,
    }
}

const fn word(resource: UsageResource) -> &'static str {
    match resource {
        UsageResource::CPU => "CPU",
        UsageResource::Memory => "Memory",
    }
}

/// Percent that is not above 100 only by a rounding.
fn percent(value: f64) -> String {
    format!("{}%", decimal(value, if value >= 100.0 { 0 } else { 1 }))
}
