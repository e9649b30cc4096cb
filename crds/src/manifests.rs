// SPDX-License-Identifier: Apache-2.0
//! The CustomResourceDefinitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;

use crate::{
    LoadTest, LoadTestRun,
    internal::{Checkpoint, TargetLease},
};

/// All definitions, in the order in which they are installed.
pub fn all() -> Vec<CustomResourceDefinition> {
    let public = [LoadTest::crd(), LoadTestRun::crd()].into_iter().map(with_unobserved_status);
    public.chain(internal()).collect()
}

/// Those that the operator keeps for itself.
pub fn internal() -> Vec<CustomResourceDefinition> {
    vec![Checkpoint::crd(), TargetLease::crd()]
}

/// Gives new objects `status.observedGeneration: -1`, so that tools that follow kstatus see an object
/// that no operator has looked at as in progress instead of done.
fn with_unobserved_status(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({"observedGeneration": -1})));
            status.nullable = None;
        }
    }
    definition
}
