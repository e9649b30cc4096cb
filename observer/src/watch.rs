// SPDX-License-Identifier: Apache-2.0
//! Watches that never end. Each failure is told, and after it everything is listed again.
//!
//! A watch could go on from where it was, without a listing. But then nothing would say when it has caught up, and what comes
//! late would be taken for what happens now.

use std::{
    collections::HashSet,
    fmt::Debug,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream, stream::BoxStream};
use k8s_openapi::{api::autoscaling::v1::Scale, serde::de::DeserializeOwned};
use kube::{
    Api, Resource,
    api::{ListParams, WatchParams},
    core::DynamicObject,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, watcher},
    },
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::debug;

use crate::{find::scale, prune::nothing, seen::Change, target::Target, words};

/// First and longest wait before what failed is tried again.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(15)];
/// A watch that lasted so long did not fail at once.
const LASTED: Duration = Duration::from_secs(30);
/// Seconds after which a watch is begun anew, from where it was. That an API server hangs whose kernel still answers
/// ([`crate::client()`]) is noticed then. Each renewal is a request, and a run has five watches.
const RENEWAL: u32 = 180;
/// Most objects of a kind, in a listing and after it. More are not taken in, as they would fill the memory of whoever observes for all.
pub const MOST: usize = if cfg!(test) { 40 } else { 10_000 };
/// Time between two looks at what can't be watched.
const LOOK: Duration = Duration::from_secs(1);

struct Watch<K> {
    api: Api<K>,
    config: watcher::Config,
    /// Leaves out what nobody reads.
    prune: fn(&mut K),
    events: Option<BoxStream<'static, watcher::Result<watcher::Event<K>>>>,
    listing: Vec<K>,
    /// The objects that are there, by what their names hash to.
    there: HashSet<u64>,
    listed_at: Option<Instant>,
    retry: Duration,
}

/// What happens to the objects of a kind.
pub fn changes<K>(
    api: Api<K>,
    config: watcher::Config,
    prune: fn(&mut K),
) -> impl Stream<Item = Change<K>> + Send + use<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Send + Sync,
{
    let config = config.timeout(RENEWAL);
    let watch = Watch {
        api,
        config,
        prune,
        events: None,
        listing: Vec::new(),
        there: HashSet::new(),
        listed_at: None,
        retry: Duration::ZERO,
    };
    stream::unfold(watch, |mut watch| async move {
        let change = watch.next().await;
        Some((change, watch))
    })
}

/// The same of a kind that a cluster need not have, or whose objects the observer need not be allowed to see: it is asked once,
/// and not again and again for as long as it watches.
pub fn if_there<K>(api: Api<K>, config: watcher::Config) -> impl Stream<Item = Change<K>> + Send + use<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Send + Sync,
{
    let asked = async move {
        match asked(&api).await {
            Err(kube::Error::Api(status)) if status.code == 403 || status.code == 404 => {
                debug!(message = status.message, "not watched");
                stream::empty().boxed()
            }
            _ => changes(api, config, nothing).boxed(),
        }
    };
    stream::once(asked).flatten()
}

/// Asks for the first object, and for a watch that is dropped at once: who may list need not be allowed to watch.
async fn asked<K: Clone + DeserializeOwned + Debug>(api: &Api<K>) -> Result<(), kube::Error> {
    let list = api.list(&ListParams::default().limit(1)).await?;
    let version = list.metadata.resource_version.unwrap_or_default();
    api.watch(&WatchParams::default().timeout(1), &version).await.map(drop)
}

impl<K> Watch<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    async fn next(&mut self) -> Change<K> {
        loop {
            let events = match &mut self.events {
                Some(events) => events,
                none => {
                    sleep(self.retry.mul_f64(0.5 + fastrand::f64())).await;
                    none.insert(watcher(self.api.clone(), self.config.clone()).modify(self.prune).boxed())
                }
            };
            match events.next().await {
                Some(Ok(watcher::Event::Init)) => self.listing.clear(),
                Some(Ok(watcher::Event::InitApply(_))) if self.listing.len() >= MOST => {
                    return self.give_up();
                }
                Some(Ok(watcher::Event::InitApply(object))) => self.listing.push(object),
                Some(Ok(watcher::Event::InitDone)) => {
                    self.listed_at = Some(Instant::now());
                    self.there = self.listing.iter().map(identity).collect();
                    return Change::Listed(std::mem::take(&mut self.listing));
                }
                Some(Ok(watcher::Event::Apply(object))) => {
                    self.there.insert(identity(&object));
                    if self.there.len() > MOST {
                        return self.give_up();
                    }
                    return Change::Applied(Box::new(object));
                }
                Some(Ok(watcher::Event::Delete(object))) => {
                    self.there.remove(&identity(&object));
                    return Change::Deleted(Box::new(object));
                }
                Some(Err(error)) => return self.fail(&words::of_watch(&error)),
                None => return self.fail("the watch has ended"),
            }
        }
    }

    /// There are too many.
    fn give_up(&mut self) -> Change<K> {
        self.retry = RETRY[1];
        self.fail(&format!("there are more than {MOST} of them"))
    }

    fn fail(&mut self, why: &str) -> Change<K> {
        let lasted = self.listed_at.take().is_some_and(|listed| listed.elapsed() >= LASTED);
        self.retry = if lasted { RETRY[0] } else { (self.retry * 2).clamp(RETRY[0], RETRY[1]) };
        self.events = None;
        self.listing.clear();
        self.there.clear();
        Change::Lost(why.to_owned())
    }
}

/// Tells an object from others of its kind. Names would take far more room; that two of them hash to the same is as good as never,
/// and would make the count one too small.
fn identity<K: Resource>(object: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.meta().name.hash(&mut hasher);
    hasher.finish()
}

/// What happens to the scale of a workload that can't be watched: it is looked at each second.
pub fn scales(api: Api<DynamicObject>, target: Target) -> impl Stream<Item = Change<Scale>> + Send {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((api, target, ticks, false), |(api, target, mut ticks, was_seen)| async move {
        ticks.tick().await;
        let change = match scale(&api, &target).await {
            Ok(scale) if was_seen => Change::Applied(Box::new(scale)),
            Ok(scale) => Change::Listed(vec![scale]),
            Err(error) => Change::Lost(error.to_string()),
        };
        let is_seen = !matches!(change, Change::Lost(_));
        Some((change, (api, target, ticks, is_seen)))
    })
}
