// SPDX-License-Identifier: Apache-2.0
//! What the API server and the operator say to manifests, right and wrong ones.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use upsurge_crds::{LoadTest, LoadTestRun, conditions};
use upsurge_e2e::{
    Context,
    cluster::command,
    fixtures::{constant, merged},
    with_temp_namespace,
};

/// Creates a test of which nothing is written.
async fn dry_run(context: &Context, spec: Value) -> kube::Result<DynamicObject> {
    let resource = ApiResource::erase::<LoadTest>(&());
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": "tried"}, "spec": spec,
    }))
    .map_err(kube::Error::SerdeError)?;
    let tests: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &context.namespace, &resource);
    tests.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await
}

/// A patch that spoils a good spec, and what the refusal has to say.
fn wrong() -> Vec<(Value, &'static [&'static str])> {
    let steps = |step: Value| json!({"scenarios": [{"name": "s", "steps": [step]}]});
    vec![
        (
            json!({"load": {"spike": {"baseline": 1, "peak": 2, "hold": "1s"}}}),
            &["spec.load", "exactly one of constant, stages, spike"],
        ),
        (json!({"load": {"constant": null}}), &["spec.load", "exactly one of constant, stages, spike"]),
        (json!({"load": {"constant": {"duration": "soon"}}}), &["spec.load.constant.duration"]),
        (json!({"load": {"constant": {"level": -1}}}), &["spec.load.constant.level"]),
        (json!({"load": {"unit": "Requests"}}), &["spec.load.unit", "Users"]),
        (json!({"scenarios": null}), &["spec", "spec needs scenarios"]),
        (json!({"target": {"baseURL": "ftp://x.example"}}), &["spec.target.baseURL"]),
        (
            json!({"target": {"workloads": (0..9).map(|n| json!({"name": format!("w{n}")})).collect::<Vec<_>>()}}),
            &["spec.target.workloads", "at most 8"],
        ),
        (json!({"runner": {"parallelism": 0}}), &["spec.runner.parallelism"]),
        (
            json!({"thresholds": [{"metric": "http_reqs", "condition": "count is big"}]}),
            &["spec.thresholds[0].condition"],
        ),
        (
            json!({"secrets": [{"name": "a-b", "secretKeyRef": {"name": "s", "key": "k"}}]}),
            &["spec.secrets[0].name"],
        ),
        (steps(json!({})), &["spec.scenarios[0].steps[0]", "a step is exactly one of"]),
        (
            steps(json!({"request": {"url": "/"}, "think": {"min": "1s"}})),
            &["spec.scenarios[0].steps[0]", "a step is exactly one of"],
        ),
        (
            json!({"runner": {"resources": {"requests": {"memory": "64MB"}}}}),
            &["spec.runner.resources.requests.memory"],
        ),
        (json!({"runner": {"resources": {"limits": {"cpu": -1}}}}), &["spec.runner.resources.limits.cpu"]),
        (
            steps(json!({"request": {"url": "/", "expect": [{"status": [999]}]}})),
            &["spec.scenarios[0].steps[0].request.expect[0].status[0]"],
        ),
        (
            steps(
                json!({"request": {"url": "/", "capture": [{"name": "t", "jsonPath": "$.a", "header": "b"}]}}),
            ),
            &["capture[0]", "exactly one of jsonPath, header, regex"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_manifest_is_refused_at_apply_with_the_name_of_the_field() -> Result<()> {
    with_temp_namespace(async |context| {
        dry_run(&context, constant(1, 1)).await.context("the spec that is to be spoilt is refused itself")?;
        for (patch, parts) in wrong() {
            let message = match dry_run(&context, merged(constant(1, 1), patch.clone())).await {
                Ok(_) => anyhow::bail!("{patch} was accepted"),
                Err(error) => error.to_string(),
            };
            for part in parts {
                ensure!(message.contains(part), "{patch}: {part:?} is not in {message}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_can_not_say_is_told_in_a_condition_with_its_path() -> Result<()> {
    with_temp_namespace(async |context| {
        let nested = |step: Value| {
            json!({"scenarios": [{"name": "s", "steps": [{"group": {"name": "g", "steps": [step]}}]}]})
        };
        let threshold = |threshold: Value| json!({"thresholds": [threshold]});
        let cases = [
            (nested(json!({"request": {"urll": "/"}})), "spec.scenarios[0].steps[0].group.steps[0].request"),
            (
                nested(json!({"request": {"url": "/{{ tokn }}"}})),
                "spec.scenarios[0].steps[0].group.steps[0].request.url",
            ),
            (nested(json!({"if": {"condition": "1 +", "then": []}})), "spec.scenarios[0].steps[0].group.steps[0].if.condition"),
            (threshold(json!({"metric": "http_req_durations", "condition": "p(95) < 1s"})), "spec.thresholds[0].metric"),
            (
                threshold(json!({"metric": "http_reqs", "condition": "count > 0", "selector": {"stage": "hold"}})),
                "spec.thresholds[0].selector.stage",
            ),
            (nested(json!({"loop": {"steps": []}})), "spec.scenarios[0].steps[0].group.steps[0].loop"),
            (threshold(json!({"metric": "http_req_failed", "condition": "rate < 5"})), "spec.thresholds[0].condition"),
            (
                json!({"runner": {"resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "256Mi"}}}}),
                "spec.runner.resources.requests.memory",
            ),
            (
                json!({"runner": {"volumes": [{"name": "a", "emptyDir": {"sizeLimit": "16MB"}}]}}),
                "spec.runner.volumes[0].emptyDir.sizeLimit",
            ),
        ];
        for (number, (patch, path)) in cases.into_iter().enumerate() {
            let name = format!("wrong-{number}");
            context.create(&name, merged(constant(1, 1), patch)).await?;
            let test = context.observed(&name).await?;
            let status = test.status.context("no status")?;
            for type_ in ["Ready", "Stalled", "Complete", "Failed"] {
                let condition = conditions::find(&status.conditions, type_).with_context(|| format!("no {type_}"))?;
                ensure!(condition.reason == "InvalidSpec" && condition.message.contains(path), "{path}: {condition:?}");
                ensure!((condition.status == "True") == (type_ != "Ready"), "{condition:?}");
            }
            ensure!(context.runs(&name).await?.is_empty(), "{name} was run");
        }
        // Mended, it is run.
        upsurge_e2e::target::Target::deploy(&context, json!({})).await?;
        context.patch("wrong-3", json!({"spec": {"thresholds": []}})).await?;
        let run = context.next_run("wrong-3", None).await?;
        let run = context.finished(&run, upsurge_e2e::wait::seconds(60)).await?;
        upsurge_e2e::api::ensure_verdict(&run, upsurge_crds::v1alpha1::Verdict::Passed, "ThresholdsMet")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn new_objects_have_their_defaults_and_an_unobserved_status() -> Result<()> {
    with_temp_namespace(async |context| {
        let test = dry_run(&context, constant(1, 1)).await?;
        let value = serde_json::to_value(test)?;
        for (path, expected) in [
            ("/status/observedGeneration", json!(-1)),
            ("/spec/history/passed/count", json!(5)),
            ("/spec/deadlines/prepare", json!("5m")),
            ("/spec/suspend", json!(false)),
        ] {
            ensure!(value.pointer(path) == Some(&expected), "{path} is {:?}", value.pointer(path));
        }
        // Within lists a default that is filled in would make each apply of the same manifest a change.
        for path in ["/spec/scenarios/0/weight", "/spec/scenarios/0/steps/0/request/method"] {
            ensure!(value.pointer(path).is_none(), "{path} is {:?}", value.pointer(path));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_not_be_pointed_at_another_test() -> Result<()> {
    with_temp_namespace(async |context| {
        let run: LoadTestRun = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "fixed"},
            "spec": {"loadTestRef": {"name": "absent"}},
        }))?;
        let runs = context.api::<LoadTestRun>();
        runs.create(&PostParams::default(), &run).await?;
        let moved = Patch::Merge(json!({"spec": {"loadTestRef": {"name": "other"}}}));
        let refused = runs.patch("fixed", &PatchParams::default(), &moved).await;
        let message = refused.err().context("the reference was changed")?.to_string();
        ensure!(message.contains("spec.loadTestRef"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_accepted() -> Result<()> {
    with_temp_namespace(async |context| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples");
        let mut tried = 0;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            // Into the test's own namespace; the shop may not exist.
            let text = fs::read_to_string(&path)?
                .replace("namespace: shop", &format!("namespace: {}", context.namespace));
            let copy = std::env::temp_dir().join(format!("{}-{tried}.yaml", context.namespace));
            fs::write(&copy, text)?;
            let file = copy.to_str().context("the path is not UTF-8")?;
            let accepted = command(
                "kubectl",
                &[
                    "-n",
                    &context.namespace,
                    "apply",
                    "--server-side",
                    "--dry-run=server",
                    "--validate=strict",
                    "-f",
                    file,
                ],
            )
            .await;
            fs::remove_file(&copy)?;
            accepted.with_context(|| path.display().to_string())?;
            tried += 1;
        }
        ensure!(tried >= 3, "only {tried} examples");
        Ok(())
    })
    .await
}
