// SPDX-License-Identifier: Apache-2.0
//! The limit that is in force at a moment. The first rule that holds counts: what breaks the autoscaler comes before what
//! keeps its pods from running, since without metrics it asks for none; and that before the autoscaler's own settings, since more
//! pods would not run either.

use jiff::{SignedDuration, Timestamp};

use super::Limit;
use crate::observation::{Autoscaler, Tracker};

/// How long a pod may be started and not ready before that counts as a limit: every pod takes some time.
pub const READINESS_PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// Share of the highest reading from which on pods are said to use all that they may.
const SATURATED: f64 = 0.95;

/// What is known of a moment.
pub(super) enum Moment {
    /// Supply isn't known.
    Unknown,
    /// There is enough.
    Enough,
    /// There is too little, because of this.
    Short(Limit, String),
}

/// The limit at an instant, with its evidence. Without a demand, too little is what the autoscaler wants more, or would if it
/// were allowed to.
pub(super) fn in_force(tracker: &Tracker, demand: Option<u32>, now: Timestamp) -> Moment {
    let levels = tracker.levels();
    let Some(supply) = levels.serving.or(levels.ready) else { return Moment::Unknown };
    let name = tracker.autoscaler().map(name).unwrap_or_default();
    let said =
        |type_: &str, status: &str| tracker.condition(type_).filter(|condition| condition.status == status);
    let because = |type_: &str, reason: &str| {
        said(type_, "True")
            .filter(|condition| condition.reason == reason)
            .map(|condition| condition.message.clone())
    };
    // Switched off on purpose at 0 replicas; nothing is broken then.
    let broken = said("ScalingActive", "False").filter(|condition| condition.reason != "ScalingDisabled");
    // KEDA tells its autoscaler a number that is made up while it can't read a trigger.
    let broken = broken.or_else(|| said("Fallback", "True"));
    let at_bound = because("ScalingLimited", "TooManyReplicas");
    let by_policy = because("ScalingLimited", "ScaleUpLimit");
    let stabilized = because("AbleToScale", "ScaleUpStabilized");
    let wanted = levels.desired.max(levels.asked);
    let short = match demand {
        Some(demand) => demand > supply,
        None => {
            wanted > Some(supply)
                || broken.is_some()
                || at_bound.is_some()
                || by_policy.is_some()
                || stabilized.is_some()
        }
    };
    if !short {
        return Moment::Enough;
    }
    if let Some(condition) = broken {
        let evidence =
            format!("{name} could not read its metrics: {}: {}", condition.reason, condition.message);
        return Moment::Short(Limit::MetricsBroken, evidence);
    }
    let pod = |of: fn(&crate::observation::PodState) -> Option<&String>| {
        tracker.pods().find_map(|(pod, state)| Some(format!("pod {pod}: {}", of(state)?)))
    };
    if let Some(evidence) = pod(|state| state.unschedulable.as_ref()) {
        return Moment::Short(Limit::Nodes, evidence);
    }
    if let Some(message) = tracker.quota() {
        return Moment::Short(Limit::Quota, message.into());
    }
    if let Some(evidence) = pod(|state| state.image_pull.as_ref()) {
        return Moment::Short(Limit::ImagePull, evidence);
    }
    // As many as are needed were asked for: the autoscaler has done its part.
    if demand.is_none() || wanted < demand {
        let max = levels.bounds.map(|(_, max)| max).filter(|max| levels.desired >= Some(*max));
        if let Some((max, demand)) = max.zip(demand).filter(|(max, demand)| demand > max) {
            let evidence =
                format!("{name} wants {max} of at most {max} replicas, and the load asks for {demand}");
            return Moment::Short(Limit::MaxReplicas, evidence);
        }
        if let Some(message) = at_bound {
            let most = levels.bounds.map(|(_, max)| format!(" {max}")).unwrap_or_default();
            return Moment::Short(
                Limit::MaxReplicas,
                format!("{name} is at its maxReplicas{most}: {message}"),
            );
        }
        if let Some(message) = by_policy {
            return Moment::Short(Limit::ScaleUpPolicy, format!("{name} was held back: {message}"));
        }
        if let Some(message) = stabilized {
            return Moment::Short(Limit::Stabilization, format!("{name} waited: {message}"));
        }
        if let Some(evidence) = saturated(tracker) {
            return Moment::Short(Limit::CPULimit, evidence);
        }
    }
    let late = tracker.pods().filter(|(_, pod)| !pod.ready && !pod.terminating).filter_map(|(name, pod)| {
        let waited = now.duration_since(pod.started?);
        (waited >= READINESS_PATIENCE).then_some((waited, name))
    });
    if let Some((_, pod)) = late.max_by_key(|(waited, _)| *waited) {
        let seconds = READINESS_PATIENCE.as_secs();
        return Moment::Short(
            Limit::Readiness,
            format!("pod {pod} was not ready {seconds} s after it had started"),
        );
    }
    let evidence = match demand {
        Some(demand) => format!("the load asks for {demand} replicas and {supply} serve"),
        None => format!("{} replicas are wanted and {supply} serve", wanted.unwrap_or(supply)),
    };
    Moment::Short(Limit::None, evidence)
}

/// The next instant after this one at which a pod's patience is over, without any event.
pub(super) fn next_late(tracker: &Tracker, now: Timestamp) -> Option<Timestamp> {
    let waiting = tracker.pods().filter(|(_, pod)| !pod.ready && !pod.terminating);
    let over = waiting.filter_map(|(_, pod)| pod.started?.saturating_add(READINESS_PATIENCE).ok());
    over.filter(|over| *over > now).min()
}

/// A reading that is at the most that it can be.
fn saturated(tracker: &Tracker) -> Option<String> {
    tracker.scaling()?.readings.iter().find_map(|reading| {
        let (current, ceiling) = (reading.current?, reading.ceiling?);
        (current >= SATURATED * ceiling).then(|| {
            format!(
                "{} is at {current:.0} of at most {ceiling:.0} that the limit allows, with a target of {:.0}: one look can \
                 grow replicas by no more than {:.1} times",
                reading.metric,
                reading.target,
                ceiling / reading.target
            )
        })
    })
}

fn name(autoscaler: &Autoscaler) -> String {
    format!("{}/{}", autoscaler.kind, autoscaler.name)
}
