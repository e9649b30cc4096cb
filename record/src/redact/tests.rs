// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use serde_json::json;

use super::*;

fn test() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://alice:hunter2@shop:8080"},
        "http": {
            "headers": {"Authorization": "Bearer abc.def", "X-Api-Key": "k-1", "Cookie": "session=c00kie", "Accept": "*/*", "X-Auth-Token": "{{ secrets.token }}"},
            "auth": {"basic": {"username": "bob", "password": "s3cr3t"}},
        },
        "secrets": [{"name": "password", "secretKeyRef": {"name": "shop-login", "key": "password"}}],
        "variables": {"currency": "USD"},
        "scenarios": [{"name": "pay", "steps": [
            {"request": {
                "name": "log in", "method": "POST", "url": "/login?access_token=t0k3n&page=2",
                "headers": {"Authorization": "Bearer {{ token }}"},
                "json": {"email": "a@b.example", "password": "pa55", "remember": true, "pin_secret": 1234},
            }},
            {"request": {"name": "raw", "method": "POST", "url": "/raw", "body": "{\"client_secret\": \"zzz\"}"}},
            {"request": {"name": "form", "method": "POST", "url": "/form", "body": "user=x&password=yyy"}},
            {"request": {"name": "cookie", "url": "/", "cookies": {"session": "abc123", "lang": "{{ lang }}"}}},
            {"set": [{"name": "accessToken", "value": "t-99"}, {"name": "page", "value": "seven"}]},
        ]}],
        "load": {"constant": {"level": 1, "duration": "1s"}},
    }))
    .unwrap()
}

#[test]
fn a_spec_keeps_what_it_says_and_loses_what_is_secret() {
    let test = test();
    let shown = spec(&test);
    let text = serde_json::to_string(&shown).unwrap();
    for secret in [
        "hunter2", "abc.def", "k-1", "s3cr3t", "t0k3n", "pa55", "1234", "zzz", "yyy", "c00kie", "abc123",
        "t-99",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for kept in [
        "http://****@shop:8080",
        "{{ secrets.token }}",
        "Bearer {{ token }}",
        "shop-login",
        "page=2",
        "a@b.example",
        "user=x&password=****",
        "{{ lang }}",
        "seven",
        "/login?access_token=****&page=2",
    ] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }
    let read = shown.read().unwrap();
    assert_eq!((read.load, read.secrets), (test.load, test.secrets), "it is a spec still");
}

#[rstest]
#[case::password("password", true)]
#[case::header("Proxy-Authorization", true)]
#[case::key("x_api_key", true)]
#[case::token("refreshToken", true)]
#[case::cookie("cookie", false)]
#[case::reference("secretKeyRef", false)]
#[case::list("secrets", false)]
#[case::keep("keepCookies", false)]
#[case::name("tokens per second", false)]
fn what_may_be_secret_is_known_by_its_name(#[case] name: &str, #[case] expected: bool) {
    assert_eq!(is_secret(name), expected);
}

#[test]
fn templates_are_no_secrets_and_words_beside_them_may_be() {
    let own = ["abc", "Bearer abc", "{{ user }}:abc", "Bearer"];
    let none = ["{{ secrets.a }}", "Bearer {{ secrets.a }}", "", "{{ a }}{{ b }}"];
    assert!(own.into_iter().all(has_own_words) && !none.into_iter().any(has_own_words));
}

#[test]
fn values_of_secrets_are_taken_out_wherever_they_are_but_not_what_is_too_short() {
    let mut value = json!({
        "message": "login with topsecret failed: topsecret", "list": ["a topsecret", 5], "histogram": "topsecret", "p95": "12ms",
    });
    scrub(&mut value, &["topsecret".into(), "12".into()]);
    assert_eq!(
        value,
        json!({"message": "login with **** failed: ****", "list": ["a ****", 5], "histogram": "topsecret", "p95": "12ms"})
    );
}
