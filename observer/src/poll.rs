// SPDX-License-Identifier: Apache-2.0
//! What the metrics API tells of CPU and memory, asked again and again: it can't be watched.

use std::time::Duration;

use futures::{Stream, stream};
use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{seen::Change, words::plain};

/// Time between two looks. metrics-server itself measures every 10 to 15 seconds; what it told before is told again.
const LOOK: Duration = Duration::from_secs(10);
/// Longest time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// CPU and memory of the pods that a selector selects, without an end.
pub fn usage(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> impl Stream<Item = Change<DynamicObject>> + Send + use<> {
    let resource = ApiResource {
        group: "metrics.k8s.io".into(),
        version: "v1beta1".into(),
        api_version: "metrics.k8s.io/v1beta1".into(),
        kind: "PodMetrics".into(),
        plural: "pods".into(),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let own = ListParams::default().labels(selector);
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((api, own, ticks), |(api, own, mut ticks)| async move {
        ticks.tick().await;
        let change = match timeout(PATIENCE, api.list(&own)).await {
            Ok(Ok(list)) => Change::Listed(list.items),
            Ok(Err(error)) => Change::Lost(words(&error)),
            Err(_) => Change::Lost(format!(
                "the metrics API (metrics.k8s.io) gave no answer within {} s",
                PATIENCE.as_secs()
            )),
        };
        Some((change, (api, own, ticks)))
    })
}

/// Why there is no answer, and what to do.
fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 404 => {
            "the cluster has no metrics API (metrics.k8s.io): install metrics-server".into()
        }
        kube::Error::Api(status) if status.code == 403 => format!(
            "CPU and memory may not be read: {}; grant list on pods of metrics.k8s.io",
            status.message
        ),
        error => format!("the metrics API (metrics.k8s.io) does not answer: {}", plain(error)),
    }
}
