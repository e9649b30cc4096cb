// SPDX-License-Identifier: Apache-2.0
//! When the load rises and when it falls: the instants that an autoscaler's delays count from.

use std::{borrow::Cow, time::Duration};

use upsurge_crds::v1alpha1::LoadUnit;
use upsurge_figures::elasticity::Demand;

use super::demand::mixes_units;
use crate::plan::{Piece, Stage, Timeline};

/// A load of which all levels can be added up. Users and iterations per second can't: where a load counts both, each counts as a share
/// of its own peak.
pub(super) fn comparable(timeline: &Timeline) -> Cow<'_, Timeline> {
    if !mixes_units(timeline) {
        return Cow::Borrowed(timeline);
    }
    let peak = |unit: LoadUnit| {
        let stages = timeline.stages.iter().filter(|stage| stage.unit == unit).cloned().collect();
        Timeline { stages, ..timeline.clone() }.peak()
    };
    let peaks = [LoadUnit::Users, LoadUnit::IterationsPerSecond].map(|unit| (unit, peak(unit)));
    let share = |stage: &Stage| {
        let peak = peaks.iter().find(|(unit, _)| *unit == stage.unit).map_or(0.0, |(_, peak)| *peak);
        let of = |level: f64| if peak > 0.0 { level / peak } else { 0.0 };
        Stage { from: of(stage.from), to: of(stage.to), ..stage.clone() }
    };
    Cow::Owned(Timeline { stages: timeline.stages.iter().map(share).collect(), ..timeline.clone() })
}

/// The first instant at which the level rises above the level at the start; the start itself if it
/// never does, as a load that begins at its peak asks for replicas at once.
pub fn rise(timeline: &Timeline) -> Duration {
    let course = comparable(timeline).course();
    let Some(base) = course.first().map(|piece| piece.from) else { return Duration::ZERO };
    let Some(piece) = course.iter().find(|piece| piece.from.max(piece.to) > base) else {
        return Duration::ZERO;
    };
    if piece.from >= base {
        return piece.start;
    }
    let share = (base - piece.from) / (piece.to - piece.from);
    piece.start + (piece.end - piece.start).mul_f64(share)
}

/// The first instant from which the level drops and never rises again; the end of the load at the latest.
pub fn fall(timeline: &Timeline) -> Duration {
    let mut fall = timeline.duration();
    let mut level = 0.0;
    for piece in comparable(timeline).course().iter().rev() {
        if piece.to < level {
            break;
        }
        if piece.to > level {
            fall = piece.end;
        }
        if piece.from < piece.to {
            break;
        }
        if piece.from > piece.to {
            fall = piece.start;
        }
        level = piece.from;
    }
    fall
}

/// How long after its rise a load asks for that many replicas. Where nobody knows what it asks for, or it never asks for as many,
/// until its peak.
pub(super) fn climb(timeline: &Timeline, demand: &Demand, replicas: u32) -> Duration {
    let course = comparable(timeline).course();
    let level = match demand {
        Demand::Declared { capacity } => f64::from(replicas.saturating_sub(1)) * capacity,
        Demand::Calibrated { .. } | Demand::None => f64::INFINITY,
    };
    let asks = |level: f64| demand.replicas(level).is_some_and(|asked| asked >= replicas);
    let peak = course.iter().map(|piece| piece.from.max(piece.to)).fold(0.0, f64::max);
    let reached = first(&course, level, asks).or_else(|| first(&course, peak, |level| level >= peak));
    reached.unwrap_or_default().saturating_sub(rise(timeline))
}

/// How long after its fall a load asks for no more than that many replicas any more. Where nobody knows what it asks for, until its
/// end.
pub(super) fn descent(timeline: &Timeline, demand: &Demand, replicas: u32) -> Duration {
    let fall = fall(timeline);
    let Demand::Declared { capacity } = demand else { return timeline.duration().saturating_sub(fall) };
    // A load of nothing asks for one, too.
    let replicas = replicas.max(1);
    let level = f64::from(replicas) * capacity;
    let asks_more = |level: f64| demand.replicas(level).is_some_and(|asked| asked > replicas);
    let last = comparable(timeline).course().iter().rev().find_map(|piece| {
        if asks_more(piece.to) {
            return Some(piece.end);
        }
        asks_more(piece.from).then(|| crossing(piece, level))
    });
    last.unwrap_or_default().saturating_sub(fall)
}

/// The first instant at which something is so that is so from a level on.
fn first(course: &[Piece], level: f64, is_so: impl Fn(f64) -> bool) -> Option<Duration> {
    course.iter().find_map(|piece| {
        if is_so(piece.from) {
            return Some(piece.start);
        }
        is_so(piece.to).then(|| crossing(piece, level))
    })
}

/// When a ramp is at a level.
fn crossing(piece: &Piece, level: f64) -> Duration {
    let share = (level - piece.from) / (piece.to - piece.from);
    piece.start + piece.end.saturating_sub(piece.start).mul_f64(share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Stages as (seconds, from, to).
    fn timeline(stages: &[(u64, f64, f64)]) -> Timeline {
        let mut start = Duration::ZERO;
        let stages = stages
            .iter()
            .enumerate()
            .map(|(index, (seconds, from, to))| {
                let stage = Stage {
                    name: format!("stage-{index}"),
                    unit: LoadUnit::Users,
                    start,
                    duration: Duration::from_secs(*seconds),
                    from: *from,
                    to: *to,
                };
                start = stage.end();
                stage
            })
            .collect();
        Timeline { stages, graceful_stop: Duration::ZERO }
    }

    #[test]
    fn users_and_iterations_per_second_are_not_added_up() {
        let stage = |name: &str, unit, start, seconds, level| Stage {
            name: name.into(),
            unit,
            start: Duration::from_secs(start),
            duration: Duration::from_secs(seconds),
            from: level,
            to: level,
        };
        let (users, rate) = (LoadUnit::Users, LoadUnit::IterationsPerSecond);
        // As 100 users leave, 90 iterations per second come, which are three times as many as before.
        let stages = vec![
            stage("browse", users, 0, 60, 100.0),
            stage("few", rate, 0, 60, 30.0),
            stage("fewer", users, 60, 60, 50.0),
            stage("many", rate, 60, 60, 90.0),
        ];
        let timeline = Timeline { stages, graceful_stop: Duration::ZERO };
        let course: Vec<f64> = comparable(&timeline).course().iter().map(|piece| piece.from).collect();
        assert!((course[0] - 4.0 / 3.0).abs() < 1e-9 && (course[1] - 1.5).abs() < 1e-9, "{course:?}");
        assert_eq!((rise(&timeline).as_secs(), fall(&timeline).as_secs()), (60, 120));
    }

    #[rstest]
    #[case::constant(&[(60, 10.0, 10.0)], 0, 60)]
    #[case::spike(&[(10, 5.0, 5.0), (20, 50.0, 50.0), (30, 5.0, 5.0)], 10, 30)]
    #[case::ramps(&[(10, 5.0, 5.0), (10, 5.0, 50.0), (20, 50.0, 50.0), (10, 50.0, 5.0), (5, 5.0, 5.0)], 10, 40)]
    #[case::from_nothing(&[(60, 0.0, 10.0)], 0, 60)]
    #[case::to_nothing(&[(10, 0.0, 10.0), (10, 10.0, 0.0)], 0, 10)]
    #[case::two_peaks(&[(10, 9.0, 9.0), (10, 1.0, 1.0), (10, 8.0, 8.0), (10, 1.0, 1.0)], 0, 30)]
    #[case::stairs_down(&[(10, 1.0, 1.0), (10, 9.0, 9.0), (10, 5.0, 5.0), (10, 2.0, 2.0)], 10, 20)]
    #[case::dip_first(&[(10, 4.0, 0.0), (10, 0.0, 8.0), (10, 8.0, 8.0)], 15, 30)]
    #[case::peak_at_start(&[(10, 9.0, 9.0), (10, 1.0, 1.0)], 0, 10)]
    fn the_load_rises_and_falls_when_it_leaves_its_level(
        #[case] stages: &[(u64, f64, f64)],
        #[case] rises: u64,
        #[case] falls: u64,
    ) {
        let timeline = timeline(stages);
        assert_eq!(
            (rise(&timeline).as_secs_f64(), fall(&timeline).as_secs_f64()),
            (rises as f64, falls as f64)
        );
    }

    // By hand: capacities of 10 per replica; the load asks for n replicas above 10·(n−1).
    #[rstest]
    #[case::at_once(&[(10, 5.0, 5.0), (20, 50.0, 50.0), (30, 5.0, 5.0)], Some(10.0), 5, 1, 0.0, 0.0)]
    #[case::on_a_ramp(&[(10, 5.0, 5.0), (90, 5.0, 50.0), (20, 50.0, 50.0), (90, 50.0, 5.0)], Some(10.0), 4, 2, 50.0, 60.0)]
    #[case::later_than_it_rises(&[(10, 5.0, 5.0), (60, 20.0, 20.0), (60, 50.0, 50.0), (60, 20.0, 20.0)], Some(10.0), 3, 1, 60.0, 60.0)]
    #[case::just_that_many(&[(10, 5.0, 5.0), (60, 20.0, 20.0), (60, 30.0, 30.0)], Some(10.0), 3, 3, 60.0, 0.0)]
    #[case::more_than_it_ever_asks_for(&[(10, 5.0, 5.0), (60, 5.0, 50.0), (60, 50.0, 50.0)], Some(10.0), 9, 9, 60.0, 0.0)]
    #[case::nobody_knows(&[(10, 5.0, 5.0), (60, 5.0, 50.0), (60, 50.0, 50.0), (30, 5.0, 5.0)], None, 2, 1, 60.0, 30.0)]
    #[case::never_zero(&[(10, 5.0, 5.0), (60, 50.0, 50.0), (60, 0.0, 0.0)], Some(10.0), 5, 0, 0.0, 0.0)]
    fn a_ramp_is_the_loads_own_time(
        #[case] stages: &[(u64, f64, f64)],
        #[case] capacity: Option<f64>,
        #[case] many: u32,
        #[case] few: u32,
        #[case] up: f64,
        #[case] down: f64,
    ) {
        let demand = capacity.map_or(Demand::None, |capacity| Demand::declared(capacity).unwrap());
        let timeline = timeline(stages);
        let found = [climb(&timeline, &demand, many), descent(&timeline, &demand, few)];
        assert_eq!(found.map(|length| length.as_secs_f64()), [up, down]);
    }
}
