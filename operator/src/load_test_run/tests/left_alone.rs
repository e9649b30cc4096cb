// SPDX-License-Identifier: Apache-2.0
//! Runs that this operator can't read, such as those of a later release.

use super::*;

/// A run as the cache has it that can't be read.
pub(super) fn unreadable(run: &serde_json::Value, error: &serde_json::Error) -> InvalidObject {
    let metadata = serde_json::from_value(run["metadata"].clone()).unwrap();
    InvalidObject { error: error.to_string(), metadata }
}

#[rstest]
#[case::that_was_not_deleted(json!(null), json!(["upsurge.dev/restore"]))]
#[case::that_had_set_nothing(json!("2026-01-02T00:00:00Z"), json!(["example.com/other"]))]
#[tokio::test]
async fn a_run_that_can_not_be_read_is_left_alone(
    #[case] deleted: serde_json::Value,
    #[case] finalizers: serde_json::Value,
) {
    let (client, log) = server(|_| failure(404, "NotFound"));
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let mut run = run(40, 7);
    run["status"]["phase"] = json!("APhaseOfALaterRelease");
    run["metadata"]["deletionTimestamp"] = deleted;
    run["metadata"]["finalizers"] = finalizers;
    let error = serde_json::from_value::<LoadTestRun>(run.clone()).unwrap_err();
    let done = unread(&unreadable(&run, &error), &runs).await;
    assert!(matches!(done, Err(Error::Invalid(_))) && log.lock().unwrap().is_empty());
}
