// SPDX-License-Identifier: Apache-2.0
//! The version of the cluster, for the records of its runs. Everybody who is logged in may ask for it. It is asked for now and then, as a
//! cluster is upgraded while its operator goes on; where nobody has ever answered, records go without it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kube::Client;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// Time from one answer to the next question.
const EVERY: Duration = Duration::from_secs(600);
/// How often it is tried in quick succession.
const TRIES: u32 = 5;
/// Longest time that an answer may take, and the wait before the next try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most characters that are kept of it.
const LONGEST: usize = 64;

/// The version of the cluster, once it is known; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct ClusterVersion(Arc<Mutex<Option<String>>>);

impl ClusterVersion {
    /// The version, for example `v1.36.1`; `None` as long as it is not known.
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for it, again and again. Does not end.
    pub async fn ask(self, client: Client) {
        let mut failed = 0_u32;
        loop {
            let why = match timeout(PATIENCE, client.apiserver_version()).await {
                Ok(Ok(info)) => {
                    self.learn(&info.git_version);
                    failed = 0;
                    sleep(EVERY).await;
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            failed = failed.saturating_add(1);
            if failed == TRIES {
                warn!(error = %why, "the cluster does not tell its version; records have the last one that is known, or none");
            }
            sleep(if failed < TRIES { PATIENCE } else { EVERY }).await;
        }
    }

    fn learn(&self, version: &str) {
        let version: String = version.chars().take(LONGEST).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_that_was_told_last() {
        let version = ClusterVersion::default();
        let shown = version.clone();
        assert_eq!(shown.get(), None);
        version.learn("v1.36.1");
        assert_eq!(shown.get().as_deref(), Some("v1.36.1"));
        version.learn("v1.37.0");
        assert_eq!(shown.get().as_deref(), Some("v1.37.0"), "the cluster was upgraded");
    }
}
