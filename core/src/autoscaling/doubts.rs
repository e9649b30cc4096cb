// SPDX-License-Identifier: Apache-2.0
//! Why what was observed can't carry a verdict on the autoscaler, or on the target at all.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::{names::reasons, v1alpha1::Workload};
use upsurge_figures::{
    observation::{Log, Source, What},
    workload::{self as figures, DoubtKind, Report},
};

use super::{
    Observed, analyse::autoscaler, course, outages::outages, replicas::Replicas, standing::standing,
};

/// Share of the load's time for which an autoscaler may be without metrics before nothing can be said
/// about it; single failed readings are usual while pods come and go.
const BLIND_SHARE: f64 = 0.2;

/// A reason for which data can't carry a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What, where, and what to do.
    pub message: String,
}

/// All doubts about a run. Those about the autoscaler matter only if something was expected of it. Of each reason, the first counts.
pub(super) fn doubts(observed: &Observed<'_>, report: &Report) -> Vec<Doubt> {
    let Observed { timeline, start, end, workload, .. } = *observed;
    let log = observed.record.log();
    let is_judged = workload.expect.is_some();
    let load_end = after(start, timeline.duration()).min(end);
    let watched_until = if is_judged { end } else { load_end };
    let rollouts = report.doubts.iter().filter(|doubt| doubt.kind == DoubtKind::Rollout);
    let mut doubts: Vec<Doubt> =
        rollouts.filter(|doubt| doubt.at <= watched_until).map(|doubt| rollout(doubt.at)).collect();
    if is_judged {
        doubts.extend(of_autoscaler(observed, load_end));
        doubts.extend(report.doubts.iter().filter_map(|doubt| meddled(doubt, start)));
        doubts.extend(standing(log, start, end));
    }
    let mut seen: Vec<&str> = Vec::new();
    doubts.retain(|doubt| {
        let is_first = !seen.contains(&doubt.reason);
        seen.push(doubt.reason);
        is_first
    });
    doubts
}

fn rollout(at: Timestamp) -> Doubt {
    let message = format!(
        "the target's pod template changed at {at:.0}, during the run: the figures are of two versions; \
         run the test again when no rollout is under way"
    );
    Doubt { reason: reasons::ROLLOUT_DURING_RUN, message }
}

/// That somebody changed the autoscaler, or the replicas in its place.
fn meddled(doubt: &figures::Doubt, start: Timestamp) -> Option<Doubt> {
    let reason = match doubt.kind {
        DoubtKind::Rollout => return None,
        DoubtKind::AutoscalerDeleted => reasons::AUTOSCALER_DELETED,
        DoubtKind::AutoscalerReplaced => reasons::AUTOSCALER_REPLACED,
        DoubtKind::AutoscalerChanged => reasons::AUTOSCALER_CHANGED,
        DoubtKind::ScaledByOthers => reasons::SCALED_BY_OTHERS,
    };
    let message = format!(
        "{} (at {:.0} s of the load): what it did can't be judged; leave it alone while a test runs",
        doubt.message,
        doubt.at.duration_since(start).as_secs_f64()
    );
    Some(Doubt { reason, message })
}

/// That there is none, that nobody saw what came of it, or that it did not see what it goes by.
fn of_autoscaler(observed: &Observed<'_>, load_end: Timestamp) -> Option<Doubt> {
    let Observed { timeline, start, end, workload, .. } = *observed;
    let log = observed.record.log();
    let because = |text: String, sources: &[Source]| match why_unseen(log, sources) {
        Some(why) => format!("{text}: {why}"),
        None => text,
    };
    let Some(autoscaler) = autoscaler(log, start, end) else {
        let Workload { kind, name, .. } = workload;
        let text = format!(
            "what spec.target.workloads expects of {kind}/{name} can't be judged: no autoscaler was found that has it as its \
             scaleTargetRef"
        );
        let message = because(text, &[Source::Autoscaler]);
        return Some(Doubt { reason: reasons::AUTOSCALER_NOT_FOUND, message });
    };
    let name = format!("{}/{}", autoscaler.kind, autoscaler.name);
    if Replicas::of(log, start, end).peak().is_none() {
        let text = format!("the replicas behind {name} could not be observed");
        let message = because(text, &[Source::Pods, Source::Endpoints]);
        return Some(Doubt { reason: reasons::METRICS_UNAVAILABLE, message });
    }
    let fall = after(start, course::fall(timeline)).min(load_end);
    let whole = fall.duration_since(start).as_secs_f64();
    let mut outages = outages(log, "ScalingActive", start, fall);
    outages.retain(super::outages::Outage::is_broken);
    let blind: f64 = outages.iter().map(|outage| outage.length().as_secs_f64()).sum();
    let longest = outages.iter().max_by_key(|outage| outage.length())?;
    if whole <= 0.0 || blind / whole <= BLIND_SHARE {
        return None;
    }
    let message = format!(
        "{name} could not read its metrics for {blind:.0} s of the {whole:.0} s until the load fell ({}: {}); see to the metrics API and run \
         the test again",
        longest.condition.reason, longest.condition.message,
    );
    Some(Doubt { reason: reasons::METRICS_UNAVAILABLE, message })
}

/// Why one of some sources was not seen, as it was told last.
fn why_unseen<'a>(log: &'a Log, sources: &[Source]) -> Option<&'a str> {
    log.events().iter().rev().find_map(|event| match &event.what {
        What::Lost { source, message } if sources.contains(source) => Some(message.as_str()),
        _ => None,
    })
}

/// An instant after a span; the farthest one there is if the span leads beyond it.
pub(super) fn after(start: Timestamp, span: Duration) -> Timestamp {
    start.saturating_add(span).unwrap_or(Timestamp::MAX)
}
