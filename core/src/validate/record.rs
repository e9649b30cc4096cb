// SPDX-License-Identifier: Apache-2.0
//! What must be right about `spec.record` and can't be said by a schema alone.

use std::time::Duration;

use upsurge_crds::v1alpha1::{RecordSettings, TimeSpan};

use crate::field_error::Errors;

/// Shortest and longest time in which it is tried to put a record into a store.
const DEADLINES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(24 * 3_600)];

pub(super) fn check(record: Option<&RecordSettings>, errors: &mut Errors) {
    let Some(record) = record else { return };
    let store = &record.store;
    if store.object_store.is_some() == store.persistent_volume_claim.is_some() {
        errors.add("spec.record.store", "needs exactly one of objectStore and persistentVolumeClaim");
    }
    let [shortest, longest] = DEADLINES;
    if !(shortest..=longest).contains(&record.deadline.0) {
        errors.add(
            "spec.record.deadline",
            format_args!(
                "must be from {} to {}, not {}",
                TimeSpan(shortest),
                TimeSpan(longest),
                record.deadline
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::validate::check_spec;

    fn wrong(record: &Value) -> Vec<String> {
        let mut errors = Errors::default();
        check(Some(&serde_json::from_value(record.clone()).unwrap()), &mut errors);
        errors.into_list().iter().map(ToString::to_string).collect()
    }

    fn object(url: &str) -> Value {
        json!({"store": {"objectStore": {"url": url, "secretRef": {"name": "store"}}}})
    }

    #[rstest]
    #[case(object("s3://load-tests"))]
    #[case(object("gs://load-tests/nightly/shop"))]
    #[case(object("abfss://records@account.dfs.core.windows.net/shop"))]
    #[case(json!({"store": {"persistentVolumeClaim": {"claimName": "records", "path": "a/b.c", "history": {"passed": {"count": 5}}}}, "deadline": "1h"}))]
    fn stores_that_make_sense_are_taken(#[case] record: Value) {
        assert_eq!(wrong(&record), Vec::<String>::new());
        assert_eq!(by_schema(&record), "");
    }

    #[rstest]
    #[case(json!({"store": {}}), "spec.record.store: needs exactly one of objectStore and persistentVolumeClaim")]
    #[case(json!({"store": {"objectStore": {"url": "s3://a", "secretRef": {"name": "s"}}, "persistentVolumeClaim": {"claimName": "c"}}}), "exactly one")]
    #[case(json!({"store": {"persistentVolumeClaim": {"claimName": "c"}}, "deadline": "9s"}), "spec.record.deadline: must be from 10s to 1d, not 9s")]
    #[case(json!({"store": {"persistentVolumeClaim": {"claimName": "c"}}, "deadline": "25h"}), "spec.record.deadline")]
    fn what_makes_no_sense_is_named(#[case] record: Value, #[case] words: &str) {
        let wrong = wrong(&record).join("; ");
        assert!(wrong.contains(words), "{wrong}");
    }

    /// What the schema says of a test with that record.
    fn by_schema(record: &Value) -> String {
        let spec = json!({
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/pay"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "record": record,
        });
        check_spec(&spec).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[rstest]
    #[case(object("http://store/bucket"), "spec.record.store.objectStore.url")]
    #[case(object("s3://key:password@load-tests/shop"), "spec.record.store.objectStore.url")]
    #[case(object("s3://load-tests/shop?versionId=1"), "spec.record.store.objectStore.url")]
    #[case(json!({"store": {"persistentVolumeClaim": {"claimName": "c", "path": "../etc"}}}), "spec.record.store.persistentVolumeClaim.path")]
    #[case(json!({"store": {"persistentVolumeClaim": {"claimName": "c", "path": "a/../../etc"}}}), "spec.record.store.persistentVolumeClaim.path")]
    #[case(json!({"store": {"persistentVolumeClaim": {"claimName": "c", "path": "/etc"}}}), "spec.record.store.persistentVolumeClaim.path")]
    fn places_outside_of_a_bucket_or_a_volume_are_refused(#[case] record: Value, #[case] field: &str) {
        let wrong = by_schema(&record);
        assert!(wrong.contains(field), "{wrong}");
    }
}
