// SPDX-License-Identifier: Apache-2.0
//! Looks at what decides on the replicas of a target, and on the size of its pods.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind, ObjectList},
};
use upsurge_core::pinning::{Present, is_same};
use upsurge_crds::v1alpha1::{PinnedObject, PinningStatus};
use upsurge_figures::observation::Tracker;
use upsurge_observer::{self as observer, FindError, Found, Target, scaled_object_targets};

use super::{
    AUTOSCALER, AUTOSCALING, Hidden, KEDA, PAUSED_REPLICAS, SCALED_OBJECT, Scaler, Sizing,
    container::{container, read, rollout, workloads},
};

/// Most objects that are noted; the schema of the status says the same.
const MOST_OBJECTS: usize = 32;

/// Looks at a target, its pods, and what a run has noted of it; at a container, too, if a size of it is set.
///
/// # Errors
/// When the API server can't be asked; trying again may help.
pub async fn look(
    client: &Client,
    target: &Target,
    known: Option<&PinningStatus>,
    sizing: Option<Sizing<'_>>,
) -> Result<Scaler, FindError> {
    let mut scaler = seen(client, target, known, sizing, Need::All).await?;
    if scaler.problem.is_some() {
        return Ok(scaler);
    }
    match observer::glance(client, target).await {
        Ok(glance) => {
            scaler.levels = glance.known.levels();
            scaler.trouble = trouble(&glance.known);
            if sizing.is_some() && glance.is_rolling {
                // What is observed of it over the load must not begin in the middle of one.
                scaler.rollout.get_or_insert_with(|| "a rollout of it is under way".into());
            }
        }
        // It went a moment ago.
        Err(error @ (FindError::NotFound { .. } | FindError::Forbidden { .. })) => {
            scaler.problem = Some(error.to_string());
        }
        Err(error) => return Err(error),
    }
    Ok(scaler)
}

/// Looks at the objects alone, which is all that it takes to put something back. What the API server fails to give keeps nothing else from it:
/// it counts as what may not be read.
///
/// # Errors
/// When the API server can't be asked; trying again may help.
pub async fn found(
    client: &Client,
    target: &Target,
    known: Option<&PinningStatus>,
) -> Result<Scaler, FindError> {
    seen(client, target, known, None, Need::WhatThereIs).await
}

/// What has to be seen of a target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// All that decides on its replicas, to hold it.
    All,
    /// As much as the API server gives.
    WhatThereIs,
}

impl Need {
    /// Why something is not seen, where one can do without it.
    fn spares(self, error: &kube::Error) -> Option<String> {
        match error {
            kube::Error::Api(status) if status.code == 403 => {
                Some(format!("it may not be read: {}", status.message))
            }
            kube::Error::Api(status) if status.code >= 500 && self == Self::WhatThereIs => {
                Some(format!("it can't be read: {}", status.message))
            }
            _ => None,
        }
    }
}

async fn seen(
    client: &Client,
    target: &Target,
    known: Option<&PinningStatus>,
    sizing: Option<Sizing<'_>>,
    need: Need,
) -> Result<Scaler, FindError> {
    let mut scaler = Scaler::default();
    let mut unseen = Vec::new();
    let is_known = |object: &PinnedObject| {
        known.is_some_and(|known| known.originals.iter().any(|original| is_same(original, object)))
    };
    let scaled_objects = scaled_objects(client, &target.namespace).list(&ListParams::default()).await;
    let scaled_objects = match scaled_objects {
        // There is no KEDA.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        listed => items(SCALED_OBJECT, listed, target, need, &mut unseen)?,
    };
    for object in &scaled_objects {
        let present = scaled_object(object);
        if scaled_object_targets(object, target) || is_known(&present.object) {
            scaler.present.push(present);
        }
    }
    let hpas: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), &target.namespace);
    let hpas = hpas.list(&ListParams::default()).await;
    for hpa in items(AUTOSCALER, hpas, target, need, &mut unseen)? {
        let of = &hpa.spec.scale_target_ref;
        let is_of_target = target.is(of.api_version.as_deref().unwrap_or_default(), &of.kind, &of.name);
        let present = autoscaler(&hpa);
        match keda_owner(&hpa) {
            // KEDA would undo it: it is told by its own object.
            Some(owner)
                if is_of_target && !scaled_objects.iter().any(|object| object.name_any() == owner) =>
            {
                scaler.problem = Some(format!(
                    "HorizontalPodAutoscaler/{} belongs to ScaledObject/{owner}, which can't be seen: set rbac.keda in the chart's values",
                    present.object.name
                ));
            }
            Some(_) => {}
            None if is_of_target || is_known(&present.object) => scaler.present.push(present),
            None => {}
        }
    }
    match observer::find(client, target).await {
        Ok(found) => {
            scaler.present.push(workload(target, &found));
            if let Some(sizing) = known.and_then(Sizing::noted).or(sizing) {
                see_container(client, target, sizing, need, &mut scaler, &mut unseen).await?;
            }
        }
        Err(error) => {
            let why = error.to_string();
            match error {
                FindError::NotFound { .. } => {}
                FindError::Forbidden { message, .. } => {
                    unseen.push((target.kind.clone(), format!("it may not be read: {message}")));
                }
                FindError::Api { target: told, source } => match need.spares(&source) {
                    Some(why) => unseen.push((target.kind.clone(), why)),
                    None => return Err(FindError::Api { target: told, source }),
                },
            }
            scaler.problem = Some(why);
        }
    }
    scaler.hidden = hidden(known, &scaler.present, &unseen);
    let problem = problem(known, &scaler, &unseen);
    scaler.problem = problem.or(scaler.problem);
    Ok(scaler)
}

/// The items of a list. If they may not be seen there are none, and it is noted why.
fn items<K: Clone>(
    kind: &str,
    listed: Result<ObjectList<K>, kube::Error>,
    target: &Target,
    need: Need,
    unseen: &mut Vec<(String, String)>,
) -> Result<Vec<K>, FindError> {
    let source = match listed {
        Ok(list) => return Ok(list.items),
        Err(source) => source,
    };
    let Some(why) = need.spares(&source) else {
        return Err(FindError::Api { target: target.to_string(), source: Box::new(source) });
    };
    unseen.push((kind.to_owned(), why));
    Ok(Vec::new())
}

/// What a run has noted that is not seen, of a kind that may not be.
fn hidden(known: Option<&PinningStatus>, present: &[Present], unseen: &[(String, String)]) -> Vec<Hidden> {
    let originals = known.iter().flat_map(|known| &known.originals);
    let missing =
        originals.filter(|original| !present.iter().any(|present| is_same(original, &present.object)));
    let hidden = missing.filter_map(|original| {
        let (_, why) = unseen.iter().find(|(kind, _)| *kind == original.kind)?;
        Some(Hidden { object: original.clone(), why: why.clone() })
    });
    hidden.collect()
}

/// Why a target can't be held whose objects are found.
fn problem(known: Option<&PinningStatus>, scaler: &Scaler, unseen: &[(String, String)]) -> Option<String> {
    if let Some(Hidden { object, why }) = scaler.hidden.first() {
        return Some(format!("{}/{}: {why}", object.kind, object.name));
    }
    // Without KEDA's objects one can do, if there are none.
    if let Some((kind, why)) = unseen.iter().find(|(kind, _)| kind == AUTOSCALER) {
        return Some(format!("whether there is a {kind} can't be seen: {why}"));
    }
    let originals = known.map(|known| known.originals.as_slice()).unwrap_or_default();
    let is_new = |one: &&Present| !originals.iter().any(|original| is_same(original, &one.object));
    let all = originals.len() + scaler.present.iter().filter(is_new).count();
    (all > MOST_OBJECTS)
        .then(|| format!("{all} objects decide on its replicas, and {MOST_OBJECTS} at most can be put back"))
}

fn workload(target: &Target, found: &Found) -> Present {
    let object = PinnedObject {
        api_version: target.api_version.clone(),
        kind: target.kind.clone(),
        name: target.name.clone(),
        replicas: Some(found.scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default()),
        ..PinnedObject::default()
    };
    Present { object, version: found.scale.metadata.resource_version.clone() }
}

/// Looks at the container whose size is set.
async fn see_container(
    client: &Client,
    target: &Target,
    sizing: Sizing<'_>,
    need: Need,
    scaler: &mut Scaler,
    unseen: &mut Vec<(String, String)>,
) -> Result<(), FindError> {
    let workload = PinnedObject {
        api_version: target.api_version.clone(),
        kind: target.kind.clone(),
        name: target.name.clone(),
        ..PinnedObject::default()
    };
    let object = match read(&workloads(client, &target.namespace, &workload), &target.name).await {
        Ok(Some(object)) => object,
        // It went a moment ago.
        Ok(None) => return Ok(()),
        Err(source) => {
            let Some(why) = need.spares(&source) else {
                return Err(FindError::Api { target: target.to_string(), source: Box::new(source) });
            };
            scaler.problem = Some(format!("{}/{}: {why}", target.kind, target.name));
            unseen.push((target.kind.clone(), why));
            return Ok(());
        }
    };
    match container(&object, sizing) {
        Ok(size) => {
            scaler.rollout = rollout(&object);
            let version = object.resource_version();
            scaler
                .present
                .push(Present { object: PinnedObject { container: Some(size), ..workload }, version });
        }
        Err(message) => {
            scaler.problem = Some(message);
            scaler.is_unfit = true;
        }
    }
    Ok(())
}

/// The API of KEDA's objects in a namespace.
pub(super) fn scaled_objects(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", SCALED_OBJECT));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn scaled_object(object: &DynamicObject) -> Present {
    let paused = object.annotations().get(PAUSED_REPLICAS).cloned();
    let version = object.resource_version();
    let object = PinnedObject {
        api_version: KEDA.into(),
        kind: SCALED_OBJECT.into(),
        name: object.name_any(),
        paused_replicas: paused,
        ..PinnedObject::default()
    };
    Present { object, version }
}

fn autoscaler(hpa: &HorizontalPodAutoscaler) -> Present {
    let object = PinnedObject {
        api_version: AUTOSCALING.into(),
        kind: AUTOSCALER.into(),
        name: hpa.name_any(),
        min_replicas: Some(hpa.spec.min_replicas.unwrap_or(1)),
        max_replicas: Some(hpa.spec.max_replicas),
        ..PinnedObject::default()
    };
    Present { object, version: hpa.resource_version() }
}

/// The ScaledObject that an autoscaler belongs to.
fn keda_owner(hpa: &HorizontalPodAutoscaler) -> Option<String> {
    let owner = hpa
        .owner_references()
        .iter()
        .find(|owner| owner.kind == SCALED_OBJECT && owner.api_version.starts_with("keda.sh/"))?;
    Some(owner.name.clone())
}

fn trouble(known: &Tracker) -> Option<String> {
    let told = known.pods().find_map(|(pod, state)| {
        let why = state.unschedulable.as_ref().or(state.image_pull.as_ref())?;
        Some(format!("pod {pod}: {why}"))
    });
    told.or_else(|| known.quota().map(str::to_owned))
}
