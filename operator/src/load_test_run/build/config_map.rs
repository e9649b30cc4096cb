//! The ConfigMap that holds the plan. Immutable, so that no runner can see another plan than the rest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use upsurge_core::protocol::PLAN_FILE;

use super::{Error, metadata};
use crate::{load_test_run::plan::Plan, naming};

/// Largest plan: below the API server's limit of 1 MiB, with room for the rest of the object.
const LARGEST: usize = 1_000_000;

/// Builds the ConfigMap.
pub fn build(plan: &Plan, test: &str) -> Result<ConfigMap, Error> {
    let text = serde_json::to_string(&*plan.content)?;
    if text.len() > LARGEST {
        return Err(Error::TooLarge { size: text.len(), most: LARGEST });
    }
    Ok(ConfigMap {
        metadata: metadata(plan, naming::plan(&plan.base), test, "plan"),
        data: Some(BTreeMap::from([(PLAN_FILE.into(), text)])),
        immutable: Some(true),
        binary_data: None,
    })
}
