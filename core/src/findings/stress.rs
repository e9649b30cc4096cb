// SPDX-License-Identifier: Apache-2.0
//! How a target stood a staircase: where it broke, what it was like from there up to an overload, and whether it recovered.
//!
//! Steps are judged by exact counts of the requests that were started in them, and recovery second by second. A step that was cut short
//! says where a target broke, and nothing else.

mod overload;
mod recovery;
mod restarts;
#[cfg(test)]
mod tests;
mod turning;

use std::time::Duration;

use upsurge_crds::v1alpha1::{BreakingPoint, ExpectationResult, StressLoad, StressResult};

use self::overload::Overload;
pub use self::{
    restarts::Restarts,
    turning::{Notice, Turning},
};
use super::Recorded;
use crate::{
    plan::{RECOVERY, Stage, Timeline, Turned, failure_share, is_step, unit_name},
    results::{decimal, percent},
    thresholds::{StepCount, Steps},
};

/// The expectation on recovery, by its field.
pub(super) const RECOVER_WITHIN: &str = "recoverWithin";
/// What is observed where the staircase did not lead so far.
pub(super) const NOT_REACHED: &str = "not reached";
/// What is observed where nobody knows.
const UNKNOWN: &str = "unknown";
/// Levels that are less apart are the same: they are sums of decimal fractions.
const SAME_LEVEL: f64 = 1e-9;

/// A step with what became of its requests.
struct Step<'a> {
    stage: &'a Stage,
    count: StepCount,
    is_complete: bool,
}

impl Step<'_> {
    /// Requests per second that succeeded.
    fn good(&self) -> f64 {
        self.count.good() as f64 / self.stage.duration.as_secs_f64()
    }

    fn error_rate(&self) -> f64 {
        if self.count.requests == 0 { 0.0 } else { self.count.failed as f64 / self.count.requests as f64 }
    }

    fn level(&self) -> String {
        level(self.stage.from, self.stage)
    }

    /// Whether there was load enough in it for a request.
    fn has_load(&self) -> bool {
        self.stage.from * self.stage.duration.as_secs_f64() >= 1.0
    }
}

fn level(level: f64, of: &Stage) -> String {
    format!("{} {}", decimal(level, 3), unit_name(of.unit))
}

pub(super) fn found(recorded: &Recorded<'_>) -> Option<StressResult> {
    let stress = recorded.test.load.stress.as_ref()?;
    let share = failure_share(stress)?;
    let staircase = Staircase {
        turned: recorded.turned.filter(|turned| !turned.never),
        ..Staircase::of(recorded.timeline, recorded.windows.steps(), recorded.elapsed)
    };
    let found = staircase.broken(share);
    let mut message = match &found {
        Ok(broken) => staircase.told(*broken, share),
        Err(why) => format!("where the target broke is not known: {why}"),
    };
    let open = match &found {
        Ok(_) => {
            (NOT_REACHED, format!("{message}: there is nothing beyond it to judge; {}", staircase.advice()))
        }
        Err(_) => (UNKNOWN, message.clone()),
    };
    let broken = found.clone().ok().flatten();
    let mut expectations = Vec::new();
    if let Some(degradation) = &stress.degradation {
        let judged = Overload { staircase: &staircase, broken, degradation, open };
        expectations.push(judged.good());
        expectations.push(judged.answered());
        match recorded.restarts {
            Some(restarts) => expectations.push(judged.restarts(restarts, recorded)),
            None => message += "; whether pods of the target restarted was not watched",
        }
    }
    expectations.extend(recovered(recorded, stress, &staircase, found));
    let breaking_point = broken.map(|index| staircase.point(index));
    let turned_back_after = staircase.turned_after().map(|step| {
        message += &format!("; the load turned back after {} at {}", step.stage.name, step.level());
        step.stage.name.clone()
    });
    Some(StressResult { breaking_point, turned_back_after, message, expectations })
}

/// The steps that were begun, in order.
struct Staircase<'a> {
    steps: Vec<Step<'a>>,
    /// Requests whose step is not known.
    untold: u64,
    /// Whether the load went on to the end of the last step.
    is_whole: bool,
    /// Whether that is not the highest one that was planned.
    turned: Option<Turned>,
}

impl<'a> Staircase<'a> {
    fn of(timeline: &'a Timeline, counts: &Steps, elapsed: Duration) -> Self {
        let stages: Vec<&Stage> = timeline.stages.iter().filter(|stage| is_step(&stage.name)).collect();
        let end = stages.last().map_or(Duration::ZERO, |stage| stage.end());
        let begun = stages.into_iter().filter(|stage| stage.start < elapsed);
        let steps = begun.map(|stage| Step {
            stage,
            count: counts.of(&stage.name),
            is_complete: stage.end() <= elapsed,
        });
        let (steps, untold) = (steps.collect(), counts.untold());
        Self { steps, untold, is_whole: end <= elapsed, turned: None }
    }

    /// The step after which the load turned back, if it came so far.
    fn turned_after(&self) -> Option<&Step<'a>> {
        self.steps.last().filter(|_| self.turned.is_some() && self.is_whole)
    }

    /// What to do about a load that did not go high enough.
    fn advice(&self) -> &'static str {
        match self.turned {
            None => "raise spec.load.stress.max",
            Some(_) => {
                "it turned back when the target looked broken sooner than it was, as many answers came late; raise spec.load.stress.every"
            }
        }
    }

    /// The first step in which too many requests failed; or why that is not known.
    fn broken(&self, share: f64) -> Result<Option<usize>, String> {
        if self.untold > 0 {
            return Err(format!(
                "the test makes so many series that the steps of {} requests can't be told",
                self.untold
            ));
        }
        let is_broken = |step: &Step<'_>| step.count.requests > 0 && step.error_rate() >= share;
        let broken = self.steps.iter().position(is_broken);
        // Whoever counted the steps before, or did not, may have left off in the middle of the first one that was counted.
        let first = self.steps.iter().position(|step| step.count.requests > 0);
        let missed = first.filter(|first| self.steps.iter().take(*first).any(Step::has_load));
        match missed.and_then(|first| self.steps.get(first)) {
            Some(step) if broken.is_none() || broken == first => Err(format!(
                "no request was counted in the steps before {} at {}, as if the operator had been upgraded in the middle of the run",
                step.stage.name,
                step.level()
            )),
            _ => Ok(broken),
        }
    }

    /// The last step before it in which requests ended.
    fn last_good(&self, broken: usize) -> Option<&Step<'a>> {
        self.steps.iter().take(broken).rfind(|step| step.count.requests > 0)
    }

    fn point(&self, broken: usize) -> BreakingPoint {
        let Some(step) = self.steps.get(broken) else { return BreakingPoint::default() };
        let good = self.last_good(broken);
        BreakingPoint {
            step: step.stage.name.clone(),
            level: decimal(step.stage.from, 3),
            error_rate: percent(step.error_rate()),
            last_good_step: good.map(|step| step.stage.name.clone()),
            last_good_level: good.map(|step| decimal(step.stage.from, 3)),
        }
    }

    fn told(&self, broken: Option<usize>, share: f64) -> String {
        let counted = percent(share);
        if let Some((index, step)) = broken.and_then(|index| Some((index, self.steps.get(index)?))) {
            let StepCount { requests, .. } = step.count;
            let good = match self.last_good(index) {
                Some(good) => format!("{} at {} was the last good step", good.stage.name, good.level()),
                None => "there is no good step before it".to_owned(),
            };
            return format!(
                "the target broke in {} at {}: {} of {requests} requests failed, and {counted} counts as broken; {good}",
                step.stage.name,
                step.level(),
                percent(step.error_rate()),
            );
        }
        let Some(last) = self.steps.last() else {
            return "where the target breaks is not known: no step began".to_owned();
        };
        let end = match (self.is_whole, self.turned) {
            (true, Some(_)) => "where the load turned back, as it looked broken then",
            (true, None) => "the highest step",
            (false, _) => "where the load ended early",
        };
        format!(
            "the target did not break up to {} ({end}, {}): {} of its requests failed, and {counted} counts as broken",
            last.level(),
            last.stage.name,
            percent(last.error_rate()),
        )
    }
}

fn recovered(
    recorded: &Recorded<'_>,
    stress: &StressLoad,
    staircase: &Staircase<'_>,
    broken: Result<Option<usize>, String>,
) -> Option<ExpectationResult> {
    let within = stress.recover_within?;
    let stage = recorded.timeline.stage(RECOVERY)?;
    let result = |passed, undecided, observed: String, message| ExpectationResult {
        name: RECOVER_WITHIN.into(),
        expected: within.to_string(),
        observed,
        passed,
        undecided,
        message,
        basis: None,
    };
    let unknown = |observed: &str, message: String| Some(result(false, true, observed.into(), Some(message)));
    let broken = match broken {
        Ok(broken) => broken,
        Err(why) => {
            return unknown(UNKNOWN, format!("what the target has to recover from is not known: {why}"));
        }
    };
    let Some(broken) = broken else {
        let advice = staircase.advice();
        let message = format!("the target did not break, so there is nothing to recover from; {advice}");
        return unknown(NOT_REACHED, message);
    };
    if staircase.last_good(broken).is_none() {
        let message = "the first step broke the target, and the load falls to no less than that: lower spec.load.stress.start";
        return unknown(NOT_REACHED, message.into());
    }
    if let Some(late) = recorded.turned.map(|turned| turned.late).filter(|late| *late > 0) {
        let runners: String = if late == 1 { "1 runner".into() } else { format!("{late} runners") };
        let message = format!(
            "{runners} turned back late, or never said so: nobody knows from when on the load was low"
        );
        return unknown(UNKNOWN, message);
    }
    let seen = recovery::of(recorded.windows.seconds(), stage);
    let unknown_time = || format!("of {:.0} s in between nothing is known", seen.unknown.as_secs_f64());
    match seen.after {
        Some(after) if after <= within.0 => {
            Some(result(true, false, format!("{:.0}s", after.as_secs_f64()), None))
        }
        _ if recorded.elapsed < stage.end() => {
            unknown(UNKNOWN, "the load ended before the target could recover".into())
        }
        _ if !seen.unknown.is_zero() => unknown(UNKNOWN, unknown_time()),
        Some(after) => Some(result(false, false, format!("{:.0}s", after.as_secs_f64()), None)),
        None => {
            let message = format!(
                "thresholds were not met for {} s on end in {:.0} s after the load fell",
                crate::plan::HELD.as_secs(),
                stage.duration.as_secs_f64()
            );
            Some(result(false, false, "never".into(), Some(message)))
        }
    }
}
