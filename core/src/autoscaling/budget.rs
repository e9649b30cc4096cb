// SPDX-License-Identifier: Apache-2.0
//! What an autoscaler's own settings make it take: whether an expectation on it can hold at all. In words it says what to allow.

use std::time::Duration;

use upsurge_crds::v1alpha1::TimeSpan;
use upsurge_figures::{elasticity::Budget, latency::Part, observation::Autoscaler, workload::Report};

/// Parts of a scale-up that its pods take.
const OF_PODS: [Part; 5] =
    [Part::Creation, Part::Scheduling, Part::Starting, Part::Readiness, Part::Endpoints];
/// Kubernetes' own period of policies.
const PERIOD: Duration = Duration::from_secs(15);

/// The longest that a scale-up to so many replicas may take by the autoscaler's settings and the pods that were seen, in words.
pub(super) fn up(report: &Report, needed: u32) -> Option<String> {
    let autoscaler = report.autoscaler.as_ref()?;
    let of_pod = |part: &Part| report.latency.parts.get(part).map_or(0.0, |part| part.seconds.p95);
    let pods = Duration::from_secs_f64(OF_PODS.iter().map(of_pod).sum());
    let from = report.scale_ups.first().map_or(autoscaler.min, |up| up.scale_up.from);
    let (steps, period) = steps(autoscaler, from.max(1), needed);
    let window = Duration::from_secs(autoscaler.up_window.into());
    Some(told(Budget { window, steps, period, pods }))
}

/// The same for a scale-down, of which Kubernetes takes away all at once.
pub(super) fn down(report: &Report) -> Option<String> {
    let window = Duration::from_secs(report.autoscaler.as_ref()?.down_window.into());
    Some(told(Budget { window, steps: 1, period: PERIOD, pods: Duration::ZERO }))
}

fn told(budget: Budget) -> String {
    let whole = |span: Duration| TimeSpan::from_secs(span.as_secs_f64().ceil() as u64);
    let further = budget.steps.saturating_sub(1);
    let parts = [
        (upsurge_figures::elasticity::REACTION, "to see a change of the load and act"),
        (budget.window, "of stabilization window"),
        (budget.period.saturating_mul(further), "between the steps of its policies"),
        (budget.pods, "until pods are ready"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(span, _)| !span.is_zero())
        .map(|(span, what)| format!("{} {what}", whole(span)))
        .collect();
    format!(
        "this autoscaler may need up to {} ({}): allow that much, or change its settings",
        whole(budget.longest()),
        parts.join(", ")
    )
}

/// How many steps the policies need from some replicas to others, and how far these are apart: each time the policy that adds most.
fn steps(autoscaler: &Autoscaler, from: u32, to: u32) -> (u32, Duration) {
    let text = |policy: &serde_json::Value, field: &str| policy.get(field)?.as_str().map(str::to_owned);
    let number = |policy: &serde_json::Value, field: &str| policy.get(field)?.as_u64();
    let mut policies: Vec<(bool, u64)> = autoscaler
        .up_policies
        .iter()
        .filter_map(|policy| Some((text(policy, "type")? == "Percent", number(policy, "value")?)))
        .collect();
    if policies.is_empty() {
        policies = vec![(false, 4), (true, 100)];
    }
    let period = autoscaler.up_policies.iter().filter_map(|policy| number(policy, "periodSeconds")).max();
    let (mut replicas, mut steps) = (u64::from(from), 0_u32);
    while replicas < u64::from(to) && steps < 1_000 {
        let after = |(percent, value): &(bool, u64)| match percent {
            true => replicas.saturating_add(replicas.saturating_mul(*value).div_ceil(100)),
            false => replicas.saturating_add(*value),
        };
        replicas = policies.iter().map(after).max().unwrap_or(replicas).max(replicas + 1);
        steps += 1;
    }
    (steps.max(1), period.map_or(PERIOD, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::kubernetes_own(json!([]), 1, 40, (4, 15))]
    #[case::at_once(json!([]), 1, 5, (1, 15))]
    #[case::one_by_one(json!([{"type": "Pods", "value": 1, "periodSeconds": 60}]), 1, 4, (3, 60))]
    #[case::half_again(json!([{"type": "Percent", "value": 50, "periodSeconds": 30}]), 2, 5, (2, 30))]
    #[case::nothing_to_do(json!([]), 5, 5, (1, 15))]
    fn policies_need_so_many_steps(
        #[case] policies: serde_json::Value,
        #[case] from: u32,
        #[case] to: u32,
        #[case] expected: (u32, u64),
    ) {
        let up_policies = policies.as_array().unwrap().clone();
        let (taken, period) = steps(&Autoscaler { up_policies, ..Autoscaler::default() }, from, to);
        assert_eq!((taken, period.as_secs()), expected);
    }
}
