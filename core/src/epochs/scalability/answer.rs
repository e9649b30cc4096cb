// SPDX-License-Identifier: Apache-2.0
//! What a test of scalability has found, as a status has it.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        AmdahlResult, ConfidenceInterval, CountResult, EpochOutcome, EpochResult, FittedResult,
        ScalabilityResult, UslResult, Verdict,
    },
};
use upsurge_figures::{
    scalability::{Amdahl, Doubt, Usl},
    statistics::Interval,
};

use super::{Counted, Scaled};
use crate::{
    format::{decimal, per_second},
    verdict::Outcome,
};

/// Decimal places of shares: of efficiencies, α and σ.
const SHARE: usize = 4;
/// Those of β, which is far smaller.
const COHERENCY: usize = 6;
/// Those of multiples and of numbers of replicas.
const TIMES: usize = 2;
/// Longest reason of a count: a status holds many.
const LONGEST: usize = 300;

/// The answer of a test of scalability.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Its figures.
    pub result: ScalabilityResult,
    /// Its verdict.
    pub outcome: Outcome,
}

/// The epoch whose figures are those of the run: the last one that passed. Of the others that passed not all are kept.
pub fn last_passed(history: &[EpochResult]) -> Option<&EpochResult> {
    history.iter().rev().find(|epoch| epoch.outcome == Some(EpochOutcome::Passed))
}

/// What a test of scalability has found, in figures and in words.
pub fn scaling(found: &Scaled) -> Scaling {
    let verdict = found.verdict();
    let reason = match verdict {
        Verdict::Passed => reasons::SCALABILITY_MEASURED,
        Verdict::Failed if found.is_unanswered() => reasons::REQUESTS_UNANSWERED,
        Verdict::Failed => reasons::THRESHOLDS_BREACHED,
        Verdict::Error | Verdict::Inconclusive | Verdict::Aborted => reasons::SCALABILITY_UNKNOWN,
    };
    let fewest = found.counts.iter().find_map(|count| count.throughput);
    Scaling {
        result: ScalabilityResult {
            counts: found.counts.iter().map(|count| counted(count, fewest)).collect(),
            sublinear_from: found.sublinear_from.map(number),
            usl: found.usl.as_ref().map(usl),
            unfitted: found.unfitted.clone(),
            amdahl: found.amdahl.as_ref().map(amdahl),
            doubts: doubts(found),
            sizes: Vec::new(),
        },
        outcome: Outcome { verdict, reason: reason.into(), message: found.message() },
    }
}

fn counted(count: &Counted, fewest: Option<f64>) -> CountResult {
    let speedup = count.throughput.zip(fewest).map(|(throughput, fewest)| throughput / fewest);
    CountResult {
        replicas: number(count.replicas),
        users: number(count.users),
        passed: number(count.passed),
        failed: number(count.failed),
        inconclusive: number(count.blind),
        throughput: count.throughput.map(per_second),
        speedup: speedup.map(|speedup| decimal(speedup, TIMES)),
        efficiency: count.efficiency.map(|efficiency| decimal(efficiency, SHARE)),
        efficiency_interval: count.interval.map(|interval| ConfidenceInterval {
            low: decimal(interval.low, SHARE),
            high: decimal(interval.high, SHARE),
        }),
        limit: count.limit.as_ref().map(|limit| limit.chars().take(LONGEST).collect()),
    }
}

fn usl(fit: &Usl) -> UslResult {
    UslResult {
        contention: fitted(fit.contention, SHARE),
        coherency: fitted(fit.coherency, COHERENCY),
        single: fitted(fit.single, TIMES),
        linear_until: number(fit.linear_until),
        peak: fit.peak.map(|peak| decimal(peak, TIMES)),
        r_squared: decimal(fit.r_squared, SHARE),
    }
}

fn amdahl(fit: &Amdahl) -> AmdahlResult {
    AmdahlResult {
        serial: fitted(fit.serial, SHARE),
        single: fitted(fit.single, TIMES),
        limit: fit.limit.map(|limit| decimal(limit, TIMES)),
        r_squared: decimal(fit.r_squared, SHARE),
    }
}

/// Those of both fits, each once.
fn doubts(found: &Scaled) -> Vec<String> {
    let of_usl = found.usl.iter().flat_map(|fit| &fit.doubts);
    let of_amdahl = found.amdahl.iter().flat_map(|fit| &fit.doubts);
    let mut doubts: Vec<Doubt> = of_usl.chain(of_amdahl).copied().collect();
    doubts.sort_unstable();
    doubts.dedup();
    doubts.into_iter().map(named).map(str::to_owned).collect()
}

fn named(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::FewPoints => "FewPoints",
        Doubt::CoherencyUncertain => "CoherencyUncertain",
        Doubt::PeakTooFar => "PeakTooFar",
        Doubt::Superlinear => "Superlinear",
    }
}

fn fitted(interval: Interval, places: usize) -> FittedResult {
    FittedResult {
        estimate: decimal(interval.estimate, places),
        low: decimal(interval.low, places),
        high: decimal(interval.high, places),
    }
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
