// SPDX-License-Identifier: Apache-2.0
//! Watches that never end: what they show, and when they can't show anything.

use std::{fmt::Debug, time::Duration};

use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod, discovery::v1::EndpointSlice},
    serde::de::DeserializeOwned,
};
use kube::{
    Api, Client, Resource,
    core::DynamicObject,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::time::sleep;
use upsurge_crds::v1alpha1::WorkloadReference;
use upsurge_observer::prune;

use super::{
    SamplingError,
    scale::{Scale, scale},
};

/// Time between two looks at what can't be watched.
const POLL: Duration = Duration::from_secs(2);
/// Failures in a row after which a watch is said to be broken; single ones are usual when an API server restarts.
const FAILURES: u32 = 5;

/// Something that a watch showed.
pub enum Seen {
    /// Autoscalers of the namespace.
    Autoscalers(Change<HorizontalPodAutoscaler>),
    /// Pods of the workload.
    Pods(Change<Pod>),
    /// EndpointSlices of the namespace.
    Slices(Change<EndpointSlice>),
    /// Replicas of the workload.
    Workload(Result<(i32, i32), SamplingError>),
}

/// What happened to a set of objects.
pub enum Change<K> {
    /// All were listed, at first or after a gap.
    Listed(Vec<K>),
    /// One is new or changed.
    Applied(Box<K>),
    /// One is gone.
    Deleted(Box<K>),
    /// They can't be watched.
    Broken(String),
}

/// Watches the autoscalers of a namespace.
pub fn autoscalers(client: &Client, namespace: &str) -> impl Stream<Item = Seen> + Send + use<> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), namespace);
    changes(api, watcher::Config::default(), prune::autoscaler).map(Seen::Autoscalers)
}

/// Watches the pods of a workload.
pub fn pods(client: &Client, namespace: &str, selector: &str) -> impl Stream<Item = Seen> + Send + use<> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    changes(api, watcher::Config::default().labels(selector), prune::pod).map(Seen::Pods)
}

/// Watches the EndpointSlices of a namespace.
pub fn slices(client: &Client, namespace: &str) -> impl Stream<Item = Seen> + Send + use<> {
    let api: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    changes(api, watcher::Config::default(), prune::slice).map(Seen::Slices)
}

/// The replicas of a workload: by watch for the kinds that the operator may read, by looking at the
/// scale every two seconds for all others.
pub fn workload(
    api: Api<DynamicObject>,
    namespace: String,
    workload: WorkloadReference,
) -> stream::BoxStream<'static, Seen> {
    let watched = workload.api_version == "apps/v1"
        && ["Deployment", "StatefulSet", "ReplicaSet"].contains(&workload.kind.as_str());
    if !watched {
        let looks = stream::unfold((api, namespace, workload), |(api, namespace, workload)| async {
            let seen = scale(&api, &namespace, &workload)
                .await
                .map(|Scale { desired, current, .. }| (desired, current));
            sleep(POLL).await;
            Some((Seen::Workload(seen), (api, namespace, workload)))
        });
        return looks.boxed();
    }
    let config = watcher::Config::default().fields(&format!("metadata.name={}", workload.name));
    let objects = kube::runtime::watcher(api, config).default_backoff();
    objects
        .filter_map(|event| async {
            match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                    Some(Seen::Workload(Ok(replicas(&object))))
                }
                _ => None,
            }
        })
        .boxed()
}

/// Replicas that an object of group `apps` asks for and has.
fn replicas(object: &DynamicObject) -> (i32, i32) {
    let at = |pointer: &str| object.data.pointer(pointer).and_then(serde_json::Value::as_i64);
    let number = |value: Option<i64>, otherwise| {
        value.and_then(|value| i32::try_from(value).ok()).unwrap_or(otherwise)
    };
    (number(at("/spec/replicas"), 1), number(at("/status/replicas"), 0))
}

fn changes<K>(
    api: Api<K>,
    config: watcher::Config,
    prune: fn(&mut K),
) -> impl Stream<Item = Change<K>> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let events = watcher(api, config).modify(prune).default_backoff();
    let listing: Vec<K> = Vec::new();
    let state = (Box::pin(events), listing, 0_u32);
    stream::unfold(state, |(mut events, mut listing, mut failures)| async move {
        loop {
            let change = match events.next().await? {
                Ok(watcher::Event::Init) => {
                    listing.clear();
                    continue;
                }
                Ok(watcher::Event::InitApply(object)) => {
                    listing.push(object);
                    continue;
                }
                Ok(watcher::Event::InitDone) => Change::Listed(std::mem::take(&mut listing)),
                Ok(watcher::Event::Apply(object)) => Change::Applied(Box::new(object)),
                Ok(watcher::Event::Delete(object)) => Change::Deleted(Box::new(object)),
                Err(error) => {
                    failures += 1;
                    if !forbidden(&error) && failures != FAILURES {
                        continue;
                    }
                    let kind = K::plural(&());
                    return Some((
                        Change::Broken(format!("{kind} can't be watched: {error}")),
                        (events, listing, failures),
                    ));
                }
            };
            return Some((change, (events, listing, 0)));
        }
    })
}

fn forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == 403,
        _ => false,
    }
}
