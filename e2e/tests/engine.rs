//! What the engine does under the operator: loads side by side, split exactly over runners.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{merged, runner, spec},
    target::{Stats, Target, apply},
    wait::seconds,
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
        let load = json!({"executors": {
            "visitors": {"executor": "constant-arrival-rate", "rate": 300, "timeUnit": "1m", "duration": "11900ms",
                "preAllocatedVUs": 10, "exec": "browse"},
            "buyers": {"executor": "shared-iterations", "vus": 4, "iterations": 25, "startTime": "2s",
                "maxDuration": "30s", "exec": "buy"},
            "members": {"executor": "per-vu-iterations", "vus": 3, "iterations": 7, "maxDuration": "30s", "exec": "each"},
        }});
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
        let load = json!({"executors": {
            "all": {"executor": "shared-iterations", "vus": 6, "iterations": rows, "maxDuration": "30s"},
        }});
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
        for part in ["spec.data[0]", "absent", "items.csv"] {
            ensure!(message.contains(part), "{message}");
        }
        Ok(())
    })
    .await
}
