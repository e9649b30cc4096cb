// SPDX-License-Identifier: Apache-2.0
//! How many replicas the load asks for, from the planned load and what a replica serves.
//!
//! The load is taken as it is planned: what the target was too slow for was asked for all the same, and whether the
//! generator kept to its plan is judged elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{LoadUnit, Quantity, Workload};
use upsurge_figures::elasticity::Demand;

use super::{course::comparable, doubts::after};
use crate::{
    http::without_login,
    plan::{Piece, Timeline},
};

/// Most steps that a load is told in, beside its end.
const MOST_STEPS: usize = 999;

/// Why nobody knows what a load asks for, and what to do; `None` if it is known.
pub(super) fn why_unknown(workload: &Workload, timeline: &Timeline, base_url: &str) -> Option<String> {
    if workload.capacity_per_replica.is_some() && mixes_units(timeline) {
        let text = "the load counts users and iterations per second at once, which capacityPerReplica can't be held against";
        return Some(text.into());
    }
    (declared(workload, timeline) == Demand::None).then(|| advice(workload, base_url))
}

/// The demand that `capacityPerReplica` makes of a load, if it makes one.
pub fn declared(workload: &Workload, timeline: &Timeline) -> Demand {
    let capacity = workload.capacity_per_replica.filter(|_| !mixes_units(timeline)).map(Quantity::as_f64);
    capacity.and_then(|capacity| Demand::declared(capacity).ok()).unwrap_or(Demand::None)
}

/// Whether a load counts users and iterations per second at once: their sum says nothing.
pub fn mixes_units(timeline: &Timeline) -> bool {
    let counts = |unit: LoadUnit| timeline.stages.iter().any(|stage| stage.unit == unit);
    counts(LoadUnit::Users) && counts(LoadUnit::IterationsPerSecond)
}

/// How to find out what a replica serves.
pub fn advice(workload: &Workload, base_url: &str) -> String {
    let Workload { kind, name, .. } = workload;
    format!(
        "what a replica serves is not known: with one replica of {kind}/{name}, `upsurge quick {} --users 50 --duration 1m` \
         tells how many requests per second it answers at most; set capacityPerReplica of the workload to the load that it \
         serves within your limits, which a test with load.capacity measures",
        without_login(base_url)
    )
}

/// The levels of a load, each with the instant from which it holds. Of a ramp, one is told whenever the replicas that it asks
/// for change; where nobody knows how many these are, the ramp is told at its begin.
pub(super) fn steps(timeline: &Timeline, demand: &Demand, start: Timestamp) -> Vec<(Timestamp, f64)> {
    let course = comparable(timeline).course();
    let most = (MOST_STEPS / course.len().max(1)).max(1);
    let mut steps: Vec<(Timestamp, f64)> = Vec::new();
    for (offset, level) in course.iter().flat_map(|piece| of_piece(piece, demand, most)) {
        if steps.last().is_none_or(|(_, before)| *before != level) {
            steps.push((after(start, offset), level));
        }
    }
    steps.push((after(start, timeline.duration()), 0.0));
    steps
}

fn of_piece(piece: &Piece, demand: &Demand, most: usize) -> Vec<(Duration, f64)> {
    let Demand::Declared { capacity } = demand else { return vec![(piece.start, piece.to)] };
    let share_at = |level: f64| (level - piece.from) / (piece.to - piece.from);
    let (low, high) = (piece.from.min(piece.to), piece.from.max(piece.to));
    let first = (low / capacity).floor() + 1.0;
    let crossed = (high / capacity).ceil() - first;
    let mut shares: Vec<f64> = if crossed <= 0.0 {
        Vec::new()
    } else if crossed > most as f64 {
        (1..most).map(|step| step as f64 / most as f64).collect()
    } else {
        (0..crossed as usize).map(|step| share_at((first + step as f64) * capacity)).collect()
    };
    shares.sort_by(f64::total_cmp);
    let begins = std::iter::once(0.0).chain(shares.iter().copied());
    let ends = shares.iter().copied().chain(std::iter::once(1.0));
    let length = piece.end.saturating_sub(piece.start);
    begins
        .zip(ends)
        .map(|(begin, end)| {
            let level = piece.from + (piece.to - piece.from) * (begin + end) / 2.0;
            (piece.start + length.mul_f64(begin.clamp(0.0, 1.0)), level)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::plan::Stage;

    /// Stages as (seconds, from, to).
    fn timeline(stages: &[(u64, f64, f64)]) -> Timeline {
        let mut start = Duration::ZERO;
        let stages = stages
            .iter()
            .enumerate()
            .map(|(index, (seconds, from, to))| {
                let duration = Duration::from_secs(*seconds);
                let name = format!("stage-{index}");
                let stage = Stage { name, unit: LoadUnit::Users, start, duration, from: *from, to: *to };
                start = stage.end();
                stage
            })
            .collect();
        Timeline { stages, graceful_stop: Duration::ZERO }
    }

    /// Steps as (seconds, replicas).
    fn told(stages: &[(u64, f64, f64)], capacity: f64) -> Vec<(f64, u32)> {
        let demand = Demand::declared(capacity).unwrap();
        let start = Timestamp::UNIX_EPOCH;
        let timeline = timeline(stages);
        let mut steps = steps(&timeline, &demand, start);
        assert_eq!(steps.pop(), Some((after(start, timeline.duration()), 0.0)), "its end");
        let seconds = |at: Timestamp| at.duration_since(start).as_secs_f64();
        steps.into_iter().map(|(at, level)| (seconds(at), demand.replicas(level).unwrap())).collect()
    }

    #[rstest]
    #[case::steps(&[(10, 5.0, 5.0), (20, 50.0, 50.0), (30, 5.0, 5.0)], &[(0.0, 1), (10.0, 5), (30.0, 1)])]
    #[case::a_ramp(&[(40, 0.0, 40.0)], &[(0.0, 1), (10.0, 2), (20.0, 3), (30.0, 4)])]
    #[case::a_ramp_down(&[(30, 35.0, 5.0)], &[(0.0, 4), (5.0, 3), (15.0, 2), (25.0, 1)])]
    #[case::within_a_replica(&[(30, 1.0, 9.0)], &[(0.0, 1)])]
    fn the_load_is_told_whenever_it_asks_for_other_replicas(
        #[case] stages: &[(u64, f64, f64)],
        #[case] expected: &[(f64, u32)],
    ) {
        assert_eq!(told(stages, 10.0), expected);
    }

    #[test]
    fn without_a_capacity_a_ramp_is_told_at_its_begin() {
        let stages = timeline(&[(10, 5.0, 5.0), (20, 5.0, 50.0), (30, 50.0, 50.0)]);
        let steps = steps(&stages, &Demand::None, Timestamp::UNIX_EPOCH);
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        assert_eq!(steps, [(at(0), 5.0), (at(10), 50.0), (at(60), 0.0)]);
    }

    proptest! {
        #[test]
        fn at_any_time_as_many_replicas_are_told_as_the_load_asks_for(
            levels in prop::collection::vec((1..60_u64, 0..300_u32, 0..300_u32), 1..8),
            capacity in 3..60_u32,
            millisecond in 0..400_000_u64,
        ) {
            let stages: Vec<_> =
                levels.iter().map(|(seconds, from, to)| (*seconds, f64::from(*from), f64::from(*to))).collect();
            let timeline = timeline(&stages);
            let demand = Demand::declared(f64::from(capacity)).unwrap();
            let at = Duration::from_millis(millisecond % (timeline.duration().as_millis() as u64));
            let stage = timeline.stages.iter().rev().find(|stage| stage.start <= at).unwrap();
            let truth = stage.level_at(at);
            // Right at a step, either of both is as good.
            prop_assume!((truth / f64::from(capacity)).fract() > 1e-6 && (truth / f64::from(capacity)).fract() < 1.0 - 1e-6);
            let steps = steps(&timeline, &demand, Timestamp::UNIX_EPOCH);
            let now = after(Timestamp::UNIX_EPOCH, at);
            let told = steps.iter().rev().find(|(step, _)| *step <= now).unwrap().1;
            prop_assert_eq!(demand.replicas(told), demand.replicas(truth));
        }
    }
}
