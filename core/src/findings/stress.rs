// SPDX-License-Identifier: Apache-2.0
//! How a target stood a staircase: where it broke, what it was like from there up to an overload, and whether it recovered.
//!
//! Steps are judged by exact counts of the requests that were started in them, and recovery second by second. A step that was cut short
//! says where a target broke, and nothing else.

mod recovery;
mod restarts;
#[cfg(test)]
mod tests;

use std::time::Duration;

use upsurge_crds::v1alpha1::{BreakingPoint, Degradation, ExpectationResult, StressLoad, StressResult};

pub use self::restarts::Restarts;
use super::Recorded;
use crate::{
    plan::{RECOVERY, Stage, failure_share, is_step, unit_name},
    results::{decimal, percent},
    thresholds::StepCount,
};

/// The expectation on recovery, by its field.
pub(super) const RECOVER_WITHIN: &str = "recoverWithin";
/// What is observed where the staircase did not lead so far.
pub(super) const NOT_REACHED: &str = "not reached";
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
}

fn level(level: f64, of: &Stage) -> String {
    format!("{} {}", decimal(level, 3), unit_name(of.unit))
}

pub(super) fn found(recorded: &Recorded<'_>) -> Option<StressResult> {
    let stress = recorded.test.load.stress.as_ref()?;
    let share = failure_share(stress)?;
    let staircase = Staircase::of(recorded);
    let broken = staircase.broken(share);
    let mut message = staircase.told(broken, share);
    let mut expectations = Vec::new();
    if let Some(degradation) = &stress.degradation {
        let judged = Overload { staircase: &staircase, broken, degradation, message: &message };
        expectations.push(judged.good());
        expectations.push(judged.answered());
        match recorded.restarts {
            Some(restarts) => expectations.push(judged.restarts(restarts, recorded)),
            None => message += "; whether pods of the target restarted was not watched",
        }
    }
    expectations.extend(recovered(recorded, stress, &staircase, broken));
    let breaking_point = broken.map(|index| staircase.point(index));
    Some(StressResult { breaking_point, message, expectations })
}

/// The steps that were begun, in order.
struct Staircase<'a> {
    steps: Vec<Step<'a>>,
    /// Requests whose step is not known.
    untold: u64,
    /// Whether the load went on to the end of the last step.
    is_whole: bool,
}

impl<'a> Staircase<'a> {
    fn of(recorded: &Recorded<'a>) -> Self {
        let counts = recorded.windows.steps();
        let stages: Vec<&Stage> =
            recorded.timeline.stages.iter().filter(|stage| is_step(&stage.name)).collect();
        let end = stages.last().map_or(Duration::ZERO, |stage| stage.end());
        let begun = stages.into_iter().filter(|stage| stage.start < recorded.elapsed);
        let steps = begun.map(|stage| Step {
            stage,
            count: counts.of(&stage.name),
            is_complete: stage.end() <= recorded.elapsed,
        });
        Self { steps: steps.collect(), untold: counts.untold(), is_whole: end <= recorded.elapsed }
    }

    /// The first step in which too many requests failed.
    fn broken(&self, share: f64) -> Option<usize> {
        let is_broken = |step: &Step<'_>| step.count.requests > 0 && step.error_rate() >= share;
        self.steps.iter().position(is_broken).filter(|_| self.untold == 0)
    }

    /// The step before it, if requests ended in that.
    fn last_good(&self, broken: usize) -> Option<&Step<'a>> {
        self.steps.get(broken.checked_sub(1)?).filter(|step| step.count.requests > 0)
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
        if self.untold > 0 {
            return format!(
                "where the target broke is not known: the test makes so many series that the steps of {} requests can't be told",
                self.untold
            );
        }
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
        let end = if self.is_whole { "the highest step" } else { "where the load ended early" };
        format!(
            "the target did not break up to {} ({end}, {}): {} of its requests failed, and {counted} counts as broken",
            last.level(),
            last.stage.name,
            percent(last.error_rate()),
        )
    }
}

/// What the target was like from its breaking point up to the overload that is judged.
struct Overload<'a> {
    staircase: &'a Staircase<'a>,
    broken: Option<usize>,
    degradation: &'a Degradation,
    /// Where it broke, in words.
    message: &'a str,
}

impl Overload<'_> {
    fn steps(&self) -> &[Step<'_>] {
        &self.staircase.steps
    }

    /// The level up to which it is judged, and the step in which the target broke.
    fn highest(&self) -> Option<(f64, &Step<'_>)> {
        let step = self.steps().get(self.broken?)?;
        Some((step.stage.from * f64::from(self.degradation.overload_percent) / 100.0, step))
    }

    /// Steps that were carried out to their end, as far as they are judged; with those before the breaking point or without.
    fn judged(&self, from: usize, highest: f64) -> impl Iterator<Item = &Step<'_>> {
        let steps = self.steps().iter().skip(from);
        steps.filter(move |step| step.is_complete && step.stage.from <= highest + SAME_LEVEL)
    }

    /// An expectation of which `passed` is known for the steps there are, if there are any.
    fn expectation(&self, name: &str, expected: String, seen: Option<(bool, String)>) -> ExpectationResult {
        let mut result = ExpectationResult {
            name: name.into(),
            expected,
            observed: NOT_REACHED.into(),
            passed: false,
            undecided: true,
            message: Some(format!(
                "{}: there is nothing beyond it to judge; raise spec.load.stress.max",
                self.message
            )),
        };
        let Some((highest, broken)) = self.highest() else { return result };
        let reached = self.steps().iter().filter(|step| step.is_complete).map(|step| step.stage.from);
        let reached = reached.fold(0.0, f64::max);
        let is_reached = reached >= highest - SAME_LEVEL;
        let short = format!(
            "the load went up to {} of the {} that are {}% of the breaking point: raise spec.load.stress.max",
            decimal(reached, 3),
            level(highest, broken.stage),
            self.degradation.overload_percent
        );
        match seen {
            None => result.message = Some(short),
            Some((true, observed)) if !is_reached => {
                result.message = Some(format!("{observed} so far, but {short}"));
            }
            Some((passed, observed)) => {
                (result.passed, result.undecided, result.observed) = (passed, false, observed);
                result.message = None;
            }
        }
        result
    }

    fn good(&self) -> ExpectationResult {
        let least = u128::from(self.degradation.min_good_percent.unsigned_abs());
        let seen = self.highest().zip(self.broken).and_then(|((highest, _), broken)| {
            // All steps are of the same length, so that counts compare as rates do.
            let count = |step: &&Step<'_>| step.count.good();
            let best = self.judged(0, highest).max_by_key(count)?;
            let worst = self.judged(broken, highest).min_by_key(count)?;
            // Without any good answer nothing is kept.
            let kept = if best.good() > 0.0 { worst.good() / best.good() * 100.0 } else { 0.0 };
            let observed = format!(
                "{}% of the best ({}/s in {} against {}/s in {})",
                decimal(kept, 1),
                decimal(worst.good(), 1),
                worst.stage.name,
                decimal(best.good(), 1),
                best.stage.name
            );
            let holds = u128::from(count(&worst)) * 100 >= u128::from(count(&best)) * least;
            Some((holds, observed))
        });
        let expected =
            format!("{}% of the best step's good answers per second", self.degradation.min_good_percent);
        self.expectation("minGoodPercent", expected, seen)
    }

    fn answered(&self) -> ExpectationResult {
        let least = u128::from(self.degradation.min_answered_percent.unsigned_abs());
        let seen = self.highest().zip(self.broken).and_then(|((highest, _), broken)| {
            let mut sum = StepCount::default();
            self.judged(broken, highest).for_each(|step| sum.merge(&step.count));
            if sum.failed == 0 {
                return None;
            }
            let answered = sum.answered as f64 / sum.failed as f64 * 100.0;
            let observed = format!("{}% of {} failed requests", decimal(answered, 1), sum.failed);
            Some((u128::from(sum.answered) * 100 >= u128::from(sum.failed) * least, observed))
        });
        let answers: Vec<String> = self.degradation.answers.iter().map(ToString::to_string).collect();
        let expected = format!(
            "{}% of failed requests answered with {}",
            self.degradation.min_answered_percent,
            answers.join(", ")
        );
        self.expectation("minAnsweredPercent", expected, seen)
    }

    fn restarts(&self, restarts: &Restarts, recorded: &Recorded<'_>) -> ExpectationResult {
        let most = usize::try_from(self.degradation.max_restarts).unwrap_or_default();
        let begin = self.highest().map(|(_, broken)| broken.stage.start);
        let seen = begin.map(|begin| {
            let seen = restarts.between(begin, recorded.timeline.duration());
            let pods: Vec<&str> = seen.iter().map(|(_, pod)| pod.as_str()).collect();
            let observed = if pods.is_empty() {
                "0".to_owned()
            } else {
                format!("{} ({})", pods.len(), pods.join(", "))
            };
            (pods.len() <= most, observed)
        });
        let mut result = self.expectation("maxRestarts", most.to_string(), seen);
        let gap = begin.and_then(|begin| restarts.gap(begin, recorded.timeline.duration()));
        if let Some((from, to)) = gap.filter(|_| result.passed) {
            (result.passed, result.undecided) = (false, true);
            result.message = Some(format!(
                "nobody saw the target's pods from {:.0} s to {:.0} s of the load",
                from.as_secs_f64(),
                to.as_secs_f64()
            ));
        }
        result
    }
}

fn recovered(
    recorded: &Recorded<'_>,
    stress: &StressLoad,
    staircase: &Staircase<'_>,
    broken: Option<usize>,
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
    };
    let unknown = |observed: &str, message: String| Some(result(false, true, observed.into(), Some(message)));
    let Some(broken) = broken else {
        let message =
            "the target did not break, so there is nothing to recover from; raise spec.load.stress.max";
        return unknown(NOT_REACHED, message.into());
    };
    if staircase.last_good(broken).is_none() {
        let message = "the first step broke the target, and the load falls to no less than that: lower spec.load.stress.start";
        return unknown(NOT_REACHED, message.into());
    }
    let seen = recovery::of(recorded.windows.seconds(), stage);
    let unknown_time = || format!("of {:.0} s in between nothing is known", seen.unknown.as_secs_f64());
    match seen.after {
        Some(after) if after <= within.0 => {
            Some(result(true, false, format!("{:.0}s", after.as_secs_f64()), None))
        }
        _ if recorded.elapsed < stage.end() => {
            unknown("unknown", "the load ended before the target could recover".into())
        }
        _ if !seen.unknown.is_zero() => unknown("unknown", unknown_time()),
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
