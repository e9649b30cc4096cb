// SPDX-License-Identifier: Apache-2.0
use std::fs;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{model::Record, sample};

fn packed() -> Vec<u8> {
    encode(&sample::record(), &[]).unwrap()
}

fn json() -> Value {
    serde_json::to_value(sample::record()).unwrap()
}

fn of_json(value: &Value) -> Result<Record, DecodeError> {
    decode(&pack(value.to_string().as_bytes()).unwrap())
}

fn message(result: Result<Record, DecodeError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_record_is_read_as_it_was_written() {
    assert_eq!(decode(&packed()).unwrap(), sample::record());
    assert_eq!(of_json(&json()).unwrap(), sample::record());
    let unpacked = serde_json::to_vec_pretty(&sample::record()).unwrap();
    assert_eq!(decode(&unpacked).unwrap(), sample::record(), "also unpacked, as gunzip leaves it");
}

#[test]
fn it_is_one_gzip_member_as_browsers_unpack_no_other() {
    let bytes = packed();
    let (document, rest) = format::unpack(&bytes).unwrap();
    assert!(rest.is_empty() && document.starts_with(br#"{"format":"upsurge.dev/record","version":"1.1""#));
}

#[rstest]
#[case::nothing(b"", "it is empty")]
#[case::text(b"apiVersion: upsurge.dev/v1alpha1", "neither gzip nor JSON")]
#[case::other(br#"{"format": "upsurge.dev/result", "version": 1}"#, "this is no record of a run")]
#[case::another(br#"{"format": "upsurge.dev/result"}"#, "upsurge.dev/result")]
#[case::object(br#"{"a": 1}"#, "does not say that it is")]
#[case::cut(br#"{"format": "upsurge.dev/record", "version": "1.0", "run"#, "is cut off")]
fn what_is_no_record_is_told_in_words(#[case] bytes: &[u8], #[case] expected: &str) {
    let message = message(decode(bytes));
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_record_that_is_cut_off_anywhere_is_said_to_be() {
    let bytes = packed();
    for length in (2..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let error = decode(&bytes[..length]).unwrap_err();
        assert!(matches!(error, DecodeError::Truncated), "{length} of {}: {error}", bytes.len());
    }
}

#[test]
fn a_record_with_something_after_its_end_is_damaged() {
    let twice = [packed(), packed()].concat();
    assert!(message(decode(&twice)).contains("--recover"));
    let more = [packed(), b"more".to_vec()].concat();
    assert!(message(decode(&more)).contains("something after its end"));
}

#[test]
fn a_checksum_that_does_not_fit_is_damage() {
    let mut bytes = packed();
    let last = bytes.len() - 6;
    bytes[last] ^= 1;
    assert!(matches!(decode(&bytes), Err(DecodeError::Corrupted(_))), "{:?}", decode(&bytes).map(|_| ()));
}

#[test]
fn another_major_version_is_refused_and_says_what_to_use() {
    let with = |version: &str| {
        let mut value = json();
        value["version"] = version.into();
        of_json(&value)
    };
    assert_eq!(
        message(with("2.0")),
        "the record is of version 2.0, and this program reads version 1.x: use a newer one"
    );
    assert!(message(with("0.3")).ends_with("use an older one"));
    assert!(message(with("one")).contains("\"one\" is no version"));
}

#[test]
fn a_later_minor_version_is_read_and_what_it_added_is_passed_over() {
    let mut value = json();
    value["version"] = "1.7".into();
    value["weather"] = json!({"rain": true});
    value["epochs"][0]["figures"]["mood"] = json!([1]);
    value["workloads"][0]["events"]
        .as_array_mut()
        .unwrap()
        .push(json!({"seen": "2030-01-01T10:00:00Z", "type": "later"}));
    let read = of_json(&value).unwrap();
    assert_eq!(read.version.to_string(), "1.7");
    assert_eq!((&read.epochs, &read.workloads), (&sample::record().epochs, &sample::record().workloads));
    assert_eq!((read.folded[0].what.as_str(), read.folded[0].count), ("events", Some(1)));
    value["version"] = "1.0".into();
    assert!(
        matches!(of_json(&value), Err(DecodeError::Corrupted(_))),
        "in this version there is no such event"
    );
}

#[test]
fn values_of_secrets_are_not_written() {
    let mut record = sample::record();
    record.outcome.message = "login with hunter22 failed".into();
    let bytes = encode(&record, &["hunter22".to_owned()]).unwrap();
    let mut clean = record.clone();
    clean.outcome.message = "login with **** failed".into();
    assert_eq!(decode(&bytes).unwrap(), clean);
    let (document, _) = format::unpack(&bytes).unwrap();
    assert!(
        document.starts_with(br#"{"format":"upsurge.dev/record","version":"1.1""#),
        "fields keep their order"
    );
    // Part of each instant, and of the version.
    let bytes = encode(&record, &["2030-01".to_owned(), "1.1".to_owned()]).unwrap();
    assert_eq!(decode(&bytes).unwrap().run, record.run);
    assert!(matches!(
        encode(&record, &["ThresholdsBreached".to_owned(), "Full".to_owned()]),
        Err(EncodeError::Secret(_))
    ));
}

#[test]
fn a_document_that_is_nested_without_end_is_refused() {
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    let mut value = json();
    value["test"] = "nested".into();
    let deep = value.to_string().replace("\"nested\"", &nested);
    assert!(
        message(decode(deep.as_bytes())).contains("recursion limit"),
        "{:?}",
        decode(deep.as_bytes()).map(drop)
    );
    // What is passed over anyway may be as deep as it likes.
    value["test"] = json()["test"].clone();
    value["later"] = "nested".into();
    let deep = value.to_string().replace("\"nested\"", &nested);
    assert_eq!(decode(deep.as_bytes()).unwrap(), sample::record());
}

#[rstest]
#[case::values("0,", 10 << 20, "more than 10485760 values")]
#[case::lists("[],", 512 << 10, "more than 524288 lists and objects")]
#[case::objects("{},", 512 << 10, "more than 524288 lists and objects")]
fn a_document_of_more_parts_than_any_record_has_is_refused(
    #[case] part: &str,
    #[case] count: usize,
    #[case] expected: &str,
) {
    let mut value = json();
    value["later"] = "many".into();
    let many = format!("[{}0]", part.repeat(count));
    let text = value.to_string().replace("\"many\"", &many);
    assert!(message(decode(text.as_bytes())).contains(expected));
    // Commas and brackets in a text are none.
    value["later"] = part.repeat(count).into();
    assert_eq!(decode(value.to_string().as_bytes()).unwrap(), sample::record());
}

#[test]
fn a_record_that_is_too_large_loses_what_tells_least() {
    let mut record = sample::record();
    let column = record.epochs[0].heat_map.columns[0].clone();
    record.epochs[0].heat_map.columns = vec![column; 200_000];
    let read = decode(&encode(&record, &[]).unwrap()).unwrap();
    assert!(read.epochs[0].heat_map.columns.is_empty() && read.detail == crate::model::Detail::Thinned);
    assert_eq!(read.folded[0].what, "heatMap");
    assert_eq!(
        (&read.epochs[0].series, &read.epochs[0].accumulators),
        (&record.epochs[0].series, &record.epochs[0].accumulators)
    );
    assert_eq!(read.workloads, record.workloads, "each event is there");
}

#[test]
fn a_record_is_put_in_place_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::of(&folder.path().join("run.record"));
    place.put(b"one").unwrap();
    place.put(b"two").unwrap();
    assert_eq!(fs::read(place.path()).unwrap(), b"two");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let nowhere = Place::of(&folder.path().join("nowhere/run.record"));
    assert!(nowhere.put(b"one").unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn a_part_that_was_left_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::of(&folder.path().join("run.record"));
    drop(place.begin().unwrap());
    let error = place.begin().unwrap_err();
    assert!(matches!(error, FileError::Left { .. }) && error.to_string().contains("--recover"), "{error}");
    assert_eq!(Place::of_part(&place.part()), Some(place.clone()));
    assert_eq!(Place::of_part(place.path()), None);
    place.forget_part();
    place.begin().unwrap();
    let directory = Place::of(folder.path());
    assert!(matches!(directory.begin(), Err(FileError::Kind { .. })));
    assert!(matches!(Place::of("/dev/null".as_ref()).begin(), Err(FileError::Kind { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bytes_that_were_changed_are_read_or_refused_and_never_a_crash(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        is_packed in any::<bool>(),
    ) {
        // Packed, a checksum finds nearly all of them; unpacked, what reads the document does.
        let mut bytes = if is_packed { packed() } else { serde_json::to_vec(&sample::record()).unwrap() };
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(record) = decode(&bytes) {
            // What is read can be looked at.
            let _ = crate::verify::verify(&record);
            let _ = crate::csv::table(&record);
        }
    }
}
