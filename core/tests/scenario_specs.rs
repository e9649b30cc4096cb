// SPDX-License-Identifier: Apache-2.0
//! Scenarios of a spec: what they are compiled to, and what is said, with its path, of those that can't be.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{
    scenario::{BUILT_INS, Body, Matcher, Step},
    template::JsonTemplate,
    validate::{Valid, check_spec, read_spec, validate},
};

fn spec() -> Value {
    json!({
        "target": {"baseURL": "http://shop.test:8080"},
        "variables": {"currency": "USD", "emails": ["a@example.com", "b@example.com"]},
        "secrets": [{"name": "password", "secretKeyRef": {"name": "login", "key": "password"}}],
        "http": {"timeout": "5s", "headers": {"Accept": "application/json", "X-Test": "common"}},
        "before": [{"request": {"url": "/setup", "capture": [{"name": "session", "jsonPath": "$.id"}]}}],
        "scenarios": [{
            "name": "pay",
            "steps": [
                {"request": {
                    "method": "POST", "url": "/login/{{ session }}",
                    "headers": {"x-test": "own"},
                    "json": {"email": "{{ emails }}", "password": "{{ secrets.password }}"},
                    "capture": [{"name": "token", "regex": "token=(\\w+)", "default": ""}],
                    "expect": [{"status": [200, 201]}, {"responseTime": "500ms"}, {"jsonPath": "$.ok", "equals": true}]
                }},
                {"think": {"min": "1s", "max": "3s"}},
                {"if": {"condition": "token != ''", "then": [
                    {"group": {"name": "checkout", "steps": [{"request": {"name": "pay", "url": "/pay?c={{ currency }}&n={{ loopCount }}"}}]}}
                ], "else": [{"think": {"min": "1s"}}]}},
                {"loop": {"count": 3, "while": "iteration >= 0", "steps": [{"request": {"url": "/poll", "timeout": "1s"}}]}}
            ]
        }],
        "load": {"constant": {"level": 5, "duration": "1m"}},
        "thresholds": [{"metric": "http_req_duration", "selector": {"request": "pay", "stage": "constant"}, "condition": "p(95) < 200ms"}]
    })
}

fn compile(raw: &Value) -> Result<Valid, Vec<String>> {
    let text = |errors: Vec<upsurge_core::field_error::FieldError>| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    read_spec(raw).and_then(|spec| validate(&spec)).map_err(text)
}

#[test]
fn a_spec_compiles_to_a_tree_with_all_defaults_filled_in() {
    let valid = compile(&spec()).unwrap();
    let set = valid.scenarios;
    assert_eq!(set.names[..4], BUILT_INS);
    assert_eq!(set.names[4..], ["currency", "emails", "session", "token"]);
    assert_eq!(set.variables[1].values.len(), 2);
    let Step::Request(login) = &set.scenarios[0].steps[0] else { panic!("a request") };
    assert_eq!(login.name, "POST /login/{{ session }}");
    assert_eq!(login.timeout.as_secs(), 5);
    let headers: Vec<_> =
        login.headers.iter().map(|(name, value)| (name.as_str(), value.literal().unwrap())).collect();
    assert_eq!(
        headers,
        [("x-test", "own"), ("accept", "application/json"), ("content-type", "application/json")]
    );
    assert!(matches!(&login.body, Body::Json(JsonTemplate::Object(fields)) if fields.len() == 2));
    assert_eq!(login.expect[0].name, "status is 200 or 201");
    assert_eq!(login.expect[1].name, "response time is at most 500ms");
    assert_eq!(login.expect[2].name, "$.ok equals true");
    assert!(matches!(login.expect[0].matcher, Matcher::Status(_)) && login.needs_body());
    assert!(!login.is_failure(201) && login.is_failure(204));
    assert_eq!(set.groups(), ["checkout"]);
    assert_eq!(set.requests().count(), 3);
}

fn with(pointer: &str, value: Value) -> Value {
    let mut raw = spec();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match raw.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(last.into(), value)),
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
    raw
}

const FIRST: &str = "/scenarios/0/steps/0/request";
const NESTED: &str = "/scenarios/0/steps/2/if/then/0";

#[rstest]
#[case::template_in_url(with(&format!("{FIRST}/url"), json!("/{{ nope }}")), "spec.scenarios[0].steps[0].request.url: unknown variable \"nope\"")]
#[case::template_in_json(with(&format!("{FIRST}/json"), json!({"a": [{"b": "{{ nope }}"}]})), "spec.scenarios[0].steps[0].request.json.a[0].b: unknown variable")]
#[case::undeclared_secret(with(&format!("{FIRST}/body"), json!("x")), "at most one of json, body, form")]
#[case::json_path(with(&format!("{FIRST}/capture/0"), json!({"name": "x", "jsonPath": "token"})), "spec.scenarios[0].steps[0].request.capture[0].jsonPath: not a JSONPath")]
#[case::regex(with(&format!("{FIRST}/capture/0"), json!({"name": "token", "regex": "("})), "request.capture[0].regex: not a regular expression: unclosed group")]
#[case::built_in(with(&format!("{FIRST}/capture/0/name"), json!("user")), "capture[0].name: \"user\" is a built-in variable")]
#[case::status_code(with(&format!("{FIRST}/expect/0/status"), json!([20])), "request.expect[0].status[0]: must be at least 100")]
#[case::nested_unknown_field(with(&format!("{NESTED}/group/stpes"), json!([])), "spec.scenarios[0].steps[2].if.then[0].group.stpes: unknown field")]
#[case::nested_case(with(NESTED, json!({"request": {"URL": "/x"}})), "spec.scenarios[0].steps[2].if.then[0].request.URL: unknown field; did you mean url?")]
#[case::nested_range(with(NESTED, json!({"loop": {"count": -1, "steps": []}})), "spec.scenarios[0].steps[2].if.then[0].loop.count: must be at least 0")]
#[case::nested_empty_url(with(NESTED, json!({"request": {"url": ""}})), "if.then[0].request.url: must not be empty")]
#[case::nested_two_kinds(with(NESTED, json!({"request": {"url": "/"}, "think": {"min": "1s"}})), "if.then[0]: a step is exactly one of")]
#[case::nested_method(with(NESTED, json!({"request": {"url": "/", "method": "FETCH"}})), "if.then[0].request.method: must be one of GET, POST")]
#[case::nested_type(with(NESTED, json!({"think": {"min": 5}})), "if.then[0].think.min: must be a duration, for example 90s or 1h30m, not 5")]
#[case::choice_of_another_style(with("/load/unit", json!("users")), "spec.load.unit: must be one of Users, IterationsPerSecond, not \"users\"; did you mean Users?")]
#[case::choice_that_is_no_text(with("/load/unit", json!(5)), "spec.load.unit: must be one of Users, IterationsPerSecond, not 5")]
#[case::nested_method_in_lower_case(with(NESTED, json!({"request": {"url": "/", "method": "post"}})), "OPTIONS, not \"post\"; did you mean POST?")]
#[case::misspelt_field(with("/load/constnat", json!({})), "spec.load.constnat: unknown field; did you mean constant?")]
#[case::unlike_any_field(with("/target/whatever", json!(1)), "spec.target.whatever: unknown field; there are base")]
#[case::threshold_of_another_tool(with("/thresholds/0/condition", json!("p95 < 200ms")), "spec.thresholds[0].condition: \"p95 < 200ms\" is not a condition: there is no aggregation \"p95\" (did you mean p(95)?); write for example \"p(95) < 200ms\"")]
#[case::threshold_by_other_words(with("/thresholds/0/condition", json!("mean < 200ms")), "did you mean avg?")]
#[case::threshold_without_operator(with("/thresholds/0/condition", json!("p(95)")), "it has no operator (<, <=, >, >=, == or !=); write for example")]
#[case::threshold_in_another_unit(with("/thresholds/0/condition", json!("avg < 2min")), "there is no unit \"min\"; there are us, ms, s, m and %")]
#[case::size(with(&format!("{FIRST}/maxResponseSize"), json!("5MB")), "maxResponseSize: \"5MB\" is not a number of bytes: write a whole number, and a unit if needed (k, M, G, Ki, Mi or Gi), for example 512 or 64Mi")]
#[case::nested_duration(with(NESTED, json!({"think": {"min": "5 seconds"}})), "if.then[0].think.min: \"5 seconds\" is not a duration: write a number with a unit (us, ms, s, m, h or d), for example 90s or 1h30m")]
#[case::nested_template(with(NESTED, json!({"request": {"url": "/{{ nope }}"}})), "spec.scenarios[0].steps[2].if.then[0].request.url: unknown variable")]
#[case::condition(with("/scenarios/0/steps/2/if/condition", json!("tokn != ''")), "spec.scenarios[0].steps[2].if.condition: unknown variable \"tokn\"")]
#[case::think(with("/scenarios/0/steps/1/think/max", json!("500ms")), "steps[1].think.max: 500ms is shorter than min 1s")]
#[case::spinning_loop(with("/scenarios/0/steps/3/loop", json!({"while": "true", "steps": [{"if": {"condition": "true", "then": [{"think": {"min": "1s"}}]}}]})), "loop.steps: a loop without count needs")]
#[case::capture_of_two(with(&format!("{FIRST}/capture"), json!([{"name": "a", "status": true, "body": true}])), "request.capture[0]: a capture has exactly one of")]
#[case::capture_of_false(with(&format!("{FIRST}/capture"), json!([{"name": "a", "status": false}])), "request.capture[0].status: ")]
#[case::capture_by_no_selector(with(&format!("{FIRST}/capture"), json!([{"name": "a", "selector": {"css": "a >"}}])), "request.capture[0].selector.css: not a CSS selector: it can't go on with \">\"")]
#[case::capture_of_no_cookie(with(&format!("{FIRST}/capture"), json!([{"name": "a", "cookie": "a b"}])), "request.capture[0].cookie: \"a b\" can't be the name of a cookie")]
#[case::match_of_one_value(with(&format!("{FIRST}/capture"), json!([{"name": "a", "body": true, "match": "All"}])), "request.capture[0].match: match belongs to")]
#[case::unknown_match(with(&format!("{FIRST}/capture"), json!([{"name": "a", "regex": "a", "match": "Second"}])), "request.capture[0].match: ")]
#[case::attribute_of_nothing(with(&format!("{FIRST}/capture"), json!([{"name": "a", "regex": "a", "attribute": "b"}])), "request.capture[0].attribute: attribute is now selector.attribute")]
#[case::sequence_before(with("/before", json!([{"log": {"message": "{{ sequence() }}"}}])), "spec.before[0].log.message: sequence() is for the steps of scenarios only")]
#[case::sequence_in_data(with("/data", json!([{"name": "d", "generated": {"rows": 1, "fields": {"a": "{{ sequence() }}"}}}])), "sequence() is for the steps of scenarios only")]
#[case::deep_calls(with(&format!("{FIRST}/url"), json!("/{{ upper(lower(upper(lower(upper(lower(upper(lower(upper('a'))))))))) }}")), "request.url: calls are nested more than 8 levels deep")]
#[case::expected_regex(with(&format!("{FIRST}/expect"), json!([{"bodyMatches": "("}])), "request.expect[0].bodyMatches: not a regular expression: unclosed group")]
#[case::expected_match(with(&format!("{FIRST}/expect"), json!([{"jsonPath": "$.a", "matches": "("}])), "request.expect[0].matches: not a regular expression")]
#[case::expected_condition(with(&format!("{FIRST}/expect"), json!([{"condition": "totl > 1"}])), "request.expect[0].condition: unknown variable \"totl\"")]
#[case::expected_template(with(&format!("{FIRST}/expect"), json!([{"header": "a", "contains": "{{ nope }}"}])), "request.expect[0].contains: unknown variable")]
#[case::expected_lengths(with(&format!("{FIRST}/expect"), json!([{"body": true, "minLength": 2, "maxLength": 1}])), "request.expect[0].maxLength: is less than minLength")]
#[case::expected_length(with(&format!("{FIRST}/expect"), json!([{"body": true, "minLength": -1}])), "request.expect[0].minLength")]
#[case::expected_false(with(&format!("{FIRST}/expect"), json!([{"body": false, "contains": "a"}])), "request.expect[0].body")]
#[case::expected_of_nothing(with(&format!("{FIRST}/expect"), json!([{"status": [200], "equals": 1}])), "request.expect[0]: equals, exists, contains")]
#[case::expected_number(with(&format!("{FIRST}/expect"), json!([{"jsonPath": "$.a", "atLeast": 1.5}])), "request.expect[0].atLeast: a number with a fraction is written in quotes: \"1.5\" instead of 1.5")]
#[case::absent_yet_alike(with(&format!("{FIRST}/expect"), json!([{"jsonPath": "$.a", "exists": false, "contains": "b"}])), "request.expect[0]: what must not exist can't be like anything")]
#[case::nested_capture(with(NESTED, json!({"request": {"url": "/", "capture": [{"name": "a", "selector": {"css": "a:hover"}}]}})), "if.then[0].request.capture[0].selector.css: :hover is not known here")]
#[case::url_scheme(with(&format!("{FIRST}/url"), json!("ftp://x/")), "request.url: \"ftp://x/\" is neither")]
#[case::header_name(with("/http/headers", json!({"a b": "c"})), "spec.http.headers.a b: \"a b\" can't be the name of a header")]
#[case::header_twice(with(&format!("{FIRST}/headers"), json!({"X-A": "1", "x-a": "2"})), "request.headers.x-a: is the same header as X-A: give it once")]
#[case::header_of_all_twice(with("/http/headers", json!({"Accept": "1", "ACCEPT": "2"})), "spec.http.headers.Accept: is the same header as ACCEPT")]
#[case::host_twice(with("/http/hosts", json!({"Shop": "127.0.0.1", "shop": "127.0.0.2"})), "spec.http.hosts.shop: this host stands here twice")]
#[case::prometheus_header_twice(with("/prometheus", json!({"url": "http://p", "headers": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "a", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}], "checks": [{"name": "n", "query": "q", "condition": "< 1"}]})), "spec.prometheus.headers[1].name: another header is named \"a\" too")]
#[case::base_login(with("/target/baseURL", json!("alice:s3cret@shop")), "spec.target.baseURL: \"****@shop\" is not a URL")]
#[case::base_url(with("/target/baseURL", json!("http://[x")), "spec.target.baseURL:")]
#[case::base_port(with("/target/baseURL", json!("http://shop:99999")), "can't be used as base URL: \"99999\" is no port")]
#[case::url_port(with(&format!("{FIRST}/url"), json!("http://shop:99999/")), "request.url: \"http://shop:99999/\" is not a valid URL: \"99999\" is no port")]
#[case::boundary(
    with("/scenarios/0/steps/1", json!({"request": {"url": "/", "headers": {"Content-Type": "multipart/form-data; Boundary=x"}, "multipart": [{"name": "a", "value": "b"}]}})),
    "request.headers.Content-Type: the runner chooses the boundary of multipart: leave it out"
)]
#[case::no_load(with("/load", json!({"constant": {"level": 0, "duration": "1s"}})), "spec.load.constant: ")]
#[case::metric(with("/thresholds/0/metric", json!("http_req_durations")), "spec.thresholds[0].metric: unknown metric")]
#[case::aggregation(with("/thresholds/0/condition", json!("count < 5")), "spec.thresholds[0].condition: http_req_duration is a trend")]
#[case::stage(with("/thresholds/0/selector/stage", json!("hold")), "spec.thresholds[0].selector.stage: no stage is named \"hold\"; there are constant")]
#[case::request(with("/thresholds/0/selector/request", json!("pey")), "selector.request: no request is named \"pey\"; there are GET /poll")]
#[case::no_prometheus(with("/prometheus", json!({"checks": [{"name": "n", "query": "q", "condition": "< 1"}]})), "spec.prometheus: needs exactly one of server and url")]
#[case::two_prometheus(with("/prometheus", json!({"url": "http://p", "server": "main", "checks": [{"name": "n", "query": "q", "condition": "< 1"}]})), "spec.prometheus: needs exactly one of server and url")]
#[case::prometheus(with("/prometheus", json!({"url": "http://p", "checks": [{"name": "n", "query": "q", "stage": "s", "condition": "< 1"}]})), "spec.prometheus.checks[0].stage: no stage")]
#[case::nothing_to_ask(with("/prometheus", json!({"server": "main"})), "spec.prometheus: needs checks or series")]
#[case::series_of_one_name(with("/prometheus", json!({"server": "main", "series": [{"name": "n", "query": "q"}, {"name": "n", "query": "q"}]})), "spec.prometheus.series[1].name: another series is named \"n\" too")]
#[case::checks_of_one_name(with("/prometheus", json!({"server": "main", "checks": [{"name": "n", "query": "q", "condition": "< 1"}, {"name": "n", "query": "q", "condition": "< 1"}]})), "spec.prometheus.checks[1].name: another check is named \"n\" too")]
#[case::no_size(with("/scenarios/0/steps/1", json!({"request": {"url": "/", "generated": {"size": 0}}})), "spec.scenarios[0].steps[1].request.generated.size: must be from 1 to 5Gi")]
#[case::small_json(with(NESTED, json!({"request": {"url": "/", "generated": {"size": "100", "kind": "JSON"}}})), "request.generated.size: must be at least 512")]
#[case::part_too_large_to_compress(
    with("/scenarios/0/steps/1", json!({"request": {"url": "/", "compression": ["Gzip"], "multipart": [{"name": "a", "generated": {"size": "65Mi"}}]}})),
    "request.multipart[0].generated.size: must be at most 64Mi with compression"
)]
#[case::two_contents(
    with("/scenarios/0/steps/1", json!({"request": {"url": "/", "multipart": [{"name": "a", "value": "b", "generated": {"size": 1}}]}})),
    "request.multipart[0]: a part has exactly one of value, file and generated"
)]
#[case::rows_by_size(with("/data", json!([{"name": "rows", "generated": {"size": "1Gi", "fields": {"a": "b"}}}])), "spec.data[0].generated.size: must be from 1 to 512Mi")]
#[case::start_of_a_user(with("/scenarios/0/onStart", json!([{"request": {"url": "/{{ token }}"}}])), "spec.scenarios[0].onStart[0].request.url: unknown variable \"token\"")]
#[case::end_of_a_user(with("/scenarios/0/onStop", json!([{"loop": {"count": 1, "steps": [{"thnk": {}}]}}])), "spec.scenarios[0].onStop[0].loop.steps[0].thnk: unknown field")]
#[case::weights(with("/scenarios/0/weight", json!(0)), "spec.scenarios: all weights are 0")]
#[case::top_level_field(with("/lod", json!({})), "spec.lod: unknown field")]
#[case::variable(with("/variables/user", json!("x")), "spec.variables.user: \"user\" is a built-in variable")]
#[case::empty_list(with("/variables/emails", json!([])), "spec.variables.emails: the list is empty")]
#[case::peaks(with("/target/workloads", json!([{"name": "a", "expect": {"minPeakReplicas": 2, "maxPeakReplicas": 1}}])), "spec.target.workloads[0].expect.minPeakReplicas: 2 is more than maxPeakReplicas 1")]
#[case::no_capacity(with("/target/workloads", json!([{"name": "a", "capacityPerReplica": "0m"}])), "spec.target.workloads[0].capacityPerReplica: must be above 0")]
#[case::nine_workloads(
    with("/target/workloads", (0..9).map(|place| json!({"name": format!("w{place}")})).collect()),
    "spec.target.workloads: has 9 entries; at most 8",
)]
fn what_is_wrong_is_named_with_its_path(#[case] raw: Value, #[case] expected: &str) {
    let errors = compile(&raw).map(|_| ()).unwrap_err();
    assert!(errors.iter().any(|error| error.contains(expected)), "{errors:#?}");
}

#[rstest]
#[case::no_scheme("127.0.0.1:8082")]
#[case::scheme("ftp://shop:80")]
#[case::port("http://shop:99999")]
fn a_wrong_base_url_is_told_once(#[case] url: &str) {
    // As from an argument, which no schema has seen.
    let mut spec = read_spec(&spec()).unwrap();
    spec.target.base_url = url.into();
    let errors = validate(&spec).map(|_| ()).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["spec.target.baseURL"], "{errors:?}");
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let mut raw = spec();
    let scenario = raw["scenarios"][0].clone();
    raw["scenarios"].as_array_mut().unwrap().push(scenario);
    let errors = compile(&raw).map(|_| ()).unwrap_err();
    assert!(
        errors[0].starts_with("spec.scenarios[1].name: another scenario is named \"pay\" too"),
        "{errors:?}"
    );
}

#[test]
fn steps_nested_without_end_are_refused() {
    let mut step = json!({"think": {"min": "1s"}});
    for _ in 0..60 {
        step = json!({"group": {"name": "g", "steps": [step]}});
    }
    let errors = compile(&with("/scenarios/0/steps/0", step)).map(|_| ()).unwrap_err();
    assert!(errors[0].contains("nested more than 16 levels deep"), "{errors:?}");
}

/// Any JSON, with the words of the language mixed in so that it gets far.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "request",
        "think",
        "if",
        "then",
        "else",
        "loop",
        "while",
        "steps",
        "group",
        "name",
        "url",
        "json",
        "condition",
        "count",
        "min",
        "capture",
        "expect",
        "status",
        "jsonPath",
        "{{ x }}",
        "{{ randomInt(1, 2) }}",
        "{{",
        "1s",
        "$.a",
        "a == 1",
        "(((",
        "$[?@.a]",
    ]);
    let text = prop_oneof![word.clone().prop_map(String::from), ".{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_the_schema_check_or_the_reader_panic(raw in any_json()) {
        let _ = check_spec(&raw);
        let _ = compile(&raw);
    }

    #[test]
    fn no_step_makes_validation_panic(step in any_json(), nested in any_json()) {
        let _ = compile(&with(NESTED, nested.clone()));
        // Also past the schema check, as an API server with an older schema might let it through.
        if let Ok(mut spec) = read_spec(&spec()) {
            for step in [step, nested] {
                if let Ok(step) = serde_json::from_value(json!({"loop": {"count": 1, "steps": [step]}}))
                    && let Some(scenarios) = &mut spec.scenarios {
                    scenarios[0].steps.push(step);
                }
            }
            let _ = validate(&spec);
        }
    }
}
