// SPDX-License-Identifier: Apache-2.0
//! Creating runs, aborting those that are replaced, and deleting old ones.

use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tracing::info;
use upsurge_crds::{LoadTest, LoadTestRun, names::FIELD_MANAGER};

/// Why a run can't be created, aborted or deleted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to {verb} run {name}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// Name of the run.
        name: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// Another object of the name is in the way.
    #[error("run {name} exists already and belongs to something else; delete it")]
    Foreign {
        /// Name of the run.
        name: String,
    },
}

/// Creates a run, or finds the one that was created before and could not be noted.
///
/// # Errors
/// When the name is taken by a run of another test, or the API server refuses.
pub async fn create(client: &Client, test: &LoadTest, run: LoadTestRun) -> Result<LoadTestRun, Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &test.namespace().unwrap_or_default());
    let name = run.name_any();
    let failed = |verb| {
        let name = name.clone();
        move |source| Error::Api { verb, name, source: Box::new(source) }
    };
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    match api.create(&parameters, &run).await {
        Ok(created) => Ok(created),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = api.get(&name).await.map_err(failed("read"))?;
            let mine =
                found.owner_references().iter().any(|owner| Some(&owner.uid) == test.meta().uid.as_ref());
            if mine { Ok(found) } else { Err(Error::Foreign { name }) }
        }
        Err(error) => Err(failed("create")(error)),
    }
}

/// Aborts runs; one that is gone needs no end.
///
/// # Errors
/// When the API server refuses.
pub async fn abort(client: &Client, test: &LoadTest, names: &[String]) -> Result<(), Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &test.namespace().unwrap_or_default());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    for name in names {
        match api.patch(name, &parameters, &Patch::Merge(json!({"spec": {"abort": true}}))).await {
            Ok(_) => info!(run = name, "aborted run that the schedule replaces"),
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(source) => {
                return Err(Error::Api { verb: "abort", name: name.clone(), source: Box::new(source) });
            }
        }
    }
    Ok(())
}

/// Deletes runs.
///
/// # Errors
/// When the API server refuses.
pub async fn delete(client: &Client, test: &LoadTest, names: &[String]) -> Result<(), Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &test.namespace().unwrap_or_default());
    for name in names {
        match api.delete(name, &DeleteParams::background()).await {
            Ok(_) => info!(run = name, "deleted run that is not kept any more"),
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(source) => {
                return Err(Error::Api { verb: "delete", name: name.clone(), source: Box::new(source) });
            }
        }
    }
    Ok(())
}
