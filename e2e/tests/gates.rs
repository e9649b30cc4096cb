// SPDX-License-Identifier: Apache-2.0
//! The gates of `gates/` with the real controllers that they are for: a version goes on only after its load test has passed.
//!
//! The controllers are processes beside the tests, so they have an administrator's rights and no cluster DNS. All else is as users
//! apply it: script, account and rights, templates. Only the image is another one, and the name of Flagger's webhook an address.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Service},
};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    cluster::command,
    controller::{Controller, free_port},
    fixtures::{constant, merged},
    target::{apply, restricted_container, restricted_pod},
    wait::{self, seconds},
    with_temp_namespace,
};

/// The LoadTest that the manifests of `gates/` name.
const TEST: &str = "checkout-spike";
/// Its images' stand-in, which has bash and kubectl, and what Flagger's load tester has.
const IMAGE: &str = "upsurge-test/gate:dev";

fn gates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../gates")
}

/// Applies what every gate needs, and a manifest with another image in it.
async fn install(context: &Context, manifest: &str, image: &str) -> Result<()> {
    let namespace = format!("--namespace={}", context.namespace);
    let script = gates().display().to_string();
    command("kubectl", &[&namespace, "apply", "-k", &script]).await?;
    let text = fs::read_to_string(gates().join(manifest))?;
    ensure!(text.contains(image), "{manifest} has no image {image}");
    let copy = std::env::temp_dir().join(format!("{}-gate.yaml", context.namespace));
    fs::write(&copy, text.replace(image, IMAGE))?;
    let applied = command("kubectl", &[&namespace, "apply", "-f", &copy.display().to_string()]).await;
    fs::remove_file(&copy)?;
    applied.map(|_| ())
}

/// Pods of the shop in a version: `good`, or `bad`, which answers with errors.
fn version(name: &str) -> Value {
    json!({"metadata": {"labels": {"app": "shop"}}, "spec": {
        "securityContext": restricted_pod(),
        "containers": [{
            "name": "target", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
            "args": ["target", "/etc/target/target.yaml"],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
            "resources": {"requests": {"cpu": "50m", "memory": "16Mi"}},
            "securityContext": restricted_container(),
            "volumeMounts": [{"name": "behaviour", "mountPath": "/etc/target"}],
        }],
        "volumes": [{"name": "behaviour", "configMap": {"name": format!("shop-{name}")}}],
    }})
}

/// The behaviour of each version. `new` is as good as `good`, and another one.
async fn versions(context: &Context) -> Result<()> {
    for (name, status) in [("good", 200), ("new", 200), ("bad", 500)] {
        let behaviour = json!({
            "listen": "0.0.0.0:8080", "drain": "1s",
            "routes": [{"method": "GET", "path": "/", "status": status, "json": {"version": name}}],
        });
        let data = json!({"data": {"target.yaml": behaviour.to_string()}});
        apply::<ConfigMap>(context, &format!("shop-{name}"), data).await?;
    }
    Ok(())
}

/// Makes a LoadTest of the version to come that is run by nobody but gates.
async fn load_test(context: &Context, name: &str, duration: u32) -> Result<()> {
    let judged = json!({
        "suspend": true,
        "target": {"baseURL": "http://shop-canary:8080"},
        "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}],
    });
    context.create(name, merged(constant(10, duration), judged)).await?;
    Ok(())
}

/// Waits for the one run that a test has more than those known, and for its end; adds it to those.
async fn gate_run(
    context: &Context,
    test: &str,
    known: &mut BTreeSet<String>,
    verdict: Verdict,
    reason: &str,
) -> Result<()> {
    let run = begun(context, test, known).await?;
    ensure_verdict(&context.finished(&run, seconds(90)).await?, verdict, reason)
}

/// Waits until a test has a run more than those known; adds it to those.
async fn begun(context: &Context, test: &str, known: &mut BTreeSet<String>) -> Result<String> {
    let run = wait::eventually(&format!("a gate has {test} run"), seconds(90), async || {
        Ok(context.runs(test).await?.difference(known).next().cloned())
    })
    .await?;
    known.insert(run.clone());
    Ok(run)
}

async fn ensure_no_more_runs(context: &Context, known: &BTreeSet<String>) -> Result<()> {
    let runs = context.runs(TEST).await?;
    ensure!(runs == *known, "each version is tested once: {runs:?}, and not {known:?}");
    Ok(())
}

/// Objects of a kind that this repository has no types for.
struct Custom {
    api: Api<DynamicObject>,
    kind: &'static str,
    api_version: String,
}

impl Custom {
    fn of(context: &Context, group: &str, version: &str, kind: &'static str, plural: &str) -> Self {
        let api_version = format!("{group}/{version}");
        let resource = ApiResource {
            group: group.into(),
            version: version.into(),
            api_version: api_version.clone(),
            kind: kind.into(),
            plural: plural.into(),
        };
        let api = Api::namespaced_with(context.client.clone(), &context.namespace, &resource);
        Self { api, kind, api_version }
    }

    async fn create(&self, name: &str, spec: Value) -> Result<()> {
        let object = serde_json::from_value(json!({
            "apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": name}, "spec": spec,
        }))?;
        self.api.create(&Default::default(), &object).await?;
        Ok(())
    }

    async fn patch(&self, name: &str, patch: Value) -> Result<()> {
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn until(
        &self,
        name: &str,
        what: &str,
        limit: u64,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<DynamicObject> {
        wait::until(&self.api, name, what, seconds(limit), |object| holds(&object.data["status"])).await
    }
}

/// Steps of a Rollout: one pod of the new version, and its load test.
fn steps(test: &str) -> Value {
    let analysis =
        json!({"templates": [{"templateName": "load-test"}], "args": [{"name": "load-test", "value": test}]});
    json!([{"setWeight": 50}, {"analysis": analysis}])
}

async fn argo_rollouts(context: &Context) -> Result<()> {
    install(context, "argo-rollouts/analysis-template.yaml", "registry.example.com/tools/kubectl:1.33")
        .await?;
    versions(context).await?;
    for name in ["shop-canary", "shop-stable"] {
        let spec = json!({"selector": {"app": "shop"}, "ports": [{"port": 8080}]});
        apply::<Service>(context, name, json!({"spec": spec})).await?;
    }
    let rollouts = Custom::of(context, "argoproj.io", "v1alpha1", "Rollout", "rollouts");
    let canary = |test: &str| {
        json!({
            "canaryService": "shop-canary", "stableService": "shop-stable", "maxSurge": 1, "maxUnavailable": 0,
            "steps": steps(test),
        })
    };
    let spec = json!({
        "replicas": 2,
        "selector": {"matchLabels": {"app": "shop"}},
        "template": version("good"),
        "strategy": {"canary": canary(TEST)},
    });
    rollouts.create("shop", spec).await?;
    let healthy = |status: &Value| status["phase"] == "Healthy";
    let first = rollouts.until("shop", "is Healthy", 90, healthy).await?;
    let stable = first.data["status"]["stableRS"].clone();
    ensure!(stable.as_str().is_some_and(|hash| !hash.is_empty()), "{:#}", first.data["status"]);
    let mut known = BTreeSet::new();
    load_test(context, TEST, 3).await?;
    ensure_no_more_runs(context, &known).await?;

    // What passes is promoted.
    rollouts.patch("shop", json!({"spec": {"template": version("new")}})).await?;
    gate_run(context, TEST, &mut known, Verdict::Passed, "ThresholdsMet").await?;
    let promoted = |status: &Value| healthy(status) && status["stableRS"] != stable;
    let promoted = rollouts.until("shop", "is promoted", 90, promoted).await?;
    let stable = promoted.data["status"]["stableRS"].clone();

    // What fails is not, and is given up.
    rollouts.patch("shop", json!({"spec": {"template": version("bad")}})).await?;
    gate_run(context, TEST, &mut known, Verdict::Failed, "ThresholdsBreached").await?;
    let given_up = |status: &Value| status["phase"] == "Degraded" && status["abort"] == true;
    let given_up = rollouts.until("shop", "is given up", 90, given_up).await?;
    ensure!(given_up.data["status"]["stableRS"] == stable, "the bad version is the stable one");
    ensure_no_more_runs(context, &known).await?;

    // A rollout that a person gives up takes its load with it.
    load_test(context, "long", 300).await?;
    let next = json!({"spec": {"template": version("good"), "strategy": {"canary": canary("long")}}});
    rollouts.patch("shop", next).await?;
    let run = begun(context, "long", &mut BTreeSet::new()).await?;
    context.loaded(&run, seconds(60)).await?;
    let abort = Patch::Merge(json!({"status": {"abort": true}}));
    rollouts.api.patch_status("shop", &PatchParams::default(), &abort).await?;
    ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Aborted, "Aborted")?;
    wait::eventually("the Job of the gate is deleted", seconds(60), async || {
        let jobs =
            context.api::<Job>().list(&ListParams::default().labels("analysisrun.argoproj.io/uid")).await?;
        let at_work = |job: &Job| job.status.as_ref().is_some_and(|status| status.active.unwrap_or(0) > 0);
        Ok((!jobs.items.iter().any(at_work)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the controller of Argo Rollouts, which is compiled for it: make e2e-full"]
async fn argo_rollouts_promotes_what_passed_and_nothing_else() -> Result<()> {
    with_temp_namespace(async |context| {
        let namespace = format!("--namespace={}", context.namespace);
        let ports = [format!("--metricsPort={}", free_port()?), format!("--healthzPort={}", free_port()?)];
        let arguments = ["--namespaced", &namespace, "--leader-elect=false", &ports[0], &ports[1]];
        let controller = Controller::start("E2E_ARGO_ROLLOUTS", "rollouts-controller", &arguments).await?;
        let outcome = argo_rollouts(&context).await;
        controller.stop(outcome).await
    })
    .await
}

/// The webhook of `gates/`, at the address of its Service.
async fn webhooks(context: &Context) -> Result<Value> {
    let text = fs::read_to_string(gates().join("flagger/webhook.yaml"))?;
    let part: Value = serde_saphyr::from_str(&text)?;
    let mut webhooks = part["analysis"]["webhooks"].clone();
    let service = context.api::<Service>().get("load-test-webhook").await?;
    let address = service.spec.and_then(|spec| spec.cluster_ip).context("the webhook has no address")?;
    ensure!(webhooks[0]["url"] == "http://load-test-webhook.shop/", "{webhooks}");
    webhooks[0]["url"] = json!(format!("http://{address}/"));
    Ok(webhooks)
}

/// The ConfigMap that says which version the pods of a Deployment are.
async fn version_of(context: &Context, deployment: &str) -> Result<Option<String>> {
    let found = context.api::<Deployment>().get(deployment).await?;
    let pod = found.spec.template.spec.context("no pod")?;
    let volume = pod.volumes.unwrap_or_default().into_iter().next();
    Ok(volume.and_then(|volume| volume.config_map).map(|map| map.name))
}

async fn flagger(context: &Context) -> Result<()> {
    install(context, "flagger/load-tester.yaml", "ghcr.io/fluxcd/flagger-loadtester:0.34.0").await?;
    versions(context).await?;
    let available = |deployment: &Deployment| {
        deployment.status.as_ref().is_some_and(|status| status.available_replicas.unwrap_or(0) > 0)
    };
    let deployments = context.api::<Deployment>();
    wait::until(&deployments, "load-test-webhook", "is available", seconds(60), available).await?;
    let selector = json!({"matchLabels": {"app": "shop"}});
    let spec = json!({"spec": {"selector": selector, "template": version("good")}});
    apply::<Deployment>(context, "shop", spec).await?;
    wait::until(&deployments, "shop", "is available", seconds(60), available).await?;
    let canaries = Custom::of(context, "flagger.app", "v1beta1", "Canary", "canaries");
    let spec = json!({
        "provider": "kubernetes",
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "progressDeadlineSeconds": 120,
        "service": {"port": 8080},
        "analysis": {"interval": "10s", "threshold": 1, "iterations": 1, "webhooks": webhooks(context).await?},
    });
    canaries.create("shop", spec).await?;
    canaries.until("shop", "is Initialized", 120, |status| status["phase"] == "Initialized").await?;
    let mut known = BTreeSet::new();
    load_test(context, TEST, 3).await?;

    // What passes is promoted.
    let update = async |name: &str| {
        let patch = Patch::Merge(json!({"spec": {"template": version(name)}}));
        deployments.patch("shop", &PatchParams::default(), &patch).await
    };
    update("new").await?;
    gate_run(context, TEST, &mut known, Verdict::Passed, "ThresholdsMet").await?;
    canaries.until("shop", "is promoted", 180, |status| status["phase"] == "Succeeded").await?;
    let primary = version_of(context, "shop-primary").await?;
    ensure!(primary.as_deref() == Some("shop-new"), "the version in use is {primary:?}");

    // What fails is not.
    update("bad").await?;
    gate_run(context, TEST, &mut known, Verdict::Failed, "ThresholdsBreached").await?;
    canaries.until("shop", "is rolled back", 120, |status| status["phase"] == "Failed").await?;
    let primary = version_of(context, "shop-primary").await?;
    ensure!(primary.as_deref() == Some("shop-new"), "the version in use is {primary:?}");
    ensure_no_more_runs(context, &known).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Flagger, which is compiled for it: make e2e-full"]
async fn flagger_promotes_what_passed_and_nothing_else() -> Result<()> {
    with_temp_namespace(async |context| {
        let port = free_port()?;
        let arguments = [
            "-namespace",
            &context.namespace,
            "-mesh-provider=kubernetes",
            // ConfigMaps stay what they are, and nothing is asked of a Prometheus.
            "-enable-config-tracking=false",
            "-metrics-server=http://127.0.0.1:1",
            "-log-level=info",
            "-control-loop-interval=2s",
            "-port",
            &port,
        ];
        let controller = Controller::start("E2E_FLAGGER", "flagger", &arguments).await?;
        let outcome = flagger(&context).await;
        controller.stop(outcome).await
    })
    .await
}
