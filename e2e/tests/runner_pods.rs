// SPDX-License-Identifier: Apache-2.0
//! What a test adds to its runner pods, and where these run.

use std::{env, fs, path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Node, Pod},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use upsurge_crds::{names::labels, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    fixtures::{constant, merged, runner},
    target::{Target, apply},
    wait::{self, seconds},
    with_temp_namespace,
};

/// Pods with a label, and the nodes they are on.
async fn nodes_of(context: &Context, selector: &str) -> Result<Vec<Option<String>>> {
    let pods = context.api::<Pod>().list(&ListParams::default().labels(selector)).await?.items;
    Ok(pods.into_iter().map(|pod| pod.spec.and_then(|spec| spec.node_name)).collect())
}

/// The namespace enforces the *restricted* standard. Only by the alias do runner and init container find the target, which
/// has to be asked by both of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_passes_with_what_its_test_adds_to_the_pods() -> Result<()> {
    with_temp_namespace(async |context| {
        let target =
            Target::deploy(&context, json!({"routes": [{"method": "GET", "path": "/", "json": {}}]})).await?;
        let address = target.pod_address().await?;
        apply::<ConfigMap>(&context, "surroundings", json!({"data": {"region": "here"}})).await?;
        let url = "http://checkout.example:8080";
        let key = json!({"configMapKeyRef": {"name": "surroundings", "key": "region"}});
        let fetch = json!({
            "name": "fetch", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
            "args": ["quick", url, "-c", "1", "-n", "1", "--json", "/scratch/fetched.json"],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        });
        let added = json!({
            "labels": {"team": "shop"},
            "annotations": {"example.com/note": "noted"},
            "env": [{"name": "REGION", "valueFrom": key}],
            "envFrom": [{"configMapRef": {"name": "surroundings"}, "prefix": "ALL_"}],
            "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            "initContainers": [fetch],
            "hostAliases": [{"ip": address, "hostnames": ["checkout.example"]}],
        });
        let test = merged(constant(10, 3), json!({"target": {"baseURL": url}, "runner": added}));
        let run = context.run("added", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let stats = target.stats().await?;
        let received = stats.routes.iter().find(|route| route.route == "GET /").map(|route| route.received);
        ensure!(received == Some(31), "30 requests of the run and one of the init container: {stats:?}");
        let selector = format!("team=shop,{}={}", labels::RUN, run.metadata.name.context("no name")?);
        let pods = context.api::<Pod>().list(&ListParams::default().labels(&selector)).await?.items;
        let [pod] = &pods[..] else { anyhow::bail!("{} pods have the labels", pods.len()) };
        let annotation = pod.metadata.annotations.as_ref().and_then(|all| all.get("example.com/note"));
        ensure!(annotation.is_some_and(|note| note == "noted"), "{annotation:?}");
        Ok(())
    })
    .await
}

/// Label and taint of the nodes that are played.
const PLAYED: &str = "e2e.upsurge.dev/played";

/// Nodes that kwok plays, until they are removed.
struct Nodes {
    kwok: Child,
    api: Api<Node>,
}

impl Nodes {
    async fn play(context: &Context, names: &[&str]) -> Result<Self> {
        let program =
            env::var_os("E2E_KWOK").context("E2E_KWOK names no kwok: tools/build kwok makes one")?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (stages, log) = (directory.join("stages.yaml"), directory.join("kwok.log"));
        fs::write(&stages, include_str!("../../bench/src/scale/stages.yaml"))?;
        let output = fs::File::create(&log)?;
        let kwok = Command::new(program)
            .arg("--kubeconfig")
            .arg(env::var_os("KUBECONFIG").context("KUBECONFIG is not set")?)
            .arg(format!("--manage-nodes-with-label-selector={PLAYED}=true"))
            .arg("--config")
            .arg(&stages)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()?;
        let nodes = Self { kwok, api: Api::all(context.client.clone()) };
        for name in names {
            let node: Node = serde_json::from_value(json!({
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, PLAYED: "true"}},
                "spec": {"taints": [{"key": PLAYED, "value": "true", "effect": "NoSchedule"}]},
            }))?;
            nodes.api.create(&PostParams::default(), &node).await?;
        }
        let is_ready = |node: &Node| {
            let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
            conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True")
        };
        for name in names {
            wait::until(&nodes.api, name, "is ready", seconds(60), is_ready)
                .await
                .with_context(|| format!("kwok says why in {}", log.display()))?;
        }
        Ok(nodes)
    }

    async fn remove(mut self) -> Result<()> {
        let played = ListParams::default().labels(PLAYED);
        self.api.delete_collection(&DeleteParams::default(), &played).await?;
        Ok(self.kwok.kill().await?)
    }
}

/// To these nodes and no others.
fn placed() -> Value {
    json!({
        "nodeSelector": {PLAYED: "true"},
        "tolerations": [{"key": PLAYED, "operator": "Exists"}],
    })
}

/// Whether two runners and the target are on three nodes. The pods are played, so the run itself comes to nothing.
async fn apart(context: &Context) -> Result<()> {
    let pod = merged(
        placed(),
        json!({"containers": [{
        "name": "target", "image": "none",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    }], "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}}),
    );
    let template = json!({"metadata": {"labels": {"app": "played"}}, "spec": pod});
    let spec = json!({"selector": {"matchLabels": {"app": "played"}}, "template": template});
    apply::<Deployment>(context, "played", json!({"spec": spec})).await?;
    let target = wait::eventually("the target has a node", seconds(30), async || {
        Ok(nodes_of(context, "app=played").await?.into_iter().flatten().next())
    })
    .await?;
    let test = merged(
        constant(1, 5),
        json!({
            "target": {"baseURL": "http://played:8080", "workloads": [{"name": "played"}]},
            "runner": merged(runner(2), placed()),
        }),
    );
    let run = context.start("apart", test).await?;
    let runners = wait::eventually("both runners have nodes", seconds(60), async || {
        let nodes = nodes_of(context, &format!("{}={run}", labels::RUN)).await?;
        let nodes: Vec<String> = nodes.into_iter().flatten().collect();
        Ok((nodes.len() == 2).then_some(nodes))
    })
    .await?;
    ensure!(runners[0] != runners[1], "both runners are on {}", runners[0]);
    ensure!(!runners.contains(&target), "a runner is on {target} with the target: {runners:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs several nodes, which kwok plays: make e2e-full"]
async fn runners_run_on_nodes_of_their_own_away_from_the_target() -> Result<()> {
    with_temp_namespace(async |context| {
        let nodes = Nodes::play(&context, &["played-a", "played-b", "played-c"]).await?;
        let outcome = apart(&context).await;
        nodes.remove().await?;
        outcome
    })
    .await
}
