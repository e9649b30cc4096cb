// SPDX-License-Identifier: Apache-2.0
//! What the target's pods used under a load, how latency went over a soak, and what was scarce: all that there is to tell of it, made at one
//! place, so that the command and the operator judge alike.
//!
//! Pure: made of what was recorded of each workload, if somebody watched it, and of latency over time.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        BottleneckResult, ExpectationResult, GeneratorResult, LoadTestSpec, PrometheusCheckResult,
        SoakResult, UsageResult, Verdict,
    },
};
use upsurge_figures::{usage::Usage, workload::Workload};

use crate::{
    bottleneck::{Seen, bottleneck, sentence},
    judged::Judged,
    metrics::{Metrics, Selector, names},
    plan::Timeline,
    series::SeriesAnswer,
    soak::{Latency, soak},
    usage::{self, Used},
    verdict::Outcome,
};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The test.
    pub test: &'a LoadTestSpec,
    /// Its load over time, as it was carried out.
    pub timeline: &'a Timeline,
    /// What was recorded of each of its workloads, in their order; nothing if nobody watched.
    pub recorded: &'a [&'a Workload],
    /// Latency over time.
    pub latencies: &'a [Latency],
    /// The start of the load.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// How long it lasted.
    pub elapsed: Duration,
}

/// What was seen of usage and latency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scarce {
    /// All pods together, and each of them; nothing if nobody watched.
    pub usage: Vec<UsageResult>,
    /// How many more pods there were.
    pub omitted: usize,
    usage_limits: Vec<Judged>,
    soak: Option<(SoakResult, Vec<Judged>)>,
}

impl Scarce {
    /// From what was recorded under a load.
    pub fn of(looked: &Looked<'_>) -> Self {
        let Looked { test, timeline, recorded, latencies, start, end, elapsed } = *looked;
        let watched = test.target.workloads.iter().zip(recorded);
        let used: Vec<Used<'_>> = watched
            .map(|(workload, &recorded)| Used { test, workload, recorded, timeline, start, end })
            .collect();
        let limits =
            used.iter().flat_map(|used| usage::judge(used).into_iter().map(move |judged| of(used, judged)));
        Self {
            usage: used.iter().flat_map(usage::told).collect(),
            omitted: recorded.iter().map(|recorded| recorded.usage().omitted()).sum(),
            usage_limits: limits.collect(),
            soak: soak(test, timeline, elapsed, latencies),
        }
    }

    /// All that was asked for.
    pub fn limits(&self) -> Vec<Judged> {
        let soak = self.soak.iter().flat_map(|(_, judged)| judged);
        self.usage_limits.iter().chain(soak).cloned().collect()
    }

    /// What came of the limits of `spec.usage`. Of a load that was cut short nothing is judged.
    pub fn usage_expectations(&self, was_cut: bool) -> Vec<ExpectationResult> {
        let judged = self.usage_limits.iter().filter(|_| !was_cut);
        judged.map(|judged| judged.result.clone()).collect()
    }

    /// How latency went, without what came of its limit if the load was cut short.
    pub fn soak(&self, was_cut: bool) -> Option<SoakResult> {
        let (mut soak, _) = self.soak.clone()?;
        if was_cut {
            soak.expectations.clear();
        }
        Some(soak)
    }
}

/// A limit that says of which workload it is, where there are several.
fn of(used: &Used<'_>, judged: Judged) -> Judged {
    if !used.test.target.has_several() {
        return judged;
    }
    let name = format!("{}: {}", used.workload.name, judged.result.name);
    Judged { result: ExpectationResult { name, ..judged.result }, ..judged }
}

/// What Prometheus answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered<'a> {
    /// To checks, judged.
    pub checks: &'a [PrometheusCheckResult],
    /// To series, in their order.
    pub series: &'a [SeriesAnswer],
}

/// What was scarce under a load, as far as it was seen; `is_strained` if the target was under more than it could serve.
pub fn found(
    looked: &Looked<'_>,
    metrics: &Metrics,
    answered: Answered<'_>,
    generator: &GeneratorResult,
    is_strained: bool,
) -> BottleneckResult {
    let usage: Vec<&Usage> = looked.recorded.iter().map(|recorded| recorded.usage()).collect();
    bottleneck(&Seen {
        generator,
        usage: &usage,
        prometheus: looked.test.prometheus.as_ref(),
        checks: answered.checks,
        series: answered.series,
        is_strained,
        failed: metrics.rate(names::HTTP_REQ_FAILED, &Selector::default()),
    })
}

/// Names it in a verdict on the target. Whose generator was limited is told so already.
pub fn name_in(outcome: &mut Outcome, found: &BottleneckResult) {
    let is_of_target = !matches!(outcome.verdict, Verdict::Error | Verdict::Aborted);
    if let Some(sentence) = sentence(found)
        && is_of_target
        && outcome.reason != reasons::GENERATOR_LIMITED
    {
        outcome.message += &format!("; {sentence}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_figures::{
        elasticity::Demand,
        observation::{Amount, Event, Source, What},
    };

    use super::*;
    use crate::{
        plan::Plan,
        usage::fixtures::{at, measure},
    };

    fn test() -> LoadTestSpec {
        serde_json::from_value(json!({
            "target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}]},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"soak": {"level": 5, "duration": "5m", "maxLatencyGrowthPercentPerHour": 10}},
            "usage": [{"resource": "CPU", "relativeTo": "Limit", "maxPercent": 70}]
        }))
        .unwrap()
    }

    /// A pod that uses nine tenths of a core, which is all that it may use.
    fn recorded() -> Workload {
        let mut workload = Workload::new(Demand::None);
        workload.begin(at(0), []);
        let listed = |source| Event::live(at(0), What::Listed { source });
        [Source::Pods, Source::Usage].map(listed).into_iter().for_each(|event| workload.note(event));
        let cpu = Amount { used: 0.9, request: None, limit: Some(1.0) };
        measure(&mut workload, 300, cpu, Amount { used: 1e6, request: None, limit: None });
        workload
    }

    #[test]
    fn limits_are_judged_of_what_somebody_watched_and_a_load_that_was_cut_short_is_only_shown() {
        let (test, recorded) = (test(), recorded());
        let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
        let latencies: Vec<Latency> = (0..300).map(|second| (f64::from(second), 20.0)).collect();
        let looked = Looked {
            test: &test,
            timeline: &timeline,
            recorded: &[&recorded],
            latencies: &latencies,
            start: at(0),
            end: at(300),
            elapsed: Duration::from_secs(300),
        };
        let scarce = Scarce::of(&looked);
        let cpu = &scarce.usage_expectations(false)[0];
        assert_eq!((cpu.name.as_str(), cpu.passed, cpu.undecided), ("CPU maxPercent", false, false));
        assert_eq!((scarce.usage.len(), scarce.limits().len()), (2, 2), "{scarce:?}");
        assert_eq!(scarce.soak(false).unwrap().expectations.len(), 1);
        assert!(scarce.usage_expectations(true).is_empty());
        assert!(scarce.soak(true).unwrap().expectations.is_empty());

        let unwatched = Scarce::of(&Looked { recorded: &[], ..looked });
        assert!(unwatched.usage.is_empty() && unwatched.usage_expectations(false).is_empty());
        assert_eq!(unwatched.limits().len(), 1, "latency is known without anybody who watches pods");
    }
}
