// SPDX-License-Identifier: Apache-2.0
//! What the target's pods used, how latency went over a soak, and what was scarce.

use jiff::Timestamp;
use upsurge_core::{
    bottleneck::{Seen, bottleneck, sentence},
    judged::Judged,
    metrics::{Selector, names},
    soak::soak,
    usage::{self, Used},
    verdict::Outcome,
};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{GeneratorResult, LoadTestRunStatus, PrometheusCheckResult, SoakResult, UsageResult, Verdict},
};

use super::Plan;
use crate::collector::SessionSnapshot;

/// What was seen of usage and latency.
pub(super) struct Scarce {
    usage: Vec<UsageResult>,
    /// Limits of `spec.usage`.
    usage_limits: Vec<Judged>,
    soak: Option<(SoakResult, Vec<Judged>)>,
}

impl Scarce {
    /// From what was recorded under a load that started and ended then.
    pub(super) fn of(plan: &Plan, snapshot: &SessionSnapshot, start: Timestamp, end: Timestamp) -> Self {
        let test = plan.test();
        let used = test.target.workload().map(|workload| Used {
            test,
            workload,
            recorded: &snapshot.workload,
            timeline: plan.timeline(),
            start,
            end,
        });
        Self {
            usage: used.as_ref().map(usage::told).unwrap_or_default(),
            usage_limits: used.as_ref().map(usage::judge).unwrap_or_default(),
            soak: soak(test, plan.timeline(), snapshot.elapsed, &snapshot.points.latencies()),
        }
    }

    /// All that was asked for.
    pub(super) fn limits(&self) -> Vec<Judged> {
        let soak = self.soak.iter().flat_map(|(_, judged)| judged);
        self.usage_limits.iter().chain(soak).cloned().collect()
    }

    /// Puts it into the status, with what was scarce, which a verdict on the target tells as well. Of a load that was cut short
    /// nothing is judged.
    pub(super) fn tell(
        self,
        status: &mut LoadTestRunStatus,
        outcome: &mut Outcome,
        plan: &Plan,
        snapshot: &SessionSnapshot,
        (checks, generator): (&[PrometheusCheckResult], &GeneratorResult),
        was_cut: bool,
    ) {
        let found = bottleneck(&Seen {
            generator,
            usage: plan.test().target.workload().map(|_| snapshot.workload.usage()),
            prometheus: plan.test().prometheus.as_ref(),
            checks,
            failed: snapshot.metrics.rate(names::HTTP_REQ_FAILED, &Selector::default()),
        });
        let is_of_target = !matches!(outcome.verdict, Verdict::Error | Verdict::Aborted);
        // Whose generator was limited is told so already.
        if let Some(sentence) = sentence(&found)
            && is_of_target
            && outcome.reason != reasons::GENERATOR_LIMITED
        {
            outcome.message += &format!("; {sentence}");
        }
        let more = i32::try_from(snapshot.workload.usage().omitted()).unwrap_or(i32::MAX);
        if more > 0 && !self.usage.is_empty() {
            status.omitted.insert("usage".into(), more);
        }
        status.usage = self.usage;
        status.bottleneck = Some(found);
        let judged = self.usage_limits.into_iter().filter(|_| !was_cut);
        status.usage_expectations = judged.map(|judged| judged.result).collect();
        status.soak = self.soak.map(|(mut soak, _)| {
            if was_cut {
                soak.expectations.clear();
            }
            Box::new(soak)
        });
    }
}
