// SPDX-License-Identifier: Apache-2.0
//! How much better each workload was scaled than in a baseline run, from the records of both. Pure.
//!
//! The figures are those that the records tell, which have two places after the point.

#[cfg(test)]
mod tests;

use serde_json::Value;
use upsurge_core::format::decimal;
use upsurge_crds::v1alpha1::{ProvisioningResult, WorkloadResult};
use upsurge_figures::elasticity::{Figure, Provisioning, Speedup, elastic_speedup};

use crate::model::{ElasticSpeedup, Record};

/// Most by which the times of two loads that were carried out alike differ, as a share of the longer one.
const MOST_APART: f64 = 0.05;

/// Why two runs can't be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Part of a run tells nothing of the whole.
    #[error("the record of {0} does not cover the whole run")]
    Incomplete(String),
    /// The figures depend on the load.
    #[error(
        "{run} and {baseline} had different loads (spec.load), and the elastic speedup is that of two runs of the same load"
    )]
    Load {
        /// Name of the run.
        run: String,
        /// Name of the baseline.
        baseline: String,
    },
    /// There is nothing to compare.
    #[error(
        "nobody watched a workload in {0}: name one in spec.target.workloads, and run upsurge with --observe"
    )]
    NoWorkload(String),
}

/// The elastic speedup of each workload of a run.
///
/// # Errors
/// When the runs can't be compared.
pub fn elastic_speedups(run: &Record, baseline: &Record) -> Result<Vec<ElasticSpeedup>, BaselineError> {
    for record in [run, baseline] {
        let name = || record.run.name.clone();
        if record.incomplete.is_some() {
            return Err(BaselineError::Incomplete(name()));
        }
        if workloads(record).next().is_none() {
            return Err(BaselineError::NoWorkload(name()));
        }
    }
    let (test, before) = (spec(run), spec(baseline));
    if test.get("load") != before.get("load") {
        let (run, baseline) = (run.run.name.clone(), baseline.run.name.clone());
        return Err(BaselineError::Load { run, baseline });
    }
    let apart = apart(run, baseline);
    let compared = workloads(run).map(|workload| {
        let same = |other: &&WorkloadResult| (&other.kind, &other.name) == (&workload.kind, &workload.name);
        let capacities = [capacity(&test, &workload.name), capacity(&before, &workload.name)];
        let mut speedup = ElasticSpeedup {
            baseline: baseline.run.name.clone(),
            kind: workload.kind.clone(),
            workload: workload.name.clone(),
            unclamped: None,
            clamped: None,
            doubts: Vec::new(),
        };
        match workloads(baseline).find(same) {
            None => speedup.doubts.push("the baseline did not watch it".into()),
            Some(_) if capacities[0] != capacities[1] => {
                speedup.doubts.push("capacityPerReplica is another one in the baseline".into());
            }
            Some(other) => compare(workload, other, &mut speedup),
        }
        speedup.doubts.extend(apart.clone());
        speedup
    });
    Ok(compared.collect())
}

/// What to say if one load was cut short: its figures are of a part.
fn apart(run: &Record, baseline: &Record) -> Option<String> {
    let lasted = |record: &Record| record.shown().map(|epoch| epoch.elapsed_seconds);
    let (after, before) = (lasted(run)?, lasted(baseline)?);
    let text = || {
        let [after, before] = [after, before].map(|seconds| decimal(seconds, 1));
        format!("the load lasted {after} s, and {before} s in the baseline")
    };
    ((after - before).abs() > MOST_APART * after.max(before)).then(text)
}

fn compare(workload: &WorkloadResult, baseline: &WorkloadResult, speedup: &mut ElasticSpeedup) {
    let (Some(after), Some(before)) = (&workload.elasticity, &baseline.elasticity) else {
        speedup.doubts.push("one of the runs has no figures of elasticity".into());
        return;
    };
    if after.unknown.is_some() || before.unknown.is_some() {
        speedup.doubts.push("a part of one of the runs was not seen".into());
        return;
    }
    let unclamped = between(before.unclamped.as_ref(), after.unclamped.as_ref());
    let clamped = between(before.clamped.as_ref(), after.clamped.as_ref());
    if unclamped.is_none() {
        speedup.doubts.push("what the load asked for is not known: set capacityPerReplica".into());
    }
    if [unclamped, clamped].into_iter().flatten().any(|found| found.floored > 0) {
        speedup.doubts.push("shares below 0.1% were taken for 0.1%".into());
    }
    let text = |found: Speedup| decimal(found.value, 2);
    speedup.unclamped = unclamped.map(text);
    speedup.clamped = clamped.map(text);
}

fn between(before: Option<&ProvisioningResult>, after: Option<&ProvisioningResult>) -> Option<Speedup> {
    elastic_speedup(&provisioning(before?)?, &provisioning(after?)?)
}

/// The four figures that are compared, out of their texts.
fn provisioning(told: &ProvisioningResult) -> Option<Provisioning> {
    let figure = |text: &Option<String>| {
        let value = text.as_ref()?.strip_suffix('%')?.parse::<f64>().ok()?;
        value.is_finite().then_some(Figure { value: Some(value), unknown: 0.0 })
    };
    Some(Provisioning {
        theta_under: figure(&told.under_provisioned)?,
        theta_over: figure(&told.over_provisioned)?,
        tau_under: figure(&told.time_under)?,
        tau_over: figure(&told.time_over)?,
        ..Provisioning::default()
    })
}

fn workloads(record: &Record) -> impl Iterator<Item = &WorkloadResult> {
    record.autoscaling.iter().flat_map(|result| &result.workloads)
}

fn spec(record: &Record) -> Value {
    serde_json::to_value(&record.test).unwrap_or_default()
}

/// What a replica of a workload serves, as the test says.
fn capacity<'a>(test: &'a Value, workload: &str) -> Option<&'a Value> {
    let mut all = test.pointer("/target/workloads")?.as_array()?.iter();
    all.find(|one| one.get("name").and_then(Value::as_str) == Some(workload))?.get("capacityPerReplica")
}
