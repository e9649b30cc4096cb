// SPDX-License-Identifier: Apache-2.0
//! What can be known about a test that failed: objects, events and logs as files, and a short summary.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::Result;
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, LogParams},
};
use serde::Serialize;
use upsurge_crds::{LoadTest, LoadTestRun};

use crate::{Context, install};

/// Lines of each log that are kept.
const LINES: i64 = 400;

/// Writes what is known to `target/e2e/<test>/`, and the main things to standard error. Does what it can.
pub async fn write(context: &Context, test: &str) {
    if let Err(error) = try_write(context, test).await {
        eprintln!("diagnostics of {test} are incomplete: {error:#}");
    }
}

async fn try_write(context: &Context, test: &str) -> Result<()> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/e2e").join(test.replace("::", "."));
    // Of this failure alone, not mixed with an earlier one.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut summary = format!("namespace {}\n", context.namespace);
    let all = ListParams::default();
    let tests = context.api::<LoadTest>().list(&all).await?.items;
    let runs = context.api::<LoadTestRun>().list(&all).await?.items;
    for run in &runs {
        let status = run.status.clone().unwrap_or_default();
        writeln!(
            summary,
            "run {}: {:?} {:?} {}: {}",
            run.name_any(),
            status.phase,
            status.verdict,
            status.reason.unwrap_or_default(),
            status.message.unwrap_or_default()
        )?;
    }
    let pods = context.api::<Pod>().list(&all).await?.items;
    for pod in &pods {
        let status = pod.status.clone().unwrap_or_default();
        writeln!(summary, "pod {}: {}", pod.name_any(), status.phase.unwrap_or_default())?;
    }
    let mut events = context.api::<Event>().list(&all).await?.items;
    events.sort_by_key(|event| event.metadata.creation_timestamp.clone());
    let mut text = String::new();
    for event in &events {
        writeln!(
            text,
            "{} {}/{} {}: {}",
            event.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default(),
            event.involved_object.kind.as_deref().unwrap_or_default(),
            event.involved_object.name.as_deref().unwrap_or_default(),
            event.reason.as_deref().unwrap_or_default(),
            event.message.as_deref().unwrap_or_default()
        )?;
    }
    fs::write(folder.join("events.txt"), text)?;
    yaml(&folder, "loadtests", &tests)?;
    yaml(&folder, "loadtestruns", &runs)?;
    yaml(&folder, "pods", &pods)?;
    yaml(&folder, "jobs", &context.api::<Job>().list(&all).await?.items)?;
    yaml(&folder, "autoscalers", &context.api::<HorizontalPodAutoscaler>().list(&all).await?.items)?;
    logs(&context.api::<Pod>(), &pods, &folder).await?;
    let operators = Api::<Pod>::namespaced(context.client.clone(), install::NAMESPACE);
    let found = operators.list(&all).await?.items;
    logs(&operators, &found, &folder).await?;
    fs::write(folder.join("summary.txt"), &summary)?;
    eprintln!("{test} failed; more in {}\n{summary}", folder.display());
    Ok(())
}

fn yaml<K: Serialize>(folder: &std::path::Path, name: &str, items: &[K]) -> Result<()> {
    Ok(fs::write(
        folder.join(format!("{name}.yaml")),
        serde_saphyr::to_string(&serde_json::to_value(items)?)?,
    )?)
}

async fn logs(api: &Api<Pod>, pods: &[Pod], folder: &std::path::Path) -> Result<()> {
    for (pod, previous) in pods.iter().flat_map(|pod| [(pod, false), (pod, true)]) {
        let parameters =
            LogParams { tail_lines: Some(LINES), previous, timestamps: true, ..LogParams::default() };
        // A container that never started has no log, and most have no previous one.
        if let Ok(text) = api.logs(&pod.name_any(), &parameters).await {
            let name = format!("{}{}.log", pod.name_any(), if previous { ".previous" } else { "" });
            fs::write(folder.join(name), text)?;
        }
    }
    Ok(())
}
