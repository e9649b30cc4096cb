// SPDX-License-Identifier: Apache-2.0
//! Every CEL rule of the schemas: what it lets pass, what it refuses, and with what words.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use kube::core::cel::{validate_cel, validate_cel_update};
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::{LoadTest, LoadTestRun};

/// A test that is right in every way.
fn test() -> Value {
    json!({
        "apiVersion": "upsurge.dev/v1alpha1",
        "kind": "LoadTest",
        "metadata": {"name": "checkout", "namespace": "shop"},
        "spec": {
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/pay"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}
        }
    })
}

/// The right test with a value put at a JSON pointer below its spec.
fn with(pointer: &str, value: Value) -> Value {
    let mut test = test();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let place = test.pointer_mut(&format!("/spec{parent}")).unwrap();
    match (place, value) {
        (Value::Object(fields), Value::Null) => drop(fields.remove(key)),
        (Value::Object(fields), value) => drop(fields.insert(key.into(), value)),
        (place, value) => *place.pointer_mut(&format!("/{key}")).unwrap() = value,
    }
    test
}

/// What the rules say about a test; empty if they let it pass.
fn objections(test: Value) -> String {
    let test: LoadTest = serde_json::from_value(test).unwrap();
    validate_cel(&test).err().map(|errors| errors.to_string()).unwrap_or_default()
}

fn step(step: Value) -> Value {
    with("/scenarios/0/steps/0", step)
}

fn request(fields: Value) -> Value {
    let mut request = json!({"url": "/pay"});
    if let (Some(all), Value::Object(fields)) = (request.as_object_mut(), fields) {
        all.extend(fields);
    }
    step(json!({"request": request}))
}

fn expectation(expectation: Value) -> Value {
    request(json!({"expect": [expectation]}))
}

fn capture(fields: Value) -> Value {
    let mut capture = json!({"name": "token"});
    if let (Some(all), Value::Object(fields)) = (capture.as_object_mut(), fields) {
        all.extend(fields);
    }
    request(json!({"capture": [capture]}))
}

fn usage(limit: Value) -> Value {
    with("/usage", json!([limit]))
}

fn prometheus(fields: Value) -> Value {
    let mut prometheus = json!({"checks": [{"name": "up", "query": "up", "condition": "> 0"}]});
    if let (Some(all), Value::Object(fields)) = (prometheus.as_object_mut(), fields) {
        all.extend(fields);
    }
    with("/prometheus", prometheus)
}

/// An executor with some more.
fn executor(more: Value) -> Value {
    let mut executor = json!({"name": "a", "constantVUs": {"duration": "1s"}});
    if let (Some(all), Value::Object(more)) = (executor.as_object_mut(), more) {
        all.extend(more);
    }
    executor
}

fn header() -> Value {
    json!({"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "prometheus", "key": "token"}}})
}

#[test]
fn a_prometheus_server_is_the_platforms_or_the_tests() {
    for fields in [json!({}), json!({"server": "main", "url": "http://p:9090"})] {
        let said = objections(prometheus(fields.clone()));
        assert!(said.contains("exactly one of server and url"), "{fields}: {said}");
    }
    let said = objections(with("/prometheus", json!({"server": "main"})));
    assert!(said.contains("spec.prometheus needs checks or series"), "{said}");
    let said = objections(prometheus(json!({"server": "main", "headers": [header()]})));
    assert!(said.contains("spec.prometheus.headers belong to url"), "{said}");
}

#[test]
fn a_store_of_records_is_one_place() {
    let (objects, claim) =
        (json!({"url": "s3://records", "secretRef": {"name": "store"}}), json!({"claimName": "records"}));
    let store = |store: Value| objections(with("/record", json!({"store": store})));
    for fields in [json!({}), json!({"objectStore": objects, "persistentVolumeClaim": claim})] {
        let said = store(fields.clone());
        assert!(said.contains("exactly one of objectStore and persistentVolumeClaim"), "{fields}: {said}");
    }
    assert_eq!(store(json!({"objectStore": objects})) + &store(json!({"persistentVolumeClaim": claim})), "");
}

#[test]
fn an_output_has_one_destination() {
    let write = json!({"url": "http://p:9090/api/v1/write", "headers": [header()]});
    let otlp = json!({"endpoint": "http://otel:4318"});
    let output = |fields: Value| {
        let mut output = json!({"name": "metrics"});
        output.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        objections(with("/outputs", json!([output])))
    };
    for fields in [json!({}), json!({"prometheusRemoteWrite": write, "otlp": otlp})] {
        let said = output(fields.clone());
        assert!(said.contains("exactly one of prometheusRemoteWrite and otlp"), "{fields}: {said}");
    }
    for fields in [json!({"prometheusRemoteWrite": write}), json!({"otlp": otlp, "interval": "10s"})] {
        assert_eq!(output(fields.clone()), "", "{fields}");
    }
}

#[rstest]
#[case::minimal(test())]
#[case::spike(with("/load", json!({"spike": {"baseline": 1, "peak": 9, "hold": "1m"}})))]
#[case::stages(with("/load", json!({"stages": [{"duration": "1m", "target": 5}]})))]
#[case::think(step(json!({"think": {"min": "1s", "max": "2s"}})))]
#[case::branch(step(json!({"if": {"condition": "a == 1", "then": [{"request": {"url": "/"}}]}})))]
#[case::loop_by_count(step(json!({"loop": {"count": 3, "steps": [{"request": {"url": "/"}}]}})))]
#[case::loop_by_condition(step(json!({"loop": {"while": "a == 1", "steps": [{"request": {"url": "/"}}]}})))]
#[case::loop_over(step(json!({"loop": {"over": "items", "steps": []}})))]
#[case::think_normal(step(json!({"think": {"normal": {"mean": "1s", "deviation": "1s"}}})))]
#[case::parallel(step(json!({"parallel": {"limit": 2, "steps": []}})))]
#[case::set(step(json!({"set": [{"name": "a", "value": 1}]})))]
#[case::record(step(json!({"record": {"metric": "a"}})))]
#[case::abort(step(json!({"abort": {"reason": "a", "if": "b"}})))]
#[case::csv(with("/data", json!([{"name": "a", "csv": {"source": {"text": "a"}}}])))]
#[case::run(step(json!({"run": "log in"})))]
#[case::block(with("/blocks", json!([{"name": "log in", "steps": [{"request": {"url": "/"}}]}])))]
#[case::open(with("/load", json!({"unit": "IterationsPerSecond", "arrivals": {"spread": "Poisson", "seed": 1, "whenBusy": "Queue", "queueLimit": 1},
    "constant": {"level": "2.5", "duration": "1m"}})))]
#[case::executors(with("/load", json!({"executors": [executor(json!({}))]})))]
#[case::spikes(with("/load", json!({"spike": {"baseline": 1, "warmUp": "1m", "spikes": [{"name": "a", "peak": 9, "hold": "1m"}]}})))]
#[case::stress(with("/load", json!({"stress": {"start": 1, "increment": 1, "every": "1m", "max": 9, "brokenAt": {"errorRate": "5%"},
    "degradation": {"answers": [429, "500-599"]}, "recoverWithin": "2m"}})))]
#[case::availability(with("/thresholds", json!([{"metric": "availability", "minSucceededPercent": 95, "condition": "rate > 99%"}])))]
#[case::when_failed(expectation(json!({"jsonPath": "$.error", "exists": true, "when": "Failed"})))]
#[case::volume(with("/load", json!({"volume": {"iterations": 5}})))]
#[case::auth(request(json!({"auth": {"none": true}})))]
#[case::group(step(json!({"group": {"name": "g", "steps": [{"request": {"url": "/"}}]}})))]
#[case::body(request(json!({"body": "a"})))]
#[case::form(request(json!({"form": {"a": "1"}})))]
#[case::generated_body(request(json!({"generated": {"size": "10Mi", "kind": "Text"}})))]
#[case::generated_rows(with("/data", json!([{"name": "a", "generated": {"rows": 1, "fields": {"a": "b"}}}])))]
#[case::rows_by_size(with("/data", json!([{"name": "a", "generated": {"size": "1Mi", "fields": {"a": "b"}}}])))]
#[case::capture_of_json(capture(json!({"jsonPath": "$.token"})))]
#[case::capture_of_header(capture(json!({"header": "Location"})))]
#[case::capture_by_regex(capture(json!({"regex": "a(.)"})))]
#[case::capture_by_selector(capture(json!({"selector": {"css": "a", "attribute": "href"}, "match": "All", "default": []})))]
#[case::capture_of_cookie(capture(json!({"cookie": "id"})))]
#[case::capture_of_status(capture(json!({"status": true})))]
#[case::capture_of_body(capture(json!({"body": true})))]
#[case::capture_of_time(capture(json!({"responseTime": true})))]
#[case::expect_comparison(expectation(json!({"jsonPath": "$.a", "atLeast": 1, "lessThan": "2.5", "not": true})))]
#[case::expect_length(expectation(json!({"selector": {"css": "a", "attribute": "href"}, "minLength": 1})))]
#[case::expect_body(expectation(json!({"body": true, "contains": "a", "matches": "b"})))]
#[case::expect_match(expectation(json!({"bodyMatches": "ok"})))]
#[case::expect_condition(expectation(json!({"condition": "a == 1", "not": true})))]
#[case::expect_cookie(expectation(json!({"cookie": "id", "exists": false})))]
#[case::expect_status(expectation(json!({"status": [200]})))]
#[case::expect_type(expectation(json!({"contentType": "application/json"})))]
#[case::expect_json(expectation(json!({"jsonPath": "$.a", "exists": true})))]
#[case::expect_header(expectation(json!({"header": "Location", "exists": true})))]
#[case::expect_text(expectation(json!({"bodyContains": "ok"})))]
#[case::expect_time(expectation(json!({"responseTime": "1s"})))]
#[case::prometheus_of_the_platform(prometheus(json!({"server": "main"})))]
#[case::prometheus_series(with("/prometheus", json!({"server": "main", "series": [{"name": "up", "query": "up", "saturatedAt": "0.5"}]})))]
#[case::prometheus_of_the_test(prometheus(json!({"url": "http://p:9090", "headers": [header()]})))]
fn what_is_right_passes(#[case] test: Value) {
    assert_eq!(objections(test), "");
}

#[rstest]
#[case::share(json!({"resource": "CPU", "relativeTo": "Limit", "maxPercent": 70}), "")]
#[case::growth(json!({"resource": "Memory", "maxGrowthPercentPerHour": 5, "maxRestarts": 0}), "")]
#[case::percent_of_nothing(json!({"resource": "CPU", "maxPercent": 70}), "percent of what?")]
#[case::nothing_of_a_bound(json!({"resource": "CPU", "relativeTo": "Limit"}), "percent of what?")]
#[case::growth_of_cpu(json!({"resource": "CPU", "maxGrowthPercentPerHour": 5}), "go with resource: Memory")]
#[case::restarts_of_cpu(json!({"resource": "CPU", "maxRestarts": 0}), "go with resource: Memory")]
#[case::nothing(json!({"resource": "Memory", "workload": "checkout"}), "needs at least one of maxPercent")]
fn a_limit_on_usage_says_what_is_limited(#[case] limit: Value, #[case] message: &str) {
    let said = objections(usage(limit));
    assert!(said.contains(message) && said.is_empty() == message.is_empty(), "said {said:?}");
}

fn runner(fields: Value) -> Value {
    with("/runner", fields)
}

#[rstest]
#[case::labels(runner(json!({"labels": {"team": "shop", "upsurge.dev": "x"}})), "")]
#[case::own_label(runner(json!({"labels": {"upsurge.dev/run": "x"}})), "are set by the operator and by Kubernetes")]
#[case::own_component(runner(json!({"labels": {"app.kubernetes.io/component": "x"}})), "are set by the operator and by Kubernetes")]
#[case::own_annotation(runner(json!({"annotations": {"batch.kubernetes.io/job-completion-index": "1"}})), "are set by the operator and by Kubernetes")]
#[case::annotations(runner(json!({"annotations": {"sidecar.istio.io/inject": "false"}})), "")]
#[case::variables(runner(json!({"env": [{"name": "HTTP_PROXY", "value": "http://proxy"}]})), "")]
#[case::own_variable(runner(json!({"env": [{"name": "UPSURGE_RUN", "value": "x"}]})), "UPSURGE_… and JOB_COMPLETION_INDEX are the runner's own variables")]
#[case::own_index(runner(json!({"env": [{"name": "JOB_COMPLETION_INDEX", "value": "x"}]})), "UPSURGE_… and JOB_COMPLETION_INDEX are the runner's own variables")]
#[case::volumes(runner(json!({"volumes": [{"name": "token", "emptyDir": {}}], "volumeMounts": [{"name": "token", "mountPath": "/a"}]})), "")]
#[case::own_volume(runner(json!({"volumes": [{"name": "upsurge-token", "emptyDir": {}}]})), "volumes named upsurge-… are the operator's own: use other names")]
#[case::own_mount(runner(json!({"volumeMounts": [{"name": "upsurge-files", "mountPath": "/a"}]})), "mount those of spec.runner.volumes")]
#[case::init_container(runner(json!({"initContainers": [{"name": "fetch", "image": "fetch:1"}]})), "")]
#[case::own_container(runner(json!({"initContainers": [{"name": "runner", "image": "fetch:1"}]})), "runner is the name of the runner's own container")]
fn names_of_the_operators_own_are_refused_at_apply(#[case] test: Value, #[case] message: &str) {
    let said = objections(test);
    assert!(said.contains(message) && said.is_empty() == message.is_empty(), "said {said:?}");
}

/// The rules must be there in the definition as it is installed, too, which has some types of Kubernetes in outline only.
#[test]
fn what_is_outlined_keeps_its_rules_and_keys_and_everything_that_is_written_there() {
    let definition = upsurge_crds::manifests::all().remove(0);
    let definition = serde_json::to_value(definition).unwrap();
    let runner = definition
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/runner/properties")
        .unwrap();
    for (field, keys) in [("volumes", json!(["name"])), ("initContainers", json!(["name"]))] {
        let list = &runner[field];
        assert!(list["x-kubernetes-validations"][0]["rule"].as_str().unwrap().contains("one.name"), "{list}");
        assert_eq!((&list["x-kubernetes-list-map-keys"], &list["items"]["required"]), (&keys, &keys));
        assert_eq!(list["items"]["properties"].as_object().unwrap().len(), 1, "{list}");
        assert_eq!(list["items"]["x-kubernetes-preserve-unknown-fields"], true);
    }
    let affinity = &runner["affinity"];
    assert_eq!(
        (affinity.get("properties"), &affinity["x-kubernetes-preserve-unknown-fields"]),
        (None, &json!(true))
    );
    assert_eq!(affinity["type"], "object");
    // What specs are checked by besides knows all of it.
    let whole = &upsurge_crds::schemas::LOAD_TEST["properties"]["spec"]["properties"]["runner"]["properties"];
    assert!(whole["initContainers"]["items"]["properties"]["volumeMounts"].is_object());
    assert!(whole["affinity"]["properties"]["nodeAffinity"].is_object());
}

const ONE_PATTERN: &str = "spec.load needs exactly one of constant, stages, spike, stress,";
const ONE_STEP: &str = "a step is exactly one of request, think, if, loop, group";
const ONE_CAPTURE: &str =
    "a capture has exactly one of jsonPath, header, regex, selector, cookie, status, body and responseTime";
const ONE_EXPECTATION: &str = "an expectation is exactly one of status, contentType, jsonPath, header, selector, cookie, body, bodyContains, bodyMatches, responseTime and condition";
const OF_VALUES: &str = "equals, exists, contains, matches, comparisons and lengths belong to jsonPath, header, selector, cookie or body";

#[rstest]
#[case::empty_think(step(json!({"think": {"max": "1s"}})), "a think needs min, normal or exponential")]
#[case::two_thinks(
    step(json!({"think": {"normal": {"mean": "1s", "deviation": "1s"}, "exponential": {"mean": "1s"}}})),
    "a think has at most one of normal and exponential"
)]
#[case::two_steps(step(json!({"log": {"message": "a"}, "pace": {"every": "1s"}})), "a step is exactly one of")]
#[case::two_data(
    with("/data", json!([{"name": "a", "csv": {"source": {"text": "a"}}, "json": {"source": {"text": "a"}}}])),
    "data has exactly one of csv, json and generated"
)]
#[case::no_pattern(with("/load", json!({})), ONE_PATTERN)]
#[case::two_patterns(
    with("/load/spike", json!({"baseline": 1, "peak": 9, "hold": "1m"})), ONE_PATTERN)]
#[case::no_spike(with("/load", json!({"spike": {"baseline": 1}})), "spike needs exactly one of peak and spikes")]
#[case::two_kinds_of_spike(
    with("/load", json!({"spike": {"baseline": 1, "peak": 9, "hold": "1m", "spikes": [{"name": "a", "peak": 9, "hold": "1m"}]}})),
    "spike needs exactly one of peak and spikes")]
#[case::a_spike_without_hold(with("/load", json!({"spike": {"baseline": 1, "peak": 9}})), "peak needs hold")]
#[case::hold_beside_spikes(
    with("/load", json!({"spike": {"baseline": 1, "hold": "1m", "spikes": [{"name": "a", "peak": 9, "hold": "1m"}]}})),
    "stand in each of spikes")]
#[case::stop_and_go_on(
    with("/load", json!({"stress": {"start": 1, "increment": 1, "every": "1m", "max": 9, "brokenAt": {"errorRate": "5%"},
        "stopAt": {"errorRate": "5%"}}})), "give one of them")]
#[case::degradation_of_nothing(
    with("/load", json!({"stress": {"start": 1, "increment": 1, "every": "1m", "max": 9, "stopAt": {"errorRate": "5%"}, "degradation": {}}})),
    "degradation and recoverWithin need brokenAt")]
#[case::seconds_in_windows(
    with("/thresholds", json!([{"metric": "availability", "minSucceededPercent": 95, "condition": "rate > 99%", "window": "5s"}])),
    "availability looks at each second by itself")]
#[case::no_scenarios(with("/scenarios", Value::Null), "spec needs scenarios")]
#[case::unit_of_a_volume(with("/load", json!({"unit": "Users", "volume": {"iterations": 5}})), "unit and arrivals belong to patterns")]
#[case::unit_of_a_search(
    with("/load", json!({"unit": "IterationsPerSecond", "capacity": {"find": "MaxRate", "from": 1, "to": 9, "measure": "1s"}})),
    "unit does not go with capacity")]
#[case::scalability_of_nothing(
    with("/load", json!({"scalability": {}})), "scalability needs exactly one of replicas and sizes")]
#[case::scalability_of_both(
    with("/load", json!({"scalability": {
        "replicas": {"counts": [1, 2], "levelPerReplica": 5, "measure": "1s"},
        "sizes": {"sizes": [{"name": "a"}, {"name": "b"}], "level": 5, "measure": "1s"}}})),
    "scalability needs exactly one of replicas and sizes")]
#[case::unit_of_scalability(
    with("/load", json!({"unit": "Users", "scalability": {"replicas": {"counts": [1, 2], "levelPerReplica": 5, "measure": "1s"}}})),
    "unit and arrivals do not go with scalability")]
#[case::a_rate_beside_the_one_that_is_looked_for(
    with("/load", json!({"capacity": {"find": "MaxRate", "rate": 5, "from": 1, "to": 9, "measure": "1s"}})),
    "capacity.rate goes with find: MinReplicas")]
#[case::replicas_for_no_rate(
    with("/load", json!({"capacity": {"find": "MinReplicas", "from": 1, "to": 9, "measure": "1s"}})),
    "capacity.rate goes with find: MinReplicas")]
#[case::arrivals_of_users(
    with("/load/arrivals", json!({"spread": "Poisson"})), "arrivals need unit: IterationsPerSecond")]
#[case::stop_of_executors(
    with("/load", json!({"gracefulStop": "1s", "executors": [executor(json!({}))]})), "gracefulStop does not go with executors")]
#[case::unit_of_executors(
    with("/load", json!({"unit": "Users", "executors": [executor(json!({}))]})), "unit and arrivals belong to patterns")]
#[case::no_executor(with("/load", json!({"executors": [{"name": "a"}]})), "an executor is exactly one of")]
#[case::two_executors(
    with("/load", json!({"executors": [executor(json!({"sharedIterations": {}}))]})), "an executor is exactly one of")]
#[case::most_users_of_an_executor(
    with("/load", json!({"executors": [{"name": "a", "constantArrivalRate": {"rate": 1, "duration": "1s", "preAllocatedVUs": 1,
        "arrivals": {"maxUsers": 1}}}]})), "maxUsers belongs to patterns")]
#[case::queue_without_waiting(
    with("/load", json!({"unit": "IterationsPerSecond", "arrivals": {"queueLimit": 1}, "constant": {"level": 1, "duration": "1s"}})),
    "queueLimit belongs to whenBusy: Queue")]
#[case::seed_of_an_even_spread(
    with("/load", json!({"unit": "IterationsPerSecond", "arrivals": {"seed": 1}, "constant": {"level": 1, "duration": "1s"}})),
    "seed belongs to spread: Poisson")]
#[case::no_auth(request(json!({"auth": {}})), "auth has exactly one of basic, bearer, digest and none")]
#[case::two_auths(
    request(json!({"auth": {"none": true, "bearer": {"token": "a"}}})), "auth has exactly one of basic, bearer")]
#[case::empty_part(request(json!({"multipart": [{"name": "a"}]})), "a part has exactly one of value, file and generated")]
#[case::run_and_log(step(json!({"run": "a", "log": {"message": "b"}})), "a step is exactly one of")]
#[case::empty_step(step(json!({})), ONE_STEP)]
#[case::double_step(
    step(json!({"request": {"url": "/"}, "think": {"min": "1s"}})), ONE_STEP)]
#[case::two_bodies(
    request(json!({"body": "a", "form": {"a": "1"}})), "a request has at most one of json, body, form, multipart, file, base64 and generated")]
#[case::a_body_and_a_generated_one(
    request(json!({"body": "a", "generated": {"size": "1k"}})), "a request has at most one of json, body")]
#[case::rows_by_number_and_size(
    with("/data", json!([{"name": "a", "generated": {"rows": 1, "size": "1k", "fields": {"a": "b"}}}])),
    "generated data has exactly one of rows and size")]
#[case::empty_capture(capture(json!({})), ONE_CAPTURE)]
#[case::double_capture(capture(json!({"jsonPath": "$.a", "header": "b"})), ONE_CAPTURE)]
#[case::empty_expectation(expectation(json!({})), ONE_EXPECTATION)]
#[case::double_expectation(expectation(json!({"status": [200], "bodyContains": "ok"})), ONE_EXPECTATION)]
#[case::existence_of_nothing(expectation(json!({"status": [200], "exists": true})), OF_VALUES)]
#[case::comparison_of_nothing(expectation(json!({"bodyMatches": "a", "atMost": 1})), OF_VALUES)]
#[case::length_of_nothing(expectation(json!({"condition": "true", "minLength": 1})), OF_VALUES)]
#[case::condition_and_status(expectation(json!({"condition": "true", "status": [200]})), ONE_EXPECTATION)]
#[case::match_of_one_value(capture(json!({"cookie": "a", "match": "All"})), "match belongs to jsonPath, header, regex or selector")]
#[case::status_and_body(capture(json!({"status": true, "body": true})), ONE_CAPTURE)]
fn what_is_wrong_is_refused_in_words(#[case] test: Value, #[case] message: &str) {
    let said = objections(test);
    assert!(said.contains(message), "said {said:?}");
}

fn run(name: &str, abort: bool) -> Value {
    json!({
        "apiVersion": "upsurge.dev/v1alpha1",
        "kind": "LoadTestRun",
        "metadata": {"name": "checkout-1"},
        "spec": {"loadTestRef": {"name": name}, "abort": abort}
    })
}

/// A run with the snapshot of a test of that level.
fn snapshot(level: i32) -> Value {
    let mut run = run("a", false);
    run["spec"]["test"] = with("/load/constant/level", json!(level))["spec"].take();
    run
}

/// The same snapshot with another load in the place of the first.
fn reshaped() -> Value {
    let mut run = snapshot(1);
    run["spec"]["test"]["load"] = json!({"volume": {"iterations": 1}});
    run
}

#[rstest]
#[case::unchanged(run("a", false), run("a", false), "")]
#[case::aborted(run("a", false), run("a", true), "")]
#[case::still_aborted(run("a", true), run("a", true), "")]
#[case::filled_in(run("a", false), snapshot(1), "")]
#[case::kept(snapshot(1), snapshot(1), "")]
#[case::abort_taken_back(run("a", true), run("a", false), "spec.abort can't be taken back")]
#[case::other_test(run("a", false), run("b", false), "spec.loadTestRef can't be changed; create another run")]
#[case::other_snapshot(snapshot(1), snapshot(2), "spec.test can't be changed; create another run")]
#[case::snapshot_of_another_shape(snapshot(1), reshaped(), "spec.test can't be changed; create another run")]
#[case::snapshot_removed(snapshot(1), run("a", false), "spec.test can't be changed; create another run")]
fn a_run_keeps_its_test_and_its_abort(#[case] old: Value, #[case] new: Value, #[case] message: &str) {
    let read = |run| serde_json::from_value::<LoadTestRun>(run).unwrap();
    let said = validate_cel_update(&read(new), &read(old))
        .err()
        .map(|errors| errors.to_string())
        .unwrap_or_default();
    assert!(said.contains(message) && said.is_empty() == message.is_empty(), "said {said:?}");
}
