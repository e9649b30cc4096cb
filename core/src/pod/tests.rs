// SPDX-License-Identifier: Apache-2.0
//! What can't be had of runner pods, and with what words.

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::LoadTestSpec;

use crate::{field_error::FieldError, validate::validate};

fn test(runner: Value) -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://checkout"},
        "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/pay"}}]}],
        "load": {"constant": {"level": 1, "duration": "1m"}},
        "runner": runner,
    }))
    .unwrap()
}

fn objections(runner: Value) -> Vec<String> {
    validate(&test(runner)).err().unwrap_or_default().iter().map(FieldError::to_string).collect()
}

fn volume(volume: Value) -> Value {
    json!({"volumes": [volume]})
}

fn mount(path: &str) -> Value {
    json!({"volumes": [{"name": "a", "emptyDir": {}}], "volumeMounts": [{"name": "a", "mountPath": path}]})
}

fn init(more: Value) -> Value {
    let mut container = json!({"name": "fetch", "image": "fetch:1"});
    container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"initContainers": [container]})
}

#[test]
fn what_a_pod_may_have_is_read_as_it_is_written() {
    let runner = json!({
        "labels": {"team": "shop"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["load"]}]}]}}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "env": [{"name": "HTTP_PROXY", "value": "http://proxy"}, {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": 1}}}],
        "envFrom": [{"configMapRef": {"name": "more"}}],
        "serviceAccountName": "load-test",
        "securityContext": {"fsGroup": 2000, "runAsUser": 1000, "sysctls": [{"name": "net.ipv4.ip_local_port_range", "value": "1024 65535"}]},
        "containerSecurityContext": {"readOnlyRootFilesystem": false, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
        "volumes": [{"name": "token", "emptyDir": {"sizeLimit": "64Mi"}}, {"name": "claim", "ephemeral": {"volumeClaimTemplate":
            {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}}],
        "volumeMounts": [{"name": "token", "mountPath": "/scratch"}, {"name": "claim", "mountPath": "/etc/ssl/certs"}],
        "initContainers": [{"name": "fetch", "image": "fetch:1", "command": ["fetch"], "resources": {"requests": {"cpu": 1}},
            "volumeMounts": [{"name": "token", "mountPath": "/etc/hosts"}]}],
        "priorityClassName": "load", "schedulerName": "other", "runtimeClassName": "gvisor",
        "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["shop.example"]}],
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
    });
    let valid = validate(&test(runner)).unwrap();
    assert_eq!((valid.pod.env.len(), valid.pod.volumes.len(), valid.pod.init_containers.len()), (2, 2, 1));
    assert!(valid.pod.affinity.unwrap().node_affinity.is_some());
}

#[rstest]
#[case::slip_in_affinity(json!({"affinity": {"nodeAfinity": {}}}), "spec.runner.affinity.nodeAfinity: unknown field; did you mean nodeAffinity?")]
#[case::slip_in_volume(volume(json!({"name": "a", "emptydir": {}})), "spec.runner.volumes[0].emptydir: unknown field; did you mean emptyDir?")]
#[case::slip_in_init_container(init(json!({"volumeMount": []})), "spec.runner.initContainers[0].volumeMount: unknown field; did you mean volumeMounts?")]
#[case::slip_in_env(json!({"env": [{"name": "A", "valeu": "b"}]}), "spec.runner.env[0].valeu: unknown field; did you mean value?")]
#[case::kind_of_value(json!({"securityContext": {"fsGroup": "2000"}}), "spec.runner.securityContext.fsGroup: must be a whole number")]
#[case::missing(json!({"volumeMounts": [{"name": "a"}]}), "spec.runner.volumeMounts[0].mountPath: is required")]
#[case::own_label(json!({"labels": {"upsurge.dev/run": "x"}}), "spec.runner.labels.upsurge.dev/run: is set by the operator")]
#[case::own_component(json!({"labels": {"app.kubernetes.io/component": "x"}}), "spec.runner.labels.app.kubernetes.io/component: is set by the operator")]
#[case::own_index(json!({"annotations": {"batch.kubernetes.io/job-completion-index": "7"}}), "is set by the operator or by Kubernetes")]
#[case::label_value(json!({"labels": {"team": "the shop"}}), "spec.runner.labels.team: \"the shop\" can't be the value of a label")]
#[case::own_variable(json!({"env": [{"name": "UPSURGE_COLLECTOR_URL", "value": "x"}]}), "spec.runner.env[0].name: UPSURGE_COLLECTOR_URL is the runner's own variable")]
#[case::own_index_variable(json!({"env": [{"name": "JOB_COMPLETION_INDEX", "value": "0"}]}), "spec.runner.env[0].name: JOB_COMPLETION_INDEX is the runner's own variable")]
#[case::own_volume(volume(json!({"name": "upsurge-token", "emptyDir": {}})), "spec.runner.volumes[0].name: volumes named upsurge-… are the operator's own")]
#[case::own_volume_mounted(json!({"volumeMounts": [{"name": "upsurge-token", "mountPath": "/a"}]}), "spec.runner.volumeMounts[0].name: spec.runner.volumes has no volume \"upsurge-token\"")]
#[case::own_volume_in_init_container(init(json!({"volumeMounts": [{"name": "upsurge-token", "mountPath": "/a"}]})), "spec.runner.initContainers[0].volumeMounts[0].name: spec.runner.volumes has no volume")]
#[case::own_token(volume(json!({"name": "a", "projected": {"sources": [{"serviceAccountToken": {"audience": "upsurge.dev", "path": "t"}}]}})), "serviceAccountToken.audience: tokens for upsurge.dev are the runner's own")]
#[case::own_container(json!({"initContainers": [{"name": "runner", "image": "a"}]}), "spec.runner.initContainers[0].name: runner is the runner's own container")]
#[case::no_image(json!({"initContainers": [{"name": "a"}]}), "spec.runner.initContainers[0].image: is required")]
#[case::name(volume(json!({"name": "A_b", "emptyDir": {}})), "\"A_b\" can't be the name of a volume")]
#[case::account(json!({"serviceAccountName": "Load_Test"}), "spec.runner.serviceAccountName: \"Load_Test\" can't be a name")]
#[case::twice(json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}), "spec.runner.env[1].name: another entry has \"A\" too")]
#[case::program(
    mount("/upsurge"),
    "spec.runner.volumeMounts[0].mountPath: /upsurge would cover /upsurge of the runner"
)]
#[case::root(mount("/"), "/ would cover")]
#[case::above(mount("/etc"), "/etc would cover /etc/upsurge of the runner")]
#[case::below(
    mount("/var/run/secrets/upsurge.dev/token"),
    "would cover /var/run/secrets/upsurge.dev of the runner"
)]
#[case::link(mount("/run/secrets/upsurge.dev"), "would cover /run/secrets/upsurge.dev")]
#[case::hosts(mount("/etc/hosts"), "would cover /etc/hosts")]
#[case::dots(mount("/scratch/../upsurge"), "is no plain path from the root")]
#[case::relative(mount("scratch"), "is no plain path from the root")]
#[case::double(mount("//upsurge"), "is no plain path from the root")]
#[case::host_path(volume(json!({"name": "a", "hostPath": {"path": "/"}})), "spec.runner.volumes[0].hostPath: is not allowed: runner pods keep the pod security standard restricted; use one of configMap")]
#[case::image_volume(volume(json!({"name": "a", "image": {"reference": "evil"}})), "spec.runner.volumes[0].image: is not allowed")]
#[case::two_kinds(volume(json!({"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}})), "a volume has exactly one of configMap")]
#[case::no_kind(volume(json!({"name": "a"})), "a volume has exactly one of configMap")]
#[case::root_user(json!({"securityContext": {"runAsUser": 0}}), "spec.runner.securityContext.runAsUser: can't be 0: runner pods keep the pod security standard restricted")]
#[case::may_be_root(json!({"securityContext": {"runAsNonRoot": false}}), "securityContext.runAsNonRoot: can't be false")]
#[case::sysctl(json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}), "sysctls[0].name: can't be kernel.msgmax")]
#[case::seccomp(json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}), "seccompProfile.type: can't be Unconfined")]
#[case::app_armor(json!({"containerSecurityContext": {"appArmorProfile": {"type": "Unconfined"}}}), "appArmorProfile.type: can't be Unconfined")]
#[case::app_armor_of_old(json!({"annotations": {"container.apparmor.security.beta.kubernetes.io/runner": "unconfined"}}), "can't be \"unconfined\"")]
#[case::se_linux(json!({"containerSecurityContext": {"seLinuxOptions": {"type": "spc_t"}}}), "seLinuxOptions.type: can't be spc_t")]
#[case::se_linux_role(json!({"securityContext": {"seLinuxOptions": {"role": "sysadm_r"}}}), "seLinuxOptions.role: can't be set")]
#[case::windows(json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}), "windowsOptions.hostProcess: can't be true")]
#[case::privileged(json!({"containerSecurityContext": {"privileged": true}}), "spec.runner.containerSecurityContext.privileged: can't be true")]
#[case::escalation(init(json!({"securityContext": {"allowPrivilegeEscalation": true}})), "spec.runner.initContainers[0].securityContext.allowPrivilegeEscalation: can't be true")]
#[case::capability(json!({"containerSecurityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}}), "capabilities.add: can't have NET_RAW")]
#[case::kept_capabilities(json!({"containerSecurityContext": {"capabilities": {"drop": ["NET_RAW"]}}}), "capabilities.drop: must have ALL")]
#[case::proc_mount(json!({"containerSecurityContext": {"procMount": "Unmasked"}}), "procMount: can't be Unmasked")]
#[case::host_port(init(json!({"ports": [{"containerPort": 80, "hostPort": 80}]})), "initContainers[0].ports[0].hostPort: can't be set")]
#[case::probe(init(json!({"restartPolicy": "Always", "startupProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}})), "initContainers[0].startupProbe: can't name a host")]
#[case::unit(json!({"resources": {"requests": {"memory": "64MB"}}}), "spec.runner.resources.requests.memory: \"64MB\" is not a quantity: write 64Mi or 64M")]
#[case::word(json!({"resources": {"limits": {"cpu": "half"}}}), "spec.runner.resources.limits.cpu: \"half\" is not a quantity")]
#[case::negative(json!({"resources": {"requests": {"cpu": -1}}}), "spec.runner.resources.requests.cpu: \"-1\" is below 0")]
#[case::above_the_limit(
    json!({"resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "256Mi"}}}),
    "spec.runner.resources.requests.memory: 512Mi is above the limit of 256Mi"
)]
#[case::size_limit(volume(json!({"name": "a", "emptyDir": {"sizeLimit": "16MB"}})), "spec.runner.volumes[0].emptyDir.sizeLimit: \"16MB\" is not a quantity: write 16Mi or 16M")]
#[case::claim(
    volume(json!({"name": "a", "ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1 Gi"}}}}}})),
    "spec.runner.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests.storage: \"1 Gi\" is not a quantity: write 1Gi"
)]
#[case::claim_above_its_limit(
    volume(json!({"name": "a", "ephemeral": {"volumeClaimTemplate": {"spec": {"resources":
        {"requests": {"storage": "2Gi"}, "limits": {"storage": "1Gi"}}}}}})),
    "volumeClaimTemplate.spec.resources.requests.storage: 2Gi is above the limit of 1Gi"
)]
#[case::init_container(init(json!({"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "500m"}}})), "spec.runner.initContainers[0].resources.requests.cpu: 2 is above the limit of 500m")]
#[case::divisor(
    json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1MB"}}}]}),
    "spec.runner.env[0].valueFrom.resourceFieldRef.divisor: \"1MB\" is not a quantity: write 1Mi or 1M"
)]
fn what_cannot_be_had_is_refused_with_its_path(#[case] runner: Value, #[case] words: &str) {
    let said = objections(runner);
    assert!(said.iter().any(|line| line.contains(words)), "{words:?} is missing in {said:#?}");
}

#[test]
fn what_the_schema_refuses_is_told_once() {
    let said = objections(json!({"env": [{"name": 7}]}));
    assert_eq!(said.len(), 1, "{said:?}");
}
