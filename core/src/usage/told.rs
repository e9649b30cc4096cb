// SPDX-License-Identifier: Apache-2.0
//! What the pods used, as the status has it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::{ContainerEnd, GrowthResult, UsageFigures, UsageResult};
use upsurge_figures::{
    growth::Limit,
    statistics::Interval,
    usage::{Course, Gap, PodTrack, Share, Track},
};

use super::Used;
use crate::{
    format::{bytes, decimal},
    judged::grown,
};

/// All pods together, then each of them, those that used most memory first; nothing if nothing was measured or ended.
pub fn told(used: &Used<'_>) -> Vec<UsageResult> {
    let usage = used.usage();
    let mut pods: Vec<(&str, &PodTrack)> = usage.pods().collect();
    let most = |pod: &PodTrack| pod.track.memory().map_or(0.0, |memory| memory.most);
    pods.sort_by(|(_, one), (_, other)| most(other).total_cmp(&most(one)));
    let gaps = gaps(used);
    if pods.is_empty() && gaps.is_empty() {
        return Vec::new();
    }
    let whole = UsageResult {
        pods: Some(count(pods.len() + usage.omitted())),
        restarts: number(usage.restarts()),
        oom_kills: number(usage.oom_kills()),
        gaps,
        ..of_track(used, usage.whole())
    };
    let (from, to) = used.steady();
    let each = pods.into_iter().map(|(name, pod)| {
        let growth = usage.growth(name, from, to, Limit::ANY).and_then(|growth| growth.percent_per_hour);
        let ends = pod.ends.iter().map(|end| ContainerEnd {
            at: Time(end.at),
            reason: end.reason.clone(),
            exit_code: end.exit_code,
        });
        UsageResult {
            pod: Some(name.into()),
            memory_growth_per_hour: growth.map(growth_result),
            restarts: number(pod.restarts()),
            oom_kills: number(pod.oom_kills),
            ends: ends.collect(),
            ..of_track(used, &pod.track)
        }
    });
    std::iter::once(whole).chain(each).collect()
}

/// What could not be seen, and for how long.
pub(super) fn gaps(used: &Used<'_>) -> Vec<String> {
    let told = |gap: &Gap| {
        let (from, to) = (gap.from.max(used.start), gap.to.unwrap_or(used.end).min(used.end));
        let seconds = to.duration_since(from).as_secs_f64();
        let begin = from.duration_since(used.start).as_secs_f64();
        (seconds > 0.0).then(|| {
            format!(
                "CPU and memory were not told for {seconds:.0} s from {begin:.0} s of the load on ({})",
                gap.message
            )
        })
    };
    used.usage().gaps().filter_map(told).take(10).collect()
}

/// Growth with its interval.
pub(crate) fn growth_result(percent: Interval) -> GrowthResult {
    GrowthResult { estimate: grown(percent.estimate), low: grown(percent.low), high: grown(percent.high) }
}

fn of_track(used: &Used<'_>, track: &Track) -> UsageResult {
    let shares = &track.shares;
    let cores = |value: f64| decimal(value, 3);
    UsageResult {
        workload: used.workload.name.clone(),
        samples: i64::try_from(track.samples()).unwrap_or(i64::MAX),
        cpu: track.cpu().map(|course| figures(course, cores, &shares.cpu_request, &shares.cpu_limit)),
        memory: track
            .memory()
            .map(|course| figures(course, bytes, &shares.memory_request, &shares.memory_limit)),
        ..UsageResult::default()
    }
}

fn figures(course: Course, shown: impl Fn(f64) -> String, request: &Share, limit: &Share) -> UsageFigures {
    let most = |share: &Share| (share.known > 0).then(|| format!("{}%", decimal(share.most, 1)));
    UsageFigures {
        mean: shown(course.mean),
        max: shown(course.most),
        max_of_request: most(request),
        max_of_limit: most(limit),
        nearest_container: limit.container.clone().filter(|_| limit.known > 0),
    }
}

fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
