// SPDX-License-Identifier: Apache-2.0
//! Status conditions: setting them so that `lastTransitionTime` moves only when the status does.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Longest message a condition may carry, by the Kubernetes API conventions.
const MESSAGE_LIMIT: usize = 32_768;

/// Finds a condition by type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of that type is `True`.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// Sets a condition. The transition time moves only when the status changes, so that writing the
/// same state again changes nothing.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: bool,
    reason: &str,
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) {
    let status = if status { "True" } else { "False" };
    let message = truncate(message);
    let kept = find(conditions, type_)
        .filter(|condition| condition.status == status)
        .map(|condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message,
        observed_generation: generation,
        last_transition_time: kept.unwrap_or(Time(now)),
    };
    match conditions.iter_mut().find(|condition| condition.type_ == type_) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}

/// Removes a condition.
pub fn clear(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

fn truncate(message: &str) -> String {
    if message.len() <= MESSAGE_LIMIT {
        return message.into();
    }
    let end = message.floor_char_boundary(MESSAGE_LIMIT - 3);
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_when_the_status_changes() {
        let (early, late): (Timestamp, Timestamp) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T00:01:00Z".parse().unwrap());
        let mut conditions = Vec::new();
        set(&mut conditions, "Ready", false, "Running", "", Some(1), early);
        set(&mut conditions, "Ready", false, "Failed", "p95", Some(1), late);
        assert_eq!(find(&conditions, "Ready").unwrap().last_transition_time.0, early);
        set(&mut conditions, "Ready", true, "Passed", "", Some(1), late);
        assert_eq!(find(&conditions, "Ready").unwrap().last_transition_time.0, late);
        assert!(is_true(&conditions, "Ready"));
        clear(&mut conditions, "Ready");
        assert!(conditions.is_empty());
    }
}
