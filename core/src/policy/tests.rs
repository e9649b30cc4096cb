// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::LoadTestSpec;

use super::*;
use crate::validate::validate;

fn policy(document: Value) -> Policy {
    Policy::compile(&serde_json::from_value(document).unwrap()).unwrap()
}

fn test(more: Value) -> LoadTestSpec {
    let mut spec = json!({
        "target": {"baseURL": "http://checkout.shop.svc:8080"},
        "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/pay"}}]}],
        "load": {"constant": {"level": 1, "duration": "10m"}},
        "runner": {"parallelism": 4},
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

/// What is refused, as one text.
fn refused(document: Value, more: Value) -> String {
    let (policy, test) = (policy(document), test(more));
    let valid = validate(&test).unwrap();
    check(&test, &valid, &policy, "shop").err().map(|refusals| policy.message(&refusals)).unwrap_or_default()
}

#[test]
fn a_policy_that_says_nothing_allows_everything() {
    assert_eq!(refused(json!({}), json!({"runner": {"parallelism": 1000, "image": "anything"}})), "");
    assert!(policy(json!({})) == Policy::default() && Policy::default().rules("x").reach().is_open());
}

#[rstest]
#[case::base_url(json!({"target": {"baseURL": "http://evil.example"}}), "spec.target.baseURL leads to evil.example, which policy.rules.targetHosts does not allow (allowed: *.shop.svc)")]
#[case::address(json!({"target": {"baseURL": "http://10.0.0.1"}}), "spec.target.baseURL leads to 10.0.0.1")]
#[case::ipv6(json!({"target": {"baseURL": "http://[::ffff:10.0.0.1]:80"}}), "spec.target.baseURL leads to")]
#[case::odd(json!({"target": {"baseURL": "http://0x7f.1"}}), "leads to 0x7f.1")]
#[case::user(json!({"target": {"baseURL": "http://a.shop.svc@evil.example"}}), "leads to evil.example")]
#[case::request(json!({"scenarios": [{"name": "s", "steps": [{"group": {"name": "g", "steps": [{"request": {"url": "https://evil.example/{{ user }}"}}]}}]}]}), "leads to evil.example")]
#[case::before(json!({"before": [{"request": {"url": "http://evil.example"}}]}), "spec.before: the URL of request")]
#[case::after(json!({"after": [{"request": {"url": "http://evil.example?a"}}]}), "spec.after: the URL of request")]
#[case::hosts(json!({"http": {"hosts": {"checkout.shop.svc": "169.254.169.254"}}}), "spec.http.hosts sends a name to 169.254.169.254")]
#[case::proxy(json!({"http": {"proxy": {"http": "http://user:pw@evil.example:3128"}}}), "spec.http.proxy.http leads to evil.example")]
#[case::prometheus(json!({"prometheus": {"url": "http://evil.example", "checks": [{"name": "n", "query": "q", "condition": "< 1"}]}}), "spec.prometheus.url leads to evil.example")]
#[case::remote_write(json!({"outputs": [{"name": "m", "prometheusRemoteWrite": {"url": "http://evil.example/api/v1/write"}}]}), "spec.outputs[0].prometheusRemoteWrite.url leads to evil.example")]
#[case::otlp(json!({"outputs": [{"name": "o", "otlp": {"endpoint": "http://evil.example:4318"}}]}), "spec.outputs[0].otlp.endpoint leads to evil.example")]
fn hosts_are_refused_wherever_they_stand(#[case] more: Value, #[case] words: &str) {
    let refused =
        refused(json!({"contact": "platform@example.com", "rules": {"targetHosts": ["*.shop.svc"]}}), more);
    assert!(refused.contains(words), "{refused}");
    assert!(refused.ends_with("; ask platform@example.com"), "{refused}");
}

#[test]
fn what_is_put_together_at_run_time_is_left_to_the_runners() {
    let more = json!({"scenarios": [{"name": "s", "steps": [{"request": {"url": "http://{{ user }}.evil.example/"}}]}]});
    assert_eq!(refused(json!({"rules": {"targetHosts": ["*.shop.svc"]}}), more), "");
}

#[rstest]
#[case::image(json!({"runnerImages": ["registry.example.com/*"]}), json!({"runner": {"image": "evil/runner"}}), "spec.runner.image asks for \"evil/runner\"")]
#[case::no_image(json!({"runnerImages": []}), json!({"runner": {"image": "evil/runner"}}), "(none are allowed)")]
#[case::secret(json!({"secretNames": ["loadtest-*"]}), json!({"secrets": [{"name": "p", "secretKeyRef": {"name": "root", "key": "k"}}]}), "spec.secrets[0].secretKeyRef.name asks for \"root\"")]
#[case::pull(json!({"secretNames": ["loadtest-*"]}), json!({"runner": {"imagePullSecrets": [{"name": "root"}]}}), "spec.runner.imagePullSecrets[0].name")]
#[case::file(json!({"secretNames": ["loadtest-*"]}), json!({"http": {"tls": {"ca": {"secretKeyRef": {"name": "root", "key": "k"}}}}}), "spec.http.tls.ca.secretKeyRef.name")]
#[case::header(json!({"secretNames": []}), json!({"prometheus": {"url": "http://p", "headers": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "root", "key": "k"}}}], "checks": [{"name": "n", "query": "q", "condition": "< 1"}]}}), "spec.prometheus.headers[0]")]
#[case::output(json!({"secretNames": []}), json!({"outputs": [{"name": "o", "otlp": {"endpoint": "http://o", "headers": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "root", "key": "k"}}}]}}]}), "spec.outputs[0].otlp.headers[0].valueFrom.secretKeyRef.name asks for \"root\"")]
#[case::store(json!({"secretNames": ["loadtest-*"]}), json!({"record": {"store": {"objectStore": {"url": "s3://runs", "secretRef": {"name": "root"}}}}}), "spec.record.store.objectStore.secretRef.name asks for \"root\"")]
#[case::runners(json!({"maxRunners": 3}), json!({}), "spec.runner.parallelism asks for 4 runners, which policy.rules.maxRunners does not allow (at most 3)")]
#[case::duration(json!({"maxDuration": "5m"}), json!({}), "spec.load lasts 10m, which policy.rules.maxDuration does not allow (at most 5m)")]
#[case::search(json!({"maxDuration": "30m"}), json!({"load": {"capacity": {"find": "MaxRate", "from": 10, "to": 40, "within": 100, "repeats": 1, "warmUp": "10s", "measure": "20s"}, "gracefulStop": "5m"}, "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}]}), "spec.load lasts 33m, which policy.rules.maxDuration does not allow (at most 30m)")]
#[case::search_with_rests(json!({"maxDuration": "30m"}), json!({"target": {"baseURL": "http://checkout.shop.svc", "workloads": [{"name": "checkout"}]}, "autoscaling": {"waitForIdle": {"timeout": "4m"}}, "load": {"capacity": {"find": "MaxRate", "from": 10, "to": 40, "within": 100, "repeats": 1, "warmUp": "10s", "measure": "20s"}, "gracefulStop": "1m"}, "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}]}), "spec.load with its waits for a quiet target lasts up to 33m, which policy.rules.maxDuration does not allow (at most 30m)")]
#[case::search_with_replicas(json!({"maxDuration": "20m"}), json!({"target": {"baseURL": "http://checkout.shop.svc", "workloads": [{"name": "checkout"}]}, "deadlines": {"prepare": "270s"}, "load": {"capacity": {"find": "MinReplicas", "rate": 10, "from": 1, "to": 2, "repeats": 1, "warmUp": "10s", "measure": "20s"}, "gracefulStop": "1m"}, "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}]}), "spec.load with its waits for replicas lasts up to 30m, which policy.rules.maxDuration does not allow (at most 20m)")]
#[case::wait(json!({"maxDuration": "20m"}), json!({"deadlines": {"prepare": "21m"}}), "spec.deadlines.prepare is 21m, which policy.rules.maxDuration does not allow (at most 20m)")]
#[case::start(json!({"maxDuration": "10m"}), json!({"deadlines": {"start": "16m"}}), "spec.deadlines.start is 16m, which policy.rules.maxDuration does not allow (at most 15m)")]
#[case::run(json!({"maxDuration": "10m"}), json!({"deadlines": {"run": "26m"}}), "spec.deadlines.run is 26m, which policy.rules.maxDuration does not allow (at most 25m)")]
#[case::restore(json!({"maxDuration": "10m"}), json!({"deadlines": {"restore": "16m"}}), "spec.deadlines.restore is 16m, which policy.rules.maxDuration does not allow (at most 15m)")]
#[case::graceful_stop(json!({"maxDuration": "10m"}), json!({"load": {"constant": {"level": 1, "duration": "1m"}, "gracefulStop": "16m"}}), "spec.load.gracefulStop")]
#[case::idle(json!({"maxDuration": "10m"}), json!({"target": {"baseURL": "http://checkout.shop.svc", "workloads": [{"name": "checkout"}]}, "autoscaling": {"waitForIdle": {"timeout": "16m"}}}), "spec.autoscaling.waitForIdle.timeout")]
#[case::settling(json!({"maxDuration": "10m"}), json!({"target": {"baseURL": "http://checkout.shop.svc", "workloads": [{"name": "checkout", "capacityPerReplica": 5, "expect": {"maxSettlingTime": "16m"}}]}}), "spec.target.workloads[0].expect.maxSettlingTime")]
#[case::scale_down(json!({"maxDuration": "10m"}), json!({"target": {"baseURL": "http://checkout.shop.svc", "workloads": [{"name": "checkout", "expect": {"scaleDownWithin": "16m"}}]}}), "spec.target.workloads[0].expect.scaleDownWithin")]
#[case::network(json!({"targetNetworks": ["10.0.0.0/8"]}), json!({"target": {"baseURL": "http://11.0.0.1"}}), "policy.rules.targetNetworks")]
#[case::blocked(json!({"blockedNetworks": ["127.0.0.0/8"]}), json!({"target": {"baseURL": "http://[::ffff:127.0.0.1]/"}}), "policy.rules.blockedNetworks")]
fn each_rule_refuses_by_its_name(#[case] rules: Value, #[case] more: Value, #[case] words: &str) {
    let refused = refused(json!({"rules": rules}), more);
    assert!(refused.contains(words), "{refused}");
}

fn init_container(more: Value) -> Value {
    let mut container = json!({"name": "fetch", "image": "registry.example.com/tools/fetch:1"});
    container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"runner": {"initContainers": [container], "volumes": [{"name": "v", "emptyDir": {}}]}})
}

fn volume(volume: Value) -> Value {
    json!({"runner": {"volumes": [volume]}})
}

fn reference() -> Value {
    json!({"secretKeyRef": {"name": "root", "key": "k"}})
}

#[rstest]
#[case::init_image(json!({"initContainerImages": ["registry.example.com/upsurge/*"]}), init_container(json!({})), "spec.runner.initContainers[0].image asks for \"registry.example.com/tools/fetch:1\", which policy.rules.initContainerImages does not allow (allowed: registry.example.com/upsurge/*)")]
#[case::init_image_of_a_runner(json!({"runnerImages": ["registry.example.com/*"]}), init_container(json!({})), "policy.rules.runnerImages does not allow (none are allowed unless policy.rules.initContainerImages lists them)")]
#[case::account(json!({"serviceAccounts": ["loadtest-*"]}), json!({"runner": {"serviceAccountName": "admin"}}), "spec.runner.serviceAccountName asks for \"admin\", which policy.rules.serviceAccounts does not allow")]
#[case::account_that_reads_secrets(json!({"secretNames": ["loadtest-*"]}), json!({"runner": {"serviceAccountName": "admin"}}), "policy.rules.secretNames does not allow (none are allowed unless policy.rules.serviceAccounts lists them)")]
#[case::priority(json!({"priorityClasses": []}), json!({"runner": {"priorityClassName": "high"}}), "spec.runner.priorityClassName asks for \"high\"")]
#[case::env(json!({"secretNames": []}), json!({"runner": {"env": [{"name": "A", "valueFrom": reference()}]}}), "spec.runner.env[0].valueFrom.secretKeyRef.name asks for \"root\"")]
#[case::env_from(json!({"secretNames": []}), json!({"runner": {"envFrom": [{"secretRef": {"name": "root"}}]}}), "spec.runner.envFrom[0].secretRef.name asks for \"root\"")]
#[case::init_env(json!({"secretNames": []}), init_container(json!({"env": [{"name": "A", "valueFrom": reference()}]})), "spec.runner.initContainers[0].env[0].valueFrom.secretKeyRef.name")]
#[case::init_env_from(json!({"secretNames": []}), init_container(json!({"envFrom": [{"secretRef": {"name": "root"}}]})), "spec.runner.initContainers[0].envFrom[0].secretRef.name")]
#[case::volume(json!({"secretNames": []}), volume(json!({"name": "v", "secret": {"secretName": "root"}})), "spec.runner.volumes[0].secret.secretName asks for \"root\"")]
#[case::projected(json!({"secretNames": []}), volume(json!({"name": "v", "projected": {"sources": [{"secret": {"name": "root"}}]}})), "spec.runner.volumes[0].projected.sources[0].secret.name asks for \"root\"")]
#[case::csi(json!({"secretNames": []}), volume(json!({"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "root"}}})), "spec.runner.volumes[0].csi.nodePublishSecretRef.name asks for \"root\"")]
#[case::alias(json!({"targetHosts": ["*.shop.svc"]}), json!({"runner": {"hostAliases": [{"ip": "169.254.169.254", "hostnames": ["a.shop.svc"]}]}}), "spec.runner.hostAliases[0].ip sends a name to 169.254.169.254")]
#[case::alias_in_blocked_network(json!({"blockedNetworks": ["169.254.0.0/16"]}), json!({"runner": {"hostAliases": [{"ip": "169.254.169.254", "hostnames": ["a"]}]}}), "policy.rules.blockedNetworks")]
#[case::name_server(json!({"targetHosts": ["*.shop.svc"]}), json!({"runner": {"dnsConfig": {"nameservers": ["192.0.2.53"]}}}), "spec.runner.dnsConfig.nameservers[0] has names resolved by 192.0.2.53")]
#[case::search_domain(json!({"targetHosts": ["*.shop.svc"]}), json!({"runner": {"dnsConfig": {"searches": ["evil.example"]}}}), "spec.runner.dnsConfig.searches[0] leads names to evil.example, which policy.rules.targetHosts does not allow")]
fn nobody_gets_round_a_rule_by_what_they_add_to_the_pods(
    #[case] rules: Value,
    #[case] more: Value,
    #[case] words: &str,
) {
    let refused = refused(json!({"contact": "us", "rules": rules}), more);
    assert!(refused.contains(words), "{refused}");
    assert!(refused.ends_with("; ask us"), "{refused}");
}

#[rstest]
#[case::init_image(json!({"runnerImages": [], "initContainerImages": ["registry.example.com/tools/*"]}), init_container(json!({})))]
#[case::no_rule_about_images(json!({"secretNames": []}), init_container(json!({})))]
#[case::account(json!({"secretNames": [], "serviceAccounts": ["loadtest-*"]}), json!({"runner": {"serviceAccountName": "loadtest-a"}}))]
#[case::no_rule_about_secrets(json!({"runnerImages": []}), json!({"runner": {"serviceAccountName": "admin"}}))]
#[case::priority(json!({"priorityClasses": ["load*"]}), json!({"runner": {"priorityClassName": "load"}}))]
#[case::secrets(json!({"secretNames": ["loadtest-*"]}), json!({"runner": {"envFrom": [{"secretRef": {"name": "loadtest-a"}}, {"configMapRef": {"name": "b"}}]}}))]
#[case::search_domain(json!({"targetHosts": ["*.shop.svc"]}), json!({"runner": {"dnsConfig": {"searches": ["shop.svc", "b.shop.svc."]}}}))]
#[case::name_server_where_addresses_count(json!({"targetHosts": ["*.shop.svc"], "targetNetworks": ["0.0.0.0/0"]}), json!({"runner": {"dnsConfig": {"nameservers": ["192.0.2.53"]}}}))]
fn what_the_rules_allow_of_the_pods_passes(#[case] rules: Value, #[case] more: Value) {
    assert_eq!(refused(json!({"rules": rules}), more), "");
}

#[test]
fn servers_are_those_of_the_policy() {
    let asks = json!({"prometheus": {"server": "main", "checks": [{"name": "n", "query": "q", "condition": "< 1"}]}});
    let servers = json!({"main": {"url": "http://p:9090"}, "other": {"url": "http://o:9090"}});
    assert!(
        refused(json!({}), asks.clone())
            .contains("policy.prometheusServers does not allow (none are allowed)")
    );
    assert_eq!(refused(json!({"prometheusServers": servers}), asks.clone()), "");
    let document = json!({"prometheusServers": servers, "rules": {"prometheusServers": ["other"]}});
    assert!(
        refused(document, asks).contains("policy.rules.prometheusServers does not allow (allowed: other)")
    );
}

#[test]
fn the_first_entry_that_names_a_namespace_is_its_own_and_the_rest_is_as_everywhere() {
    let policy = policy(json!({
        "rules": {"maxRuns": 1, "maxRunners": 2},
        "namespaces": [
            {"names": ["team-a", "x"], "rules": {"maxRuns": 3}},
            {"names": ["team-*"], "rules": {"maxRuns": 4, "targetHosts": []}},
        ],
    }));
    let told = |namespace| {
        let rules = policy.rules(namespace);
        let shown =
            |rule: Option<Rule<u32>>| rule.map(|rule| format!("{} {}", rule.value, rule.path)).unwrap();
        (shown(rules.max_runs.clone()), shown(rules.max_runners.clone()), rules.reach().hosts)
    };
    let everywhere = "2 policy.rules.maxRunners".to_owned();
    assert_eq!(told("team-a"), ("3 policy.namespaces[0].rules.maxRuns".into(), everywhere.clone(), None));
    assert_eq!(
        told("team-b"),
        ("4 policy.namespaces[1].rules.maxRuns".into(), everywhere.clone(), Some(vec![]))
    );
    assert_eq!(told("shop"), ("1 policy.rules.maxRuns".into(), everywhere, None));
}

#[rstest]
#[case(json!({"rules": {"targetHosts": ["a b"]}}), "policy.rules.targetHosts[0]")]
#[case(json!({"rules": {"targetNetworks": ["10.0.0.0/33"]}}), "policy.rules.targetNetworks[0]")]
#[case(json!({"rules": {"blockedNetworks": ["x"]}}), "policy.rules.blockedNetworks[0]")]
#[case(json!({"maxRuns": 0}), "policy.maxRuns")]
#[case(json!({"namespaces": [{"names": ["a"], "rules": {"maxRunners": 0}}]}), "policy.namespaces[0].rules.maxRunners")]
#[case(json!({"namespaces": [{"names": [], "rules": {}}]}), "policy.namespaces[0].names")]
#[case(json!({"rules": {"prometheusServers": ["x"]}}), "policy.rules.prometheusServers")]
#[case(json!({"prometheusServers": {"m": {"url": "p:9090"}}}), "policy.prometheusServers.m.url")]
#[case(json!({"prometheusServers": {"m": {"url": "http://p", "caFile": "ca.pem"}}}), "policy.prometheusServers.m.caFile")]
fn a_wrong_policy_is_refused_with_the_path(#[case] document: Value, #[case] path: &str) {
    let errors = Policy::compile(&serde_json::from_value(document).unwrap()).unwrap_err();
    assert!(errors.iter().any(|error| error.path == path), "{errors:?}");
}

#[test]
fn unknown_fields_are_refused() {
    for wrong in [
        json!({"rule": {}}),
        json!({"rules": {"maxRun": 1}}),
        json!({"namespaces": [{"names": ["a"], "rules": {"x": 1}}]}),
    ] {
        assert!(serde_json::from_value::<Document>(wrong.clone()).is_err(), "{wrong}");
    }
}
