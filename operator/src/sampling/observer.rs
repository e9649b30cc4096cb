// SPDX-License-Identifier: Apache-2.0
//! The task that puts together what the watches show.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::{Api, Client, ResourceExt as _, core::DynamicObject};
use tokio::time::sleep;
use tracing::{debug, warn};
use upsurge_core::autoscaling::Observation;
use upsurge_crds::v1alpha1::WorkloadReference;

use super::{
    SharedObservation, autoscaler,
    endpoints::pods_of,
    picture::Picture,
    pods::SeenPod,
    scale::{Scale, api_of, scale},
    usage,
    watches::{self, Change, Seen},
};

/// Wait before the workload is looked for again.
const RETRY: Duration = Duration::from_secs(5);

/// Observes a workload, without an end.
pub async fn observe(
    client: Client,
    namespace: String,
    workload: WorkloadReference,
    sink: SharedObservation,
) {
    let (api, found) = found(&client, &namespace, &workload, &sink).await;
    let mut seen = stream::select_all([
        watches::autoscalers(&client, &namespace).boxed(),
        watches::pods(&client, &namespace, &found.selector).boxed(),
        watches::slices(&client, &namespace).boxed(),
        watches::workload(api, namespace.clone(), workload.clone()),
    ]);
    let mut picture = Picture::default();
    picture.workload = Some((found.desired, found.current));
    let watching = async {
        while let Some(seen) = seen.next().await {
            let now = Timestamp::now();
            sink.update(|observation| {
                note(seen, &workload, now, &mut picture, observation);
                picture.record(now, observation);
            });
        }
    };
    tokio::join!(watching, usage::poll(&client, &namespace, &found.selector, &sink));
}

/// Looks for the workload until it is there.
async fn found(
    client: &Client,
    namespace: &str,
    workload: &WorkloadReference,
    sink: &SharedObservation,
) -> (Api<DynamicObject>, Scale) {
    loop {
        let looked = async {
            let api = api_of(client, namespace, workload).await?;
            let scale = scale(&api, namespace, workload).await?;
            Ok::<_, super::SamplingError>((api, scale))
        };
        match looked.await {
            Ok(found) => return found,
            Err(error) => {
                warn!(%error, "target can't be observed");
                sink.update(|observation| observation.record_problem(&error.to_string()));
                sleep(RETRY).await;
            }
        }
    }
}

fn note(
    seen: Seen,
    workload: &WorkloadReference,
    now: Timestamp,
    picture: &mut Picture,
    observation: &mut Observation,
) {
    match seen {
        Seen::Workload(Ok(replicas)) => picture.workload = Some(replicas),
        Seen::Workload(Err(error)) => observation.record_problem(&error.to_string()),
        Seen::Autoscalers(change) => note_autoscaler(change, workload, now, picture, observation),
        Seen::Pods(Change::Listed(pods)) => {
            let pods = pods.iter().map(|pod| SeenPod::read(pod, now)).collect();
            picture.list_pods(pods, now, observation);
        }
        Seen::Pods(Change::Applied(pod)) => picture.see_pod(SeenPod::read(&pod, now), now, observation),
        Seen::Pods(Change::Deleted(pod)) => {
            // The last that is known of it may tell when it ended.
            observation.record_pod(SeenPod::read(&pod, now).times);
            picture.lose_pod(&pod.name_any(), now, observation);
        }
        Seen::Slices(Change::Listed(slices)) => {
            picture.list_slices(slices.iter().map(|slice| (slice.name_any(), pods_of(slice))));
        }
        Seen::Slices(Change::Applied(slice)) => picture.see_slice(slice.name_any(), pods_of(&slice)),
        Seen::Slices(Change::Deleted(slice)) => picture.see_slice(slice.name_any(), Default::default()),
        Seen::Slices(Change::Broken(problem)) => {
            warn!(%problem, "EndpointSlices can't be observed; pods count as soon as they are ready");
            observation.record_problem(&problem);
            picture.give_up_slices();
        }
        Seen::Pods(Change::Broken(problem)) => {
            warn!(%problem, "target can't be observed");
            observation.record_problem(&problem);
        }
    }
}

fn note_autoscaler(
    change: Change<HorizontalPodAutoscaler>,
    workload: &WorkloadReference,
    now: Timestamp,
    picture: &mut Picture,
    observation: &mut Observation,
) {
    let found = match change {
        Change::Listed(all) => all.into_iter().find(|hpa| autoscaler::targets(hpa, workload)),
        Change::Applied(hpa) if autoscaler::targets(&hpa, workload) => Some(*hpa),
        Change::Deleted(hpa) if autoscaler::targets(&hpa, workload) => {
            observation.record_problem(&format!(
                "HorizontalPodAutoscaler {} was deleted while it was observed",
                hpa.name_any()
            ));
            None
        }
        Change::Applied(_) | Change::Deleted(_) => return,
        Change::Broken(problem) => {
            warn!(%problem, "autoscaler can't be observed");
            observation.record_problem(&problem);
            picture.autoscaler_known = true;
            return;
        }
    };
    picture.autoscaler_known = true;
    picture.wanted = found.as_ref().and_then(autoscaler::replicas).map(|(wanted, _)| wanted);
    let Some(hpa) = found else { return };
    debug!(hpa = hpa.name_any(), wanted = ?picture.wanted, "autoscaler seen");
    observation.autoscaler = Some(autoscaler::described(&hpa));
    for (type_, condition) in autoscaler::conditions(&hpa) {
        observation.record_condition(now, type_, &condition.status, &condition.reason, &condition.message);
    }
}
