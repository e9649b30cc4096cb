// SPDX-License-Identifier: Apache-2.0
//! Expectations on the figures. One that hangs on a gap is neither held nor missed, and says what is not known.

#[cfg(test)]
mod tests;

use std::fmt::Display;

use upsurge_crds::v1alpha1::{
    AutoscalingExpectations, ExpectationResult, RequestsWhileScalingDown, TimeSpan,
};
use upsurge_figures::{elasticity::Figure, workload::Report};

use super::{
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
            expected.max_overshoot_percent.map(|most| self.overshoot(most)),
            expected.max_under_provisioned_percent.map(|most| self.under_provisioned(most)),
            expected.max_over_provisioned_percent.map(|most| self.over_provisioned(most)),
            expected.max_settling_time.map(|longest| self.settling(longest)),
            expected.recover_within.map(|within| self.recovery(within)),
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

    fn overshoot(&self, most: i32) -> ExpectationResult {
        let figure = self.report.elasticity.clamped.overshoot_percent;
        let demand = self.report.limits.most_demanded.unwrap_or_default();
        by_figure("maxOvershootPercent", format!("{most}%"), f64::from(most)).judge(
            figure,
            share,
            |over| format!("at most {demand} replicas were asked for, and {} more served", share(over)),
            || self.gap(figure, true),
        )
    }

    fn under_provisioned(&self, most: i32) -> ExpectationResult {
        let figure = self.report.elasticity.unclamped.theta_under;
        let bounded = self.report.elasticity.clamped.theta_under.value;
        let why = |missing: f64| {
            let within = match bounded.filter(|bounded| *bounded < missing) {
                Some(bounded) => format!(" ({} of what the autoscaler's bounds allow)", share(bounded)),
                None => String::new(),
            };
            let limit = self.limit();
            format!("{} of the replicas that the load asked for were missing{within}{limit}", share(missing))
        };
        let name = "maxUnderProvisionedPercent";
        by_figure(name, format!("{most}%"), f64::from(most))
            .judge(figure, share, why, || self.gap(figure, true))
    }

    fn over_provisioned(&self, most: i32) -> ExpectationResult {
        let figure = self.report.elasticity.clamped.theta_over;
        let cost = self.report.elasticity.clamped.cost.value;
        let why = |spare: f64| {
            let used = cost.map_or_else(String::new, |cost| {
                format!(": {cost:.2} times the replica-seconds of an ideal autoscaler")
            });
            format!("replicas beyond what the load asked for were {} of it{used}", share(spare))
        };
        let name = "maxOverProvisionedPercent";
        by_figure(name, format!("{most}%"), f64::from(most))
            .judge(figure, share, why, || self.gap(figure, true))
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
        let unknown = || match figure.value {
            None => "no second of the load tells whether thresholds were met".into(),
            Some(_) => format!(
                "for {} of the load nothing was measured that tells whether thresholds were met",
                seconds(figure.unknown)
            ),
        };
        result.judge(figure, seconds, why, unknown)
    }

    fn lost(&self, most: i64) -> ExpectationResult {
        let result = by_figure("maxFailedRequestsWhileScalingDown", most, most as f64);
        let none = RequestsWhileScalingDown::default();
        let found = self.lost.unwrap_or(&none);
        let (surely, perhaps) = (found.requests, found.requests.saturating_add(found.uncertain.unwrap_or(0)));
        if surely > most {
            let why = format!(
                "{surely} failed requests were in flight while {} pods were ending; let pods serve on for some seconds after \
                 they are told to end (a preStop sleep), be not ready any more on SIGTERM, and have a \
                 terminationGracePeriodSeconds that is longer than any request",
                found.pods
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
        let what = if gaps.is_empty() { "replicas were not seen".into() } else { gaps.join("; ") };
        format!("{} of the run are not known: {what}", seconds(figure.unknown))
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
        }
    }
}
