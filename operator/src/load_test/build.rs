// SPDX-License-Identifier: Apache-2.0
//! The run that a test makes. Pure.

use std::collections::BTreeMap;

use kube::{Resource, ResourceExt, api::ObjectMeta};
use upsurge_crds::{
    LoadTest, LoadTestRun, LoadTestRunSpec,
    names::annotations,
    v1alpha1::{Snapshot, load_test_run::LoadTestReference},
};

use super::decide::Start;
use crate::naming;

/// Builds a run with a snapshot of the test's spec.
pub fn run(test: &LoadTest, start: &Start) -> LoadTestRun {
    let generation = test.metadata.generation.unwrap_or_default();
    LoadTestRun {
        metadata: ObjectMeta {
            name: Some(start.name.clone()),
            namespace: test.namespace(),
            labels: Some(naming::run_labels(&test.name_any())),
            annotations: Some(BTreeMap::from([
                (annotations::GENERATION.into(), generation.to_string()),
                (annotations::TRIGGER.into(), start.trigger.as_str().into()),
            ])),
            owner_references: test.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: LoadTestRunSpec {
            load_test_ref: LoadTestReference { name: test.name_any() },
            test: Some(Snapshot::of(&test.spec)),
            abort: false,
        },
        status: None,
    }
}
