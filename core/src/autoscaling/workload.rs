// SPDX-License-Identifier: Apache-2.0
//! The figures of a workload as the status has them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::{
    ElasticityResult, LatencyPart, LatencySplit, LimitResult, ProvisioningResult, RecommendationResult,
    ScaleDownDelayResult, ScaleDownResult, ScaleUpResult, Workload, WorkloadResult,
};
use upsurge_figures::{
    elasticity::{DemandSource, Elasticity, Figure, Provisioning},
    latency::{Part, ScaleDown},
    limits::Recommendation,
    observation::Source,
    workload::{Raised, Report},
};

use super::replicas::seconds_between;
use crate::format::{decimal, percent};

/// Longest patch, in bytes: a longer text of a status is cut, and half a patch is none.
const LONGEST_PATCH: usize = 400;

/// All that is told of a workload. `advice` says why the demand isn't known, if it isn't.
pub(super) fn told(report: &Report, workload: &Workload, advice: Option<String>) -> WorkloadResult {
    let limits = report.limits.stretches.iter().map(|stretch| LimitResult {
        limit: format!("{:?}", stretch.limit),
        from: Time(stretch.from),
        to: Time(stretch.to),
        seconds: seconds_between(stretch.from, stretch.to),
        evidence: stretch.evidence.clone(),
    });
    let recommendation = report.recommendation.as_ref().map(recommendation);
    WorkloadResult {
        name: workload.name.clone(),
        kind: workload.kind.clone(),
        scale_ups: report.scale_ups.iter().map(|up| scale_up(up, report.from)).collect(),
        scale_downs: report.scale_downs.iter().map(|down| scale_down(down, report.from)).collect(),
        latency: latency(report),
        largest_part: report.latency.largest.map(|part| name(part).into()),
        elasticity: Some(Box::new(elasticity(report, advice))),
        limited_by: report.limits.limited_by().map(|limit| format!("{limit:?}")),
        limits: limits.collect(),
        recommendation,
        gaps: gaps(report),
        ..WorkloadResult::default()
    }
}

/// What to change. A patch that is too long for a status is left out.
pub(super) fn recommendation(told: &Recommendation) -> RecommendationResult {
    RecommendationResult {
        text: told.text.clone(),
        reason: told.reason.clone(),
        patch: told.patch.as_ref().map(ToString::to_string).filter(|patch| patch.len() <= LONGEST_PATCH),
    }
}

/// A part, as `scaleUps[].split` has it.
pub(super) const fn name(part: Part) -> &'static str {
    match part {
        Part::Decision => "decided",
        Part::Creation => "created",
        Part::Scheduling => "scheduled",
        Part::Starting => "started",
        Part::Readiness => "ready",
        Part::Endpoints => "inEndpoints",
        Part::Recovery => "recovered",
    }
}

/// What could not be seen, and for how long.
pub(super) fn gaps(report: &Report) -> Vec<String> {
    let unseen = report
        .unknown
        .iter()
        .map(|(source, blind)| format!("{} not seen for {}", not_seen(*source), seconds(*blind)));
    let left =
        report.incomplete.then(|| "there was more than is kept: scale-ups or parts are left out".into());
    unseen.chain(left).collect()
}

/// The begin of "… not seen".
pub(super) const fn not_seen(source: Source) -> &'static str {
    match source {
        Source::Runners => "the load was",
        Source::Autoscaler => "the autoscaler was",
        Source::Workload => "the workload's scale was",
        Source::Pods => "pods were",
        Source::Endpoints => "EndpointSlices were",
        Source::Usage => "CPU and memory were",
    }
}

fn scale_up(raised: &Raised, start: Timestamp) -> ScaleUpResult {
    let up = &raised.scale_up;
    let part = |part: Part| up.parts.get(&part).map(|took| seconds(*took));
    ScaleUpResult {
        at: Time(up.decided),
        seconds: seconds_between(start, up.decided),
        from: count(up.from),
        to: count(up.to),
        split: LatencySplit {
            decided: part(Part::Decision),
            created: part(Part::Creation),
            scheduled: part(Part::Scheduling),
            started: part(Part::Starting),
            ready: part(Part::Readiness),
            in_endpoints: part(Part::Endpoints),
            recovered: part(Part::Recovery),
        },
        largest: up.largest.map(|part| name(part).into()),
        limited_by: raised.limit.as_ref().map(|stretch| format!("{:?}", stretch.limit)),
        missing_pods: (up.missing > 0).then(|| count(up.missing)),
    }
}

fn scale_down(down: &ScaleDown, start: Timestamp) -> ScaleDownResult {
    ScaleDownResult {
        at: Time(down.decided),
        seconds: seconds_between(start, down.decided),
        from: count(down.from),
        to: count(down.to),
        decided: down.decision.map(seconds),
        ended: down.ending.map(seconds),
        lost_requests: None,
    }
}

fn latency(report: &Report) -> Vec<LatencyPart> {
    let parts = report.latency.parts.iter().map(|(part, summary)| LatencyPart {
        part: name(*part).into(),
        p50: seconds(summary.seconds.p50),
        p95: seconds(summary.seconds.p95),
        max: seconds(summary.seconds.max),
        unknown: (summary.unknown > 0).then(|| count(summary.unknown)),
    });
    parts.collect()
}

fn elasticity(report: &Report, advice: Option<String>) -> ElasticityResult {
    let figures = &report.elasticity;
    let known = figures.demand_source != DemandSource::None;
    let figure = |figure: Figure| figure.value.map(|value| value as i32);
    // Without an autoscaler there are no bounds.
    let bounded = report.autoscaler.is_some();
    let unknown = longest_unknown(figures, bounded);
    let delay = &figures.scale_down_delay;
    ElasticityResult {
        demand_source: format!("{:?}", figures.demand_source),
        advice,
        peak_demand: report.limits.most_demanded.map(count),
        unclamped: known.then(|| provisioning(&figures.unclamped)),
        clamped: (known && bounded).then(|| provisioning(&figures.clamped)),
        settling_time: figures.settling.value.filter(|_| known).map(seconds),
        unsettled: known && figures.unsettled,
        direction_changes: figure(figures.direction_changes),
        flapping: figure(figures.flapping),
        scale_down_delay: delay.shortest.zip(delay.longest).map(|(shortest, longest)| ScaleDownDelayResult {
            count: i32::try_from(delay.count).unwrap_or(i32::MAX),
            shortest: seconds(shortest),
            longest: seconds(longest),
            window: delay.window.map(seconds),
        }),
        violations: figures.violations.value.map(share),
        recovery: report.service.recovery().value.map(seconds),
        unknown: (known && unknown > 0.0).then(|| seconds(unknown)),
    }
}

fn longest_unknown(figures: &Elasticity, bounded: bool) -> f64 {
    let clamped = if bounded { figures.clamped.theta_under.unknown } else { 0.0 };
    figures.unclamped.theta_under.unknown.max(clamped)
}

fn provisioning(figures: &Provisioning) -> ProvisioningResult {
    let number = |figure: Figure| figure.value.map(|value| decimal(value, 2));
    let shared = |figure: Figure| figure.value.map(share);
    ProvisioningResult {
        under_provisioned: shared(figures.theta_under),
        over_provisioned: shared(figures.theta_over),
        time_under: shared(figures.tau_under),
        time_over: shared(figures.tau_over),
        missing_replicas: number(figures.accuracy_under),
        spare_replicas: number(figures.accuracy_over),
        instability: shared(figures.upsilon),
        jitter: figures.jitter.value.map(|value| format!("{}/min", decimal(value, 2))),
        overshoot: shared(figures.overshoot_percent),
        replica_seconds: number(figures.replica_seconds),
        ideal_replica_seconds: number(figures.ideal_replica_seconds),
        cost: number(figures.cost),
    }
}

/// Percent as a share with its unit.
pub(super) fn share(value: f64) -> String {
    percent(value / 100.0)
}

/// Seconds with their unit.
pub(super) fn seconds(value: f64) -> String {
    format!("{}s", decimal(value, 1))
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
