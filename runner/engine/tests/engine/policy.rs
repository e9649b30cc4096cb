// SPDX-License-Identifier: Apache-2.0
//! What the platform's policy keeps from runners, whatever way a test takes to it.

use std::sync::Arc;

use serde_json::{Value, json};
use upsurge_core::http::{Reach, ReachRules};
use upsurge_crds::names::reasons;
use upsurge_engine::{EngineConfig, preflight};

use crate::{
    load::{Outcome, config, run, spec, times},
    proxy::Proxy,
    server::{self, Server},
};

fn reach(rules: Value) -> Reach {
    serde_json::from_value::<ReachRules>(rules).unwrap().compile().unwrap()
}

fn under(rules: &Value, test: Value) -> EngineConfig {
    let mut config = config(test);
    Arc::get_mut(&mut config.valid).unwrap().http.reach = reach(rules.clone());
    config
}

/// Sends one request to a URL, which may be put together at run time.
fn go(rules: Value, url: &str, http: Value) -> Outcome {
    let mut test = spec("http://unused.example", times(1), json!([{"request": {"name": "r", "url": url}}]));
    test["http"] = http;
    test["variables"] = json!({"part": "local"});
    run(under(&rules, test))
}

fn refused(outcome: &Outcome, kind: &str) {
    assert_eq!(outcome.count_of("request_errors", kind), 1, "{:?}", outcome.metrics);
}

fn block_loopback() -> Value {
    json!({"blocked": ["127.0.0.0/8", "::1"]})
}

#[test]
fn a_blocked_network_is_not_reached_by_any_spelling_of_an_address() {
    let server = Server::simple();
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "{{ part }}host",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let outcome = go(block_loopback(), &format!("http://{host}:{port}/"), json!({}));
        let errors = outcome.count_of("request_errors", "blocked address");
        // Not every resolver knows every odd form; none of them leads there.
        let unknown = outcome.count_of("request_errors", "dns");
        assert_eq!(errors + unknown, 1, "{host}: {:?}", outcome.metrics);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn only_allowed_networks_are_reached() {
    let server = Server::simple();
    refused(&go(json!({"networks": ["10.0.0.0/8"]}), &server.url(), json!({})), "blocked address");
    assert_eq!(server.connections(), 0);
    let outcome = go(json!({"networks": ["127.0.0.0/8"]}), &server.url(), json!({}));
    assert_eq!(outcome.rate("http_req_failed"), (0, 1));
}

#[test]
fn only_allowed_hosts_are_asked_for_also_after_a_redirect() {
    let server = Server::simple();
    let secret = format!("http://localhost:{}/token", server.address.port());
    let redirecting = Server::start(move |_| {
        let secret = secret.clone();
        async move { server::with_headers(302, &[("location", &secret)], "") }
    });
    let rules = json!({"hosts": ["127.0.0.1"]});
    refused(&go(rules.clone(), &redirecting.url(), json!({})), "blocked host");
    assert_eq!((redirecting.arrived().len(), server.connections()), (1, 0));
    let by_template = format!("http://{{{{ part }}}}host:{}/", server.address.port());
    refused(&go(rules, &by_template, json!({})), "blocked host");
    assert_eq!(server.connections(), 0);
}

#[test]
fn an_address_of_the_tests_own_for_a_name_is_no_way_around() {
    let server = Server::simple();
    let hosts = json!({"hosts": {"shop.test": server.address.to_string()}});
    refused(&go(block_loopback(), "http://shop.test/", hosts), "blocked address");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_proxy_has_to_be_allowed_like_any_server() {
    let proxy = Proxy::start(None);
    let http = json!({"proxy": {"http": format!("http://{}", proxy.address)}});
    refused(&go(block_loopback(), "http://shop.test/", http.clone()), "blocked address");
    refused(&go(json!({"hosts": ["shop.test"]}), "http://shop.test/", http), "blocked host");
    assert!(proxy.heads().is_empty());
}

#[test]
fn a_runner_does_not_even_look_at_a_forbidden_target() {
    let server = Server::simple();
    let url = format!("http://localhost:{}", server.address.port());
    let test = config(spec(&url, times(1), json!([{"request": {"url": "/"}}]))).test;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for rules in [block_loopback(), json!({"hosts": ["shop"]})] {
        let unready = runtime.block_on(preflight(&test, &reach(rules))).unwrap_err();
        assert_eq!(unready.reason, reasons::POLICY_VIOLATION, "{}", unready.message);
    }
    assert_eq!(server.connections(), 0);
}
