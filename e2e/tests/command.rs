// SPDX-License-Identifier: Apache-2.0
//! The command in a cluster, without the operator: in a pod whose service account may read, and nothing else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Pod, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Phase;
use upsurge_e2e::{
    Context,
    fixtures::{constant, merged},
    target::{Target, apply, restricted_container, restricted_pod},
    wait::{self, seconds},
    with_temp_namespace,
};

/// Name of the service account, and of all that it is given.
const WHO: &str = "somebody";

/// Starts the command in a pod; the test is at `/test/test.yaml`.
async fn start(context: &Context, name: &str, arguments: &[&str]) -> Result<()> {
    apply::<Pod>(context, name, json!({"spec": {
        "restartPolicy": "Never",
        "serviceAccountName": WHO,
        "terminationGracePeriodSeconds": 1,
        "securityContext": restricted_pod(),
        "containers": [{
            "name": "upsurge", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent", "args": arguments,
            "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
            "securityContext": restricted_container(),
            "volumeMounts": [{"name": "test", "mountPath": "/test"}],
        }],
        "volumes": [{"name": "test", "configMap": {"name": "test"}}],
    }}))
    .await
}

/// Waits for the end of such a pod; gives its exit code and what it printed.
async fn ended(context: &Context, name: &str, limit: Duration) -> Result<(i32, String)> {
    let code = |pod: &Pod| {
        let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
        Some(statuses.first()?.state.as_ref()?.terminated.as_ref()?.exit_code)
    };
    let api = context.api::<Pod>();
    let pod = wait::until(&api, name, "has ended", limit, |pod| code(pod).is_some()).await?;
    let log = api.logs(name, &Default::default()).await?;
    Ok((code(&pod).context("no exit code")?, log))
}

/// A role with these rules, for the service account.
async fn give(context: &Context, name: &str, rules: Value) -> Result<()> {
    apply::<Role>(context, name, json!({"rules": rules})).await?;
    apply::<RoleBinding>(
        context,
        name,
        json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": WHO, "namespace": context.namespace}],
        }),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_observes_a_workload_once_it_may_read() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let watched = json!({
            "target": {"workloads": [{"name": "target"}]},
            "usage": [{"resource": "Memory", "maxRestarts": 0}],
        });
        let spec = merged(constant(5, 20), watched);
        let test = json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": "shop"}, "spec": spec,
        });
        apply::<ConfigMap>(&context, "test", json!({"data": {"test.yaml": test.to_string()}})).await?;
        apply::<ServiceAccount>(&context, WHO, json!({})).await?;
        let arguments = ["run", "/test/test.yaml", "--observe", "--quiet", "--json", "-"];
        start(&context, "refused", &arguments).await?;
        let (code, log) = ended(&context, "refused", seconds(30)).await?;
        ensure!(code == 2, "exit code {code}: {log}");
        // What is printed is what it takes.
        let at = log.find("apiVersion: rbac").with_context(|| format!("no Role in {log}"))?;
        let role: Value = serde_saphyr::from_str(log.get(at..).unwrap_or_default())?;
        ensure!(role["metadata"]["namespace"] == context.namespace.as_str(), "{role}");
        give(&context, "observe", role["rules"].clone()).await?;

        start(&context, "observing", &arguments).await?;
        let begun = async || Ok((target.stats().await?.received > 10).then_some(()));
        wait::eventually("the load comes", seconds(30), begun).await?;
        target.patch(json!({"spec": {"replicas": 2}})).await?;
        let (code, log) = ended(&context, "observing", seconds(45)).await?;
        ensure!(code == 0, "exit code {code}: {log}");
        let json = log.find("{\n").and_then(|at| log.get(at..)).with_context(|| format!("no result in {log}"))?;
        let result: Value = serde_json::from_str(json)?;
        let seen = &result["autoscaling"];
        ensure!(seen["replicas"] == "1→2→2", "{seen:#}");
        let up = &seen["workloads"][0]["scaleUps"][0];
        ensure!(up["from"] == 1 && up["to"] == 2 && up["split"]["ready"].is_string(), "{up:#}");
        ensure!(result["summary"]["requests"] == 100, "{}", result["summary"]);
        let restarts = &result["usageExpectations"][0];
        ensure!(restarts["name"] == "Memory maxRestarts" && restarts["passed"] == true, "{restarts}");
        ensure!(result["bottleneck"]["name"].is_string(), "{}", result["bottleneck"]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "e2e-full: a run of half a minute for what is read of its checkpoint"]
async fn events_of_a_run_can_be_had_until_it_is_finished() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        apply::<ServiceAccount>(&context, WHO, json!({})).await?;
        apply::<ConfigMap>(&context, "test", json!({"data": {}})).await?;
        give(&context, "events", json!([
            {"apiGroups": ["upsurge.dev"], "resources": ["loadtestruns"], "verbs": ["get"]},
            {"apiGroups": ["internal.upsurge.dev"], "resources": ["checkpoints"], "verbs": ["get", "list"]},
        ]))
        .await?;
        let spec = merged(constant(5, 30), json!({"target": {"workloads": [{"name": "target"}]}}));
        let run = context.start("events", spec).await?;
        context.phase(&run, Phase::Running, seconds(60)).await?;
        start(&context, "following", &["get", &run, "--events", "--follow"]).await?;
        let (code, log) = ended(&context, "following", seconds(120)).await?;
        ensure!(code == 0, "exit code {code}: {log}");
        let events = upsurge_figures::observation::read_lines(&log)?;
        ensure!(events.len() > 5, "{log}");
        ensure!(events.iter().any(|event| event.stamped.is_some()), "no time of Kubernetes': {log}");
        start(&context, "late", &["get", &run, "--events"]).await?;
        let (code, log) = ended(&context, "late", seconds(30)).await?;
        ensure!(code == 2 && log.contains("is finished"), "exit code {code}: {log}");
        Ok(())
    })
    .await
}

fn with_load(load: Value) -> Value {
    let mut spec = constant(1, 1);
    spec["load"] = load;
    spec
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "e2e-full: the same plan as on the command line, in one runner"]
async fn a_benchmark_and_a_smoke_test_run_in_the_cluster_too() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({"latency": {"fixed": "5ms"}})).await?;
        let limits = json!([{"request": "get", "median": "1s", "p95": "1ms"}]);
        let benchmark = with_load(json!({"benchmark": {"repeats": 50, "warmUp": 5, "limits": limits}}));
        let run = context.run("benchmark", benchmark, seconds(60)).await?;
        upsurge_e2e::api::ensure_verdict(
            &run,
            upsurge_crds::v1alpha1::Verdict::Failed,
            "ThresholdsBreached",
        )?;
        let status = upsurge_e2e::api::status(&run);
        let [operation] = status.operations.as_slice() else { anyhow::bail!("{:?}", status.operations) };
        ensure!((operation.samples, operation.failures) == (50, 0), "{operation:?}");
        ensure!(operation.p95.is_some() && operation.p99.is_none(), "of 50 samples: {operation:?}");
        ensure!(status.summary.is_some_and(|summary| summary.requests == 50), "the warm-up does not count");
        ensure!(target.stats().await?.received == 55, "{:?}", target.stats().await?);
        let run = context.run("smoke", with_load(json!({"smoke": {}})), seconds(60)).await?;
        upsurge_e2e::api::ensure_verdict(&run, upsurge_crds::v1alpha1::Verdict::Passed, "ThresholdsMet")?;
        ensure!(target.stats().await?.received == 56, "{:?}", target.stats().await?);
        Ok(())
    })
    .await
}
