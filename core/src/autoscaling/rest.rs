// SPDX-License-Identifier: Apache-2.0
//! Whether a workload is back where it was before a load, so that another one finds the same target.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::Workload;
use upsurge_figures::observation::Log;

use super::{analyse::autoscaler, replicas::Replicas};

/// The loads that a workload has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// When the first one began.
    pub began: Timestamp,
    /// Until when an autoscaler may still answer the last one: it reads its metrics late, and a short load may be over before it has
    /// begun to.
    pub answered: Timestamp,
}

/// Whether as many replicas are ready as there were when the first load began, no more are wanted, and no autoscaler may still answer the
/// last one; by what was seen until now.
///
/// # Errors
/// Why not, in words.
pub fn rested(workload: &Workload, log: &Log, before: Before, now: Timestamp) -> Result<(), String> {
    let Before { began, answered } = before;
    let (name, replicas) = (&workload.name, Replicas::of(log, began, now));
    let Some(first) = replicas.at_start() else {
        return Err(format!("nobody saw how many replicas {name} had before the first load"));
    };
    let had = format!("had {first} before the first load");
    match (replicas.at_end(), replicas.wanted_at_end()) {
        (None, _) => Err(format!("nobody sees how many ready replicas {name} has, which {had}")),
        (Some(ready), _) if ready != first => Err(format!("{name} has {ready} ready replicas, and {had}")),
        (Some(_), Some(wanted)) if wanted != first => {
            Err(format!("{name} is to have {wanted} replicas, and {had}"))
        }
        _ if now < answered && autoscaler(log, began, now).is_some() => {
            Err(format!("the autoscaler of {name} may not have answered the last load yet"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use upsurge_figures::observation::{Autoscaler, Event, Life, Source, What};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    /// One pod from before the load, and a second one from 20 s to 60 s, for which two replicas are wanted until 40 s.
    fn log() -> Log {
        let mut log = Log::default();
        let pod = |name: &str, life| What::Pod { pod: name.into(), life };
        let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
        for source in sources {
            log.push(Event::found(at(-5), What::Listed { source }));
        }
        let events = [
            (-5, pod("a", Life::Ready)),
            (-5, What::Asked { replicas: 1 }),
            (15, What::Asked { replicas: 2 }),
            (20, pod("b", Life::Ready)),
            (40, What::Asked { replicas: 1 }),
            (60, pod("b", Life::Gone)),
            (90, What::Lost { source: Source::Pods, message: "gone".into() }),
        ];
        events.into_iter().for_each(|(second, what)| log.push(Event::live(at(second), what)));
        log
    }

    #[rstest]
    #[case::before_anything_moved(10, None)]
    #[case::while_more_are_wanted(
        17,
        Some("checkout is to have 2 replicas, and had 1 before the first load")
    )]
    #[case::while_more_are_ready(50, Some("checkout has 2 ready replicas, and had 1 before the first load"))]
    #[case::back(61, None)]
    #[case::unseen(95, Some("nobody sees how many ready replicas checkout has, which had 1 before"))]
    fn a_workload_has_come_to_rest_when_it_is_as_it_was(#[case] now: i64, #[case] why: Option<&str>) {
        let workload: Workload = serde_json::from_value(json!({"name": "checkout"})).unwrap();
        let rested = rested(&workload, &log(), Before { began: at(0), answered: at(30) }, at(now));
        match why {
            None => assert_eq!(rested, Ok(())),
            Some(why) => assert!(rested.clone().unwrap_err().contains(why), "{rested:?}"),
        }
    }

    #[test]
    fn what_nobody_saw_before_the_load_can_not_come_back() {
        let workload: Workload = serde_json::from_value(json!({"name": "checkout"})).unwrap();
        let before = Before { began: at(0), answered: at(0) };
        let why = rested(&workload, &Log::default(), before, at(9)).unwrap_err();
        assert_eq!(why, "nobody saw how many replicas checkout had before the first load");
    }

    #[test]
    fn a_load_that_an_autoscaler_may_not_have_seen_yet_is_not_over_for_the_target() {
        let workload: Workload = serde_json::from_value(json!({"name": "checkout"})).unwrap();
        let mut log = log();
        log.push(Event::found(at(-5), What::Autoscaler(Autoscaler::default())));
        let rested = |now| rested(&workload, &log, Before { began: at(0), answered: at(14) }, at(now));
        let why = "the autoscaler of checkout may not have answered the last load yet";
        assert_eq!(rested(9).unwrap_err(), why);
        assert_eq!(rested(14), Ok(()));
    }
}
