// SPDX-License-Identifier: Apache-2.0
use bytes::Bytes;
use serde_json::{Value, json};
use upsurge_core::{scenario::ScenarioSet, template::Scope};
use upsurge_crds::LoadTestSpec;
use upsurge_system::files::Files;

use super::{Body, Payload};

/// A user in an iteration.
struct Iteration(Value);

impl Scope for Iteration {
    fn variable(&self, slot: usize) -> Option<&Value> {
        (slot == super::ITERATION_SLOT).then_some(&self.0)
    }

    fn secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn random(&mut self) -> u64 {
        4
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

fn compiled(mut request: Value) -> Body {
    request["url"] = "/".into();
    let spec: LoadTestSpec = serde_json::from_value(json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "main", "steps": [{"request": request}]}],
        "load": {"constant": {"level": 1, "duration": "1s"}},
    }))
    .unwrap();
    let set = ScenarioSet::compile(&spec).unwrap();
    let (_, request) = set.requests().next().unwrap();
    Body::compile(request, &Default::default(), &Files::default()).unwrap()
}

fn rendered(body: &Body, iteration: u64) -> Payload {
    body.render(&mut Iteration(iteration.into())).unwrap()
}

fn bytes(payload: &Payload) -> Vec<u8> {
    let mut bytes = Vec::new();
    payload.write_to(&mut bytes);
    assert_eq!(bytes.len(), payload.len());
    bytes
}

#[test]
fn fixed_contents_are_there_once_for_all_users() {
    for (size, length) in [("3Mi", 3 << 20), ("9Mi", 9 << 20)] {
        let body = compiled(json!({"generated": {"size": size, "kind": "Text"}}));
        let (one, other) = (rendered(&body, 1), rendered(&body, 2));
        assert_eq!(one.len(), length);
        // The memory is the same, from wherever it is read.
        for at in [0, 1 << 20, length - 1] {
            assert_eq!(one.rest(at).as_ptr(), other.rest(at).as_ptr(), "at {at} of {size}");
            assert_eq!(one.part(at, 9).as_ptr(), other.part(at, 9).as_ptr(), "at {at} of {size}");
        }
        assert!(bytes(&one) == bytes(&other));
    }
}

#[test]
fn contents_that_vary_are_cut_from_one_block() {
    let body = compiled(json!({"generated": {"size": "100Mi", "kind": "JSON", "seed": 3, "vary": true}}));
    let (one, other) = (rendered(&body, 1), rendered(&body, 2));
    assert_eq!((one.len(), other.len()), (100 << 20, 100 << 20));
    let block = |payload: &Payload| match payload {
        Payload::Pieces(pieces) => match pieces.as_slice() {
            [_, upsurge_http::payload::Piece::Ring(block, _), _] => block.clone(),
            other => panic!("{other:?}"),
        },
        Payload::Whole(_) => panic!("100 MiB are there for each message"),
    };
    let (first, second): (Bytes, Bytes) = (block(&one), block(&other));
    assert_eq!((first.as_ptr(), first.len()), (second.as_ptr(), 4 << 20));
    assert_ne!(one.rest(0)[..64], other.rest(0)[..64]);
    assert_eq!(bytes(&rendered(&body, 1))[..9000], bytes(&one)[..9000]);
}

#[test]
fn sections_that_never_change_are_not_copied_into_multipart_bodies() {
    let parts = json!([
        {"name": "id", "value": "{{ iteration }}"},
        {"name": "photo", "generated": {"size": "2Mi", "kind": "Binary", "seed": 1}},
    ]);
    let body = compiled(json!({ "multipart": parts }));
    let (one, other) = (rendered(&body, 1), rendered(&body, 2));
    let (one, other) = (one.rest(300_000).as_ptr(), other.rest(300_000).as_ptr());
    assert_eq!(one, other);
    let text = String::from_utf8_lossy(&bytes(&rendered(&body, 12))).into_owned();
    let head = "name=\"photo\"; filename=\"generated.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n";
    assert!(text.contains("\r\n\r\n12\r\n--") && text.contains(head) && text.ends_with("--\r\n"));
}

#[test]
fn compressed_contents_are_what_was_declared_once_decompressed() {
    let plain = compiled(json!({"generated": {"size": "100k", "kind": "Text", "seed": 5}}));
    let packed =
        compiled(json!({"generated": {"size": "100k", "kind": "Text", "seed": 5}, "compression": ["Gzip"]}));
    let (plain, packed) = (bytes(&rendered(&plain, 0)), bytes(&rendered(&packed, 0)));
    let headers = http::HeaderMap::from_iter([(http::header::CONTENT_ENCODING, "gzip".parse().unwrap())]);
    assert!(packed.len() < plain.len() / 2);
    assert!(upsurge_http::coding::decode(&headers, packed, 1 << 20).unwrap() == plain);
}
