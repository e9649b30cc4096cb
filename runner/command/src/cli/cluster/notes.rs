// SPDX-License-Identifier: Apache-2.0
//! Notes of a run: they stand in an annotation of it, which is written with the rights of whoever notes something.

use std::{io, time::Duration};

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{runtime::Builder, time::sleep};
use upsurge_crds::{LoadTestRun, names::annotations::NOTES};
use upsurge_observer::plain;
use upsurge_record::{
    model::Note,
    note::of_run::{OfRunError, with},
};

use super::connect::{Cluster, ConnectError, connect};
use crate::cli::arguments::ClusterArguments;

/// Who the run's managed fields say has written the note.
const MANAGER: &str = "upsurge-note";
/// How often it is tried while others change the run.
const TRIES: u32 = 8;
/// Wait before the second try; each further one is longer by as much.
const WAIT: Duration = Duration::from_millis(100);

/// Why nothing was noted.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NotesError {
    /// No work can be done.
    #[error("can't start: {0}")]
    Start(#[from] io::Error),
    /// No cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no such run.
    #[error("namespace {namespace} has no LoadTestRun {run}")]
    NoRun { namespace: String, run: String },
    /// There is no room for it.
    #[error(transparent)]
    OfRun(#[from] OfRunError),
    /// The API server refuses or does not answer.
    #[error("{what} can't be noted on: {}{}", plain(.source), advice(.source))]
    Api {
        what: String,
        #[source]
        source: Box<kube::Error>,
    },
}

fn advice(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            "; it needs the rights to get and patch loadtestruns (upsurge.dev), which the role edit has"
        }
        kube::Error::Api(status) if status.code == 409 => "; others change it all the time, so try again",
        _ => "",
    }
}

/// Adds a note to a run. Gives how many it has.
pub(in crate::cli) fn note(
    arguments: &ClusterArguments,
    run: &str,
    note: &Note,
) -> Result<usize, NotesError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(add(arguments, run, note))
}

async fn add(arguments: &ClusterArguments, run: &str, note: &Note) -> Result<usize, NotesError> {
    let Cluster { client, namespace } = connect(arguments, None).await?;
    let runs: Api<LoadTestRun> = Api::namespaced(client, &namespace);
    let failed =
        |source| NotesError::Api { what: format!("LoadTestRun {namespace}/{run}"), source: Box::new(source) };
    let parameters = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    let mut tried = 0;
    loop {
        tried += 1;
        let Some(found) = runs.get_metadata_opt(run).await.map_err(failed)? else {
            return Err(NotesError::NoRun { namespace: namespace.clone(), run: run.to_owned() });
        };
        let metadata = found.metadata;
        let there = metadata.annotations.as_ref().and_then(|all| all.get(NOTES));
        let (notes, count) = with(there.map(String::as_str), note)?;
        // Not over what somebody else has noted meanwhile.
        let patch = json!({
            "metadata": {"resourceVersion": metadata.resource_version, "annotations": {NOTES: notes}},
        });
        match runs.patch_metadata(run, &parameters, &Patch::Merge(patch)).await {
            Ok(_) => return Ok(count),
            Err(kube::Error::Api(status)) if status.code == 409 && tried < TRIES => {
                sleep(WAIT * tried).await;
            }
            Err(source) => return Err(failed(source)),
        }
    }
}
