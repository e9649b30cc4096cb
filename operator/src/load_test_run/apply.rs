// SPDX-License-Identifier: Apache-2.0
//! Writing a run's objects: completing the run itself, applying what it consists of, and clearing up after it.

use k8s_openapi::api::{batch::v1::Job, core::v1::ServiceAccount};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    names::{FIELD_MANAGER, reasons},
    v1alpha1::Snapshot,
};

use super::{build::Objects, refusal};
use crate::{
    collector,
    naming::{self, run_labels},
    status::parameters,
};

/// Something of a run can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to {verb} {what}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// With what.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Words of an API server that passes on the refusal of a webhook.
const DENIED: &str = "denied the request";
/// Words of one that can't read an object. It says that it had an error itself, but has it again each time.
const UNREADABLE: [&str; 3] = [
    "failed to convert new object",
    "failed to create typed patch object",
    "failed to create typed live object",
];

impl Error {
    /// Why trying again is of no use, as a reason of ours and in words: the API server does not want what was asked for, or
    /// can't make anything of it.
    pub fn refusal(&self) -> Option<(&'static str, String)> {
        let Self::Api { verb, what, source } = self;
        let kube::Error::Api(status) = source.as_ref() else { return None };
        let said = |words: &[&str]| words.iter().any(|words| status.message.contains(words));
        let reason = match status.code {
            // A webhook may choose any code for its refusal.
            400.. if said(&[DENIED]) => reasons::PODS_FORBIDDEN,
            400 | 413 | 422 => reasons::INVALID_SPEC,
            403 => reasons::PODS_FORBIDDEN,
            500 if said(&UNREADABLE) => reasons::INVALID_SPEC,
            _ => return None,
        };
        Some((reason, format!("failed to {verb} {what}: {}", refusal::explained(&status.message))))
    }
}

/// The test of a run, if it exists.
///
/// # Errors
/// When the API server does not answer.
pub async fn test_of(client: &Client, run: &LoadTestRun) -> Result<Option<LoadTest>, Error> {
    let api: Api<LoadTest> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    let name = &run.spec.load_test_ref.name;
    api.get_opt(name).await.map_err(|source| failed("read", format!("LoadTest {name}"), source))
}

/// What a run lacks that was made by hand: the test's spec, its owner, the labels by which it is found. Pure.
pub fn completion(run: &LoadTestRun, test: &LoadTest) -> Option<Value> {
    let owner = test.controller_owner_ref(&())?;
    let owned = run.owner_references().iter().any(|known| known.uid == owner.uid);
    let labels = run_labels(&test.name_any());
    let labelled = labels.iter().all(|(key, value)| run.labels().get(key) == Some(value));
    if run.spec.test.is_some() && owned && labelled {
        return None;
    }
    // Only one owner may be the controller; a run that belongs to a pipeline keeps that one.
    let controlled =
        run.owner_references().iter().any(|known| known.controller == Some(true) && known.uid != owner.uid);
    let mut metadata = json!({"labels": labels});
    if !controlled {
        metadata["ownerReferences"] = json!([owner]);
    }
    // Always the whole of what this manager has in the run: what is left out of an apply is taken away.
    let spec = run.spec.test.clone().unwrap_or_else(|| Snapshot::of(&test.spec));
    Some(json!({
        "apiVersion": LoadTestRun::api_version(&()),
        "kind": LoadTestRun::kind(&()),
        "metadata": metadata,
        "spec": {"test": spec},
    }))
}

/// Writes what a run lacked; gives the run as it is then.
///
/// # Errors
/// When the API server refuses.
pub async fn complete(client: &Client, run: &LoadTestRun, body: &Value) -> Result<LoadTestRun, Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    let name = run.name_any();
    let patched = api.patch(&name, &parameters(), &Patch::Apply(body)).await;
    patched.map_err(|source| failed("complete", format!("run {name}"), source))
}

/// Applies the identity of the runners.
///
/// # Errors
/// When the API server refuses.
pub async fn groundwork(client: &Client, objects: &Objects) -> Result<(), Error> {
    apply::<ServiceAccount>(client, &objects.service_account, "ServiceAccount").await
}

/// Applies the Job. From here on there are pods.
///
/// # Errors
/// When the API server refuses.
pub async fn job(client: &Client, objects: &Objects) -> Result<(), Error> {
    apply::<Job>(client, &objects.job, "Job").await
}

async fn apply<K>(client: &Client, object: &K, kind: &'static str) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let applied = api.patch(&name, &parameters(), &Patch::Apply(object)).await;
    applied.map(|_| ()).map_err(|source| failed("apply", format!("{kind} {name}"), source))
}

/// Ends pods that are still there: a suspended Job has none. Those that ended keep their logs.
///
/// # Errors
/// When the API server refuses.
pub async fn quench(client: &Client, run: &LoadTestRun) -> Result<(), Error> {
    let api: Api<Job> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    let name = naming::base(&run.name_any(), &run.uid().unwrap_or_default());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    // A merge: an apply would have to repeat the pod template, which an operator of another version builds differently.
    let patched = api.patch(&name, &parameters, &Patch::Merge(json!({"spec": {"suspend": true}}))).await;
    ignore_missing(patched.map(|_| ()), "suspend", format!("Job {name}"))
}

/// Deletes what the runners of a run were: the service account first, so that a Job that is there tells that there is
/// something left to delete.
///
/// # Errors
/// When the API server refuses.
pub async fn remove_runners(client: &Client, run: &LoadTestRun) -> Result<(), Error> {
    let namespace = run.namespace().unwrap_or_default();
    let job = naming::base(&run.name_any(), &run.uid().unwrap_or_default());
    let account = naming::service_account(&job);
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    let deleted = accounts.delete(&account, &DeleteParams::background()).await;
    ignore_missing(deleted.map(drop), "delete", format!("ServiceAccount {account}"))?;
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let found = jobs.get_metadata_opt(&job).await;
    let found = found.map_err(|source| failed("read", format!("Job {job}"), source))?;
    // Another one of that name is somebody else's.
    let Some(own) = found.filter(|found| is_owned(found, run)) else { return Ok(()) };
    let conditions = Preconditions { uid: own.uid(), resource_version: None };
    let parameters = DeleteParams { preconditions: Some(conditions), ..DeleteParams::background() };
    let deleted = jobs.delete(&job, &parameters).await;
    ignore_missing(deleted.map(drop), "delete", format!("Job {job}"))
}

/// Deletes the identity of the pods that stored a record. Their Job goes by itself.
///
/// # Errors
/// When the API server refuses.
pub async fn remove_store_account(client: &Client, run: &LoadTestRun) -> Result<(), Error> {
    let account = naming::store(&naming::base(&run.name_any(), &run.uid().unwrap_or_default()));
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    let deleted = accounts.delete(&account, &DeleteParams::background()).await;
    ignore_missing(deleted.map(drop), "delete", format!("ServiceAccount {account}"))
}

/// Deletes the checkpoint of a run whose result is in its status.
///
/// # Errors
/// When the API server refuses.
pub async fn drop_checkpoint(client: &Client, run: &LoadTestRun) -> Result<(), Error> {
    let name = naming::checkpoint(&naming::base(&run.name_any(), &run.uid().unwrap_or_default()));
    let discarded = collector::discard(client, &run.namespace().unwrap_or_default(), &name).await;
    discarded.map_err(|source| failed("delete", format!("checkpoint {name}"), source))
}

fn is_owned(object: &impl ResourceExt, run: &LoadTestRun) -> bool {
    object.owner_references().iter().any(|owner| Some(&owner.uid) == run.meta().uid.as_ref())
}

fn ignore_missing(result: Result<(), kube::Error>, verb: &'static str, what: String) -> Result<(), Error> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result.map_err(|source| failed(verb, what, source)),
    }
}

fn failed(verb: &'static str, what: String, source: kube::Error) -> Error {
    Error::Api { verb, what, source: Box::new(source) }
}

#[cfg(test)]
mod tests;
