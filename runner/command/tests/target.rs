// SPDX-License-Identifier: Apache-2.0
//! The target does what its script says, also while it stops.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{
    thread,
    time::{Duration, Instant},
};

use processes::{Upsurge, scratch, signal, start_target, wait_until};

#[test]
fn routes_answer_with_templates_filled_from_the_request() {
    let script = r#"
routes:
- method: POST
  path: /payments/{id}
  status: 201
  headers: {x-kind: "{{ query.kind }}"}
  json: {id: "{{ path.id }}", amount: "{{ body.amount }}", note: "for {{ body.who.name }}", at: "{{ timestamp() }}"}
- {path: /text, body: "hello {{ method }}"}
defaultRoute: {status: 404, json: {error: no such thing}}
"#;
    let target = start_target(Some(script), &[]);
    let (status, body) = target
        .send("POST", "/payments/a%2Fb?kind=card", r#"{"amount": 12.5, "who": {"name": "Ada"}}"#)
        .unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["id"], &body["amount"], &body["note"]),
        (201, &"a/b".into(), &12.5.into(), &"for Ada".into())
    );
    assert!(body["at"].as_i64() > Some(1_600_000_000_000));
    assert_eq!(target.get("/text"), (200, "hello GET".into()));
    assert_eq!(target.get("/nope"), (404, r#"{"error":"no such thing"}"#.into()));
    assert_eq!(target.get("/healthz").0, 200);
    let metrics = target.get("/metrics").1;
    assert!(
        metrics.contains(r#"http_requests_total{route="POST /payments/{id}",status="201"} 1"#),
        "{metrics}"
    );
    assert!(metrics.contains("http_requests_in_flight 0"), "{metrics}");
    assert_eq!(
        target.stats()["routes"][1],
        serde_json::json!({"route": "* /text", "received": 1, "statuses": {"200": 1}})
    );
}

#[test]
fn no_answer_leaves_during_a_freeze() {
    let target = start_target(Some("freezes: [{at: 1s, for: 1s}]"), &[]);
    let begin = Instant::now();
    let mut slowest = Duration::ZERO;
    while begin.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        assert_eq!(target.get("/").0, 200);
        slowest = slowest.max(asked.elapsed());
    }
    let times = Duration::from_millis(900)..Duration::from_millis(1_400);
    assert!(times.contains(&slowest), "the slowest answer took {slowest:?}");
}

#[test]
fn requests_beyond_the_limit_are_rejected_or_wait() {
    for (overflow, statuses, longest) in [("reject", [1, 3], 100), ("queue", [4, 0], 400)] {
        let script = format!("latency: {{fixed: 100ms}}\nconcurrencyLimit: {{max: 1, overflow: {overflow}}}");
        let target = start_target(Some(&script), &[]);
        let begin = Instant::now();
        let answers: Vec<u16> = thread::scope(|scope| {
            let asked: Vec<_> = (0..4).map(|_| scope.spawn(|| target.get("/").0)).collect();
            asked.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        let count = |wanted| answers.iter().filter(|status| **status == wanted).count();
        assert_eq!([count(200), count(503)], statuses, "{overflow}");
        assert!(begin.elapsed() >= Duration::from_millis(longest), "{overflow}: {:?}", begin.elapsed());
    }
}

#[test]
fn cpu_work_takes_its_time_off_the_loop_that_serves_others() {
    let target = start_target(None, &["--cpu-per-request", "200ms", "--memory-per-request", "1MiB"]);
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let begin = Instant::now();
            target.get("/");
            begin.elapsed()
        });
        wait_until("the request is in work", || target.stats()["inFlight"] == 1);
        assert_eq!(target.get("/healthz").0, 200);
        assert!(asked.join().unwrap() >= Duration::from_millis(200));
    });
}

#[test]
fn a_target_that_is_told_to_stop_drops_nothing() {
    let target = start_target(None, &["--latency", "1500ms", "--drain", "1s"]);
    thread::scope(|scope| {
        let early = scope.spawn(|| target.send("GET", "/early", ""));
        wait_until("the request is in work", || target.stats()["inFlight"] == 1);
        signal(target.process.id(), "TERM");
        wait_until("the target is not ready any more", || target.get("/readyz").0 == 503);
        assert_eq!(target.get("/healthz").0, 200);
        // New requests are still served while load balancers take notice.
        let late = scope.spawn(|| target.send("GET", "/late", ""));
        assert_eq!(early.join().unwrap().unwrap().0, 200);
        assert_eq!(late.join().unwrap().unwrap().0, 200);
    });
    let ended = target.process.end();
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_target_that_may_drop_connections_does_so_when_it_is_told_to_stop() {
    let target = start_target(Some("dropOnStop: true\ndrain: 60s"), &["--latency", "30s"]);
    let begin = Instant::now();
    thread::scope(|scope| {
        let in_work = scope.spawn(|| target.send("GET", "/early", ""));
        wait_until("the request is in work", || target.stats()["inFlight"] == 1);
        signal(target.process.id(), "TERM");
        assert!(in_work.join().unwrap().is_err(), "its connection is closed without an answer");
    });
    assert_eq!(target.process.end().code, 0);
    assert!(begin.elapsed() < Duration::from_secs(25), "neither drained nor finished");
}

#[test]
fn a_share_of_requests_gets_no_answer_but_the_end_of_its_connection() {
    let target = start_target(Some("resetRate: 0.25"), &[]);
    let answers: Vec<bool> = (0..8).map(|_| target.send("GET", "/", "").is_ok()).collect();
    assert_eq!(answers, [true, true, true, false, true, true, true, false]);
    assert_eq!(target.get("/healthz").0, 200);
}

#[test]
fn tls_is_served_with_the_given_certificate() {
    let identity =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = scratch("certificate.pem", &identity.cert.pem());
    let key = scratch("key.pem", &identity.signing_key.serialize_pem());
    let target = start_target(
        None,
        &["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()],
    );
    assert!(target.url().starts_with("https://"));
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: tls}}\nspec:\n  target: {{baseURL: \"{}\"}}\n  \
         http: {{insecureSkipTLSVerify: true}}\n  scenarios: [{{name: a, steps: [{{request: {{url: /}}}}]}}]\n  \
         load: {{unit: IterationsPerSecond, constant: {{level: 20, duration: 1s}}}}\n  \
         thresholds: [{{metric: http_req_failed, condition: \"rate == 0\"}}]\n",
        target.url()
    );
    let ended = Upsurge::run(&scratch("tls.yaml", &text)).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("iterations: 20"), "{ended:?}");
    // Without the option the certificate is refused: nobody vouches for it.
    let strict = text.replace("insecureSkipTLSVerify: true", "insecureSkipTLSVerify: false");
    let ended = Upsurge::run(&scratch("strict.yaml", &strict)).end();
    assert_eq!(ended.code, 1, "{ended:?}");
}

#[test]
fn a_wrong_script_is_refused_with_its_place() {
    for (script, words) in [
        ("errorRate: 2", "errorRate: must be from 0 to 1"),
        ("routes: [{path: x}]", "routes[0].path: \"x\" must start with /"),
        ("routes: [{path: /x, json: \"{{ pth.a }}\"}]", "routes[0].json: unknown variable \"pth\""),
        ("latencies: {fixed: 1ms}", "unknown field"),
        ("freezes: [{at: 1s, for: 2s, every: 1s}]", "freezes[0].every: must be longer"),
    ] {
        let ended = Upsurge::command("target")
            .arg(scratch("script.yaml", script))
            .args(["--listen", "127.0.0.1:0"])
            .end();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
}

#[test]
fn replicas_are_counted_by_a_name() {
    let target = start_target(None, &["--peers", "localhost", "--contention", "0.5", "--coherency", "0.1"]);
    assert_eq!(target.get("/").0, 200);
    let metrics = target.get("/metrics").1;
    assert!(metrics.contains("target_peers 1\n"), "{metrics}");
    assert!(metrics.contains("target_peer_lookups_failed_total 0\n"), "{metrics}");
}
