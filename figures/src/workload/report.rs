// SPDX-License-Identifier: Apache-2.0
//! All figures of a workload at an instant.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Doubt, Service, Workload, doubts::doubts};
use crate::{
    elasticity::Elasticity,
    latency::{ScaleDown, ScaleUp, Summary, scale_downs, scale_ups, summary},
    limits::{Facts, Limits, Recommendation, Stretch, recommend},
    observation::{Autoscaler, Class, Event, Source, What},
};

/// A scale-up with what limited it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// The scale-up.
    #[serde(flatten)]
    pub scale_up: ScaleUp,
    /// The limit that was in force longest from the rise of the load until its pods served, with its longest stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Stretch>,
}

/// What came of a run for one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Start of the load.
    pub from: Timestamp,
    /// End of the observation.
    pub to: Timestamp,
    /// The autoscaler as it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,
    /// Scale-ups, in order of time.
    pub scale_ups: Vec<Raised>,
    /// Scale-downs, in order of time.
    pub scale_downs: Vec<ScaleDown>,
    /// The parts of all scale-ups.
    pub latency: Summary,
    /// How well supply followed demand.
    pub elasticity: Elasticity,
    /// How the service fared by its thresholds.
    pub service: Service,
    /// What limited, and when.
    pub limits: Limits,
    /// The limit of the run with its longest stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<Stretch>,
    /// What to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Recommendation>,
    /// Seconds of the time for which a source could not be seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<Source, f64>,
    /// Whether the log has left out decisions or pods, so that scale-ups are missing or have fewer parts than were seen.
    #[serde(default)]
    pub incomplete: bool,
    /// What makes a verdict worthless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
}

impl Workload {
    /// The figures from the start of the load up to an instant, which isn't before the last event; `None` if no load has
    /// begun.
    pub fn report(&self, to: Timestamp) -> Option<Report> {
        let mut whole = self.clone();
        whole.count_up_to(to);
        let folds = whole.folds.as_ref()?;
        let (from, log) = (folds.from, &whole.log);
        let limits = folds.watch.limits(to);
        // Of the load's own time, where the meter would count what comes after it, too.
        // While the load lasts, the newest seconds of it are still on their way.
        let end = whole.ended.filter(|end| *end <= to);
        let service = end.map_or(folds.service.clone(), |end| folds.service.clone().ended(end));
        let violations = service.violations();
        let elasticity = Elasticity { violations, ..folds.meter.figures(to) };
        let during = |at: Timestamp| at >= from && at <= to;
        let ups: Vec<ScaleUp> = scale_ups(log).into_iter().filter(|up| during(up.decided)).collect();
        let latency = summary(&ups);
        let limited_by = limits.limited_by().and_then(|limit| {
            let own = limits.stretches.iter().filter(|stretch| stretch.limit == limit);
            own.max_by_key(|stretch| stretch.to.duration_since(stretch.from)).cloned()
        });
        let autoscaler = log.events().iter().rev().find_map(|event| match &event.what {
            What::Autoscaler(autoscaler) => Some(autoscaler.clone()),
            _ => None,
        });
        let recommendation = recommend(&Facts {
            limit: limits.limited_by(),
            evidence: limited_by.as_ref().map_or("", |stretch| &stretch.evidence),
            autoscaler: autoscaler.as_ref(),
            most_demanded: limits.most_demanded,
            flapping: elasticity.flapping.value.unwrap_or_default() as u64,
        });
        let raised = |scale_up: ScaleUp| {
            let begin = scale_up.risen.unwrap_or(scale_up.decided);
            let limit = limits.within(begin, scale_up.served.unwrap_or(to)).cloned();
            Raised { scale_up, limit }
        };
        let forgotten = |class| log.left_out().get(&class).is_some_and(|left| left.to > from);
        Some(Report {
            from,
            to,
            scale_downs: scale_downs(log).into_iter().filter(|down| during(down.decided)).collect(),
            scale_ups: ups.into_iter().map(raised).collect(),
            latency,
            elasticity,
            service,
            limited_by,
            recommendation,
            unknown: unseen(log.events(), from, to),
            incomplete: forgotten(Class::Workload) || forgotten(Class::Pods),
            doubts: doubts(log, from, to),
            autoscaler,
            limits,
        })
    }
}

/// Seconds between two instants for which each source could not be seen.
fn unseen(events: &[Event], from: Timestamp, to: Timestamp) -> BTreeMap<Source, f64> {
    let sources = [Source::Runners, Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    let blind = |source: Source| {
        let (mut since, mut seconds) = (Some(from), 0.0);
        for event in events.iter().filter(|event| event.seen <= to) {
            let at = event.seen.max(from);
            match &event.what {
                What::Lost { source: lost, .. } if *lost == source => since = since.or(Some(at)),
                What::Listed { source: listed } if *listed == source => {
                    seconds += since.take().map_or(0.0, |since| at.duration_since(since).as_secs_f64());
                }
                _ => {}
            }
        }
        seconds + since.map_or(0.0, |since| to.duration_since(since).as_secs_f64())
    };
    sources.into_iter().map(|source| (source, blind(source))).filter(|(_, blind)| *blind > 0.0).collect()
}
