// SPDX-License-Identifier: Apache-2.0
//! What became of `before`: the variables that it captured, or why its runner can't start.

use serde_json::{Map, Value};
use upsurge_core::protocol::Readiness;
use upsurge_crds::names::reasons;

use super::Session;

/// Most bytes of the variables that `before` may capture.
const MOST_VARIABLE_BYTES: usize = 64 * 1024;

impl Session {
    /// Whether the load waits for the steps of `before`.
    pub(super) fn waits_for_before(&self) -> bool {
        self.before && self.state.variables.is_none()
    }

    pub(super) fn before_done(&mut self, index: usize, result: &Result<Map<String, Value>, String>) {
        let failure = match result {
            Ok(_) if self.state.variables.is_some() => return,
            Ok(variables) => {
                let bytes = serde_json::to_vec(variables).map_or(usize::MAX, |json| json.len());
                if bytes <= MOST_VARIABLE_BYTES {
                    self.state.variables = Some(variables.clone());
                    self.revision += 1;
                    return;
                }
                format!(
                    "spec.before captured {bytes} bytes of variables, more than {MOST_VARIABLE_BYTES}: capture less"
                )
            }
            Err(message) => message.clone(),
        };
        self.presence[index].readiness =
            Some(Readiness::Failed { reason: reasons::BEFORE_FAILED.into(), message: failure });
    }
}
