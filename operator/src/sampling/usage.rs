// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of the target's pods, as metrics.k8s.io tells it.

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::time::sleep;
use tracing::debug;
use upsurge_core::autoscaling::UsageSample;
use upsurge_observer::quantity;

use super::SharedObservation;

/// Time between two looks; metrics-server itself measures every 10 to 15 seconds.
const POLL: Duration = Duration::from_secs(15);

/// Looks at the usage of the pods without an end. A cluster without a metrics API has none to show.
pub async fn poll(client: &Client, namespace: &str, selector: &str, sink: &SharedObservation) {
    loop {
        match look(client, namespace, selector).await {
            Ok(Some(sample)) => sink.update(|observation| observation.record_usage(sample)),
            Ok(None) => {}
            Err(error) => debug!(%error, "usage of the target's pods can't be read"),
        }
        sleep(POLL).await;
    }
}

async fn look(client: &Client, namespace: &str, selector: &str) -> Result<Option<UsageSample>, kube::Error> {
    let selector: String = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods?labelSelector={selector}");
    let request = axum::http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let list: Value = client.request(request).await?;
    Ok(sum(&list, Timestamp::now()))
}

/// Adds up the usage of all pods; `None` if there are none.
fn sum(list: &Value, at: Timestamp) -> Option<UsageSample> {
    let pods = list.get("items")?.as_array().filter(|pods| !pods.is_empty())?;
    let containers = pods.iter().filter_map(|pod| pod.get("containers")?.as_array()).flatten();
    let (mut cores, mut bytes) = (0.0, 0.0);
    for container in containers {
        let usage =
            |resource: &str| container.pointer(&format!("/usage/{resource}"))?.as_str().and_then(quantity);
        cores += usage("cpu").unwrap_or_default();
        bytes += usage("memory").unwrap_or_default();
    }
    let pods = i32::try_from(pods.len()).unwrap_or(i32::MAX);
    Some(UsageSample { at, pods, cpu_cores: cores, memory_bytes: bytes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usage_of_all_containers_is_added_up() {
        let pod = json!({"containers": [
            {"usage": {"cpu": "1500000000n", "memory": "64Mi"}},
            {"usage": {"cpu": "250m", "memory": "1024Ki"}},
        ]});
        let list = json!({"items": [pod.clone(), pod]});
        let sample = sum(&list, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((sample.pods, sample.cpu_cores, sample.memory_bytes), (2, 3.5, 136_314_880.0));
        assert!(sum(&json!({"items": []}), Timestamp::UNIX_EPOCH).is_none());
    }
}
