// SPDX-License-Identifier: Apache-2.0
//! What a test of sizes has found: figures, words, and how a status has them.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{ScalabilityResult, SizeResult, Verdict},
};

use super::{super::judged::UNANSWERED, Scaling, Tally};
use crate::{
    format::{decimal, per_second},
    verdict::Outcome,
};

/// Decimal places of shares.
const SHARE: usize = 4;
/// Those of multiples.
const TIMES: usize = 2;
/// Those of CPU cores: thousandths are the finest that there are.
const CORES: usize = 3;
/// Longest reason of a size: a status holds many.
const LONGEST: usize = 300;

/// What a test of sizes has found.
#[derive(Clone, Debug, PartialEq)]
pub struct BySize(Vec<Measured>);

/// What is known of a size.
#[derive(Clone, Debug, PartialEq)]
struct Measured {
    name: String,
    /// CPU cores that all replicas request.
    cores: Option<f64>,
    passed: u32,
    failed: u32,
    blind: u32,
    /// Requests per second that were answered well, the mean of the measurements that passed.
    throughput: Option<f64>,
    limit: Option<String>,
}

impl Measured {
    /// Whether at least half of the measurements that said something failed.
    fn is_missed(&self) -> bool {
        self.failed > 0 && self.failed >= self.passed
    }

    fn is_unanswered(&self) -> bool {
        self.limit.as_deref() == Some(UNANSWERED)
    }

    /// Whether no measurement said anything.
    fn is_unknown(&self) -> bool {
        self.failed == 0 && self.passed == 0
    }

    fn per_core(&self) -> Option<f64> {
        Some(self.throughput? / self.cores?)
    }
}

impl BySize {
    /// What was found of sizes, each with its name and the CPU cores that all of its replicas request.
    pub(super) fn of(sizes: Vec<(String, Option<f64>, Tally)>) -> Self {
        let measured = |(name, cores, tally): (String, Option<f64>, Tally)| {
            let passed = tally.passed();
            let throughput = (passed > 0).then(|| tally.throughputs.iter().sum::<f64>() / f64::from(passed));
            Measured {
                name,
                cores,
                passed,
                failed: tally.failed,
                blind: tally.blind,
                throughput,
                limit: tally.failure.or(tally.blindness),
            }
        };
        Self(sizes.into_iter().map(measured).collect())
    }

    /// The sizes that there were measurements of.
    pub(super) fn measured(self) -> Self {
        Self(self.0.into_iter().filter(|size| size.passed + size.failed + size.blind > 0).collect())
    }

    /// What was measured, of a test that was stopped; `None` if no measurement passed.
    pub fn served(&self) -> Option<String> {
        let served = self.0.iter().filter_map(|size| {
            Some(format!("size {} served {} requests/s", size.name, per_second(size.throughput?)))
        });
        let served: Vec<String> = served.collect();
        (!served.is_empty()).then(|| served.join(", "))
    }

    /// Failed if measurements of some size failed, Inconclusive if nothing is known of one.
    fn verdict(&self) -> Verdict {
        if self.0.iter().any(Measured::is_missed) {
            Verdict::Failed
        } else if self.0.iter().any(Measured::is_unknown) {
            Verdict::Inconclusive
        } else {
            Verdict::Passed
        }
    }

    fn reason(&self) -> &'static str {
        let mut missed = self.0.iter().filter(|size| size.is_missed());
        let is_unanswered = missed.all(Measured::is_unanswered);
        match self.verdict() {
            Verdict::Passed => reasons::SCALABILITY_MEASURED,
            Verdict::Failed if is_unanswered => reasons::REQUESTS_UNANSWERED,
            Verdict::Failed => reasons::THRESHOLDS_BREACHED,
            Verdict::Error | Verdict::Inconclusive | Verdict::Aborted => reasons::SCALABILITY_UNKNOWN,
        }
    }

    /// All of it in a sentence with numbers; what decides the verdict comes first.
    fn message(&self) -> String {
        let with = |begin: &str, size: &Measured| {
            let limit = size.limit.as_deref().unwrap_or("no reason is known");
            format!("{begin} size {}: {limit}", size.name)
        };
        let missed = self.0.iter().filter(|size| size.is_missed()).map(|size| match size.is_unanswered() {
            true => format!("with size {}, {UNANSWERED}", size.name),
            false => with("thresholds did not hold with", size),
        });
        let unknown = self.0.iter().filter(|size| size.is_unknown());
        let mut told: Vec<String> = missed.collect();
        told.extend(unknown.map(|size| with("nothing is known of", size)));
        told.extend(self.speedups());
        told.join("; ")
    }

    /// Each size beside the first.
    fn speedups(&self) -> Vec<String> {
        let Some((first, others)) = self.0.split_first() else { return Vec::new() };
        let speedup = |size: &Measured| {
            let times = decimal(size.throughput? / first.throughput?, TIMES);
            let linear = self.efficiency(size).zip(size.cores.zip(first.cores));
            let linear = linear.map(|(efficiency, (cores, of_first))| {
                let (cores, share) = (decimal(cores / of_first, TIMES), decimal(efficiency * 100.0, 0));
                format!(" with {cores} times the CPU requested, which is {share} % of linear")
            });
            let (name, first, linear) = (&size.name, &first.name, linear.unwrap_or_default());
            Some(format!("{name} serves {times} times what {first} does{linear}"))
        };
        others.iter().filter_map(speedup).collect()
    }

    /// What a size serves with each core, as a share of what the first one does.
    fn efficiency(&self, size: &Measured) -> Option<f64> {
        Some(size.per_core()? / self.0.first()?.per_core()?)
    }

    fn result(&self, size: &Measured) -> SizeResult {
        let first = self.0.first().and_then(|first| first.throughput);
        let speedup = size.throughput.zip(first).map(|(throughput, first)| throughput / first);
        SizeResult {
            name: size.name.clone(),
            cpu: size.cores.map(|cores| decimal(cores, CORES)),
            passed: number(size.passed),
            failed: number(size.failed),
            inconclusive: number(size.blind),
            throughput: size.throughput.map(per_second),
            speedup: speedup.map(|speedup| decimal(speedup, TIMES)),
            per_core: size.per_core().map(per_second),
            efficiency: self.efficiency(size).map(|efficiency| decimal(efficiency, SHARE)),
            limit: size.limit.as_ref().map(|limit| limit.chars().take(LONGEST).collect()),
        }
    }
}

/// What a test of sizes has found, in figures and in words.
pub fn sizing(found: &BySize) -> Scaling {
    let sizes = found.0.iter().map(|size| found.result(size)).collect();
    Scaling {
        result: ScalabilityResult { sizes, ..ScalabilityResult::default() },
        outcome: Outcome {
            verdict: found.verdict(),
            reason: found.reason().into(),
            message: found.message(),
        },
    }
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
