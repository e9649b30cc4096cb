// SPDX-License-Identifier: Apache-2.0
//! The shapes of the API, as a real API server enforces them: unions, steps by kind, what can't be changed; and runs from
//! before a change of the API.

use anyhow::{Context as _, Result, ensure};
use kube::{
    Resource,
    api::{Patch, PatchParams, PostParams},
    core::Request,
};
use serde_json::{Value, json};
use upsurge_crds::{LoadTest, LoadTestRun, conditions, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// Creates a test of which nothing is written, as `kubectl` does it or without its strictness.
async fn dry_run(context: &Context, spec: Value, strict: bool) -> Result<()> {
    let object = json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": "tried"}, "spec": spec,
    });
    let request = Request::new(LoadTest::url_path(&(), Some(&context.namespace)));
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let mut request = request.create(&parameters, serde_json::to_vec(&object)?)?;
    let validation = if strict { "Strict" } else { "Ignore" };
    *request.uri_mut() = format!("{}&fieldValidation={validation}", request.uri()).parse()?;
    context.client.request::<Value>(request).await?;
    Ok(())
}

fn steps(step: Value) -> Value {
    json!({"scenarios": [{"name": "s", "steps": [step]}]})
}

/// A load in the place of the fixture's.
fn load(load: Value) -> Value {
    json!({"load": merged(json!({"unit": null, "constant": null}), load)})
}

async fn ensure_refused(context: &Context, patch: Value, strict: bool, parts: &[&str]) -> Result<()> {
    let message = match dry_run(context, merged(constant(1, 1), patch.clone()), strict).await {
        Ok(_) => anyhow::bail!("{patch} was accepted"),
        Err(error) => format!("{error:#}"),
    };
    for part in parts {
        ensure!(message.contains(part), "{patch}: {part:?} is not in {message}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_step_is_refused_at_apply_within_another_step_too() -> Result<()> {
    with_temp_namespace(async |context| {
        let misspelt = json!({"reqest": {"url": "/"}});
        let path = "spec.scenarios[0].steps[0]";
        for (step, place) in [
            (misspelt.clone(), path.to_owned()),
            (json!({"group": {"name": "g", "steps": [misspelt]}}), format!("{path}.group.steps[0]")),
            (json!({"if": {"condition": "true", "then": [misspelt]}}), format!("{path}.if.then[0]")),
            (json!({"loop": {"count": 2, "steps": [misspelt]}}), format!("{path}.loop.steps[0]")),
        ] {
            ensure_refused(&context, steps(step.clone()), true, &["reqest"]).await?;
            // Who is not strict has it taken away, and then it is no step any more.
            ensure_refused(&context, steps(step), false, &[&place]).await?;
        }
        let two = json!({"group": {"name": "g", "steps": [{"request": {"url": "/"}, "think": {"min": "1s"}}]}});
        ensure_refused(&context, steps(two), true, &["group.steps[0]"]).await?;
        let block = json!({"blocks": [{"name": "b", "steps": [{"if": {"condition": "true", "then": [{"reqest": {}}]}}]}]});
        ensure_refused(&context, block, true, &["reqest"]).await?;
        let right = json!({
            "blocks": [{"name": "b", "steps": [{"if": {"condition": "true", "then": [{"request": {"url": "/"}}]}}]}],
            "scenarios": [{"name": "s", "steps": [{"run": "b"}, {"group": {"name": "g", "steps": [{"run": "b"}]}}]}],
        });
        dry_run(&context, merged(constant(1, 1), right), true).await.context("blocks were refused")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn unions_have_exactly_one_member() -> Result<()> {
    with_temp_namespace(async |context| {
        let request = |more: Value| steps(json!({"request": merged(json!({"url": "/"}), more)}));
        let executor = |more: Value| {
            load(json!({"executors": [merged(json!({"name": "e", "constantVUs": {"vus": 1, "duration": "1s"}}), more)]}))
        };
        let cases = [
            (load(json!({})), "exactly one of constant, stages, spike"),
            (load(json!({"unit": "Users", "volume": {"iterations": 5}})), "unit and arrivals belong to patterns"),
            (
                load(json!({"arrivals": {"maxUsers": 5}, "constant": {"level": 1, "duration": "1s"}})),
                "arrivals need unit: IterationsPerSecond",
            ),
            (executor(json!({"constantVUs": null})), "an executor is exactly one of"),
            (executor(json!({"sharedIterations": {}})), "an executor is exactly one of"),
            (request(json!({"auth": {}})), "auth has exactly one of"),
            (request(json!({"multipart": [{"name": "a"}]})), "a part has exactly one of"),
            (request(json!({"body": "a", "form": {}})), "a request has at most one of"),
            (request(json!({"expect": [{}]})), "an expectation is exactly one of"),
            (request(json!({"capture": [{"name": "a", "status": true, "body": true}]})), "a capture has exactly one of"),
            (json!({"data": [{"name": "a"}]}), "data has exactly one of"),
            (json!({"prometheus": {"checks": [{"name": "a", "query": "up", "condition": "> 0"}]}}), "exactly one of server and url"),
        ];
        for (patch, words) in cases {
            ensure_refused(&context, patch, true, &[words]).await?;
        }
        dry_run(&context, merged(constant(1, 1), executor(json!({}))), true).await.context("an executor was refused")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_quantities_and_names_are_told_apart() -> Result<()> {
    with_temp_namespace(async |context| {
        let level = |level: Value| json!({"load": {"constant": {"level": level}}});
        for right in [json!(50), json!("2.5"), json!("500m"), json!("1e2")] {
            dry_run(&context, merged(constant(1, 1), level(right.clone())), true)
                .await
                .with_context(|| format!("{right} was refused"))?;
        }
        for wrong in [json!(2.5), json!("five"), json!("-1"), json!(-1), json!(1_000_001)] {
            ensure_refused(&context, level(wrong), true, &["spec.load.constant.level"]).await?;
        }
        let scenario = json!({"name": "s", "steps": [{"request": {"url": "/"}}]});
        let twice = json!({"scenarios": [scenario, scenario]});
        ensure_refused(&context, twice, true, &["spec.scenarios[1]"]).await
    })
    .await
}

fn run(name: &str, test: Option<Value>) -> Result<LoadTestRun> {
    let mut run = json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": name},
        "spec": {"loadTestRef": {"name": "absent"}},
    });
    if let Some(test) = test {
        run["spec"]["test"] = test;
    }
    Ok(serde_json::from_value(run)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_run_only_abort_can_be_changed_and_only_once() -> Result<()> {
    with_temp_namespace(async |context| {
        let runs = context.api::<LoadTestRun>();
        let made = run("fixed", Some(constant(1, 600)))?;
        runs.create(&PostParams::default(), &made).await?;
        let change = async |spec: Value| {
            let patch = Patch::Merge(json!({"spec": spec}));
            runs.patch("fixed", &PatchParams::default(), &patch)
                .await
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for (spec, words) in [
            (json!({"loadTestRef": {"name": "other"}}), "spec.loadTestRef can't be changed"),
            (json!({"test": null}), "spec.test can't be changed"),
            (json!({"test": {"load": {"constant": {"level": 2}}}}), "spec.test can't be changed"),
            (json!({"test": {"deadlines": {"start": "2m"}}}), "spec.test can't be changed"),
            // As many fields as before, but another one.
            (
                json!({"test": {"load": {"constant": null, "volume": {"iterations": 1}}}}),
                "spec.test can't be changed",
            ),
            (json!({"test": {"runner": null, "secrets": []}}), "spec.test can't be changed"),
        ] {
            let refused = change(spec.clone()).await.err().with_context(|| format!("{spec} was accepted"))?;
            ensure!(refused.contains(words), "{spec}: {words:?} is not in {refused}");
        }
        change(json!({"abort": true})).await.map_err(anyhow::Error::msg)?;
        let refused = change(json!({"abort": false})).await.err().context("the abort was taken back")?;
        ensure!(refused.contains("spec.abort can't be taken back"), "{refused}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_before_a_change_of_the_api_says_so_and_stalls_nothing() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let runs = context.api::<LoadTestRun>();
        // Nobody can read this one.
        runs.create(&PostParams::default(), &run("unreadable", Some(json!({"goal": "http://target:8080"})))?)
            .await?;
        let over = context.finished("unreadable", seconds(60)).await?;
        ensure_verdict(&over, Verdict::Error, "OldSpec")?;
        let told = status(&over).conditions;
        let told = conditions::find(&told, "OldSpec").context("no condition says so")?;
        ensure!(told.status == "True" && told.message.contains("spec.test"), "{told:?}");
        // This one is in the words of before, and means what it meant.
        let mut old = constant(10, 2);
        let target = old["target"]["baseURL"].take();
        old["target"] = json!({"baseUrl": target});
        runs.create(&PostParams::default(), &run("old", Some(old))?).await?;
        // Its test is gone, which does not matter to a run that has its copy.
        let run = context.finished("old", seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        ensure!(status(&run).summary.is_some_and(|summary| summary.requests == 20));
        ensure!(conditions::find(&status(&run).conditions, "OldSpec").is_none());
        // And the next one goes on as ever.
        let run = context.run("next", constant(10, 1), seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")
    })
    .await
}
