// SPDX-License-Identifier: Apache-2.0
//! The edge: watches everything about a workload, and passes on what the [`Observer`] tells.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::{
    StreamExt as _,
    stream::{self, BoxStream, SelectAll},
};
use jiff::Timestamp;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher,
};
use tokio::time::sleep;
use tracing::warn;
use upsurge_figures::observation::{Event, What};

use crate::{
    find::{Found, find},
    observer::Observer,
    poll, prune,
    seen::{Change, Seen},
    sources::{failures, keda},
    target::Target,
    watch::{changes, if_there, scales},
};

/// Wait before the workload is looked for again.
const RETRY: Duration = Duration::from_secs(5);

/// Observes until it is dropped. What is news at one instant is told at once.
pub async fn observe(client: Client, mut observer: Observer, mut tell: impl FnMut(Vec<Event>)) {
    let target = observer.target().clone();
    let found = loop {
        match find(&client, &target).await {
            Ok(found) => break found,
            Err(error) => {
                // Before it is found nothing is watched.
                let why = || error.to_string();
                let nothing = [
                    Seen::Workload(Change::Lost(why())),
                    Seen::Pods(Change::Lost(why())),
                    Seen::Autoscalers(Change::Lost(why())),
                    Seen::Slices(Change::Lost(why())),
                    Seen::Usage(Change::Lost(why())),
                ];
                for seen in nothing {
                    pass(&target, observer.see(seen, Timestamp::now()), &mut tell);
                }
                sleep(RETRY).await;
            }
        }
    };
    let mut seen = watches(&client, &target, &found);
    let mut sees_keda = false;
    while let Some(shown) = seen.next().await {
        pass(&target, observer.see(shown, Timestamp::now()), &mut tell);
        if observer.is_scaled_by_keda() && !std::mem::replace(&mut sees_keda, true) {
            let api = scaled_objects(&client, &target.namespace);
            seen.push(if_there(api, watcher::Config::default()).map(Seen::ScaledObjects).boxed());
        }
    }
}

fn pass(target: &Target, events: Vec<Event>, tell: &mut impl FnMut(Vec<Event>)) {
    for event in &events {
        if let What::Lost { source, message } = &event.what {
            warn!(%target, ?source, message, "target can't be observed");
        }
    }
    if !events.is_empty() {
        tell(events);
    }
}

/// All that every cluster has. Of KEDA nobody is asked before an autoscaler is its own: few clusters have it, and few observers
/// may see what is its own.
fn watches(client: &Client, target: &Target, found: &Found) -> SelectAll<BoxStream<'static, Seen>> {
    let all = watcher::Config::default;
    let namespace = &target.namespace;
    stream::select_all([
        changes(Api::namespaced(client.clone(), namespace), all(), prune::autoscaler)
            .map(Seen::Autoscalers)
            .boxed(),
        workload(target, found),
        if_there(Api::namespaced(client.clone(), namespace), all().fields(failures::SELECTOR))
            .map(Seen::Failures)
            .boxed(),
        pods(client, target, found),
        changes(Api::namespaced(client.clone(), namespace), all(), prune::slice).map(Seen::Slices).boxed(),
        usage(client, target, found),
    ])
}

/// Of the kind as it is since KEDA 2.
pub(crate) fn scaled_objects(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", keda::KIND));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn workload(target: &Target, found: &Found) -> BoxStream<'static, Seen> {
    if !target.is_built_in() {
        return scales(found.api.clone(), target.clone()).map(Seen::Scale).boxed();
    }
    let this = watcher::Config::default().fields(&format!("metadata.name={}", target.name));
    changes(found.api.clone(), this, prune::nothing).map(Seen::Workload).boxed()
}

fn pods(client: &Client, target: &Target, found: &Found) -> BoxStream<'static, Seen> {
    let Some(selector) = found.selector() else {
        return stream::iter([Seen::Pods(Change::Lost(without_selector(target)))]).boxed();
    };
    let own = watcher::Config::default().labels(selector);
    changes(Api::namespaced(client.clone(), &target.namespace), own, prune::pod).map(Seen::Pods).boxed()
}

fn usage(client: &Client, target: &Target, found: &Found) -> BoxStream<'static, Seen> {
    match found.selector() {
        Some(selector) => poll::usage(client, &target.namespace, selector).map(Seen::Usage).boxed(),
        None => stream::iter([Seen::Usage(Change::Lost(without_selector(target)))]).boxed(),
    }
}

fn without_selector(target: &Target) -> String {
    format!("the scale of {target} has no selector, so nobody knows which pods are its own")
}
