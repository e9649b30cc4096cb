// SPDX-License-Identifier: Apache-2.0
//! Whether the record of a finished run still has to go to the store that its test names (`spec.record`). Pure, and known to all who
//! would otherwise let go of the run or its record before.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_core::protocol::RECORD_SUFFIX;
use upsurge_crds::{
    LoadTestRun, conditions,
    names::{conditions::RECORD_STORED, reasons},
    v1alpha1::{LoadTestRunStatus, RecordSettings, RecordStore},
};

/// Longest time in which it is tried, whatever an object says of itself.
pub const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// Where the record of a run goes, if its test names a store.
pub fn settings(run: &LoadTestRun) -> Option<RecordSettings> {
    run.spec.test.as_ref()?.read().ok()?.record
}

/// Whether it is known what became of that.
pub fn is_settled(status: Option<&LoadTestRunStatus>) -> bool {
    let told = status.and_then(|status| conditions::find(&status.conditions, RECORD_STORED));
    told.is_some_and(|told| told.status == "True" || told.reason == reasons::RECORD_STORE_GIVEN_UP)
}

/// Whether anything was said of that. It comes after all else that is to be done for a run that is over.
pub fn is_begun(status: Option<&LoadTestRunStatus>) -> bool {
    status.is_some_and(|status| conditions::find(&status.conditions, RECORD_STORED).is_some())
}

/// Whether something is still to be done for it, or will be once the run is finished.
pub fn is_outstanding(run: &LoadTestRun) -> bool {
    !is_settled(run.status.as_ref()) && settings(run).is_some()
}

/// Until when it is tried, for a run that ended then.
pub fn until(settings: &RecordSettings, ended: Timestamp) -> Timestamp {
    ended.saturating_add(settings.deadline.0.min(LONGEST)).unwrap_or(Timestamp::MAX)
}

/// What a record is called in a store: the same each time, so that who puts it there again changes nothing.
pub fn name(run: &LoadTestRun) -> String {
    let (namespace, test) = (run.namespace().unwrap_or_default(), &run.spec.load_test_ref.name);
    format!("{namespace}/{test}/{}{RECORD_SUFFIX}", run.name_any())
}

/// Where that is, in words for people.
pub fn place(store: &RecordStore, name: &str) -> String {
    match (&store.object_store, &store.persistent_volume_claim) {
        (Some(objects), _) => object(&objects.url, name),
        (None, Some(claim)) => {
            let file = file(claim.path.as_deref(), name);
            format!("{file} of PersistentVolumeClaim {}", claim.claim_name)
        }
        // Validation refuses it.
        (None, None) => "a store that is none".into(),
    }
}

/// The URL of a record below that of a folder.
pub fn object(url: &str, name: &str) -> String {
    format!("{}/{name}", url.trim_end_matches('/'))
}

/// The path of a record in a volume.
pub fn file(folder: Option<&str>, name: &str) -> String {
    folder.map_or_else(|| name.to_owned(), |folder| format!("{folder}/{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::load_test_run::fixtures::{at, run};

    #[test]
    fn a_record_has_one_place_and_is_tried_for_so_long() {
        let objects = json!({"record": {"store": {"objectStore": {"url": "s3://runs/nightly/", "secretRef": {"name": "s"}}}}});
        let run = run(&objects);
        let settings = settings(&run).unwrap();
        assert_eq!(place(&settings.store, &name(&run)), "s3://runs/nightly/shop/checkout/checkout-g1.record");
        assert_eq!(until(&settings, at(0)), at(1_800));
    }

    #[test]
    fn a_file_in_a_volume_is_named_with_its_claim() {
        let claim =
            json!({"record": {"store": {"persistentVolumeClaim": {"claimName": "runs", "path": "a/b"}}}});
        let run = run(&claim);
        let settings = settings(&run).unwrap();
        assert_eq!(
            place(&settings.store, &name(&run)),
            "a/b/shop/checkout/checkout-g1.record of PersistentVolumeClaim runs"
        );
    }

    #[test]
    fn it_is_settled_by_what_is_said_of_it() {
        let objects =
            json!({"record": {"store": {"objectStore": {"url": "s3://runs", "secretRef": {"name": "s"}}}}});
        let mut run = run(&objects);
        assert!(is_outstanding(&run));
        assert!(!is_outstanding(&crate::load_test_run::fixtures::run(&json!({}))), "there is no store");
        for (status, reason, outstanding) in [
            (false, reasons::RECORD_STORING, true),
            (false, reasons::RECORD_NOT_STORED, true),
            (false, reasons::RECORD_STORE_GIVEN_UP, false),
            (true, reasons::RECORD_STORED, false),
        ] {
            let told = &mut run.status.get_or_insert_default().conditions;
            conditions::set(told, RECORD_STORED, status, reason, "", None, at(0));
            assert_eq!(is_outstanding(&run), outstanding, "{reason}");
        }
    }
}
