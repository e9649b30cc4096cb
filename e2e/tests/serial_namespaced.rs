// SPDX-License-Identifier: Apache-2.0
//! An installation for some namespaces only.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{Api, api::PostParams};
use serde_json::json;
use upsurge_crds::{LoadTest, v1alpha1::Verdict};
use upsurge_e2e::{
    Context, api::ensure_verdict, fixtures::constant, install, operator, target::Target, wait::seconds,
    with_temp_namespace,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "replaces the operator twice with nothing beside it; what the chart grants is tested without a cluster: make e2e-full"]
async fn load_tests_in_other_namespaces_are_left_alone() -> Result<()> {
    with_temp_namespace(async |inside| {
        // The second namespace is of a call of its own, which tidies up as well.
        with_temp_namespace(move |outside| alone(inside.clone(), outside)).await
    })
    .await
}

async fn alone(inside: Context, outside: Context) -> Result<()> {
    install::upgrade(&["--set", &format!("watchNamespaces={{{}}}", inside.namespace)]).await?;
    let result = restricted(&inside, &outside).await;
    install::upgrade(&[]).await?;
    result?;
    // With the restriction gone, the other one has its turn.
    let run = outside.next_run("alone", None).await?;
    ensure_verdict(&outside.finished(&run, seconds(60)).await?, Verdict::Passed, "ThresholdsMet")
}

async fn restricted(inside: &Context, outside: &Context) -> Result<()> {
    operator::leader(&inside.client).await?;
    Target::deploy(inside, json!({})).await?;
    Target::deploy(outside, json!({})).await?;
    // First the one that is to be left alone: by the time the other is done, it would be under way.
    outside.create("alone", constant(10, 2)).await?;
    let run = inside.run("watched", constant(10, 2), seconds(60)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    ensure!(outside.runs("alone").await?.is_empty(), "a run in a namespace that is not watched");
    let test = outside.api::<LoadTest>().get("alone").await?;
    let status = test.status.context("the API server gives each object a status")?;
    ensure!(status.observed_generation == Some(-1) && status.phase.is_none(), "{status:?}");
    // Nor could it: it has no rights there.
    for (context, expected) in [(inside, true), (outside, false)] {
        for (group, resource) in [("batch", "jobs"), ("upsurge.dev", "loadtests")] {
            let allowed = allowed(context, group, resource).await?;
            ensure!(allowed == expected, "{resource} in {}: {allowed}", context.namespace);
        }
    }
    Ok(())
}

async fn allowed(context: &Context, group: &str, resource: &str) -> Result<bool> {
    let review: SubjectAccessReview = serde_json::from_value(json!({"spec": {
        "user": format!("system:serviceaccount:{}:{}", install::NAMESPACE, install::RELEASE),
        "resourceAttributes": {"namespace": context.namespace, "verb": "list", "group": group, "resource": resource},
    }}))?;
    let reviewed = Api::all(context.client.clone()).create(&PostParams::default(), &review).await?;
    let answer: SubjectAccessReview = reviewed;
    Ok(answer.status.context("no answer")?.allowed)
}
