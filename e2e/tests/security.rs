// SPDX-License-Identifier: Apache-2.0
//! Who may speak to the collector, and what the operator and its runners may do.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{
    api::{
        authorization::v1::SubjectAccessReview,
        core::v1::{Pod, Secret},
    },
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};
use upsurge_crds::{names::labels, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    collector::{post, token},
    fixtures::{constant, merged},
    install,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

const AUDIENCE: Option<&str> = Some("upsurge.dev");

async fn runner(context: &Context, run: &str, index: i32) -> Result<Pod> {
    let selected = format!("{}={run},{}={index}", labels::RUN, labels::COMPLETION_INDEX);
    let pods = context.api::<Pod>().list(&ListParams::default().labels(&selected)).await?.items;
    pods.into_iter().next().with_context(|| format!("no runner {index} of {run}"))
}

fn hello(index: i32, pod: &Pod) -> Value {
    let now = Timestamp::now().as_nanosecond();
    json!({"version": 2, "runner": index, "pod": pod.name_any(), "sentAt": now as i64, "readiness": "ready"})
}

/// A batch that changes nothing even if it is believed.
fn forged(index: i32, pod: &Pod) -> Value {
    json!({"version": 2, "runner": index, "pod": pod.name_any(), "start": 0, "startedAt": 0, "deltas": []})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_speaks_for_itself_only() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let test = || {
            merged(constant(5, 40), json!({"target": {"sharing": "Shared"}, "runner": {"parallelism": 2}}))
        };
        let (one, other) = tokio::try_join!(context.start("one", test()), context.start("other", test()))?;
        tokio::try_join!(context.loaded(&one, seconds(60)), context.loaded(&other, seconds(60)))?;
        let (mine, theirs) = (runner(&context, &one, 0).await?, runner(&context, &other, 0).await?);
        let sibling = runner(&context, &one, 1).await?;
        let right = token(&context, &mine, AUDIENCE, true).await?;
        let path = |run: &str, what: &str| format!("/v1/runs/{}/{run}/{what}", context.namespace);

        // First that the right one is let in: else all the refusals below would prove nothing.
        let (status_code, body) =
            post(&context, &path(&one, "hello"), Some(&right), &hello(0, &mine)).await?;
        ensure!(status_code == 200, "the runner itself is refused: {status_code} {body}");

        let selected = ListParams::default().labels("app=target");
        let targets = context.api::<Pod>().list(&selected).await?.items;
        let no_runner = token(&context, targets.first().context("no target")?, AUDIENCE, true).await?;
        let unbound = token(&context, &mine, AUDIENCE, false).await?;
        let for_the_api = token(&context, &mine, None, true).await?;
        let for_another = token(&context, &mine, Some("vault"), true).await?;
        let of_theirs = token(&context, &theirs, AUDIENCE, true).await?;
        let of_sibling = token(&context, &sibling, AUDIENCE, true).await?;
        let cut = right.get(..right.len() - 4).unwrap_or_default().to_owned();
        let cases = [
            ("no token", None, &one, 0, &mine),
            ("not a token", Some("x".to_owned()), &one, 0, &mine),
            ("a token with a wrong signature", Some(cut), &one, 0, &mine),
            ("a token for the API server", Some(for_the_api), &one, 0, &mine),
            ("a token for another audience", Some(for_another), &one, 0, &mine),
            ("a token of a pod that is no runner", Some(no_runner), &one, 0, &mine),
            ("a token that is bound to no pod", Some(unbound), &one, 0, &mine),
            ("a token of another run's pod", Some(of_theirs), &one, 0, &mine),
            ("a token of another runner", Some(of_sibling), &one, 0, &mine),
            ("another run than the token's", Some(right.clone()), &other, 0, &mine),
            ("another run, as its pod", Some(right.clone()), &other, 0, &theirs),
            ("another index than the pod's", Some(right.clone()), &one, 1, &mine),
            ("another pod than the token's", Some(right), &one, 0, &sibling),
        ];
        for (what, token, run, index, pod) in &cases {
            for (endpoint, body) in [("hello", hello(*index, pod)), ("deltas", forged(*index, pod))] {
                let (code, text) = post(&context, &path(run, endpoint), token.as_deref(), &body).await?;
                ensure!([401, 403].contains(&code), "{what} at {endpoint} got {code}: {text}");
            }
        }

        // And none of it has disturbed the runs.
        for run in [&one, &other] {
            let run = context.finished(run, seconds(90)).await?;
            ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
            ensure!(status(&run).summary.is_some_and(|summary| summary.requests == 200));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn runners_and_operator_have_no_more_rights_than_they_need() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let run = context.start("rights", constant(5, 10)).await?;
        context.loaded(&run, seconds(60)).await?;
        let pod = runner(&context, &run, 0).await?;
        let spec = pod.spec.clone().context("a pod without spec")?;
        ensure!(
            spec.automount_service_account_token == Some(false),
            "the runner has a token for the API server"
        );
        let account = spec.service_account_name.clone().unwrap_or_default();
        let runner = format!("system:serviceaccount:{}:{account}", context.namespace);
        let operator = format!("system:serviceaccount:{}:{}", install::NAMESPACE, install::RELEASE);
        for (user, verb, group, resource, expected) in [
            (&runner, "get", "", "secrets", false),
            (&runner, "get", "", "pods", false),
            (&runner, "get", "", "configmaps", false),
            (&runner, "get", "upsurge.dev", "loadtestruns", false),
            (&operator, "get", "", "secrets", false),
            (&operator, "list", "", "secrets", false),
            (&operator, "get", "", "configmaps", false),
            (&operator, "patch", "", "configmaps", false),
            (&operator, "list", "", "services", false),
            (&operator, "get", "", "pods/log", false),
            // Of runs that are over.
            (&operator, "delete", "batch", "jobs", true),
            (&operator, "deletecollection", "batch", "jobs", false),
            (&operator, "delete", "", "pods", false),
            (&operator, "patch", "upsurge.dev", "loadtests", false),
            (&operator, "get", "keda.sh", "scaledobjects", false),
            (&operator, "update", "internal.upsurge.dev", "checkpoints", true),
            (&operator, "patch", "internal.upsurge.dev", "records", true),
            // For the pod that puts one into a store.
            (&operator, "get", "internal.upsurge.dev", "records", true),
            // They are in the operator's own namespace.
            (&operator, "get", "internal.upsurge.dev", "targetleases", false),
            (&operator, "create", "", "pods", false),
            (&operator, "patch", "apps", "deployments", false),
            (&operator, "patch", "autoscaling", "horizontalpodautoscalers", false),
            (&operator, "create", "batch", "jobs", true),
        ] {
            let allowed = allowed(&context, user, verb, group, resource).await?;
            ensure!(allowed == expected, "{user} may {verb} {group}/{resource}: {allowed}");
        }
        // The namespace enforces the restricted standard; root file systems are beyond it.
        let containers = spec.containers.iter().filter_map(|container| container.security_context.as_ref());
        ensure!(containers.clone().count() == 1);
        ensure!(containers.clone().all(|security| security.read_only_root_filesystem == Some(true)));
        let secrets = context.api::<Secret>().list_metadata(&ListParams::default()).await?.items;
        ensure!(secrets.is_empty(), "the operator has made secrets");
        Ok(())
    })
    .await
}

async fn allowed(context: &Context, user: &str, verb: &str, group: &str, resource: &str) -> Result<bool> {
    let review: SubjectAccessReview = serde_json::from_value(json!({"spec": {
        "user": user,
        "groups": ["system:serviceaccounts", "system:authenticated"],
        "resourceAttributes": {"namespace": context.namespace, "verb": verb, "group": group, "resource": resource},
    }}))?;
    let reviews: Api<SubjectAccessReview> = Api::all(context.client.clone());
    let reviewed = reviews.create(&PostParams::default(), &review).await?;
    Ok(reviewed.status.context("no answer")?.allowed)
}
