// SPDX-License-Identifier: Apache-2.0
//! How Flux and other users of kstatus read an object: a port of `pkg/kstatus/status` of cli-utils for kinds it
//! knows nothing about.

use serde_json::Value;

/// What kstatus says about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The controller has not seen the spec, or is at work.
    InProgress,
    /// It can't go on by itself.
    Failed,
    /// All is as asked for.
    Current,
    /// It is being deleted.
    Terminating,
}

/// The status of a live object, in the order in which kstatus looks.
pub fn compute(object: &Value) -> Status {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
        return Status::Terminating;
    }
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_some() && observed != generation {
        return Status::InProgress;
    }
    if condition(object, "Reconciling") == Some("True") {
        return Status::InProgress;
    }
    if condition(object, "Stalled") == Some("True") {
        return Status::Failed;
    }
    match condition(object, "Ready") {
        Some("False" | "Unknown") => Status::InProgress,
        // Without any condition, kstatus takes an object for done: the false green that
        // observedGeneration -1 of new objects keeps off.
        _ => Status::Current,
    }
}

fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a str> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == type_)?;
    found["status"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(observed: Option<i64>, conditions: &[(&str, &str)]) -> Value {
        let conditions: Vec<_> =
            conditions.iter().map(|(type_, status)| json!({"type": type_, "status": status})).collect();
        let mut object = json!({"metadata": {"generation": 2}, "status": {"conditions": conditions}});
        if let Some(observed) = observed {
            object["status"]["observedGeneration"] = observed.into();
        }
        object
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        for (observed, conditions, status) in [
            (Some(-1), &[][..], Status::InProgress),
            (Some(1), &[("Ready", "True")], Status::InProgress),
            (Some(2), &[("Ready", "True"), ("Reconciling", "True")], Status::InProgress),
            (Some(2), &[("Ready", "False"), ("Stalled", "True")], Status::Failed),
            (Some(2), &[("Ready", "False")], Status::InProgress),
            (Some(2), &[("Ready", "True")], Status::Current),
            (None, &[], Status::Current),
        ] {
            assert_eq!(compute(&object(observed, conditions)), status, "{observed:?} {conditions:?}");
        }
        let mut deleted = object(Some(2), &[("Ready", "True")]);
        deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(compute(&deleted), Status::Terminating);
    }
}
