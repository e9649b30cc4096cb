// SPDX-License-Identifier: Apache-2.0
//! Which runner a pod is: a runner can only speak for itself.
//!
//! The pod comes from the token, and the index from the pod; what a message says of either must be the same. A pod is
//! looked up once, however many of its requests come at the same time, and what is no runner is not looked up again for
//! a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client};
use upsurge_core::protocol::AUTHORITIES_ENV;
use upsurge_crds::names::labels;

use super::{
    authentication::{Denied, Identity},
    cell::Cell,
    single_flight::SingleFlight,
};

/// Most pods of a run that are looked up at the same time.
const MOST_ASKED: usize = 64;
/// Most pods that are remembered of a run.
const MOST_KNOWN: usize = 4_096;
/// How long it counts that a pod is no runner of the run.
const STRANGER: Duration = Duration::from_secs(5);

/// Which pods are runners of a run, as far as they were looked up; by UID.
pub struct Bindings {
    known: Mutex<HashMap<String, Known>>,
    asked: SingleFlight<String, Result<Runner, Denied>>,
}

/// A pod that is a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Its index.
    pub index: u32,
    /// Whether its Job tells it the authorities by which it has to check the collector.
    pub is_told_authorities: bool,
}

enum Known {
    Runner(Runner),
    Stranger(Instant, Denied),
}

impl Default for Bindings {
    fn default() -> Self {
        Self { known: Mutex::default(), asked: SingleFlight::new(MOST_ASKED) }
    }
}

impl Bindings {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, uid: &str, now: Instant) -> Option<Result<Runner, Denied>> {
        match self.lock().get(uid)? {
            Known::Runner(runner) => Some(Ok(*runner)),
            Known::Stranger(until, denied) if now < *until => Some(Err(denied.clone())),
            Known::Stranger(..) => None,
        }
    }

    fn keep(&self, uid: &str, found: &Result<Runner, Denied>, now: Instant) {
        let known = match found {
            Ok(runner) => Known::Runner(*runner),
            Err(Denied::Unavailable(_)) => return,
            Err(denied) => Known::Stranger(now + STRANGER, denied.clone()),
        };
        let mut all = self.lock();
        if all.len() >= MOST_KNOWN {
            all.retain(|_, known| matches!(known, Known::Runner(_)));
        }
        if all.len() >= MOST_KNOWN {
            // Pods that came in each other's place; those that still speak are looked up again.
            all.clear();
        }
        all.insert(uid.into(), known);
    }
}

/// The runner that a pod is.
///
/// # Errors
/// When it is none of this run, or that can't be told at the moment.
pub async fn find_runner(client: &Client, cell: &Arc<Cell>, who: &Identity) -> Result<Runner, Denied> {
    if who.namespace != cell.key.namespace {
        return Err(Denied::Forbidden(format!(
            "pod {}/{} can't speak for run {}: it lives in another namespace",
            who.namespace, who.pod.name, cell.key
        )));
    }
    let uid = &who.pod.uid;
    if let Some(known) = cell.bindings.get(uid, Instant::now()) {
        return known;
    }
    let asked = cell.bindings.asked.ask(uid.clone(), || {
        let (client, cell, who) = (client.clone(), cell.clone(), who.clone());
        async move { find(&client, &cell, &who).await }
    });
    let busy = || Err(Denied::Unavailable("too many pods are looked up at the moment: try again".into()));
    let found = asked.await.unwrap_or_else(busy);
    cell.bindings.keep(uid, &found, Instant::now());
    found
}

/// Checks that a message speaks of the runner that sends it.
///
/// # Errors
/// When it speaks of another one.
pub fn check(cell: &Cell, who: &Identity, index: u32, runner: u32, pod: &str) -> Result<(), Denied> {
    let name = &who.pod.name;
    if index != runner || pod != name {
        return Err(Denied::Forbidden(format!(
            "pod {name} is runner {index} of run {}; it can't speak for runner {runner} or another pod",
            cell.key
        )));
    }
    Ok(())
}

/// Asks the API server whose pod it is.
async fn find(client: &Client, cell: &Cell, who: &Identity) -> Result<Runner, Denied> {
    let namespace = &cell.key.namespace;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    let (pod, job) =
        tokio::try_join!(pods.get_opt(&who.pod.name), jobs.get_opt(&cell.config.job)).map_err(|error| {
            Denied::Unavailable(format!("pod {namespace}/{} can't be looked up: {error}", who.pod.name))
        })?;
    let stranger = |why: &str| {
        Denied::Forbidden(format!("pod {} can't speak for run {}: {why}", who.pod.name, cell.key))
    };
    let pod = pod.ok_or_else(|| stranger("it does not exist any more"))?.metadata;
    let job = job.ok_or_else(|| stranger("the run has no Job"))?;
    let index =
        index(&pod, &job.metadata, &who.pod.uid, &cell.config.plan.uid).map_err(|why| stranger(&why))?;
    Ok(Runner { index, is_told_authorities: is_told_authorities(&job) })
}

/// Whether a Job tells its pods the authorities of the collector.
fn is_told_authorities(job: &Job) -> bool {
    let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pod.into_iter().flat_map(|pod| &pod.containers);
    let mut variables = containers.flat_map(|container| container.env.iter().flatten());
    variables.any(|variable| variable.name == AUTHORITIES_ENV)
}

/// The index of the runner, if the pod is of the Job and the Job is of the run.
fn index(pod: &ObjectMeta, job: &ObjectMeta, pod_uid: &str, run_uid: &str) -> Result<u32, String> {
    if pod.uid.as_deref() != Some(pod_uid) {
        return Err("its token was made for an earlier pod of that name".into());
    }
    let owned = |object: &ObjectMeta, uid: &str| {
        object.owner_references.iter().flatten().any(|owner| owner.uid == uid)
    };
    if !owned(job, run_uid) {
        return Err("the Job of that name is not this run's".into());
    }
    if !job.uid.as_deref().is_some_and(|uid| owned(pod, uid)) {
        return Err("it is no pod of the run's Job".into());
    }
    let labelled = pod.labels.as_ref().and_then(|all| all.get(labels::COMPLETION_INDEX));
    let annotated = pod.annotations.as_ref().and_then(|all| all.get(labels::COMPLETION_INDEX));
    let index = labelled.or(annotated).and_then(|index| index.parse().ok());
    index.ok_or_else(|| "it has no completion index".into())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    use super::*;

    #[test]
    fn strangers_are_looked_up_again_after_a_while_and_runners_are_not() {
        let (bindings, now) = (Bindings::default(), Instant::now());
        let runner = Runner { index: 3, is_told_authorities: true };
        bindings.keep("runner", &Ok(runner), now);
        bindings.keep("unknown", &Err(Denied::Unavailable("later".into())), now);
        for number in 0..3 * MOST_KNOWN {
            bindings.keep(&number.to_string(), &Err(Denied::Forbidden("no".into())), now);
            assert!(bindings.lock().len() <= MOST_KNOWN);
        }
        let last = (3 * MOST_KNOWN - 1).to_string();
        assert!(bindings.get(&last, now).is_some_and(|known| known.is_err()));
        assert_eq!(bindings.get(&last, now + STRANGER), None);
        assert_eq!(bindings.get("runner", now + STRANGER), Some(Ok(runner)), "strangers push out no runner");
        assert_eq!(bindings.get("unknown", now), None);
    }

    fn object(uid: &str, owner: &str, index: Option<&str>) -> ObjectMeta {
        let owner = OwnerReference { uid: owner.into(), ..OwnerReference::default() };
        ObjectMeta {
            uid: Some(uid.into()),
            owner_references: Some(vec![owner]),
            labels: index.map(|index| [(labels::COMPLETION_INDEX.to_owned(), index.to_owned())].into()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_runner_is_told_by_its_pod_its_job_and_its_run() {
        let job = object("job", "run", None);
        assert_eq!(index(&object("pod", "job", Some("2")), &job, "pod", "run"), Ok(2));
        for (what, pod, job, run) in [
            ("an earlier pod", object("new", "job", Some("2")), &job, "run"),
            ("another Job's pod", object("pod", "other", Some("2")), &job, "run"),
            ("another run's Job", object("pod", "job", Some("2")), &job, "other"),
            ("no index", object("pod", "job", None), &job, "run"),
        ] {
            assert!(index(&pod, job, "pod", run).is_err(), "{what} was accepted");
        }
    }
}
