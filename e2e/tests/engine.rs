// SPDX-License-Identifier: Apache-2.0
//! What the engine does under the operator: loads side by side, split exactly over runners, every kind of step, steps after
//! the load, and a test that ends itself.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Secret},
    events::v1::Event,
};
use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{TARGET, constant, merged, runner, spec},
    target::{Stats, Target, apply},
    wait::{eventually, seconds},
    with_temp_namespace,
};

fn received(stats: &Stats, route: &str) -> u64 {
    stats.routes.iter().find(|known| known.route == route).map_or(0, |known| known.received)
}

fn routes(paths: impl IntoIterator<Item = String>) -> Value {
    let routes: Vec<Value> =
        paths.into_iter().map(|path| json!({"method": "GET", "path": path, "json": {}})).collect();
    json!({"routes": routes})
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_run_side_by_side_and_are_split_exactly_over_runners() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, routes(["/browse".into(), "/buy".into(), "/each".into()])).await?;
        let scenario = |name: &str| {
            json!({"name": name, "steps": [{"request": {"name": name, "url": format!("/{name}")}}]})
        };
        let load = json!({"executors": [
            {"name": "visitors", "exec": "browse", "constantArrivalRate": {"rate": 300, "timeUnit": "1m", "duration": "11900ms", "preAllocatedVUs": 10}},
            {"name": "buyers", "startTime": "2s", "exec": "buy", "sharedIterations": {"vus": 4, "iterations": 25, "maxDuration": "30s"}},
            {"name": "members", "exec": "each", "perVUIterations": {"vus": 3, "iterations": 7, "maxDuration": "30s"}},
        ]});
        let test = merged(spec(load), json!({
            "scenarios": [scenario("browse"), scenario("buy"), scenario("each")],
            "runner": runner(2),
        }));
        let run = context.run("mixed", test, seconds(120)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let stats = target.stats().await?;
        let counts = ["GET /browse", "GET /buy", "GET /each"].map(|route| received(&stats, route));
        ensure!(counts == [60, 25, 21], "{counts:?}: {stats:?}");
        let stages: Vec<_> = status(&run).stages.iter().map(|stage| stage.name.clone()).collect();
        for name in ["visitors", "buyers", "members"] {
            ensure!(stages.iter().any(|stage| stage == name), "no stage {name} among {stages:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_a_config_map_is_taken_once_over_all_runners() -> Result<()> {
    with_temp_namespace(async |context| {
        let rows = 40;
        let target = Target::deploy(&context, routes((0..rows).map(|row| format!("/items/{row}")))).await?;
        let table: String = (0..rows).map(|row| format!("{row},{}\n", row * 2)).collect();
        apply::<ConfigMap>(&context, "items", json!({"data": {"items.csv": format!("id,double\n{table}")}})).await?;
        let load = json!({"executors": [
            {"name": "all", "sharedIterations": {"vus": 6, "iterations": rows, "maxDuration": "30s"}},
        ]});
        let test = merged(spec(load), json!({
            "data": [{
                "name": "items", "order": "Unique",
                "csv": {"source": {"configMapKeyRef": {"name": "items", "key": "items.csv"}}},
            }],
            "scenarios": [{"name": "get", "steps": [{"request": {"name": "get", "url": "/items/{{ items.id }}"}}]}],
            "runner": runner(3),
        }));
        let run = context.run("rows", test, seconds(120)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let stats = target.stats().await?;
        for row in 0..rows {
            let count = received(&stats, &format!("GET /items/{row}"));
            ensure!(count == 1, "row {row} was taken {count} times: {stats:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_that_does_not_exist_is_named() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let load = json!({"unit": "IterationsPerSecond", "constant": {"level": 5, "duration": "5s"}});
        let test = merged(spec(load), json!({
            "data": [{"name": "items", "csv": {"source": {"configMapKeyRef": {"name": "absent", "key": "items.csv"}}}}],
            "deadlines": {"prepare": "16s"},
        }));
        let run = context.run("missing", test, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Error, "FileNotFound")?;
        let message = status(&run).message.clone().context("no message")?;
        for part in ["spec.deadlines.prepare of 16s", "ConfigMap absent does not exist", "spec.data[0]"] {
            ensure!(message.contains(part), "{message}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_ends_itself_ends_all_runners_with_its_reason() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let load = json!({"unit": "IterationsPerSecond", "constant": {"level": 20, "duration": "5m"}});
        let test = merged(
            spec(load),
            json!({
                "scenarios": [{"name": "buy", "steps": [
                    {"request": {"name": "buy", "url": "/"}},
                    {"abort": {"reason": "sold out at {{ iteration }}", "if": "iteration == 100"}},
                ]}],
                "runner": runner(2),
            }),
        );
        let run = context.run("sold-out", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Aborted, "Aborted")?;
        let status = status(&run);
        let message = status.message.clone().context("no message")?;
        ensure!(
            message.contains("of 2 (pod ") && message.ends_with("the test ended itself: sold out at 100"),
            "{message}"
        );
        let mut states: Vec<_> = status.runners.iter().map(|runner| runner.state.as_str()).collect();
        states.sort_unstable();
        ensure!(states == ["AbortedByTest", "Stopped"], "{:?}", status.runners);
        let summary = status.summary.context("what was measured is kept")?;
        let received = target.quiet(seconds(20)).await?.received;
        ensure!(
            summary.requests >= 100 && received < 3_000,
            "{} measured, {received} received",
            summary.requests
        );
        Ok(())
    })
    .await
}

/// A test over three runners with a step after the load.
fn tidied(expected: u16) -> Value {
    let load = json!({"executors": [
        {"name": "all", "sharedIterations": {"vus": 6, "iterations": 60, "maxDuration": "30s"}},
    ]});
    merged(
        spec(load),
        json!({
            "after": [{"request": {"name": "tidy up", "method": "DELETE", "url": "/rows", "expect": [{"status": [expected]}]}}],
            "runner": runner(3),
        }),
    )
}

fn rows() -> Value {
    json!({"routes": [{"method": "GET", "path": "/", "json": {}}, {"method": "DELETE", "path": "/rows", "status": 204}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_after_the_load_are_done_once_for_all_runners() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, rows()).await?;
        let run = context.run("tidied", tidied(204), seconds(120)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let stats = target.stats().await?;
        let counts = ["GET /", "DELETE /rows"].map(|route| received(&stats, route));
        ensure!(counts == [60, 1], "{counts:?}: {stats:?}");
        let status = status(&run);
        ensure!(status.warnings.is_empty(), "{:?}", status.warnings);
        ensure!(
            status.summary.as_ref().is_some_and(|summary| summary.requests == 60),
            "{:?}",
            status.summary
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_after_the_load_that_fails_is_a_warning_and_an_event() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, rows()).await?;
        let run = context.run("untidied", tidied(200), seconds(120)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        ensure!(received(&target.stats().await?, "DELETE /rows") == 1, "it is done once all the same");
        let warnings = status(&run).warnings;
        ensure!(
            matches!(&warnings[..], [warning] if warning.contains("spec.after") && warning.contains("tidy up")),
            "{warnings:?}"
        );
        eventually("the event is there", seconds(20), async || {
            let events = context.api::<Event>().list(&ListParams::default()).await?.items;
            let told = events.into_iter().find(|event| {
                event.reason.as_deref() == Some("AfterFailed")
                    && event.regarding.as_ref().is_some_and(|about| about.name == Some(run.name_any()))
            });
            Ok(told.filter(|event| event.type_.as_deref() == Some("Warning")).map(|_| ()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_step_is_done_as_written() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({"routes": [
            {"method": "POST", "path": "/login", "status": 201, "json": {"token": "t-{{ body.user }}"}},
            {"method": "GET", "path": "/items/{id}", "json": {"id": "{{ path.id }}"}},
            {"method": "GET", "path": "/setup", "json": {"shop": "s1"}},
            {"method": "GET", "path": "/shops/s1", "json": {"secret": "{{ headers.x-key }}"}},
        ]}))
        .await?;
        apply::<Secret>(&context, "keys", json!({"stringData": {"key": "sesame"}})).await?;
        let test = merged(constant(10, 5), json!({
            "variables": {"who": ["ann", "bob"]},
            "secrets": [{"name": "key", "secretKeyRef": {"name": "keys", "key": "key"}}],
            "before": [{"request": {"url": "/setup", "capture": [{"name": "shop", "jsonPath": "$.shop"}]}}],
            "scenarios": [{"name": "all", "steps": [
                {"request": {
                    "name": "login", "method": "POST", "url": "/login", "json": {"user": "{{ who }}"},
                    "capture": [{"name": "token", "jsonPath": "$.token"}], "expect": [{"status": [201]}],
                }},
                {"if": {
                    "condition": "token.startsWith('t-')",
                    "then": [{"loop": {"count": 2, "steps": [{"request": {
                        "name": "item", "url": "/items/i{{ loopCount }}",
                        "expect": [{"jsonPath": "$.id", "equals": "i{{ loopCount }}"}, {"responseTime": "1s"}],
                    }}]}}],
                    "else": [{"request": {"name": "never", "url": "/never"}}],
                }},
                {"group": {"name": "shop", "steps": [
                    {"think": {"min": "10ms", "max": "20ms"}},
                    {"request": {
                        "name": "shop", "url": "/shops/{{ shop }}", "headers": {"x-key": "{{ secrets.key }}"},
                        "expect": [{"jsonPath": "$.secret", "equals": "{{ secrets.key }}"}],
                    }},
                ]}},
            ]}],
            "thresholds": [
                {"metric": "checks", "condition": "rate == 1"},
                {"metric": "group_duration", "selector": {"group": "shop"}, "condition": "min > 9ms"},
            ],
            "runner": runner(2),
        }));
        let run = context.run("steps", test, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let stats = target.stats().await?;
        // `before` once, though there are two runners; of 50 iterations everything else.
        for (route, count) in
            [("GET /setup", 1), ("POST /login", 50), ("GET /items/{id}", 100), ("GET /shops/s1", 50), ("default", 0)]
        {
            ensure!(received(&stats, route) == count, "{route}: {stats:?}");
        }
        // Nobody may learn a secret from the objects that the operator makes or writes.
        let jobs = context.api::<Job>().list(&Default::default()).await?;
        ensure!(!jobs.items.is_empty(), "the runners' Job is gone");
        let visible = format!("{}{}", serde_json::to_string(&jobs.items)?, serde_json::to_string(&run)?);
        ensure!(!visible.contains("sesame"), "the secret is visible");
        ensure!(run.spec.test.as_ref().and_then(|test| test.read().ok()).is_some_and(|test| test.target.base_url == TARGET), "no snapshot of the spec");
        Ok(())
    })
    .await
}
