// SPDX-License-Identifier: Apache-2.0
//! A checkpoint that somebody changed is read or refused, whatever is in it.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use proptest::{prelude::*, sample::Index};
use upsurge_core::{
    metrics::{SeriesKey, Sink, Tags, Trend, names},
    protocol::{Delta, DeltaBatch, PROTOCOL_VERSION},
};
use upsurge_crds::internal::checkpoint::EVENTS;
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, What},
};

use super::*;
use crate::{
    collector::session::{
        Session,
        tests::{plan, pod},
    },
    recording::recorded,
};

fn checkpoint() -> Vec<u8> {
    let mut session = Session::new(&plan(1, false), None);
    let mut trend = Trend::default();
    (1..200).for_each(|number| trend.record(Duration::from_micros(number * number * 31)));
    let mut delta = Delta { number: 1, to_ms: 1_000, ..Delta::default() };
    let key = SeriesKey { metric: names::HTTP_REQ_DURATION.into(), tags: Tags::default() };
    delta.metrics.add(key, &Sink::Trend(trend));
    let batch = DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: pod(0).name,
        epoch: 1,
        start: 7,
        started_at: 8,
        session: None,
        deltas: vec![delta],
    };
    session.deltas(&batch, &pod(0), 0).unwrap();
    pack(session.state(), None).unwrap()
}

fn plain(packed: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    ZlibDecoder::new(packed).read_to_end(&mut json).unwrap();
    json
}

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_somebody_changed_is_read_or_refused(
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<Index>()),
        is_repacked in any::<bool>(),
    ) {
        let good = checkpoint();
        let mut bytes = if is_repacked { plain(&good) } else { good };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let bytes = if is_repacked { packed(&bytes) } else { bytes };
        // No panic; what is read back can be written again.
        if let Ok((session, record)) = unpack(&bytes) {
            prop_assert!(pack(&session, record.as_ref()).is_ok());
        }
    }
}

#[test]
fn each_reason_to_refuse_a_checkpoint_is_met() {
    let good = checkpoint();
    assert!(unpack(&good).is_ok());
    let of_form = |form: &str| {
        let text = String::from_utf8(plain(&good)).unwrap();
        let now = format!("\"form\":{FORM}");
        assert!(text.contains(&now));
        packed(text.replace(&now, &format!("\"form\":{form}")).as_bytes())
    };
    assert!(unpack(&of_form("1")).is_ok(), "that of the version before");
    let mut kinds = BTreeSet::new();
    for (what, bytes) in [
        ("not compressed", b"checkpoint".to_vec()),
        ("cut", good[..good.len() / 2].to_vec()),
        ("not JSON", packed(b"{")),
        ("something else", packed(b"{\"form\":1}")),
        ("a later form", of_form("3")),
        ("a form below zero", of_form("-1")),
        ("zeros without end", packed(&vec![0; MOST_UNPACKED as usize + 1])),
    ] {
        let Err(error) = unpack(&bytes) else { panic!("{what} was read") };
        kinds.insert(format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned());
        if let CheckpointError::Form(form) = error {
            assert!(
                error.to_string().contains(&form.to_string()) && error.to_string().contains("forms 1 to 2")
            );
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["Content", "Form", "Large", "Packing"]);
}

#[test]
fn a_record_in_a_form_that_is_not_known_costs_no_run() {
    let asked = Event::found(Timestamp::UNIX_EPOCH, What::Asked { replicas: 2 });
    let mut record = recorded(None, Demand::None);
    record.note(vec![asked]);
    let kept = record.kept(Timestamp::UNIX_EPOCH).unwrap();
    let session = Session::new(&plan(1, false), None);
    let good = pack(session.state(), Some(&kept)).unwrap();
    assert_eq!(unpack(&good).unwrap().1, Some(kept));
    let text = String::from_utf8(plain(&good)).unwrap();
    let other = text.replace(r#""type":"asked""#, r#""type":"askedDifferently""#);
    assert_ne!(text, other);
    let (read, record) = unpack(&packed(other.as_bytes())).unwrap();
    assert_eq!((&read, record), (session.state(), None));
    let earlier = pack(session.state(), None).unwrap();
    assert_eq!(unpack(&earlier).unwrap().1, None, "as an earlier version wrote it");
}

#[test]
fn what_nobody_could_unpack_is_not_packed() {
    let session = Session::new(&plan(1, false), None);
    let mut record = recorded(None, Demand::None);
    record.note(vec![Event::found(Timestamp::UNIX_EPOCH, What::QuotaExceeded { message: "PLACE".into() })]);
    // As no observer tells it: what a log takes in is short.
    let text = serde_json::to_string(&record.kept(Timestamp::UNIX_EPOCH)).unwrap();
    let large = serde_json::from_str(&text.replace("PLACE", &"x".repeat(MOST_UNPACKED as usize))).unwrap();
    let refused = pack(session.state(), Some(&large));
    assert!(matches!(refused, Err(CheckpointError::Large(_))), "{refused:?}");
}

#[test]
fn what_the_version_before_kept_of_the_target_beside_the_record_is_not_missed() {
    let text = String::from_utf8(plain(&checkpoint())).unwrap();
    let old = text.replace("\"form\":2", "\"form\":1,\"observation\":{\"unschedulable\":true}");
    let (session, record) = unpack(&packed(old.as_bytes())).unwrap();
    assert_eq!((session, record), unpack(&checkpoint()).unwrap());
}

#[test]
fn events_are_where_the_command_reads_them() {
    let asked = Event::found(Timestamp::UNIX_EPOCH, What::Asked { replicas: 2 });
    let mut record = recorded(None, Demand::None);
    record.note(vec![asked.clone()]);
    let session = Session::new(&plan(1, false), None);
    let kept = record.kept(Timestamp::UNIX_EPOCH).unwrap();
    let packed = pack(session.state(), Some(&kept)).unwrap();
    let content: serde_json::Value = serde_json::from_slice(&plain(&packed)).unwrap();
    assert_eq!(content.pointer(EVENTS), Some(&serde_json::json!([asked])));
}
