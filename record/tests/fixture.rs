// SPDX-License-Identifier: Apache-2.0
//! A record of each version that was ever written is read, and its figures come out as they are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

use upsurge_crds::v1alpha1::Verdict;
use upsurge_record::{
    disk::decode,
    schema::schema,
    verify::{Verified, verify},
};

/// Made by `upsurge run --record`, with the manifest that lies beside it.
const VERSION_1: &[u8] = include_bytes!("fixtures/record-1.0.json.gz");

/// The same with what came with version 1.1: two series of Prometheus.
const VERSION_1_1: &[u8] = include_bytes!("fixtures/record-1.1.json.gz");

#[test]
fn version_1_1_has_series_of_prometheus_and_adds_up() {
    let mut record = decode(VERSION_1_1).unwrap();
    let [connections, lag] = &record.prometheus_series[..] else { panic!("{:?}", record.prometheus_series) };
    assert_eq!(
        (connections.saturated_at, connections.values.len(), connections.values[1]),
        (Some(9.5), 5, None)
    );
    assert!(lag.values.is_empty() && lag.figures.message.is_some());
    let Verified { differences, skipped, .. } = verify(&record);
    assert!(differences.is_empty() && skipped.is_empty(), "{differences:?} {skipped:?}");
    record.prometheus_series[0].figures.max = Some("9".into());
    let differences = verify(&record).differences;
    assert_eq!(differences[0].figure, "prometheusSeries[0].figures.max", "{differences:?}");
}

#[test]
fn version_1_is_read_and_adds_up() {
    let record = decode(VERSION_1).unwrap();
    assert_eq!((record.version.to_string().as_str(), record.outcome.verdict), ("1.0", Verdict::Failed));
    let epoch = record.shown().unwrap();
    assert_eq!((record.epochs.len(), epoch.figures.stages.len(), epoch.figures.requests.len()), (1, 2, 2));
    assert!(epoch.series.points.len() >= 5 && !epoch.heat_map.columns.is_empty());
    let Verified { figures, differences, skipped } = verify(&record);
    assert!(figures > 100, "{figures}");
    assert!(differences.is_empty() && skipped.is_empty(), "{differences:?} {skipped:?}");
}

#[test]
fn no_secret_of_the_run_is_in_it() {
    let record = decode(VERSION_1).unwrap();
    let text = serde_json::to_string(&record).unwrap();
    assert!(!text.contains("opensesame") && text.contains("{{ secrets.password }}"), "{text}");
}

#[test]
fn the_schema_lies_beside_the_types_and_names_what_a_record_has() {
    let written: serde_json::Value = serde_json::from_str(include_str!("../schema.json")).unwrap();
    assert_eq!(written, schema(), "run: make generate");
    let record = serde_json::to_value(decode(VERSION_1).unwrap()).unwrap();
    for (name, _) in record.as_object().unwrap() {
        assert!(written["properties"].get(name).is_some(), "{name}");
    }
}
