// SPDX-License-Identifier: Apache-2.0
//! Which runner a pod is: a runner can only speak for itself.
//!
//! The pod comes from the token, and the index from the pod; what a message says of either must be the same. What a pod is
//! comes from the watch if it has seen that very pod, so that hundreds of runners who come back at once after a restart ask nothing of
//! the API server. Else it is looked up, once, however many of its requests come at the same time, and what is no
//! runner is not looked up again for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Api;
use tokio::sync::OnceCell;
use upsurge_core::protocol::AUTHORITIES_ENV;
use upsurge_crds::names::labels;
use upsurge_observer::plain;

use super::{
    authentication::{Denied, Identity},
    cell::Cell,
    sessions::Sessions,
    single_flight::SingleFlight,
};

/// Most pods of a run that are looked up at the same time, and most that wait for that.
const MOST_ASKED: usize = 64;
const LINE: usize = 1_024;
/// Most pods that are remembered of a run.
const MOST_KNOWN: usize = 4_096;
/// How long it counts that a pod is no runner of the run.
const STRANGER: Duration = Duration::from_secs(5);

/// Which pods are runners of a run, as far as they were looked up; by UID.
pub struct Bindings {
    known: Mutex<HashMap<String, Known>>,
    job: OnceCell<RunnersJob>,
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

/// The Job that made the runners.
struct RunnersJob {
    metadata: ObjectMeta,
    is_told_authorities: bool,
}

enum Known {
    Runner(Runner),
    Stranger(Instant, Denied),
}

impl Default for Bindings {
    fn default() -> Self {
        let asked = SingleFlight::new(MOST_ASKED, LINE);
        Self { known: Mutex::default(), job: OnceCell::new(), asked }
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
pub async fn find_runner(sessions: &Sessions, cell: &Arc<Cell>, who: &Identity) -> Result<Runner, Denied> {
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
        let (sessions, cell, who) = (sessions.clone(), cell.clone(), who.clone());
        async move { find(&sessions, &cell, &who).await }
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

/// Finds out whose pod it is.
async fn find(sessions: &Sessions, cell: &Cell, who: &Identity) -> Result<Runner, Denied> {
    let namespace = &cell.key.namespace;
    let stranger = |why: &str| {
        Denied::Forbidden(format!("pod {} can't speak for run {}: {why}", who.pod.name, cell.key))
    };
    let pod = match sessions.cache().pod(namespace, &who.pod.name, &who.pod.uid) {
        Some(pod) => pod.metadata.clone(),
        None => {
            let pods: Api<Pod> = Api::namespaced(sessions.client().clone(), namespace);
            let pod = pods.get_opt(&who.pod.name).await.map_err(|error| {
                Denied::Unavailable(format!(
                    "pod {namespace}/{} can't be looked up: {}",
                    who.pod.name,
                    plain(&error)
                ))
            })?;
            pod.ok_or_else(|| stranger("it does not exist any more"))?.metadata
        }
    };
    // The one Job of the run never becomes another.
    let job = cell.bindings.job.get_or_try_init(|| async {
        let jobs: Api<Job> = Api::namespaced(sessions.client().clone(), namespace);
        let name = &cell.config.job;
        let job = jobs.get_opt(name).await.map_err(|error| {
            Denied::Unavailable(format!("Job {namespace}/{name} can't be looked up: {}", plain(&error)))
        })?;
        let job = job.ok_or_else(|| stranger("the run has no Job"))?;
        let is_told_authorities = is_told_authorities(&job);
        match is_owned(&job.metadata, &cell.config.plan.uid) {
            true => Ok(RunnersJob { metadata: job.metadata, is_told_authorities }),
            false => Err(stranger("the Job of that name is not this run's")),
        }
    });
    let job = job.await?;
    let index = index(&pod, &job.metadata, &who.pod.uid).map_err(|why| stranger(&why))?;
    Ok(Runner { index, is_told_authorities: job.is_told_authorities })
}

/// Whether a Job tells its pods the authorities of the collector.
fn is_told_authorities(job: &Job) -> bool {
    let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pod.into_iter().flat_map(|pod| &pod.containers);
    let mut variables = containers.flat_map(|container| container.env.iter().flatten());
    variables.any(|variable| variable.name == AUTHORITIES_ENV)
}

fn is_owned(object: &ObjectMeta, uid: &str) -> bool {
    object.owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// The index of the runner, if the pod is of the Job.
fn index(pod: &ObjectMeta, job: &ObjectMeta, pod_uid: &str) -> Result<u32, String> {
    if pod.uid.as_deref() != Some(pod_uid) {
        return Err("its token was made for an earlier pod of that name".into());
    }
    if !job.uid.as_deref().is_some_and(|uid| is_owned(pod, uid)) {
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
        assert!(is_owned(&job, "run") && !is_owned(&job, "another run"));
        assert_eq!(index(&object("pod", "job", Some("2")), &job, "pod"), Ok(2));
        for (what, pod) in [
            ("an earlier pod", object("new", "job", Some("2"))),
            ("another Job's pod", object("pod", "other", Some("2"))),
            ("no index", object("pod", "job", None)),
        ] {
            assert!(index(&pod, &job, "pod").is_err(), "{what} was accepted");
        }
    }
}
