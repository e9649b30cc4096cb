// SPDX-License-Identifier: Apache-2.0
//! Expectations on the figures. One that hangs on a gap is neither held nor missed, and says what is not known.

mod provisioned;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use upsurge_crds::v1alpha1::{
    AutoscalingExpectations, ExpectationResult, RequestsWhileScalingDown, TimeSpan,
};
use upsurge_figures::{elasticity::Figure, workload::Report};

use super::{
    how_to_stop,
    limiting::Limiting,
    workload::{gaps, seconds, share},
};

/// What figures are judged by.
pub(super) struct Judge<'a> {
    pub(super) report: &'a Report,
    /// Why the demand isn't known, if it isn't.
    pub(super) advice: Option<&'a str>,
    pub(super) lost: Option<&'a RequestsWhileScalingDown>,
    /// What kept the workload from growing further.
    pub(super) limit: Option<&'a Limiting>,
}

impl Judge<'_> {
    /// Judges each expectation on a figure that is given.
    pub(super) fn all(&self, expected: &AutoscalingExpectations) -> Vec<ExpectationResult> {
        [
            expected.max_direction_changes.map(|most| self.direction_changes(most)),
            expected.max_flapping.map(|most| self.flapping(most)),
            expected.max_overshoot_percent.map(|most| self.overshoot(most)),
            expected.max_under_provisioned_percent.map(|most| self.under_provisioned(most)),
            expected.max_over_provisioned_percent.map(|most| self.over_provisioned(most)),
            expected.max_time_under_provisioned_percent.map(|most| self.time_under_provisioned(most)),
            expected.max_time_over_provisioned_percent.map(|most| self.time_over_provisioned(most)),
            expected.max_missing_replicas.map(|most| self.missing_replicas(most)),
            expected.max_spare_replicas.map(|most| self.spare_replicas(most)),
            expected.max_cost_percent.map(|most| self.cost(most)),
            expected.max_instability_percent.map(|most| self.instability(most)),
            expected.max_jitter_per_minute.map(|most| self.jitter(most)),
            expected.max_settling_time.map(|longest| self.settling(longest)),
            expected.recover_within.map(|within| self.recovery(within)),
            expected.max_violations_percent.map(|most| self.violations(most)),
            expected.max_failed_requests_while_scaling_down.map(|most| self.lost(most)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn direction_changes(&self, most: i32) -> ExpectationResult {
        let figure = self.report.elasticity.direction_changes;
        let flapping = self.report.elasticity.flapping.value.filter(|_| self.advice.is_none());
        let why = |changes: f64| match flapping {
            Some(flapping) => {
                format!(
                    "replicas changed direction {changes} times, {flapping} of them without a change of the load"
                )
            }
            None => format!("replicas changed direction {changes} times"),
        };
        let result = by_figure("maxDirectionChanges", most, f64::from(most));
        match figure.value.filter(|changes| *changes > f64::from(most)) {
            // More of them may have been missed, but never fewer.
            Some(changes) => result.missed(changes.to_string(), why(changes)),
            None => result.judge(figure, |changes| changes.to_string(), why, || self.gap(figure, false)),
        }
    }

    fn flapping(&self, most: i32) -> ExpectationResult {
        let figure = self.report.elasticity.flapping;
        let why = |changes: f64| {
            format!(
                "replicas changed direction {changes} times without a change of the load in that direction"
            )
        };
        let result = by_figure("maxFlapping", most, f64::from(most));
        result.judge(figure, |changes| changes.to_string(), why, || self.gap(figure, true))
    }

    fn settling(&self, longest: TimeSpan) -> ExpectationResult {
        let figure = self.report.elasticity.settling;
        let result = by_figure("maxSettlingTime", longest, longest.as_secs_f64());
        if self.report.elasticity.unsettled && figure.unknown == 0.0 {
            let limit = self.limit();
            let why = format!("replicas were still on their way when the observation ended{limit}");
            return result.missed("not settled".into(), why);
        }
        let why = |took: f64| format!("replicas needed {} to follow the load{}", seconds(took), self.limit());
        result.judge(figure, seconds, why, || self.gap(figure, true))
    }

    fn recovery(&self, within: TimeSpan) -> ExpectationResult {
        let figure = self.report.service.recovery();
        let result = by_figure("recoverWithin", within, within.as_secs_f64());
        let violations = self.report.service.violations().value.unwrap_or_default();
        let why = |took: f64| {
            let end = if self.report.service.is_unrecovered() { ", up to the end of the load" } else { "" };
            format!(
                "thresholds were missed for {} on end{end} ({} of the load's time in all){}",
                seconds(took),
                share(violations),
                self.limit()
            )
        };
        result.judge(figure, seconds, why, || unmeasured(figure))
    }

    fn violations(&self, most: i32) -> ExpectationResult {
        let figure = self.report.service.violations();
        let why = |missed: f64| {
            format!("a threshold was missed in {} of the seconds of the load{}", share(missed), self.limit())
        };
        let result = by_figure("maxViolationsPercent", format!("{most}%"), f64::from(most));
        result.judge(figure, share, why, || unmeasured(figure))
    }

    fn lost(&self, most: i64) -> ExpectationResult {
        let result = by_figure("maxFailedRequestsWhileScalingDown", most, most as f64);
        let none = RequestsWhileScalingDown::default();
        let found = self.lost.unwrap_or(&none);
        let (surely, perhaps) = (found.requests, found.requests.saturating_add(found.uncertain.unwrap_or(0)));
        if surely > most {
            let why = format!(
                "{surely} failed requests were in flight while {} pods were ending; {}",
                found.pods,
                how_to_stop(found)
            );
            return result.missed(surely.to_string(), why);
        }
        if perhaps > most || !found.gaps.is_empty() {
            let gaps =
                if found.gaps.is_empty() { "their times don't tell".into() } else { found.gaps.join("; ") };
            return result.undecided(format!("{surely} to {perhaps}"), gaps);
        }
        result.held(surely.to_string())
    }

    /// What limited the workload, after a text about its replicas.
    fn limit(&self) -> String {
        self.limit.map(Limiting::in_words).unwrap_or_default()
    }

    /// Why a figure isn't whole.
    fn gap(&self, figure: Figure, by_demand: bool) -> String {
        if let Some(advice) = self.advice.filter(|_| by_demand) {
            return advice.into();
        }
        let gaps = gaps(self.report);
        let what = match (gaps.is_empty(), &self.report.autoscaler) {
            (false, _) => gaps.join("; "),
            (true, None) => "no autoscaler was seen, whose bounds belong to it".into(),
            (true, Some(_)) => "replicas were not seen".into(),
        };
        format!("{} of the run are not known: {what}", seconds(figure.unknown))
    }
}

/// Why a figure of the service isn't whole.
fn unmeasured(figure: Figure) -> String {
    match figure.value {
        None => "no second of the load tells whether thresholds were met".into(),
        Some(_) => format!(
            "for {} of the load nothing was measured that tells whether thresholds were met",
            seconds(figure.unknown)
        ),
    }
}

/// An expectation that is being judged.
struct Judged {
    name: &'static str,
    expected: String,
    limit: f64,
}

fn by_figure(name: &'static str, expected: impl Display, limit: f64) -> Judged {
    Judged { name, expected: expected.to_string(), limit }
}

impl Judged {
    fn judge(
        self,
        figure: Figure,
        shown: impl Fn(f64) -> String,
        why: impl Fn(f64) -> String,
        gap: impl Fn() -> String,
    ) -> ExpectationResult {
        match figure.whole() {
            Some(value) if value <= self.limit => self.held(shown(value)),
            Some(value) => self.missed(shown(value), why(value)),
            None => self.undecided(figure.value.map_or_else(|| "not known".into(), shown), gap()),
        }
    }

    fn held(self, observed: String) -> ExpectationResult {
        self.result(observed, true, false, None)
    }

    fn missed(self, observed: String, why: String) -> ExpectationResult {
        self.result(observed, false, false, Some(why))
    }

    fn undecided(self, observed: String, gap: String) -> ExpectationResult {
        self.result(observed, false, true, Some(gap))
    }

    fn result(
        self,
        observed: String,
        passed: bool,
        undecided: bool,
        message: Option<String>,
    ) -> ExpectationResult {
        ExpectationResult {
            name: self.name.into(),
            expected: self.expected,
            observed,
            passed,
            undecided,
            message,
            basis: None,
        }
    }
}
