// SPDX-License-Identifier: Apache-2.0
//! A staircase that turns back before its highest step, and what its course is then.
//!
//! Nothing of the plan is made anew: a stretch of it is left out, and all that comes later comes so much sooner. So every runner and
//! core goes on with the same schedule, and indices of iterations stay what they were. When it turns is decided elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Stage, Timeline, is_step};

/// That the load climbs no higher than a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// The last step that is done, from 1.
    pub last_step: u32,
}

/// A stretch of the plan that is left out: at its begin the load goes on where it ends. Times are from the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Its begin.
    pub from: Duration,
    /// Its end, by the plan.
    pub to: Duration,
}

/// A load that has turned back, as it was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turned {
    /// Where.
    pub turn: Turn,
    /// Runners that went on climbing for a while, or that never said that they turned: whatever comes after the turn may be theirs.
    pub late: usize,
    /// Whether all of them did what was planned to its end, as nobody could tell them: the load did not turn.
    pub never: bool,
}

impl Turn {
    /// What it leaves out of a staircase as it was planned; nothing if there is no higher step.
    pub fn skip(self, planned: &Timeline) -> Option<Skip> {
        let steps: Vec<&Stage> = planned.stages.iter().filter(|stage| is_step(&stage.name)).collect();
        let last = usize::try_from(self.last_step).ok()?.checked_sub(1)?;
        let (from, to) = (steps.get(last)?.end(), steps.last()?.end());
        (from < to).then_some(Skip { from, to })
    }
}

impl Skip {
    /// How long it is.
    pub fn length(self) -> Duration {
        self.to.saturating_sub(self.from)
    }

    /// When something happens that was planned for a time. What is left out would happen at the turn.
    pub fn real(self, planned: Duration) -> Duration {
        if planned <= self.from { planned } else { planned.saturating_sub(self.length()).max(self.from) }
    }

    /// For when something was planned that happens at a time.
    pub fn planned(self, real: Duration) -> Duration {
        if real < self.from { real } else { real + self.length() }
    }

    /// Whether what was planned for a time is left out.
    pub fn leaves_out(self, planned: Duration) -> bool {
        self.from <= planned && planned < self.to
    }

    /// The same for somebody who hears of it at a time: who is late climbs for longer, and is then where the others are. Nothing for
    /// who has climbed all of it by then.
    pub fn heard(self, at: Duration) -> Option<Self> {
        let late = at.saturating_sub(self.from);
        (at < self.to).then_some(Self { from: self.from + late, to: self.to + late })
    }
}

impl Timeline {
    /// The course without a stretch of it.
    pub fn without(&self, skip: Skip) -> Self {
        let stages = self.stages.iter().filter_map(|stage| {
            let (start, end) = (skip.real(stage.start), skip.real(stage.end()));
            let duration = end.checked_sub(start).filter(|duration| !duration.is_zero())?;
            Some(Stage { start, duration, ..stage.clone() })
        });
        Self { stages: stages.collect(), graceful_stop: self.graceful_stop }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Plan;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn staircase(recovers: bool) -> Timeline {
        let mut stress =
            json!({"start": 10, "increment": 10, "every": "10s", "max": 50, "brokenAt": {"errorRate": "5%"}});
        if recovers {
            stress["recoverWithin"] = json!("9s");
        }
        let load = serde_json::from_value(json!({"stress": stress})).unwrap();
        Plan::compile(&load, &[]).unwrap().timeline
    }

    fn course(timeline: &Timeline) -> Vec<(&str, u64, u64)> {
        timeline
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), stage.start.as_secs(), stage.end().as_secs()))
            .collect()
    }

    #[test]
    fn a_load_that_turns_back_leaves_out_higher_steps_and_recovers_sooner() {
        let planned = staircase(true);
        let skip = Turn { last_step: 3 }.skip(&planned).unwrap();
        assert_eq!(skip, Skip { from: seconds(30), to: seconds(50) });
        let turned = planned.without(skip);
        let expected = [("step-1", 0, 10), ("step-2", 10, 20), ("step-3", 20, 30), ("recovery", 30, 70)];
        assert_eq!(course(&turned), expected);
        assert_eq!((turned.peak(), turned.level_at(seconds(31))), (30.0, 10.0));
        // Told once more, of what has turned already, it leaves out nothing.
        assert_eq!(Turn { last_step: 3 }.skip(&turned), None);

        let plain = staircase(false);
        let turned = plain.without(Turn { last_step: 4 }.skip(&plain).unwrap());
        assert_eq!(course(&turned).last(), Some(&("step-4", 30, 40)));
    }

    #[test]
    fn there_is_nothing_to_leave_out_above_the_highest_step_or_of_no_step() {
        for last_step in [0, 5, 6, u32::MAX] {
            assert_eq!(Turn { last_step }.skip(&staircase(true)), None, "{last_step}");
        }
    }

    #[test]
    fn times_of_the_plan_become_times_of_the_load_and_back() {
        let skip = Skip { from: seconds(30), to: seconds(50) };
        let real = [(0, 0), (29, 29), (30, 30), (31, 30), (49, 30), (50, 30), (51, 31), (90, 70)];
        for (planned, expected) in real {
            assert_eq!(skip.real(seconds(planned)), seconds(expected), "{planned}");
        }
        for (real, expected) in [(0, 0), (29, 29), (30, 50), (31, 51), (70, 90)] {
            assert_eq!(skip.planned(seconds(real)), seconds(expected), "{real}");
        }
        let left_out: Vec<u64> = (0..60).filter(|at| skip.leaves_out(seconds(*at))).collect();
        assert_eq!(left_out, (30..50).collect::<Vec<_>>());
    }

    #[test]
    fn who_hears_of_it_late_ends_with_the_others() {
        let skip = Skip { from: seconds(30), to: seconds(50) };
        assert_eq!(skip.heard(seconds(12)), Some(skip));
        assert_eq!(skip.heard(seconds(50)), None, "it is past all of it");
        let late = skip.heard(seconds(34)).unwrap();
        assert_eq!(late, Skip { from: seconds(34), to: seconds(54) });
        assert_eq!((late.real(seconds(33)), late.real(seconds(90))), (seconds(33), skip.real(seconds(90))));
    }
}
