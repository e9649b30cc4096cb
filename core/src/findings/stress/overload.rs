// SPDX-License-Identifier: Apache-2.0
//! What a target is like beyond its breaking point.

use upsurge_crds::v1alpha1::{Degradation, ExpectationResult};

use super::{Recorded, Restarts, SAME_LEVEL, Staircase, Step, level};
use crate::{results::decimal, thresholds::StepCount};

/// What the target was like from its breaking point up to the overload that is judged.
pub(super) struct Overload<'a> {
    pub(super) staircase: &'a Staircase<'a>,
    pub(super) broken: Option<usize>,
    pub(super) degradation: &'a Degradation,
    /// What is observed, and in words, if it is not known that it broke.
    pub(super) open: (&'static str, String),
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

    /// How far up that is, in words.
    fn up_to(&self, broken: usize, highest: f64) -> String {
        let ends = self.steps().get(broken).zip(self.judged(broken, highest).last());
        ends.map_or_else(String::new, |(first, last)| {
            let percent = decimal(last.stage.from / first.stage.from * 100.0, 0);
            format!(", judged up to {} ({percent}% of the breaking point)", last.level())
        })
    }

    /// An expectation of which is known whether it holds in the steps up to a level, if there are any.
    ///
    /// A staircase seldom has a step at just the level up to which it is judged. What has failed below has failed; what holds in
    /// the first step above that level, too, holds; and between the two nobody knows.
    fn expectation(
        &self,
        name: &str,
        expected: String,
        seen: impl Fn(f64) -> Option<(bool, String)>,
    ) -> ExpectationResult {
        let (observed, open) = self.open.clone();
        let mut result = ExpectationResult {
            name: name.into(),
            expected,
            observed: observed.into(),
            passed: false,
            undecided: true,
            message: Some(open),
            basis: None,
        };
        let Some((highest, broken)) = self.highest() else { return result };
        let reached = || self.steps().iter().filter(|step| step.is_complete).map(|step| step.stage.from);
        let above = reached().find(|level| *level >= highest - SAME_LEVEL);
        let wanted = format!(
            "the {} that are {}% of the breaking point",
            level(highest, broken.stage),
            self.degradation.overload_percent
        );
        let short = format!(
            "the load went up to {} of {wanted}: {}",
            decimal(reached().fold(0.0, f64::max), 3),
            self.staircase.advice()
        );
        let (decided, message) = match (seen(highest), above) {
            (None, _) => (None, Some(short)),
            (Some((false, observed)), _) => (Some((false, observed)), None),
            (Some((true, observed)), None) => (None, Some(format!("{observed} so far, but {short}"))),
            (Some((true, below)), Some(above)) => match seen(above) {
                Some((false, observed)) => {
                    let between = format!("no step is at {wanted}: lower spec.load.stress.increment");
                    (None, Some(format!("{below}, but {observed}, and {between}")))
                }
                seen => (seen, None),
            },
        };
        if let Some((passed, observed)) = decided {
            (result.passed, result.undecided, result.observed) = (passed, false, observed);
        }
        result.message = message;
        result
    }

    pub(super) fn good(&self) -> ExpectationResult {
        let least = u128::from(self.degradation.min_good_percent.unsigned_abs());
        let seen = |limit: f64| {
            let ((highest, _), broken) = self.highest().zip(self.broken)?;
            // All steps are of the same length, so that counts compare as rates do.
            let count = |step: &&Step<'_>| step.count.good();
            let best = self.judged(0, highest).max_by_key(count)?;
            let worst = self.judged(broken, limit).min_by_key(count)?;
            // Without any good answer nothing is kept.
            let kept = if best.good() > 0.0 { worst.good() / best.good() * 100.0 } else { 0.0 };
            let observed = format!(
                "{}% of the best ({}/s in {} against {}/s in {}){}",
                decimal(kept, 1),
                decimal(worst.good(), 1),
                worst.stage.name,
                decimal(best.good(), 1),
                best.stage.name,
                self.up_to(broken, limit)
            );
            let holds = u128::from(count(&worst)) * 100 >= u128::from(count(&best)) * least;
            Some((holds, observed))
        };
        let expected =
            format!("{}% of the best step's good answers per second", self.degradation.min_good_percent);
        self.expectation("minGoodPercent", expected, seen)
    }

    pub(super) fn answered(&self) -> ExpectationResult {
        let least = u128::from(self.degradation.min_answered_percent.unsigned_abs());
        let seen = |limit: f64| {
            let broken = self.broken?;
            let mut sum = StepCount::default();
            self.judged(broken, limit).for_each(|step| sum.merge(&step.count));
            if sum.failed == 0 {
                return None;
            }
            let answered = sum.answered as f64 / sum.failed as f64 * 100.0;
            let up_to = self.up_to(broken, limit);
            let observed = format!("{}% of {} failed requests{up_to}", decimal(answered, 1), sum.failed);
            Some((u128::from(sum.answered) * 100 >= u128::from(sum.failed) * least, observed))
        };
        let answers: Vec<String> = self.degradation.answers.iter().map(ToString::to_string).collect();
        let expected = format!(
            "{}% of failed requests answered with {}",
            self.degradation.min_answered_percent,
            answers.join(", ")
        );
        self.expectation("minAnsweredPercent", expected, seen)
    }

    pub(super) fn restarts(&self, restarts: &Restarts, recorded: &Recorded<'_>) -> ExpectationResult {
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
        let mut result = self.expectation("maxRestarts", most.to_string(), |_| seen.clone());
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
