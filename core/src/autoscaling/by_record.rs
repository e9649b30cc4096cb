// SPDX-License-Identifier: Apache-2.0
//! All that is told of a workload by its record alone, for whoever observes without an operator and has no list of samples.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingResult, Workload};
use upsurge_figures::{
    observation::{Event, Life, Log, What, levels},
    workload as figures,
};

use super::{Autoscaler, Doubt, Observation, Observed, PodTimes, analyse, doubts, watch_until, while_ending};
use crate::{losses::Losses, metrics::Metrics, plan::Timeline, thresholds::Windows};

/// What a result is made from.
#[derive(Clone, Copy, Debug)]
pub struct ByRecord<'a> {
    /// What was seen of the workload.
    pub record: &'a figures::Workload,
    /// The load as it was carried out.
    pub timeline: &'a Timeline,
    /// Whether thresholds were met, second by second.
    pub windows: &'a Windows,
    /// Requests that were lost.
    pub losses: &'a Losses,
    /// All that was measured.
    pub metrics: &'a Metrics,
    /// The start of the load.
    pub start: Timestamp,
    /// Its end.
    pub load_end: Timestamp,
    /// The end of the observation.
    pub end: Timestamp,
    /// The workload, with what is expected of it.
    pub workload: &'a Workload,
    /// Base URL of the target, for advice.
    pub base_url: &'a str,
}

impl ByRecord<'_> {
    /// What the autoscaler did, as in a run's status, and why that may be worthless.
    pub fn result(&self) -> (AutoscalingResult, Vec<Doubt>) {
        let Self { record, timeline, windows, losses, metrics, start, load_end, end, workload, base_url } =
            *self;
        let observation = observation(record.log());
        let lost = while_ending(&observation, losses, metrics, start, load_end);
        let analysed = analyse(&observation, timeline, start, end, workload);
        let mut result = AutoscalingResult { requests_while_scaling_down: lost, ..analysed };
        let mut doubts = doubts(&observation, timeline, start, end, Some(workload));
        let (observation, recorded) = (&observation, Some(record));
        let observed = Observed { observation, recorded, timeline, windows, start, end, workload, base_url };
        if let Some(report) = observed.report() {
            observed.tell(&report, &mut result);
            let known: Vec<&str> = doubts.iter().map(|doubt| doubt.reason).collect();
            let more = observed.doubts(&report).into_iter();
            // Those about the autoscaler matter only if something was expected of it.
            let more = more.filter(|doubt| workload.expect.is_some() && !known.contains(&doubt.reason));
            let more: Vec<Doubt> = more.collect();
            doubts.extend(more);
        }
        (result, doubts)
    }
}

/// Until when a workload must be observed for its expectations to be decided; `None` when they are, as far as time can decide
/// them.
pub fn watched_until(
    record: &figures::Workload,
    timeline: &Timeline,
    start: Timestamp,
    workload: &Workload,
    now: Timestamp,
) -> Option<Timestamp> {
    watch_until(&observation(record.log()), timeline, start, workload, now)
}

/// The events of a log as a list of samples.
fn observation(log: &Log) -> Observation {
    let mut observation = Observation::default();
    for (at, levels) in levels(log) {
        let (Some(asked), Some(existing), Some(serving)) = (levels.asked, levels.existing, levels.serving)
        else {
            continue;
        };
        let desired = levels.desired.unwrap_or(asked);
        observation.record_replicas(at, number(desired), number(existing), number(serving));
    }
    log.events().iter().for_each(|event| take(event, &mut observation));
    observation
}

fn take(event: &Event, observation: &mut Observation) {
    match &event.what {
        What::Autoscaler(found) => {
            observation.autoscaler = Some(Autoscaler {
                kind: found.kind.clone(),
                name: found.name.clone(),
                min_replicas: number(found.min),
                max_replicas: number(found.max),
            });
        }
        What::Condition(said) => observation.record_condition(
            event.seen,
            &said.condition,
            &said.status,
            &said.reason,
            &said.message,
        ),
        What::Lost { message, .. } => observation.record_problem(message),
        // One that was under way before is told by the record itself.
        What::Rollout { under_way: true } if !event.found => observation.record_rollout(event.seen),
        What::Pod { pod, life } => {
            observation.unschedulable |= matches!(life, Life::Unschedulable { .. });
            observation.record_pod(times(pod, life, event));
        }
        _ => {}
    }
}

/// A step in the life of a pod. When its last container ended isn't known: an event tells of one of them.
fn times(pod: &str, life: &Life, event: &Event) -> PodTimes {
    let at = Some(event.stamped.unwrap_or(event.seen));
    let mut times = PodTimes { name: pod.to_owned(), ..PodTimes::default() };
    match life {
        Life::Created => times.created = at,
        Life::Scheduled => times.scheduled = at,
        Life::Started => times.started = at,
        Life::Ready => times.ready = at,
        Life::Terminating => (times.terminating, times.deleted) = (event.stamped, Some(event.seen)),
        Life::Gone => times.deleted = Some(event.seen),
        _ => {}
    }
    times
}

fn number(replicas: u32) -> i32 {
    i32::try_from(replicas).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_figures::{
        elasticity::Demand,
        observation::{Autoscaler as Settings, Scaling, Source},
    };

    use super::*;
    use crate::plan::Plan;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    /// One replica, and a second one that serves 20 s after the load began; gone again at 90 s.
    fn record(timeline: &Timeline) -> figures::Workload {
        let mut record = figures::Workload::new(Demand::None);
        let pod = |pod: &str, life| What::Pod { pod: pod.into(), life };
        let settings = Settings {
            kind: "HorizontalPodAutoscaler".into(),
            name: "shop".into(),
            min: 1,
            max: 5,
            ..Settings::default()
        };
        let found = [
            What::Autoscaler(settings),
            What::Scaling(Scaling { desired: 1, current: 1, ..Scaling::default() }),
            What::Asked { replicas: 1 },
            What::Existing { replicas: 1 },
            pod("a", Life::Ready),
        ];
        found.into_iter().for_each(|what| record.note(Event::found(at(-5), what)));
        for source in [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints] {
            record.note(Event::live(at(-5), What::Listed { source }));
        }
        super::super::begin(&mut record, timeline, at(0));
        for (second, what) in [
            (10, What::Scaling(Scaling { desired: 2, current: 1, ..Scaling::default() })),
            (11, What::Asked { replicas: 2 }),
            (11, pod("b", Life::Created)),
            (11, What::Existing { replicas: 2 }),
            (20, pod("b", Life::Ready)),
            (90, What::Scaling(Scaling { desired: 1, current: 2, ..Scaling::default() })),
            (90, What::Asked { replicas: 1 }),
            (90, pod("b", Life::Terminating)),
            (92, pod("b", Life::Gone)),
            (92, What::Existing { replicas: 1 }),
        ] {
            record.note(Event::live(at(second), what));
        }
        record
    }

    #[test]
    fn a_record_alone_gives_replicas_expectations_and_figures() {
        let load = json!({"constant": {"level": 5, "duration": "60s"}});
        let timeline = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
        let workload: Workload = serde_json::from_value(json!({"name": "shop", "expect": {
            "scaleUpWithin": "30s", "scaleDownWithin": "20s", "minPeakReplicas": 2, "maxDirectionChanges": 1
        }}))
        .unwrap();
        let record = record(&timeline);
        let until = |second| watched_until(&record, &timeline, at(0), &workload, at(second));
        assert_eq!((until(70), until(95)), (Some(at(80)), None), "two replicas then, and one");
        let (result, doubts) = ByRecord {
            record: &record,
            timeline: &timeline,
            windows: &Windows::default(),
            losses: &Losses::default(),
            metrics: &Metrics::default(),
            start: at(0),
            load_end: at(60),
            end: at(100),
            workload: &workload,
            base_url: "http://shop",
        }
        .result();
        assert_eq!(doubts, []);
        assert_eq!(
            (result.replicas.as_str(), result.autoscaler.as_deref()),
            ("1→2→1", Some("HorizontalPodAutoscaler/shop"))
        );
        assert_eq!((result.scale_up_seconds, result.scale_down_seconds), (Some(20.0), Some(30.0)));
        let judged: Vec<_> =
            result.expectations.iter().map(|one| (one.name.as_str(), one.passed, one.undecided)).collect();
        assert_eq!(
            judged,
            [
                ("scaleUpWithin", true, false),
                ("minPeakReplicas", true, false),
                ("scaleDownWithin", false, false),
                ("maxDirectionChanges", true, false),
            ]
        );
        let ups = &result.workloads[0].scale_ups;
        assert_eq!((ups.len(), ups[0].from, ups[0].to, ups[0].seconds), (1, 1, 2, 11.0));
        assert_eq!(result.requests_while_scaling_down, None, "its pods ended after the load");
    }
}
