// SPDX-License-Identifier: Apache-2.0
//! Who is to be looked at soon: told any number of times, each is named once, a moment after it was first told.
//!
//! Holds no more than there are objects, however fast they change.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use tokio::{sync::Notify, time::sleep};

/// Those that wait to be looked at; clones share them.
#[derive(Clone)]
pub struct Prompts<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    waiting: Mutex<BTreeSet<K>>,
    told: Notify,
    after: Duration,
}

impl<K: Ord + Send + 'static> Prompts<K> {
    /// Names them so long after they were first told.
    pub fn after(after: Duration) -> Self {
        let shared = Shared { waiting: Mutex::default(), told: Notify::new(), after };
        Self { shared: Arc::new(shared) }
    }

    /// One is to be looked at.
    pub fn tell(&self, key: K) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        self.shared.told.notify_one();
    }

    /// All that are told, for one listener.
    pub fn stream(&self) -> impl Stream<Item = K> + Send + use<K> {
        let rounds = stream::unfold(self.shared.clone(), |shared| async {
            shared.told.notified().await;
            sleep(shared.after).await;
            let told = std::mem::take(&mut *shared.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            Some((stream::iter(told), shared))
        });
        rounds.flatten()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_told_many_times_is_named_once_and_within_the_time() {
        let prompts = Prompts::after(Duration::from_millis(200));
        let mut named = Box::pin(prompts.stream());
        prompts.tell("a");
        assert!(named.next().now_or_never().is_none(), "not yet");
        for _ in 0..100 {
            prompts.tell("a");
            prompts.tell("b");
        }
        let began = tokio::time::Instant::now();
        assert_eq!((named.next().await, named.next().await), (Some("a"), Some("b")));
        assert!(began.elapsed() >= Duration::from_millis(150), "a moment later");
        prompts.tell("c");
        assert_eq!(named.next().await, Some("c"));
        let nothing = tokio::time::timeout(Duration::from_millis(300), named.next()).await;
        assert!(nothing.is_err(), "{nothing:?}");
    }
}
