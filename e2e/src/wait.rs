// SPDX-License-Identifier: Apache-2.0
//! Waiting, always for something and never for ever.

use std::{env, fmt::Debug, future::Future, sync::OnceLock, time::Duration};

use anyhow::{Context as _, Result, bail};
use futures::StreamExt;
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, interval, timeout};

/// Time between two looks of [`eventually`].
const LOOK: Duration = Duration::from_millis(200);

/// A limit in seconds, times `E2E_TIMEOUT_FACTOR` for machines that are slow.
pub fn seconds(seconds: u64) -> Duration {
    static FACTOR: OnceLock<f64> = OnceLock::new();
    let factor = FACTOR.get_or_init(|| {
        env::var("E2E_TIMEOUT_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0_f64).max(0.1)
    });
    Duration::from_secs_f64(seconds as f64 * factor)
}

/// Watches an object until a condition holds, and gives the object as it then is.
///
/// # Errors
/// After the limit, with the object's last state.
pub async fn until<K, F>(api: &Api<K>, name: &str, what: &str, limit: Duration, condition: F) -> Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
    F: Fn(&K) -> bool,
{
    let mut last = None;
    let watched = async {
        let mut stream = std::pin::pin!(watcher::watch_object(api.clone(), name).default_backoff());
        while let Some(seen) = stream.next().await {
            // Errors are retried by the stream; the deadline ends that.
            let Ok(Some(object)) = seen else { continue };
            if condition(&object) {
                return Some(object);
            }
            last = Some(object);
        }
        None
    };
    match timeout(limit, watched).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => bail!("the watch of {name} ended before {what}"),
        Err(_) => {
            let last = last.map_or_else(
                || Ok("it was never seen".into()),
                |object| {
                    let value = serde_json::to_value(&object)?;
                    serde_json::to_string_pretty(value.get("status").unwrap_or(&value))
                },
            )?;
            bail!("not within {} s: {name} {what}; last seen: {last}", limit.as_secs())
        }
    }
}

/// Waits until an object is gone.
///
/// # Errors
/// After the limit.
pub async fn until_gone<K>(api: &Api<K>, name: &str, limit: Duration) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    eventually(&format!("{name} is gone"), limit, async || {
        Ok(api.get_metadata_opt(name).await?.is_none().then_some(()))
    })
    .await
}

/// Looks again and again until there is a value.
///
/// # Errors
/// After the limit, or when looking fails for good.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let end = Instant::now() + limit;
    let mut ticks = interval(LOOK);
    let mut trouble = None;
    while Instant::now() < end {
        ticks.tick().await;
        match timeout(end - Instant::now().min(end), look()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => trouble = None,
            Ok(Err(error)) => trouble = Some(error),
            Err(_) => break,
        }
    }
    let message = format!("not within {} s: {what}", limit.as_secs());
    match trouble {
        Some(error) => Err(error).context(message),
        None => bail!(message),
    }
}
