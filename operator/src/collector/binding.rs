//! Which runner a pod is: a runner can only speak for itself.

use std::sync::PoisonError;

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client};
use upsurge_crds::names::labels;

use super::{
    authentication::{Denied, Identity},
    cell::Cell,
};

/// Checks that who speaks is the runner that it claims to be.
///
/// # Errors
/// When it is not, or that can't be told at the moment.
pub async fn check(
    client: &Client,
    cell: &Cell,
    who: &Identity,
    runner: u32,
    pod: &str,
) -> Result<(), Denied> {
    let name = &who.pod.name;
    if who.namespace != cell.key.namespace {
        return Err(Denied::Forbidden(format!(
            "pod {}/{name} can't speak for run {}: it lives in another namespace",
            who.namespace, cell.key
        )));
    }
    let index = match lookup(cell, &who.pod.uid) {
        Some(index) => index,
        None => {
            let index = find(client, cell, who).await?;
            let mut bound = cell.bound.lock().unwrap_or_else(PoisonError::into_inner);
            bound.insert(who.pod.uid.clone(), index);
            index
        }
    };
    if index != runner || pod != name {
        return Err(Denied::Forbidden(format!(
            "pod {name} is runner {index} of run {}; it can't speak for runner {runner} or pod {pod}",
            cell.key
        )));
    }
    Ok(())
}

fn lookup(cell: &Cell, uid: &str) -> Option<u32> {
    cell.bound.lock().unwrap_or_else(PoisonError::into_inner).get(uid).copied()
}

/// Asks the API server whose pod it is.
async fn find(client: &Client, cell: &Cell, who: &Identity) -> Result<u32, Denied> {
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
    let job = job.ok_or_else(|| stranger("the run has no Job"))?.metadata;
    index(&pod, &job, &who.pod.uid, &cell.config.plan.uid).map_err(|why| stranger(&why))
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
