// SPDX-License-Identifier: Apache-2.0
//! From what the operator holds at the end of a run to its record. Pure.
//!
//! What is told in it is what the status tells, before that is cut to its size; what that was computed from is what the collector holds.

mod loads;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_core::{
    contract, epochs::Epochs, http::without_login, metrics::names, protocol::RunPlan, series::SeriesAnswer,
    validate::Valid,
};
use upsurge_crds::{
    LoadTestRun, LoadTestSpec,
    names::annotations,
    v1alpha1::{LoadTestRunStatus, Verdict},
};
use upsurge_record::{
    Record,
    model::{
        Detail, Environment, Folded, Generator, KubernetesEnvironment, MadeBy, ObservedWorkload, Outcome,
        Run, WorkloadEnvironment, git_revision, prometheus_series,
    },
    observed, redact,
};

use crate::collector::{Folding, SessionSnapshot};

/// A run that has come to its end.
pub struct Ended<'a> {
    /// The run.
    pub run: &'a LoadTestRun,
    /// Its status from now on, with the verdict.
    pub status: &'a LoadTestRunStatus,
    /// Its test as a whole.
    pub test: &'a LoadTestSpec,
    /// Its plan; of a run of several epochs, that of the last one.
    pub plan: &'a RunPlan,
    /// The same, compiled.
    pub valid: &'a Valid,
    /// The epochs, if there may be several.
    pub epochs: Option<Epochs>,
    /// What the collector holds.
    pub session: &'a SessionSnapshot,
    /// What Prometheus answered to series, in their order.
    pub series: &'a [SeriesAnswer],
    /// Version of the cluster, if it is known.
    pub cluster_version: Option<&'a str>,
    /// When it ended.
    pub now: Timestamp,
}

/// The record of a run.
pub fn document(ended: &Ended<'_>) -> Record {
    let Ended { run, status, test, session, now, .. } = ended;
    let start_time = session.load_start().unwrap_or(*now);
    let identity = Run {
        name: run.name_any(),
        namespace: run.namespace(),
        uid: run.uid(),
        start_time,
        end_time: start_time.max(*now),
    };
    let made_by = MadeBy { name: "upsurge-operator".into(), version: env!("CARGO_PKG_VERSION").into() };
    let mut folded = folded(session);
    let (epochs, shown_epoch) = ended.loads(&mut folded);
    let workloads = ended.workloads();
    Record {
        // There is no heat map in any case.
        detail: Detail::Thinned,
        shown_epoch,
        epochs,
        history: session.epochs.as_ref().map(|view| view.history.clone()).unwrap_or_default(),
        capacity: status.capacity.as_deref().cloned(),
        scalability: status.scalability.as_deref().cloned(),
        stress: status.stress.as_deref().cloned(),
        spikes: status.spikes.clone(),
        verification: status.verification.clone(),
        operations: status.operations.clone(),
        autoscaling: status.autoscaling.as_deref().cloned(),
        gaps: workloads.iter().flat_map(observed::gaps).collect(),
        workloads,
        usage: status.usage.clone(),
        usage_expectations: status.usage_expectations.clone(),
        soak: status.soak.as_deref().cloned(),
        bottleneck: status.bottleneck.clone(),
        prometheus_checks: status.checks.clone(),
        prometheus_series: prometheus_series(test, ended.series),
        runners: status.runners.clone(),
        outputs: status.outputs.clone(),
        company: status.company.clone(),
        warnings: status.warnings.clone(),
        folded,
        ..Record::new(made_by, identity, redact::spec(test), environment(ended), outcome(ended))
    }
}

fn outcome(ended: &Ended<'_>) -> Outcome {
    let Ended { run, status, now, .. } = ended;
    let verdict = status.verdict.unwrap_or(Verdict::Error);
    let reason = status.reason.clone().unwrap_or_default();
    let message = status.message.clone().unwrap_or_default();
    let mut conditions = status.conditions.clone();
    let state = contract::State::Finished { verdict, reason: &reason, message: &message };
    contract::apply(&mut conditions, &state, run.metadata.generation, *now);
    Outcome { verdict, reason, message, conditions }
}

fn environment(ended: &Ended<'_>) -> Environment {
    let target = &ended.test.target;
    let workloads = target.workloads.iter().enumerate().map(|(place, workload)| {
        let setup = ended.session.setups.get(place).map(|setup| (**setup).clone()).unwrap_or_default();
        WorkloadEnvironment {
            name: workload.name.clone(),
            kind: workload.kind.clone(),
            images: setup.images,
            resources: setup.resources,
            autoscaler: setup.autoscaler,
        }
    });
    let kubernetes = ended.cluster_version.map(|version| KubernetesEnvironment {
        version: Some(version.to_owned()),
        // The operator has no right to see nodes.
        nodes: Vec::new(),
    });
    let revision = ended.run.annotations().get(annotations::GIT_REVISION);
    Environment {
        target: without_login(&target.base_url).into_owned(),
        generator: Generator {
            kind: "Runners".into(),
            processes: ended.plan.runners,
            ..Generator::default()
        },
        kubernetes,
        workloads: workloads.collect(),
        git_revision: revision.and_then(|revision| git_revision(revision)),
    }
}

/// What was joined because there was too much of it.
fn folded(session: &SessionSnapshot) -> Vec<Folded> {
    let note = |what: &str, message: String| Folded { what: what.to_owned(), count: None, message };
    let overflowed = session.metrics.overflowed().map(|metric| {
        note(metric, "there were too many series: some are counted together, and in none of its parts".into())
    });
    let mut folded: Vec<Folded> = overflowed.collect();
    for (at, level) in session.folds.iter().zip(1_u8..) {
        let message = format!(
            "too many series to keep apart: since {:.0} s of the load {}",
            at.as_secs_f64(),
            Folding::told(level)
        );
        folded.push(note("series of metrics", message));
    }
    let knows = |what: &str| folded.iter().any(|known| known.what == what);
    if session.folded > 0 && !knows(names::CHECKS) {
        folded.push(note(names::CHECKS, "not all checks are told apart".into()));
    }
    if session.losses.is_coarse() {
        let message = "requests were lost so often that their times are kept to more than 100 ms".to_owned();
        folded.push(note("losses", message));
    }
    folded
}

impl Ended<'_> {
    /// What was seen of each workload of which something was.
    fn workloads(&self) -> Vec<ObservedWorkload> {
        let each = self.test.target.workloads.iter().zip(self.session.workloads());
        let seen = each.filter(|(_, seen)| !seen.log().events().is_empty());
        seen.map(|(workload, seen)| ObservedWorkload {
            name: workload.name.clone(),
            kind: workload.kind.clone(),
            api_version: workload.api_version.clone(),
            until: self.now,
            events: seen.log().events().to_vec(),
            left_out: seen.log().left_out().clone(),
        })
        .collect()
    }
}
