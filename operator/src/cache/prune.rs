// SPDX-License-Identifier: Apache-2.0
//! What of an object is kept in memory. Thousands of finished runs with their results, and pods with their specs, would
//! fill it for nothing. Pure.

use k8s_openapi::api::{
    batch::v1::{Job, JobStatus},
    core::v1::{Container, Pod, PodSpec},
};
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use upsurge_crds::{
    LoadTestRun, LoadTestSpec,
    names::{annotations::NOTES, labels},
    v1alpha1::{LoadTestRunStatus, Phase, Snapshot},
};

use super::CachedRun;
use crate::{audit, stores};

/// Runs are pruned one by one as they are read, so that a page of a list never stands in memory as a whole.
impl<'de> Deserialize<'de> for CachedRun {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let mut read = Self::read(text.get()).map_err(D::Error::custom)?;
        run(&mut read);
        Ok(read)
    }
}

/// Beginning of the annotations that somebody here reads.
const OURS: &str = "upsurge.dev/";

/// A run: all of it as long as it is under way; of one that is over what tells so, and with which verdict; and its copy of
/// the test only if nobody can read it, or as long as its record has to go to a store.
fn run(run: &mut CachedRun) {
    let is_over = matches!(&run.0, Ok(run) if is_finished(run));
    if !is_over {
        audit::prune(run.managed_fields_mut());
        return;
    }
    let metadata = run.meta_mut();
    metadata.managed_fields = None;
    metadata.labels = None;
    // A list as it is read has room for four of what it has one of.
    if let Some(owners) = &mut metadata.owner_references {
        owners.shrink_to_fit();
    }
    // An empty map would still hold the room for its first entries. Notes are for people.
    metadata.annotations = metadata.annotations.take().and_then(|mut annotations| {
        annotations.retain(|name, _| name.starts_with(OURS) && name != NOTES);
        (!annotations.is_empty()).then_some(annotations)
    });
    if let Ok(run) = &mut run.0 {
        let is_settled = stores::is_settled(run.status.as_ref());
        // One that can't be read any more is told of, and so it is still needed.
        let is_of_no_use = |spec: LoadTestSpec| spec.record.is_none() || is_settled;
        let is_needed = |test: &Snapshot| !test.read().is_ok_and(is_of_no_use);
        run.spec.test = run.spec.test.take().filter(is_needed);
        run.status = run.status.take().map(|status| LoadTestRunStatus {
            phase: status.phase,
            verdict: status.verdict,
            start_time: status.start_time,
            load_end_time: status.load_end_time,
            completion_time: status.completion_time,
            leader_term: status.leader_term,
            ..LoadTestRunStatus::default()
        });
    }
}

/// A Job: whose it is, and how it stands.
pub fn job(job: &mut Job) {
    job.metadata.managed_fields = None;
    job.metadata.annotations = None;
    job.spec = None;
    job.status =
        job.status.take().map(|status| JobStatus { conditions: status.conditions, ..JobStatus::default() });
}

/// A pod: whose it is, and its status. Of the spec the node, and the init containers that stay; of labels and annotations, of which
/// a tenant may write as many as it likes, what is read here.
pub fn pod(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    for words in [&mut pod.metadata.labels, &mut pod.metadata.annotations].into_iter().flatten() {
        words.retain(|name, _| name.starts_with(OURS) || name == labels::COMPLETION_INDEX);
    }
    pod.spec = pod.spec.take().map(|spec| PodSpec {
        node_name: spec.node_name,
        init_containers: spec.init_containers.map(|containers| {
            let kept = containers.into_iter().map(|container| Container {
                name: container.name,
                restart_policy: container.restart_policy,
                ..Container::default()
            });
            kept.collect()
        }),
        ..PodSpec::default()
    });
}

fn is_finished(run: &LoadTestRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase) == Some(Phase::Finished)
}
