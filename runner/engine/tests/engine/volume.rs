// SPDX-License-Identifier: Apache-2.0
//! Bodies and rows of a declared size, as a server gets them.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::plan::schedule::Share;
use upsurge_engine as engine;

use crate::{
    load::{config, run, spec},
    server::{Arrived, Options, Server, json as answer},
};

fn test(server: &Server, iterations: u32, request: Value) -> Value {
    let load =
        json!({"executors": [{"name": "e", "sharedIterations": {"vus": 2, "iterations": iterations}}]});
    spec(&server.url(), load, json!([{ "request": request }]))
}

/// What came, by iteration.
fn arrived(server: &Server) -> Vec<Arrived> {
    let mut arrived = server.arrived();
    arrived.sort_by_key(|arrived| arrived.target[1..].parse::<u64>().unwrap());
    arrived
}

fn server(http2: bool) -> Server {
    Server::with(Options { http2, ..Options::default() }, |_| async { answer("{}") })
}

#[rstest]
#[case::over_http1(false)]
#[case::over_http2(true)]
fn bodies_have_their_size_and_are_the_same_on_every_runner(#[case] http2: bool) {
    const SIZE: usize = 4_500_001;
    let server = server(http2);
    let upload = |kind: &str, vary: bool| {
        json!({"name": "up", "method": "PUT", "url": "/{{ iteration }}",
            "generated": {"size": SIZE, "seed": 7, "kind": kind, "vary": vary}})
    };
    let sent = |kind: &str, vary: bool| {
        server.arrived.lock().unwrap().clear();
        let mut checked = 0;
        for runner in 0..2 {
            let mut test = test(&server, 4, upload(kind, vary));
            if http2 {
                test["http"] = json!({"version": "HTTP2"});
            }
            let mut config = config(test);
            config.share = Share::new(runner, 2);
            checked += run(config).rate("http_req_failed").1;
        }
        assert_eq!(checked, 4);
        let arrived = arrived(&server);
        assert_eq!(arrived.len(), 4);
        for request in &arrived {
            assert_eq!(request.headers[CONTENT_LENGTH], SIZE.to_string());
            assert_eq!(request.body.len(), SIZE);
        }
        assert_eq!(
            arrived[0].headers[CONTENT_TYPE],
            if kind == "JSON" { "application/json" } else { "application/octet-stream" }
        );
        arrived.into_iter().map(|request| request.body).collect::<Vec<Bytes>>()
    };
    let fixed = sent("Binary", false);
    assert!(fixed.iter().all(|body| *body == fixed[0]));
    let varied = sent("JSON", true);
    assert!(varied.windows(2).all(|two| two[0] != two[1]));
    let parsed: Value = serde_json::from_slice(&varied[3]).unwrap();
    assert_eq!(parsed["rows"].as_array().unwrap().len(), 35_155);
    assert!(varied == sent("JSON", true), "an iteration has the same contents in each run");
}

#[test]
fn parts_of_a_declared_size_are_files_of_multipart_bodies() {
    let server = server(false);
    let parts = json!([
        {"name": "note", "value": "{{ iteration }}"},
        {"name": "scan", "generated": {"size": "5Mi", "kind": "Text", "vary": true}, "fileName": "s-{{ iteration }}.txt"},
    ]);
    run(config(test(&server, 3, json!({"method": "POST", "url": "/{{ iteration }}", "multipart": parts}))));
    for (number, request) in arrived(&server).into_iter().enumerate() {
        assert_eq!(request.headers[CONTENT_LENGTH], request.body.len().to_string());
        let content_type = request.headers[CONTENT_TYPE].to_str().unwrap();
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8(request.body.to_vec()).unwrap();
        let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
        assert_eq!((parts.len(), parts[3]), (4, "--\r\n"));
        let (head, body) = parts[2].split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("filename=\"s-{number}.txt\"\r\nContent-Type: text/plain")), "{head}");
        assert_eq!(body.strip_suffix("\r\n").unwrap().len(), 5 << 20);
    }
}

#[test]
fn rows_can_be_declared_by_their_size() {
    let server = server(false);
    let mut test = test(&server, 1, json!({"url": "/{{ rows.id }}"}));
    test["data"] = json!([{"name": "rows", "order": "Unique",
        "generated": {"size": "1k", "fields": {"id": "{{ row }}", "text": "{{ words(5) }}"}}}]);
    let load = json!({"executors": [{"name": "e", "sharedIterations": {"vus": 1, "iterations": 1000}}]});
    test["load"] = load;
    run(config(test.clone()));
    let rows = server.arrived().len();
    // `{"id":1,"text":"…"}` and a line end, with five words of up to a dozen letters.
    assert!((10..=30).contains(&rows), "{rows}");
    test["data"][0]["generated"] = json!({"size": "512Mi", "fields": {"id": "1"}});
    let config = config(test);
    let error =
        engine::check(&config.valid, &config.test, &config.secrets, &config.files).unwrap_err().to_string();
    assert!(
        error.starts_with("spec.data[0]: 1000000 rows are the most that are kept, and make 11000000 of"),
        "{error}"
    );
}
