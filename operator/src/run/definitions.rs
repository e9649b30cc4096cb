// SPDX-License-Identifier: Apache-2.0
//! Waiting until the API server knows our kinds, so that operator and definitions can be installed in any order.

use std::time::Duration;

use kube::{Client, CustomResourceExt as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use upsurge_crds::{
    LoadTest, LoadTestRun,
    internal::{Checkpoint, Record, TargetLease},
};
use upsurge_observer::plain;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Waits until all definitions are there; `false` if told to stop before.
pub async fn wait(client: &Client, stop: &CancellationToken) -> bool {
    let mut told = String::new();
    loop {
        let missing = match missing(client).await {
            Ok(missing) if missing.is_empty() => return true,
            Ok(missing) => format!("waiting for the definitions of {}; install the CRDs", missing.join(", ")),
            Err(error) => format!("waiting for the API server: {}", plain(&error)),
        };
        if missing != told {
            warn!("{missing}");
            told = missing;
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = sleep(LOOK) => {}
        }
    }
}

/// By discovery, which everybody may use; reading the definitions themselves would need a right of its own.
async fn missing(client: &Client) -> Result<Vec<String>, kube::Error> {
    let mut missing = Vec::new();
    let all = [
        LoadTest::api_resource(),
        LoadTestRun::api_resource(),
        Checkpoint::api_resource(),
        TargetLease::api_resource(),
        Record::api_resource(),
    ];
    for wanted in all {
        let known = match client.list_api_group_resources(&wanted.api_version).await {
            Ok(list) => list.resources,
            Err(kube::Error::Api(status)) if status.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        if !known.iter().any(|resource| resource.kind == wanted.kind) {
            missing.push(wanted.kind);
        }
    }
    Ok(missing)
}
