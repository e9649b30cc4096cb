// SPDX-License-Identifier: Apache-2.0
//! Expectations on how well supply followed demand.
//!
//! What the service was short of is judged by the demand as it is, whatever the reason. What the autoscaler could have done
//! better is judged by the demand within its bounds: a minimum is meant, and no autoscaler follows beyond its maximum (ADR 41).

use upsurge_crds::v1alpha1::{ExpectationResult, Quantity};
use upsurge_figures::elasticity::{Figure, Provisioning};

use super::{Judge, by_figure};
use crate::{
    autoscaling::workload::{seconds, share},
    format::decimal,
};

impl Judge<'_> {
    pub(super) fn overshoot(&self, most: i32) -> ExpectationResult {
        let figure = self.bounded().overshoot_percent;
        let demand = self.report.limits.most_demanded.unwrap_or_default();
        self.percent("maxOvershootPercent", most, figure, |over| {
            format!("at most {demand} replicas were asked for, and {} more served", share(over))
        })
    }

    pub(super) fn under_provisioned(&self, most: i32) -> ExpectationResult {
        let figure = self.as_it_is().theta_under;
        self.percent("maxUnderProvisionedPercent", most, figure, |missing| {
            let within = within_bounds(missing, self.bounded().theta_under, share);
            let limit = self.limit();
            format!("{} of the replicas that the load asked for were missing{within}{limit}", share(missing))
        })
    }

    pub(super) fn over_provisioned(&self, most: i32) -> ExpectationResult {
        let figure = self.bounded().theta_over;
        self.percent("maxOverProvisionedPercent", most, figure, |spare| {
            let used = self.bounded().cost.value.map_or_else(String::new, |cost| {
                format!(": {cost:.2} times the replica-seconds of an ideal autoscaler")
            });
            format!("replicas beyond what the load asked for were {} of it{used}", share(spare))
        })
    }

    pub(super) fn time_under_provisioned(&self, most: i32) -> ExpectationResult {
        let figure = self.as_it_is().tau_under;
        self.percent("maxTimeUnderProvisionedPercent", most, figure, |time| {
            let within = within_bounds(time, self.bounded().tau_under, share);
            let limit = self.limit();
            format!(
                "for {} of the time fewer replicas served than the load asked for{within}{limit}",
                share(time)
            )
        })
    }

    pub(super) fn time_over_provisioned(&self, most: i32) -> ExpectationResult {
        let figure = self.bounded().tau_over;
        self.percent("maxTimeOverProvisionedPercent", most, figure, |time| {
            format!("for {} of the time more replicas served than the load asked for", share(time))
        })
    }

    pub(super) fn missing_replicas(&self, most: Quantity) -> ExpectationResult {
        let figure = self.as_it_is().accuracy_under;
        let result = by_figure("maxMissingReplicas", most, most.as_f64());
        let why = |missing: f64| {
            let within = within_bounds(missing, self.bounded().accuracy_under, number);
            let limit = self.limit();
            format!(
                "{} of the replicas that the load asked for were missing on average{within}{limit}",
                number(missing)
            )
        };
        result.judge(figure, number, why, || self.gap(figure, true))
    }

    pub(super) fn spare_replicas(&self, most: Quantity) -> ExpectationResult {
        let figure = self.bounded().accuracy_over;
        let result = by_figure("maxSpareReplicas", most, most.as_f64());
        let why =
            |spare: f64| format!("{} replicas more than the load asked for served on average", number(spare));
        result.judge(figure, number, why, || self.gap(figure, true))
    }

    pub(super) fn cost(&self, most: i32) -> ExpectationResult {
        let Provisioning { cost, replica_seconds, ideal_replica_seconds, .. } = self.bounded();
        let figure = Figure { value: cost.value.map(|cost| 100.0 * cost), ..*cost };
        let told = |figure: &Figure| figure.value.map_or_else(|| "?".into(), number);
        self.percent("maxCostPercent", most, figure, |_| {
            format!(
                "{} replica-seconds were used, and an ideal autoscaler would have used {}",
                told(replica_seconds),
                told(ideal_replica_seconds)
            )
        })
    }

    pub(super) fn instability(&self, most: i32) -> ExpectationResult {
        let figure = self.bounded().upsilon;
        let grid = seconds(self.report.elasticity.grid);
        let result = by_figure("maxInstabilityPercent", format!("{most}%"), f64::from(most));
        let why = |time: f64| {
            format!(
                "in {} of the steps of {grid} replicas did not go the way of what the load asked for",
                share(time)
            )
        };
        let is_short = figure.value.is_none() && figure.unknown == 0.0 && self.advice.is_none();
        let gap = || match is_short {
            true => format!("the run was shorter than one step of {grid}"),
            false => self.gap(figure, true),
        };
        result.judge(figure, share, why, gap)
    }

    pub(super) fn jitter(&self, most: Quantity) -> ExpectationResult {
        let figure = self.bounded().jitter;
        // Sluggish or restless: the limit is on both.
        let either = Figure { value: figure.value.map(f64::abs), ..figure };
        let is_sluggish = figure.value.is_some_and(|jitter| jitter < 0.0);
        let shown = |jitter: f64| number(if is_sluggish { -jitter } else { jitter });
        let result = by_figure("maxJitterPerMinute", most, most.as_f64());
        let why = |jitter: f64| {
            let (fewer, what) = if is_sluggish { ("fewer", "sluggish") } else { ("more", "restless") };
            format!(
                "{} replicas per minute {fewer} came and went than the load asked for and gave back: the autoscaler is too {what}",
                number(jitter)
            )
        };
        result.judge(either, shown, why, || self.gap(figure, true))
    }

    /// By the demand as it is.
    fn as_it_is(&self) -> &Provisioning {
        &self.report.elasticity.unclamped
    }

    /// By the demand within the autoscaler's bounds.
    fn bounded(&self) -> &Provisioning {
        &self.report.elasticity.clamped
    }

    fn percent(
        &self,
        name: &'static str,
        most: i32,
        figure: Figure,
        why: impl Fn(f64) -> String,
    ) -> ExpectationResult {
        let result = by_figure(name, format!("{most}%"), f64::from(most));
        result.judge(figure, share, why, || self.gap(figure, true))
    }
}

/// How much of a shortage is left within the autoscaler's bounds, if it is less.
fn within_bounds(missing: f64, bounded: Figure, shown: impl Fn(f64) -> String) -> String {
    match bounded.value.filter(|bounded| *bounded < missing) {
        Some(bounded) => format!(" ({} of what the autoscaler's bounds allow)", shown(bounded)),
        None => String::new(),
    }
}

fn number(value: f64) -> String {
    decimal(value, 2)
}
