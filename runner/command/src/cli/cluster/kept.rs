// SPDX-License-Identifier: Apache-2.0
//! The record that a finished run has left in its namespace.

use std::{io, path::Path, process::ExitCode};

use kube::{Api, ResourceExt as _};
use tokio::runtime::Builder;
use upsurge_crds::{
    LoadTestRun, conditions,
    internal::Record as KeptRecord,
    names::{annotations::NOTES, conditions::RECORD_NOT_KEPT},
    v1alpha1::Phase,
};
use upsurge_observer::plain;
use upsurge_record::{
    disk::Place,
    note::{merge, of_run},
};

use super::connect::{Cluster, ConnectError, connect};
use crate::cli::{
    arguments::{ClusterArguments, GetArguments},
    exit, say, stored,
};

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum KeptError {
    /// No work can be done.
    #[error("can't start: {0}")]
    Start(#[from] io::Error),
    /// No cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no such run.
    #[error("namespace {namespace} has no LoadTestRun {run}")]
    NoRun { namespace: String, run: String },
    /// It is not over.
    #[error(
        "run {0} is not finished, and leaves its record when it is: kubectl wait loadtestrun {0} --for condition=Complete"
    )]
    NotYet(String),
    /// It has none.
    #[error("run {run} has left no record in namespace {namespace}: {why}")]
    None { namespace: String, run: String, why: String },
    /// The API server refuses or does not answer.
    #[error("{what} can't be read: {}{}", plain(.source), advice(.source))]
    Api {
        what: String,
        #[source]
        source: Box<kube::Error>,
    },
}

fn advice(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            "; it needs the right to get records (internal.upsurge.dev), which no role of the chart gives to users, and loadtestruns \
             (upsurge.dev) to say why there is none"
        }
        _ => "",
    }
}

/// Writes the record of a run to a file, or puts it into a store.
pub(super) fn save(arguments: &GetArguments, file: &Path) -> ExitCode {
    let packed = match record(&arguments.cluster, &arguments.run) {
        Ok(packed) => packed,
        Err(error) => return exit::error(error),
    };
    if file == Path::new("-") {
        return match say::bytes(&packed) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::error(format_args!("can't write to standard output: {error}")),
        };
    }
    if let Some(address) = stored::address(file) {
        return match stored::put(address, packed) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::error(error),
        };
    }
    match Place::of(file).put(&packed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::error(error),
    }
}

/// The record of a run as it is kept, packed.
pub(in crate::cli) fn record(arguments: &ClusterArguments, run: &str) -> Result<Vec<u8>, KeptError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(read(arguments, run))
}

async fn read(arguments: &ClusterArguments, run: &str) -> Result<Vec<u8>, KeptError> {
    let Cluster { client, namespace } = connect(arguments, None).await?;
    let failed = |what: String| |source| KeptError::Api { what, source: Box::new(source) };
    let records: Api<KeptRecord> = Api::namespaced(client.clone(), &namespace);
    let record =
        records.get_opt(run).await.map_err(failed(format!("the record of run {namespace}/{run}")))?;
    let runs: Api<LoadTestRun> = Api::namespaced(client, &namespace);
    let found = runs.get_opt(run).await;
    match record {
        // Whoever may read records and no runs gets what there is.
        Some(record) if !matches!(&found, Ok(Some(found)) if is_of_another(&record, found)) => {
            let found = found.ok().flatten();
            Ok(noted(record.spec.data.0, found.as_ref()))
        }
        _ => {
            let found = found.map_err(failed(format!("LoadTestRun {namespace}/{run}")))?;
            Err(why_none(found.as_ref(), namespace, run.to_owned()))
        }
    }
}

/// A record with what was noted on its run. Notes that can't be read hold up no report.
fn noted(record: Vec<u8>, run: Option<&LoadTestRun>) -> Vec<u8> {
    let Some(annotation) = run.and_then(|run| run.annotations().get(NOTES)) else { return record };
    let notes = of_run::read(annotation).map_err(|error| error.to_string());
    let merged = notes.and_then(|notes| merge(&record, &notes).map_err(|error| error.to_string()));
    merged.unwrap_or_else(|why| {
        say::line(format_args!("warning: the notes of the run are left out: {why}"));
        record
    })
}

/// Whether a record is that of an earlier run of the same name: it goes with that one, but not at the same instant.
fn is_of_another(record: &KeptRecord, run: &LoadTestRun) -> bool {
    let mut owners = record.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.kind == "LoadTestRun" && Some(&owner.uid) != run.metadata.uid.as_ref())
}

/// Why a run has no record.
fn why_none(found: Option<&LoadTestRun>, namespace: String, run: String) -> KeptError {
    let Some(found) = found else { return KeptError::NoRun { namespace, run } };
    let status = found.status.as_ref();
    if status.and_then(|status| status.phase) != Some(Phase::Finished) {
        return KeptError::NotYet(run);
    }
    let told = status.and_then(|status| conditions::find(&status.conditions, RECORD_NOT_KEPT));
    let why = told.map_or_else(
        || {
            "it ended before it had runners, is older than what its namespace has room for, or the operator keeps none \
             (operator.records of the chart)"
                .to_owned()
        },
        |condition| condition.message.clone(),
    );
    KeptError::None { namespace, run, why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn why(status: serde_json::Value) -> String {
        let run: LoadTestRun = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "a-g1"},
            "spec": {"loadTestRef": {"name": "a"}}, "status": status,
        }))
        .unwrap();
        why_none(Some(&run), "shop".into(), "a-g1".into()).to_string()
    }

    #[test]
    fn a_run_without_a_record_says_why() {
        assert!(why(json!({"phase": "Running"})).contains("is not finished"));
        let given_up = json!({"phase": "Finished", "conditions": [{"type": "RecordNotKept", "status": "True",
            "reason": "RecordGivenUp", "message": "exceeded quota", "lastTransitionTime": "2030-01-01T00:00:00Z"}]});
        assert_eq!(why(given_up), "run a-g1 has left no record in namespace shop: exceeded quota");
        assert!(why(json!({"phase": "Finished"})).contains("operator.records"));
        let gone = why_none(None, "shop".into(), "a-g1".into()).to_string();
        assert_eq!(gone, "namespace shop has no LoadTestRun a-g1");
    }
}
