// SPDX-License-Identifier: Apache-2.0
//! Each version of an object, as a tool sees it that watches.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use futures::{StreamExt, stream};
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{task::JoinHandle, time::timeout};
use upsurge_crds::v1alpha1::Phase;

use crate::{
    kstatus::{Status, compute},
    wait::{self, seconds},
};

/// Records each version of an object until it is dropped.
pub struct Versions {
    seen: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Versions {
    /// Begins to record; whatever comes after that is seen.
    ///
    /// # Errors
    /// When the watch does not begin.
    pub async fn of<K>(api: Api<K>, name: &str) -> Result<Self>
    where
        K: Resource + Clone + std::fmt::Debug + DeserializeOwned + Serialize + Send + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let mut stream = Box::pin(watcher::watch_object(api, name).default_backoff());
        // The first answer tells what there is, or that there is nothing yet.
        let first = timeout(seconds(20), stream.next()).await.context("the watch does not begin")?;
        let task = tokio::spawn(stream::iter(first).chain(stream).for_each(move |version| {
            if let Ok(Some(object)) = version
                && let Ok(value) = serde_json::to_value(object)
            {
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(value);
            }
            std::future::ready(())
        }));
        Ok(Self { seen, task })
    }

    /// All that were seen, in their order.
    pub fn all(&self) -> Vec<Value> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the newest version has that status.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn newest(&self, status: Status) -> Result<()> {
        let newest = || self.all().last().map(compute);
        wait::eventually(&format!("the newest version is {status:?}"), seconds(15), async || {
            Ok((newest() == Some(status)).then_some(()))
        })
        .await
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The phase that a version of a test or a run is in.
pub fn phase(object: &Value) -> Option<Phase> {
    serde_json::from_value(object.pointer("/status/phase")?.clone()).ok()
}
