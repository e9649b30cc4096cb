// SPDX-License-Identifier: Apache-2.0
//! What there is of a test: its runs, as the watch shows them. Of finished ones the cache keeps little, so the one that the
//! test is to show is read where it does not show it yet.
//!
//! Before a run is made all is read from the API server itself: a cache may not know yet of one that was just made, and a
//! second one would be started beside it.

use kube::{Api, Client, ResourceExt, api::ListParams};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    names::labels,
    v1alpha1::{Workload, WorkloadReference},
};

use super::{
    decide::{age_key, is_active, rollout},
    update_status::shows_the_end_of,
};
use crate::{
    cache::Cache,
    naming,
    rollouts::{Revision, Rollouts},
};

/// The runs of a test can't be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the runs of the test")]
pub struct Error(#[from] Box<kube::Error>);

/// The runs of a test.
#[derive(Debug, Default)]
pub struct Observed {
    /// All runs that name the test, in no order.
    pub runs: Vec<LoadTestRun>,
    /// Whether they were read from the API server itself.
    pub is_fresh: bool,
}

/// Looks at the runs of a test.
///
/// # Errors
/// When the API server does not answer.
pub async fn observe(client: &Client, cache: &Cache, test: &LoadTest) -> Result<Observed, Error> {
    let known = cache.runs_of(&test.namespace().unwrap_or_default(), &test.name_any()).await;
    let Some(cached) = known else {
        return read(client, test).await;
    };
    let mut runs: Vec<LoadTestRun> = cached.iter().filter_map(|run| run.0.as_ref().ok().cloned()).collect();
    if let Some(newest) = newest(&mut runs)
        && !is_active(newest)
        && !shows_the_end_of(test, newest)
    {
        let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &test.namespace().unwrap_or_default());
        match api.get_opt(&newest.name_any()).await.map_err(Box::new)? {
            Some(whole) => *newest = whole,
            // Deleted meanwhile: what the watch shows next decides.
            None => return read(client, test).await,
        }
    }
    Ok(Observed { runs, is_fresh: false })
}

/// The revision of the target, of a test that asks for it; of several workloads, one for all.
pub fn revision(rollouts: &Rollouts, test: &LoadTest) -> Option<Revision> {
    let (namespace, name) = (test.namespace().unwrap_or_default(), test.name_any());
    let watched = rollout::watched(test).filter(|_| test.metadata.deletion_timestamp.is_none());
    let Some((_, workloads)) = watched else {
        rollouts.leave(&namespace, &name);
        return None;
    };
    let workloads: Vec<WorkloadReference> = workloads.iter().map(Workload::reference).collect();
    let each = rollouts.of(&namespace, &name, &workloads)?;
    let noted = test.status.as_ref().and_then(|status| status.last_revision.as_deref());
    Some(Revision::of_all(&each, noted))
}

/// Reads the runs of a test.
///
/// # Errors
/// When the API server does not answer.
pub async fn read(client: &Client, test: &LoadTest) -> Result<Observed, Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &test.namespace().unwrap_or_default());
    let selector = format!("{}={}", labels::TEST, naming::label(&test.name_any()));
    let list = api.list(&ListParams::default().labels(&selector)).await.map_err(Box::new)?;
    // The label may be shortened; the reference is exact.
    let mine = |run: &LoadTestRun| run.spec.load_test_ref.name == test.name_any();
    Ok(Observed { runs: list.items.into_iter().filter(mine).collect(), is_fresh: true })
}

/// The run that is shown: of those under way the newest, or else the newest of all.
fn newest(runs: &mut [LoadTestRun]) -> Option<&mut LoadTestRun> {
    runs.iter_mut().max_by_key(|run| (is_active(run), age_key(run)))
}

#[cfg(test)]
mod tests;
