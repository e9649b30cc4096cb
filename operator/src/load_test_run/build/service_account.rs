// SPDX-License-Identifier: Apache-2.0
//! The identity of the runner pods. Nothing is bound to it: it exists to be recognised by the collector.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::metadata;
use crate::{load_test_run::plan::Plan, naming};

/// Builds the service account.
pub fn build(plan: &Plan, test: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(plan, naming::service_account(&plan.base), test, "runner"),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
