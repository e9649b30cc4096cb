// SPDX-License-Identifier: Apache-2.0
//! What the log of a workload says about the record: around which instants seconds are kept, and what could not be seen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use upsurge_figures::observation::{Event, Source, What};

use crate::model::{Gap, ObservedWorkload};

/// Scaling events as instants of a load, in milliseconds from its start: each change of the replicas that the workload asks for or the
/// autoscaler wants, and the begin and end of each rollout. What was before the load is at its start.
pub fn marks(events: &[Event], start: Timestamp) -> Vec<u64> {
    let (mut asked, mut desired) = (None, None);
    let changed = |known: &mut Option<u32>, now: u32| known.replace(now).is_some_and(|before| before != now);
    let mut marks = Vec::new();
    for event in events {
        let is_mark = match &event.what {
            What::Asked { replicas } => changed(&mut asked, *replicas),
            What::Scaling(scaling) => changed(&mut desired, scaling.desired),
            What::Rollout { .. } => true,
            _ => false,
        };
        if is_mark {
            marks.push(u64::try_from(event.seen.duration_since(start).as_millis()).unwrap_or_default());
        }
    }
    marks
}

/// What could not be seen of a workload.
pub fn gaps(workload: &ObservedWorkload) -> Vec<Gap> {
    let mut open: BTreeMap<Source, Gap> = BTreeMap::new();
    let mut gaps = Vec::new();
    for event in &workload.events {
        match &event.what {
            What::Lost { source, message } => {
                let gap = || Gap {
                    what: named(*source).into(),
                    workload: Some(workload.name.clone()),
                    from: event.stamped.unwrap_or(event.seen),
                    to: None,
                    message: message.clone(),
                };
                open.entry(*source).or_insert_with(gap);
            }
            What::Listed { source } => {
                gaps.extend(open.remove(source).map(|gap| Gap { to: Some(event.seen), ..gap }));
            }
            _ => {}
        }
    }
    gaps.extend(open.into_values());
    gaps.sort_by_key(|gap| gap.from);
    gaps
}

const fn named(source: Source) -> &'static str {
    match source {
        Source::Runners => "load",
        Source::Autoscaler => "autoscaler",
        Source::Workload => "workload",
        Source::Pods => "pods",
        Source::Endpoints => "endpoints",
        Source::Usage => "usage",
    }
}

#[cfg(test)]
mod tests {
    use upsurge_figures::observation::Scaling;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    fn scaling(desired: u32) -> What {
        What::Scaling(Scaling { desired, ..Scaling::default() })
    }

    #[test]
    fn seconds_are_kept_around_each_change_of_what_is_asked_for() {
        let events = [
            (-5, What::Asked { replicas: 1 }),
            (-5, scaling(1)),
            (-2, What::Rollout { under_way: true }),
            (10, scaling(1)),
            (20, scaling(4)),
            (21, What::Asked { replicas: 4 }),
            (30, What::Asked { replicas: 4 }),
            (40, What::Existing { replicas: 4 }),
            (90, What::Asked { replicas: 1 }),
        ];
        let events: Vec<Event> =
            events.into_iter().map(|(second, what)| Event::live(at(second), what)).collect();
        assert_eq!(marks(&events, at(0)), [0, 20_000, 21_000, 90_000]);
    }

    #[test]
    fn a_gap_lasts_until_a_source_is_listed_again() {
        let lost = |source| What::Lost { source, message: "the watch broke".into() };
        let events = [
            (0, What::Listed { source: Source::Pods }),
            (5, lost(Source::Pods)),
            (7, lost(Source::Autoscaler)),
            (8, lost(Source::Pods)),
            (9, What::Listed { source: Source::Pods }),
        ];
        let events: Vec<Event> =
            events.into_iter().map(|(second, what)| Event::live(at(second), what)).collect();
        let workload = ObservedWorkload {
            name: "shop".into(),
            kind: "Deployment".into(),
            api_version: "apps/v1".into(),
            until: at(20),
            events,
            left_out: BTreeMap::new(),
        };
        let told: Vec<_> = gaps(&workload).into_iter().map(|gap| (gap.what, gap.from, gap.to)).collect();
        assert_eq!(told, [("pods".into(), at(5), Some(at(9))), ("autoscaler".into(), at(7), None)]);
    }
}
