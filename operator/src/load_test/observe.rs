//! What there is of a test: its runs, read from the API server itself. A cache may not know yet of a run that was
//! just made, and a second one would be started beside it.

use kube::{Api, Client, ResourceExt, api::ListParams};
use upsurge_crds::{LoadTest, LoadTestRun, names::labels};

use crate::naming;

/// The runs of a test can't be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to list the runs of the test")]
pub struct Error(#[from] Box<kube::Error>);

/// The runs of a test.
#[derive(Debug, Default)]
pub struct Observed {
    /// All runs that name the test, in no order.
    pub runs: Vec<LoadTestRun>,
}

/// Reads the runs of a test.
///
/// # Errors
/// When the API server does not answer.
pub async fn observe(client: &Client, test: &LoadTest) -> Result<Observed, Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &test.namespace().unwrap_or_default());
    let selector = format!("{}={}", labels::TEST, naming::label(&test.name_any()));
    let list = api.list(&ListParams::default().labels(&selector)).await.map_err(Box::new)?;
    // The label may be shortened; the reference is exact.
    let mine = |run: &LoadTestRun| run.spec.load_test_ref.name == test.name_any();
    Ok(Observed { runs: list.items.into_iter().filter(mine).collect() })
}
