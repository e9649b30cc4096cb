// SPDX-License-Identifier: Apache-2.0
//! The run that a test makes. Pure.

use std::collections::BTreeMap;

use kube::{Resource, ResourceExt, api::ObjectMeta};
use upsurge_crds::{
    LoadTest, LoadTestRun, LoadTestRunSpec,
    names::annotations,
    v1alpha1::{Snapshot, load_test_run::LoadTestReference},
};
use upsurge_record::model::git_revision;

use super::decide::{Decided, Start, Trigger};
use crate::naming;

/// Builds a run with a snapshot of the test's spec.
pub fn run(test: &LoadTest, start: &Start, decided: &Decided) -> LoadTestRun {
    let generation = test.metadata.generation.unwrap_or_default();
    let answered = match start.trigger {
        Trigger::SpecChanged | Trigger::Rerun => None,
        Trigger::Rollout => decided.rollout.ready.clone().map(|ready| (annotations::REVISION, ready)),
        Trigger::Schedule => decided.schedule.due.map(|time| (annotations::SCHEDULED_TIME, time.to_string())),
    };
    let reason = [
        (annotations::GENERATION, generation.to_string()),
        (annotations::TRIGGER, start.trigger.as_str().into()),
    ];
    let revision = test.annotations().get(annotations::GIT_REVISION);
    let revision = revision.and_then(|revision| git_revision(revision));
    let revision = revision.map(|revision| (annotations::GIT_REVISION, revision));
    let all = reason.into_iter().chain(answered).chain(revision);
    let annotations: BTreeMap<_, _> = all.map(|(name, value)| (name.to_owned(), value)).collect();
    LoadTestRun {
        metadata: ObjectMeta {
            name: Some(start.name.clone()),
            namespace: test.namespace(),
            labels: Some(naming::run_labels(&test.name_any())),
            annotations: Some(annotations),
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
