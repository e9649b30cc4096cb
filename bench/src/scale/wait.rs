// SPDX-License-Identifier: Apache-2.0
//! Waiting for conditions, with deadlines.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Waits until something is there; looks every half second.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    poll(what, patience, Duration::from_millis(500), look).await
}

/// The same for what is measured by the time that it takes.
pub async fn often<T>(
    what: &str,
    patience: Duration,
    look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    poll(what, patience, Duration::from_millis(10), look).await
}

async fn poll<T>(
    what: &str,
    patience: Duration,
    pause: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("it did not come about within {} s that {what}", patience.as_secs());
        }
        tokio::time::sleep(pause).await;
    }
}
