// SPDX-License-Identifier: Apache-2.0
//! What people caused: one event on the LoadTest and one line of the log (target `audit`) for each start, rerun, abort,
//! suspension and refusal. Starts by a schedule or a rollout are told in the same way, so that all starts are in one place.
//!
//! Who it was is not for the operator to know: it sees which field manager wrote (such as `kubectl-edit` or
//! `argocd-controller`), the person only the API server's audit log. Nothing reads this back.

use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
use kube::{Resource, ResourceExt, api::ObjectMeta};
use tracing::info;
use upsurge_crds::{LoadTest, LoadTestRun, names::FIELD_MANAGER};

use crate::events::Events;

/// What somebody caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A run, by a new or changed spec.
    Start,
    /// A run, by the rerun annotation.
    Rerun,
    /// A run, by a rollout of the target.
    Rollout,
    /// A run, by the schedule.
    Schedule,
    /// The end of a run, by `spec.abort`.
    Abort,
    /// The end of a run, by the schedule that replaces it.
    Replace,
    /// That new runs are held, by `spec.suspend`.
    Suspend,
    /// That they are not held any more.
    Resume,
    /// That something is not run, because the spec is wrong or the policy does not allow it.
    Refuse,
}

impl Act {
    fn reason(self) -> &'static str {
        match self {
            Self::Start => "Started",
            Self::Rerun => "Rerun",
            Self::Rollout => "RolloutSeen",
            Self::Schedule => "Scheduled",
            Self::Abort => "AbortRequested",
            Self::Replace => "Replaced",
            Self::Suspend => "Suspended",
            Self::Resume => "Resumed",
            Self::Refuse => "Refused",
        }
    }

    /// Whether nobody did anything at that moment.
    fn is_by_itself(self) -> bool {
        matches!(self, Self::Rollout | Self::Schedule | Self::Replace)
    }
}

/// Something was caused by a change of a test.
pub async fn of_test(events: &Events, test: &LoadTest, act: Act, run: Option<&str>, detail: &str) {
    let names = (test.namespace().unwrap_or_default(), test.name_any());
    record(events, &test.object_ref(&()), act, &names, run, manager(&test.metadata), detail).await;
}

/// Something was caused by a change of a run, or by its being made.
pub async fn of_run(events: &Events, run: &LoadTestRun, act: Act, detail: &str) {
    let names = (run.namespace().unwrap_or_default(), run.spec.load_test_ref.name.clone());
    let name = run.name_any();
    record(events, &test_of(run), act, &names, Some(&name), manager(&run.metadata), detail).await;
}

async fn record(
    events: &Events,
    about: &ObjectReference,
    act: Act,
    (namespace, test): &(String, String),
    run: Option<&str>,
    manager: &str,
    detail: &str,
) {
    let (manager, cause) = match act.is_by_itself() {
        true => (None, String::new()),
        false => (Some(manager), format!(" (changed by {manager})")),
    };
    let said = if manager.is_some() { "somebody caused this" } else { "this came by itself" };
    info!(target: "audit", act = ?act, namespace, test, run, manager, detail, "{said}");
    let note = match run {
        Some(run) => format!("run {run}: {detail}{cause}"),
        None => format!("{detail}{cause}"),
    };
    match act {
        Act::Refuse => events.warning(about, act.reason(), "Audit", &note).await,
        _ => events.normal(about, act.reason(), "Audit", &note).await,
    }
}

/// The test of a run.
pub fn test_of(run: &LoadTestRun) -> ObjectReference {
    let name = &run.spec.load_test_ref.name;
    let owner = run.owner_references().iter().find(|owner| owner.kind == "LoadTest" && owner.name == *name);
    ObjectReference {
        api_version: Some(LoadTest::api_version(&()).into_owned()),
        kind: Some(LoadTest::kind(&()).into_owned()),
        namespace: run.namespace(),
        name: Some(name.clone()),
        uid: owner.map(|owner| owner.uid.clone()),
        ..ObjectReference::default()
    }
}

/// Who wrote an object last, beside us: the name of a field manager.
fn manager(object: &ObjectMeta) -> &str {
    let entries = object.managed_fields.iter().flatten().filter(|entry| is_of_people(entry));
    let last = entries.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    last.and_then(|entry| entry.manager.as_deref()).unwrap_or("unknown")
}

fn is_of_people(entry: &ManagedFieldsEntry) -> bool {
    let of_status = entry.subresource.as_deref().is_some_and(|name| !name.is_empty());
    !of_status && entry.manager.as_deref().is_some_and(|manager| !manager.starts_with(FIELD_MANAGER))
}

/// Keeps of the managed fields of a cached object what tells who wrote it.
pub fn prune(object: &mut Vec<ManagedFieldsEntry>) {
    object.retain(is_of_people);
    object.iter_mut().for_each(|entry| entry.fields_v1 = None);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_wrote_last_is_told_by_its_manager_and_never_ourselves() {
        let mut object: ObjectMeta = serde_json::from_value(json!({"managedFields": [
            {"manager": "helm", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "somebody", "operation": "Update", "time": "2026-01-03T00:00:00Z", "subresource": "status"},
            {"manager": FIELD_MANAGER, "operation": "Apply", "time": "2026-01-04T00:00:00Z"},
        ]}))
        .unwrap();
        assert_eq!(manager(&object), "kubectl-edit");
        let fields = object.managed_fields.as_mut().unwrap();
        prune(fields);
        assert!(fields.len() == 2 && fields.iter().all(|entry| entry.fields_v1.is_none()));
        assert_eq!(manager(&object), "kubectl-edit");
        assert_eq!(manager(&ObjectMeta::default()), "unknown");
    }

    #[test]
    fn what_happens_to_a_run_is_told_of_its_test() {
        let run: LoadTestRun = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
            "metadata": {"name": "a-g1", "namespace": "shop", "ownerReferences": [
                {"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "name": "a", "uid": "u"}]},
            "spec": {"loadTestRef": {"name": "a"}},
        }))
        .unwrap();
        let about = test_of(&run);
        assert_eq!(
            (about.kind.as_deref(), about.name.as_deref(), about.uid.as_deref()),
            (Some("LoadTest"), Some("a"), Some("u"))
        );
    }
}
