// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use upsurge_core::{metrics::Sink, protocol::GeneratorDelta, thresholds::Windows};
use upsurge_figures::observation::{Class, LeftOut};

use super::{
    checker::{Checker, described},
    *,
};
use crate::{
    disk::decode,
    model::{ElasticSpeedup, Note},
    sample,
};

/// Types of other crates, of which the schema says by a type of its own what they look like.
const STOOD_IN: [&str; 7] =
    ["Distribution", "Sink", "Accumulators", "Losses", "GeneratorUse", "Event", "LeftOut"];

/// A record in which everything is set of the types that are stood in for.
fn full() -> Record {
    let mut record = sample::record();
    record.elastic_speedups.push(ElasticSpeedup {
        baseline: "fixed".into(),
        kind: "Deployment".into(),
        workload: "shop".into(),
        unclamped: Some("1.41".into()),
        clamped: Some("1.2".into()),
        doubts: vec!["shares below 0.1% were taken for 0.1%".into()],
    });
    record.notes.push(Note { time: sample::start(), text: "raised it to 50".into() });
    let left = LeftOut { events: 7, from: sample::start(), to: sample::start() };
    record.workloads[0].left_out.insert(Class::Pods, left);
    let epoch = &mut record.epochs[0];
    epoch.generator_use = GeneratorDelta {
        cpu_seconds: 1.5,
        periods: 100,
        throttled_periods: 3,
        watched_seconds: 30.0,
        saturated_seconds: 0.5,
        busiest_core: 0.25,
        files_left: Some(1_000),
        ports_left: Some(20_000),
    };
    let latest = Sink::Latest { at: 5, value: 2.0, min: 1.0, max: 3.0 };
    epoch.measured.totals.insert("stock".into(), latest);
    let mut windows = serde_json::to_value(&epoch.accumulators).unwrap();
    windows["bins"] = json!({"6": {
        "open": {"29": {"failed": 1, "total": 4}}, "next": 29, "toldMs": 29_000, "good": 20, "bad": 8, "unknown": 1
    }});
    windows["steps"] = json!({"steps": {"low": {"requests": 5, "failed": 1, "answered": 0}}, "untold": 2});
    epoch.accumulators = serde_json::from_value::<Windows>(windows).unwrap();
    record
}

fn checked<'a>(schema: &'a Value, document: &Value) -> Checker<'a> {
    let mut checker = Checker::new(schema);
    checker.check(document);
    checker
}

#[test]
fn records_are_what_the_schema_says_and_nothing_else() {
    let schema = schema();
    let first = decode(include_bytes!("../../tests/fixtures/record-1.0.json.gz")).unwrap();
    let second = decode(include_bytes!("../../tests/fixtures/record-1.1.json.gz")).unwrap();
    for record in [first, second, sample::record(), full()] {
        let document = serde_json::to_value(&record).unwrap();
        let faults = checked(&schema, &document).faults;
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn what_the_schema_says_of_types_of_others_is_there() {
    let schema = schema();
    let document = serde_json::to_value(full()).unwrap();
    let seen = checked(&schema, &document).seen;
    for name in STOOD_IN {
        let missing: Vec<String> = described(name, &schema["$defs"][name])
            .into_iter()
            .filter(|field| !seen.contains(field))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// What is changed in a record, and what is said of it.
#[rstest]
#[case::missing("/epochs/0/series/stepSeconds", None, "record.epochs[0].series: stepSeconds is missing")]
#[case::unknown("/epochs/0/losses/more", Some(json!(1)), "record.epochs[0].losses.more: it is not described")]
#[case::kind("/epochs/0/generatorUse/periods", Some(json!("3")), "is no \"integer\"")]
#[case::choice("/epochs/0/measured/totals/http_reqs", Some(json!({"sum": 3})), "it is none of what it may be")]
#[case::word("/detail", Some(json!("Some")), "it is none of what it may be")]
#[case::time("/run/startTime", Some(json!("today")), "is no \"date-time\"")]
#[case::negative("/epochs/0/losses/level", Some(json!(-1)), "too low")]
#[case::row("/epochs/0/losses/lost/0", Some(json!([1, 2])), "too few")]
fn what_is_not_in_the_schema_is_found(
    #[case] place: &str,
    #[case] value: Option<Value>,
    #[case] fault: &str,
) {
    let (schema, mut document) = (schema(), serde_json::to_value(full()).unwrap());
    let (parent, field) = place.rsplit_once('/').unwrap();
    match (document.pointer_mut(parent).unwrap(), value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(field.into(), value)),
        (Value::Object(fields), None) => drop(fields.remove(field).unwrap()),
        (Value::Array(items), Some(value)) => items[field.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{other} has no {field}"),
    }
    let faults = checked(&schema, &document).faults;
    assert!(faults.iter().any(|found| found.contains(fault)), "{fault} is not in {faults:#?}");
}
