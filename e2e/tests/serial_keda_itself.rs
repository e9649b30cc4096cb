// SPDX-License-Identifier: Apache-2.0
//! KEDA itself: its operator and its metrics server, compiled from its module and installed as its own manifests do. It wakes a workload
//! from zero and scales it on by a query of a real Prometheus, to which the runners push what they send.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
};
use serde_json::json;
use upsurge_crds::v1alpha1::{ReplicaPoint, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    cluster::command,
    definitions::made,
    fixtures::{constant, merged},
    install, operator, prometheus,
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// KEDA as it is installed.
struct Keda(PathBuf);

impl Keda {
    async fn start(&self) -> Result<()> {
        let manifest = self.0.display().to_string();
        let apply = ["apply", "--server-side", "--force-conflicts", "--filename", &manifest];
        command("kubectl", &apply).await?;
        // The metrics server waits for certificates, which the operator makes.
        for deployment in ["deployment/keda-operator", "deployment/keda-metrics-apiserver"] {
            let ready = ["--namespace", "keda", "rollout", "status", deployment, "--timeout=180s"];
            command("kubectl", &ready).await?;
        }
        let name = "apiservice/v1beta1.external.metrics.k8s.io";
        command("kubectl", &["wait", "--for=condition=Available", name, "--timeout=60s"]).await?;
        Ok(())
    }

    /// Takes it away, whatever became of the test: its own objects first, which nobody else lets go.
    async fn remove(self) -> Result<()> {
        let own = ["delete", "scaledobjects.keda.sh", "--all", "--all-namespaces", "--timeout=60s"];
        let own = command("kubectl", &own).await;
        let manifest = self.0.display().to_string();
        let all = ["delete", "--ignore-not-found", "--timeout=180s", "--filename", &manifest];
        command("kubectl", &all).await?;
        own.map(drop)
    }
}

/// A workload that KEDA keeps at zero until somebody asks for it.
async fn resting(context: &Context) -> Result<Target> {
    let (_front, worker) = tokio::try_join!(
        Target::deploy_as(context, "front", json!({})),
        Target::deploy_as(context, "worker", json!({})),
    )?;
    worker.scale(0).await?;
    let sent = format!("k6_http_reqs_total{{namespace=\"{}\",name=\"worker\"}}", context.namespace);
    let metadata = json!({
        "serverAddress": prometheus::url(context),
        "query": format!("sum(rate({sent}[10s])) or vector(0)"),
        "threshold": "15",
        "activationThreshold": "1",
    });
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject"));
    let objects: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &context.namespace, &resource);
    let object = DynamicObject::new("worker", &resource).data(json!({"spec": {
        "scaleTargetRef": {"name": "worker"},
        "minReplicaCount": 0,
        "maxReplicaCount": 4,
        "pollingInterval": 2,
        "cooldownPeriod": 15,
        "triggers": [{"type": "prometheus", "metadata": metadata}],
    }}));
    objects.create(&PostParams::default(), &object).await?;
    worker.autoscaler_named("keda-hpa-worker", "ScalingActive", "False").await?;
    Ok(worker)
}

async fn woken(context: &Context) -> Result<()> {
    prometheus::deploy(context).await?;
    let worker = resting(context).await?;
    // Nobody answers at first, and that is no matter here.
    let both = json!([
        {"request": {"name": "front", "url": "/"}},
        {"request": {"name": "worker", "url": "http://worker:8080/", "timeout": "500ms"}},
    ]);
    let url = format!("{}/api/v1/write", prometheus::url(context));
    let test = merged(
        constant(36, 60),
        json!({
            "target": {
                "baseURL": "http://front:8080",
                "workloads": [{"name": "worker", "capacityPerReplica": 15, "expect": {"scaleUpWithin": "50s"}}],
            },
            "scenarios": [{"name": "both", "steps": both}],
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 90%"}],
            "outputs": [{"name": "metrics", "interval": "2s", "prometheusRemoteWrite": {"url": url}}],
        }),
    );
    let run = context.run("woken", test, seconds(180)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    let seen = status(&run).autoscaling.context("nothing about the target")?;
    ensure!(seen.autoscaler.as_deref() == Some("ScaledObject/worker"), "{:?}", seen.autoscaler);
    ensure!((seen.min_replicas, seen.max_replicas) == (Some(0), Some(4)), "{:?}", seen.min_replicas);
    ensure!((seen.start_replicas, seen.peak_replicas) == (Some(0), Some(3)), "{}", seen.replicas);
    // What the autoscaler itself says while KEDA keeps the workload at zero.
    let at_zero = seen.problems.iter().all(|problem| problem.contains("ScalingDisabled"));
    ensure!(at_zero && seen.problems.len() == 1, "{:?}", seen.problems);
    let nobody = |point: &ReplicaPoint| (point.current, point.ready) == (0, 0);
    ensure!(seen.timeline.first().is_some_and(nobody), "{:?}", seen.timeline);
    let figures = seen.workloads.first().context("no figures of the target")?;
    let ups: Vec<(i32, i32)> = figures.scale_ups.iter().map(|up| (up.from, up.to)).collect();
    ensure!(ups.first() == Some(&(0, 1)) && ups.last().is_some_and(|(_, to)| *to == 3), "{ups:?}");
    let elasticity = figures.elasticity.as_ref().context("no elasticity")?;
    ensure!(elasticity.peak_demand == Some(3), "{elasticity:?}");
    // Without load it rests again.
    let rests = |deployment: &Deployment| deployment.spec.replicas == Some(0);
    wait::until(&context.api::<Deployment>(), "worker", "rests again", seconds(120), rests).await?;
    drop(worker);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs KEDA, which is compiled for it, and gives the operator more rights: make e2e-full"]
async fn from_zero_to_one_to_three_by_a_query_of_prometheus() -> Result<()> {
    with_temp_namespace(async |context| {
        let keda = Keda(made("E2E_KEDA_ITSELF")?.join("install.yaml"));
        let outcome = async {
            install::upgrade(&["--set", "rbac.keda=true"]).await?;
            operator::leader(&context.client).await?;
            keda.start().await?;
            woken(&context).await
        };
        let outcome = outcome.await;
        let removed = keda.remove().await;
        install::upgrade(&[]).await?;
        operator::leader(&context.client).await?;
        outcome.and(removed)
    })
    .await
}
