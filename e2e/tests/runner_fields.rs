// SPDX-License-Identifier: Apache-2.0
//! Every field of `spec.runner` that a pod has too: it is on the pods of a real API server, where that is to be seen it does what it is
//! for, and what the pod security standard forbids is told with words.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{
    ClusterResourceScope,
    api::{
        core::v1::{ConfigMap, Namespace, Node, Pod, Secret, ServiceAccount},
        node::v1::RuntimeClass,
        scheduling::v1::PriorityClass,
    },
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use upsurge_crds::{conditions, names::labels, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    injection::{inject, sidecar},
    target::{Target, apply},
    wait::{self, seconds},
    with_temp_namespace,
};

/// Creates an object of the cluster that goes with the test's namespace, and has its name.
async fn create<K>(context: &Context, body: Value) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let namespace = Api::<Namespace>::all(context.client.clone()).get(&context.namespace).await?;
    let mut object: K =
        serde_json::from_value(merged(json!({"metadata": {"name": context.namespace}}), body))?;
    object.meta_mut().owner_references = namespace.owner_ref(&()).map(|owner| vec![owner]);
    Api::<K>::all(context.client.clone()).create(&PostParams::default(), &object).await?;
    Ok(())
}

/// The pods of a run, as the API server has them.
async fn pods(context: &Context, run: &str) -> Result<Vec<Value>> {
    let selected = ListParams::default().labels(&format!("{}={run}", labels::RUN));
    let pods = context.api::<Pod>().list(&selected).await?.items;
    pods.into_iter().map(|pod| Ok(serde_json::to_value(pod)?)).collect()
}

/// Whether all that is wanted is in what was found, which may have more.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| found.get(name).is_some_and(|found| holds(found, wanted)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| found.iter().any(|found| holds(found, wanted)))
        }
        _ => found == wanted,
    }
}

/// Where a pod has a field of `spec.runner`.
fn place<'a>(pod: &'a Value, field: &str) -> &'a Value {
    match field {
        "labels" | "annotations" => &pod["metadata"][field],
        "env" | "envFrom" | "volumeMounts" | "resources" => &pod["spec"]["containers"][0][field],
        "containerSecurityContext" => &pod["spec"]["containers"][0]["securityContext"],
        _ => &pod["spec"][field],
    }
}

/// Something for every field. Only by the search domain is `elsewhere` found, and only by the alias `checkout.example`.
fn every(context: &Context, foreign: &Context, address: &str) -> Value {
    let key = json!({"configMapKeyRef": {"name": "surroundings", "key": "region"}});
    let linux =
        json!([{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]);
    let token = json!({"path": "token", "audience": "example.com", "expirationSeconds": 600});
    let own = json!({"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}});
    let fetch = json!({
        "name": "fetch", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
        "args": ["quick", "http://checkout.example:8080", "-c", "1", "-n", "1", "--json", "/scratch/fetched.json"],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    });
    json!({
        "labels": {"team": "shop"},
        "annotations": {"example.com/note": "noted"},
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "load", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": linux}}},
        "topologySpreadConstraints": [
            {"maxSkew": 2, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"},
        ],
        "env": [{"name": "REGION", "valueFrom": key}],
        "envFrom": [{"configMapRef": {"name": "surroundings"}, "prefix": "ALL_"}, {"secretRef": {"name": "words"}}],
        "serviceAccountName": "load-test",
        "securityContext": {"runAsUser": 2000, "runAsGroup": 2000, "fsGroup": 3000, "supplementalGroups": [4000]},
        "containerSecurityContext": {"runAsUser": 2001, "readOnlyRootFilesystem": false},
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}},
            {"name": "settings", "configMap": {"name": "surroundings"}},
            {"name": "words", "secret": {"secretName": "words"}},
            {"name": "own", "downwardAPI": {"items": [own]}},
            {"name": "identity", "projected": {"sources": [{"serviceAccountToken": token}]}},
        ],
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "settings", "mountPath": "/settings/region", "subPath": "region", "readOnly": true},
            {"name": "words", "mountPath": "/words", "readOnly": true},
            {"name": "own", "mountPath": "/own"},
            {"name": "identity", "mountPath": "/identity", "readOnly": true},
        ],
        "initContainers": [fetch, merged(sidecar("beside"), json!({"restartPolicy": "Always"}))],
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": context.namespace,
        "runtimeClassName": context.namespace,
        "hostAliases": [{"ip": address, "hostnames": ["checkout.example"]}],
        "dnsConfig": {
            "searches": [format!("{}.svc.cluster.local", foreign.namespace)],
            "options": [{"name": "ndots", "value": "3"}],
        },
    })
}

async fn run_with_every_field(context: &Context, foreign: &Context) -> Result<()> {
    let target = Target::deploy_as(
        foreign,
        "elsewhere",
        json!({"routes": [{"method": "GET", "path": "/", "json": {}}]}),
    )
    .await?;
    apply::<ConfigMap>(context, "surroundings", json!({"data": {"region": "here"}})).await?;
    apply::<Secret>(context, "words", json!({"stringData": {"SESAME": "open"}})).await?;
    apply::<ServiceAccount>(context, "load-test", json!({})).await?;
    create::<PriorityClass>(context, json!({"value": 1000})).await?;
    create::<RuntimeClass>(context, json!({"handler": "runc"})).await?;
    let every = every(context, foreign, &target.pod_address().await?);
    let url = json!({"target": {"baseURL": "http://elsewhere:8080"}, "runner": {"parallelism": 2}});
    let test = merged(merged(constant(10, 3), url), json!({"runner": every}));
    let run = context.run("every", test, seconds(120)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    let stats = target.stats().await?;
    let received = stats.routes.iter().find(|route| route.route == "GET /").map(|route| route.received);
    ensure!(received == Some(32), "30 requests of the run and one of each init container: {stats:?}");

    let run = run.name_any();
    let pods = pods(context, &run).await?;
    ensure!(pods.len() == 2, "{} pods are left", pods.len());
    for pod in &pods {
        for (field, wanted) in every.as_object().into_iter().flatten() {
            let found = place(pod, field);
            ensure!(holds(found, wanted), "{field}: {wanted} is not in {found}");
        }
        let spec = &pod["spec"];
        // What the API server made of the names.
        ensure!(spec["priority"] == 1000, "the priority is {}", spec["priority"]);
        ensure!(spec["automountServiceAccountToken"] == false, "the token for the API server is mounted");
        // What was left out is filled: the constraint is about the runners, and both contexts keep what is restricted.
        let counted = &spec["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"];
        ensure!(counted[labels::RUN] == run.as_str(), "the constraint counts {counted}");
        ensure!(spec["securityContext"]["runAsNonRoot"] == true, "{}", spec["securityContext"]);
        for container in [&spec["containers"][0], &spec["initContainers"][0]] {
            let security = &container["securityContext"];
            let is_restricted = security["allowPrivilegeEscalation"] == false
                && security["capabilities"]["drop"] == json!(["ALL"]);
            ensure!(is_restricted, "{}: {security}", container["name"]);
        }
    }
    Ok(())
}

/// Plays a scheduler: waits for a pod that asks for it by name, and puts it on a node. Nobody else may have done so.
async fn scheduled(context: &Context, scheduler: &str) -> Result<()> {
    let asking = ListParams::default().fields(&format!("spec.schedulerName={scheduler}"));
    let api = context.api::<Pod>();
    let pod = wait::eventually("a pod asks for the scheduler", seconds(60), async || {
        Ok(api.list(&asking).await?.items.into_iter().next())
    })
    .await?;
    let nodes = Api::<Node>::all(context.client.clone()).list(&ListParams::default()).await?.items;
    let is_open = |node: &&Node| node.spec.as_ref().is_none_or(|spec| spec.taints.is_none());
    let node = nodes.iter().find(is_open).context("no node without taints")?.name_any();
    let name = pod.name_any();
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    let parameters = PostParams::default();
    // Refused for a pod that has a node already.
    let bound = api.create_subresource::<Value, Value>("binding", &name, &parameters, &binding).await;
    bound.with_context(|| format!("{name} can't be put on {node}"))?;
    Ok(())
}

async fn run_by_another_scheduler(context: &Context) -> Result<()> {
    Target::deploy(context, json!({})).await?;
    let runner = json!({"runner": {"schedulerName": "of-our-own"}});
    let run = context.start("scheduled", merged(constant(5, 3), runner)).await?;
    scheduled(context, "of-our-own").await?;
    ensure_verdict(&context.finished(&run, seconds(90)).await?, Verdict::Passed, "ThresholdsMet")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "most fields are only held against the API server, which unit tests play: make e2e-full"]
async fn every_field_of_a_runner_is_on_its_pods_and_the_run_passes() -> Result<()> {
    with_temp_namespace(async |context| {
        let other = context.clone();
        with_temp_namespace(move |foreign| {
            let context = other.clone();
            async move {
                tokio::try_join!(
                    run_with_every_field(&context, &foreign),
                    run_by_another_scheduler(&context)
                )?;
                Ok(())
            }
        })
        .await
    })
    .await
}

/// What *restricted* forbids, and the field that is to be named.
fn forbidden() -> Vec<(Value, &'static str)> {
    let container =
        |more: Value| json!({"initContainers": [merged(json!({"name": "a", "image": "b"}), more)]});
    vec![
        (json!({"securityContext": {"runAsUser": 0}}), "securityContext.runAsUser"),
        (json!({"securityContext": {"runAsNonRoot": false}}), "securityContext.runAsNonRoot"),
        (
            json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            "securityContext.seccompProfile.type",
        ),
        (
            json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
            "securityContext.sysctls[0].name",
        ),
        (json!({"containerSecurityContext": {"privileged": true}}), "containerSecurityContext.privileged"),
        (
            json!({"containerSecurityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}}),
            "containerSecurityContext.capabilities.add",
        ),
        (json!({"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}), "volumes[0].hostPath"),
        (
            container(json!({"securityContext": {"allowPrivilegeEscalation": true}})),
            "initContainers[0].securityContext.allowPrivilegeEscalation",
        ),
        (
            container(json!({"ports": [{"containerPort": 80, "hostPort": 80}]})),
            "initContainers[0].ports[0].hostPort",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_restricted_forbids_is_told_with_its_field_and_never_run() -> Result<()> {
    with_temp_namespace(async |context| {
        for (number, (runner, field)) in forbidden().into_iter().enumerate() {
            let name = format!("forbidden-{number}");
            context.create(&name, merged(constant(1, 1), json!({"runner": runner}))).await?;
            let test = context.observed(&name).await?;
            let found = test.status.context("no status")?.conditions;
            let ready = conditions::find(&found, "Ready").context("no condition")?;
            for part in [&format!("spec.runner.{field}"), "the pod security standard restricted"] {
                ensure!(ready.reason == "InvalidSpec" && ready.message.contains(part), "{field}: {ready:?}");
            }
            ensure!(context.runs(&name).await?.is_empty(), "{name} was run");
        }
        Ok(())
    })
    .await
}

/// Has the namespace enforce a pod security standard, and waits until it is so by a container that only *privileged* lets in.
async fn enforce(context: &Context, standard: &str, container: &Value) -> Result<()> {
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": standard}}});
    let namespaces = Api::<Namespace>::all(context.client.clone());
    namespaces.patch(&context.namespace, &PatchParams::default(), &Patch::Merge(labels)).await?;
    let probe: Pod = serde_json::from_value(json!({
        "metadata": {"generateName": "probe-"}, "spec": {"containers": [container]},
    }))?;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    wait::eventually(&format!("{standard} is enforced"), seconds(30), async || {
        let is_let_in = context.api::<Pod>().create(&dry, &probe).await.is_ok();
        Ok((is_let_in == (standard == "privileged")).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the words are held against the real ones; the rest is in unit tests: make e2e-full"]
async fn a_container_put_into_the_pod_that_pod_security_refuses_is_named() -> Result<()> {
    with_temp_namespace(async |context| {
        let proxy = merged(
            sidecar("a-proxy"),
            json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": true}}),
        );
        enforce(&context, "privileged", &proxy).await?;
        inject(&context, "containers", proxy.clone()).await?;
        enforce(&context, "restricted", &proxy).await?;
        let deadline = json!({"deadlines": {"prepare": "30s"}});
        let run = context.run("refused", merged(constant(5, 5), deadline), seconds(60)).await?;
        ensure_verdict(&run, Verdict::Error, "PodsForbidden")?;
        let message = status(&run).message.unwrap_or_default();
        for part in ["pod security restricted", "refuses container a-proxy", "turn off the injection"] {
            ensure!(message.contains(part), "{part:?} is not in {message}");
        }
        Ok(())
    })
    .await
}
