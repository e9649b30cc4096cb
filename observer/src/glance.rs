// SPDX-License-Identifier: Apache-2.0
//! One look at a workload, by the same eyes as the record: what is asked before a load must not be read otherwise than what is
//! judged after it.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Pod, serde::de::DeserializeOwned};
use kube::{Api, Client, api::ListParams};
use upsurge_figures::observation::{Tracker, What};

use crate::{
    find::{FindError, find},
    observe::scaled_objects,
    observer::Observer,
    prune,
    seen::{Change, Seen},
    sources::requests::MissingRequest,
    target::Target,
};

/// A workload at a moment.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// What is known of it, its pods and its autoscaler. Of EndpointSlices nothing is.
    pub known: Tracker,
    /// Whether pods of another revision are being replaced.
    pub is_rolling: bool,
    /// The label selector of its pods; `None` if it has none, and then nothing is known of pods.
    pub selector: Option<String>,
    /// A request that a container lacks, without which the autoscaler can't read its metrics.
    pub missing: Option<MissingRequest>,
}

/// Looks at a workload.
///
/// # Errors
/// When it is not there, or the API server can't be asked.
pub async fn glance(client: &Client, target: &Target) -> Result<Glance, FindError> {
    let found = find(client, target).await?;
    let failed = |error| FindError::of(target, error);
    let mut look = Look { observer: Observer::new(target.clone()), glance: Glance::default() };
    look.glance.selector = found.selector().map(str::to_owned);
    let namespace = &target.namespace;
    // As the API server has it in memory: a run that waits looks again and again.
    let all = ListParams::default().match_any();
    if target.is_built_in() {
        let this = all.clone().fields(&format!("metadata.name={}", target.name));
        let objects = list(&found.api, &this).await.map_err(failed)?;
        look.see(Seen::Workload(Change::Listed(objects)));
    } else {
        look.see(Seen::Scale(Change::Listed(vec![found.scale])));
    }
    if let Some(selector) = look.glance.selector.clone() {
        let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let mut pods = list(&api, &all.clone().labels(&selector)).await.map_err(failed)?;
        pods.iter_mut().for_each(prune::pod);
        look.see(Seen::Pods(Change::Listed(pods)));
    }
    let hpas = list(&Api::namespaced(client.clone(), namespace), &all).await.map_err(failed)?;
    look.see(Seen::Autoscalers(Change::Listed(hpas)));
    if look.observer.is_scaled_by_keda() {
        match list(&scaled_objects(client, namespace), &all).await {
            Ok(objects) => look.see(Seen::ScaledObjects(Change::Listed(objects))),
            // Who may not see them knows what their autoscaler says.
            Err(kube::Error::Api(status)) if status.code == 403 || status.code == 404 => {}
            Err(error) => return Err(failed(error)),
        }
    }
    look.glance.missing = look.observer.missing_request();
    Ok(look.glance)
}

struct Look {
    observer: Observer,
    glance: Glance,
}

impl Look {
    fn see(&mut self, seen: Seen) {
        for event in self.observer.see(seen, Timestamp::now()) {
            if let What::Rollout { under_way } = event.what {
                self.glance.is_rolling = under_way;
            }
            self.glance.known.see(&event);
        }
    }
}

async fn list<K: Clone + DeserializeOwned + Debug>(
    api: &Api<K>,
    parameters: &ListParams,
) -> Result<Vec<K>, kube::Error> {
    Ok(api.list(parameters).await?.items)
}
