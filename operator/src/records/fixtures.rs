// SPDX-License-Identifier: Apache-2.0
//! A record that says of a run what it is, for tests of what becomes of it.

use upsurge_crds::{LoadTestRun, v1alpha1::Verdict};
use upsurge_record::{
    Record,
    model::{Environment, MadeBy, Outcome, Run},
};

use crate::load_test_run::fixtures::at;

/// The record of a run that has passed.
pub fn record(run: &LoadTestRun) -> Record {
    let made_by = MadeBy { name: "upsurge-operator".into(), version: "0.1.0".into() };
    let identity = Run {
        name: run.metadata.name.clone().unwrap(),
        namespace: run.metadata.namespace.clone(),
        uid: run.metadata.uid.clone(),
        start_time: at(0),
        end_time: at(60),
    };
    let outcome = Outcome {
        verdict: Verdict::Passed,
        reason: "ThresholdsMet".into(),
        message: "all thresholds held".into(),
        conditions: Vec::new(),
    };
    Record::new(made_by, identity, run.spec.test.clone().unwrap(), Environment::default(), outcome)
}
