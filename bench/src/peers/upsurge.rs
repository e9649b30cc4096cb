// SPDX-License-Identifier: Apache-2.0
//! Upsurge itself: a manifest per task, run by the command line on one thread. Nothing else than what users
//! have is called.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Job, Pace, Peer, Said, Task, k6};
use crate::measure::Cost;

/// The file that the summary goes to.
const SUMMARY: &str = "upsurge-summary.json";
/// Longer than any idle user is looked at.
const LONG: &str = "10m";

/// Users of a load whose memory is watched.
const STEADY_USERS: u32 = 100;

/// The program of this checkout.
pub struct Upsurge;

impl Peer for Upsurge {
    fn name(&self) -> &'static str {
        "upsurge"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let manifest = job.file("upsurge.json", &manifest(job).to_string())?;
        let mut command = Command::new(program);
        command.arg("run").arg(manifest).arg("--quiet");
        if !matches!(job.task, Task::Unpinned { .. }) {
            command.args(["--threads", "1"]);
        }
        command.arg("--summary").arg(job.directory.join(SUMMARY));
        Ok(Some(command))
    }

    fn said(&self, job: &Job<'_>, _: &Cost) -> Result<Said> {
        let text = std::fs::read_to_string(job.directory.join(SUMMARY)).context("no summary")?;
        let summary: Value = serde_json::from_str(&text)?;
        // What users would have waited, from the intended start.
        let trend = match job.task {
            Task::Freezing { .. } => "http_req_response_time",
            _ => "http_req_duration",
        };
        k6::said_by_summary(&summary, trend)
    }
}

fn manifest(job: &Job<'_>) -> Value {
    let url = job.text_url();
    let steps = match &job.task {
        Task::Static { .. }
        | Task::Unpinned { .. }
        | Task::Open { .. }
        | Task::Counted { checked: false, .. }
        | Task::Page { read: false, .. }
        | Task::Freezing { .. }
        | Task::Paced { .. } => json!([{"request": {"name": "get", "url": url}}]),
        Task::Checked { .. } | Task::Counted { checked: true, .. } => {
            json!([{"request": {"name": "get", "url": url, "expect": [{"status": [200]}]}}])
        }
        Task::Page { read: true, .. } => json!([{"request": {
            "name": "get",
            "url": url,
            "capture": [{"name": "links", "selector": {"css": "ul.products > li > a"}, "match": "All"}],
            "expect": [
                {"selector": {"css": "form#search input[name=csrf]", "attribute": "value"}, "equals": "a/b=="},
                {"condition": "size(links) > 100"},
            ],
        }}]),
        Task::Idle { connected: true, .. } => {
            json!([{"request": {"name": "get", "url": url}}, {"think": {"min": LONG}}])
        }
        Task::Idle { connected: false, .. } => {
            json!([{"think": {"min": LONG}}, {"request": {"name": "get", "url": url}}])
        }
        Task::Shop { .. } => shop(),
        Task::Executors { pause, .. } => {
            json!([{"request": {"name": "get", "url": url}}, {"think": {"min": format!("{pause}ms")}}])
        }
    };
    json!({
        "apiVersion": "upsurge.dev/v1alpha1",
        "kind": "LoadTest",
        "metadata": {"name": "bench"},
        "spec": {"target": {"baseURL": job.url}, "scenarios": [{"name": "bench", "steps": steps}], "load": load(job)},
    })
}

fn load(job: &Job<'_>) -> Value {
    let duration = format!("{}s", job.seconds);
    let users =
        |level: u32| json!({"constant": {"level": level, "duration": duration}, "gracefulStop": "1s"});
    let rate = |level: u32, users: u32| json!({"unit": "IterationsPerSecond", "arrivals": {"maxUsers": users}, "constant": {"level": level, "duration": duration}});
    match &job.task {
        Task::Static { connections } | Task::Checked { connections } | Task::Unpinned { connections } => {
            users(*connections)
        }
        Task::Open { rate: level, connections } => rate(*level, *connections),
        Task::Page { users: count, .. } => users(*count),
        Task::Counted { requests, .. } => {
            json!({"executors": [{"name": "bench", "perVUIterations": {"vus": 1, "iterations": requests}}]})
        }
        Task::Idle { users: count, .. } => users(*count),
        Task::Shop { pace: Pace::Users(count) } => users(*count),
        // As many users as there will ever be: one that is made because the machine stood still would stay.
        Task::Shop { pace: Pace::Rate(level) } => {
            json!({"executors": [{"name": "shop", "constantArrivalRate": {"rate": level, "timeUnit": "1s", "duration": duration, "preAllocatedVUs": STEADY_USERS, "maxVUs": STEADY_USERS}}]})
        }
        Task::Shop { pace: Pace::Once } => {
            json!({"unit": "IterationsPerSecond", "constant": {"level": 1, "duration": "1s"}})
        }
        Task::Freezing { rate: level, .. } => rate(*level, k6::USERS_IN_A_FREEZE),
        Task::Paced { rate: level } => rate(*level, k6::USERS_OF_A_RATE),
        Task::Executors { scenarios, .. } => json!({"executors": executors(scenarios)}),
    }
}

/// k6's scenarios as executors: the same fields, in the member that has k6's name.
fn executors(scenarios: &Value) -> Value {
    let each = scenarios.as_object().into_iter().flatten().map(|(name, scenario)| {
        let mut own = scenario.as_object().cloned().unwrap_or_default();
        let kind = match own.remove("executor").as_ref().and_then(Value::as_str) {
            Some("constant-vus") => "constantVUs",
            Some("ramping-vus") => "rampingVUs",
            Some("shared-iterations") => "sharedIterations",
            Some("per-vu-iterations") => "perVUIterations",
            Some("constant-arrival-rate") => "constantArrivalRate",
            _ => "rampingArrivalRate",
        };
        let mut executor = json!({"name": name});
        for field in ["startTime", "gracefulStop"] {
            if let Some(value) = own.remove(field) {
                executor[field] = value;
            }
        }
        executor[kind] = own.into();
        executor
    });
    each.collect()
}

fn shop() -> Value {
    let authorization = json!({"Authorization": "Bearer {{ token }}"});
    json!([
        {"request": {
            "name": "log in", "method": "POST", "url": "/login",
            "json": {"user": "user-{{ user }}", "password": "secret"},
            "capture": [{"name": "token", "jsonPath": "$.token"}],
            "expect": [{"status": [200]}],
        }},
        {"request": {
            "name": "create", "method": "POST", "url": "/items", "headers": authorization,
            "json": {"name": "teapot", "price": 12.5},
            "capture": [{"name": "id", "jsonPath": "$.id"}],
            "expect": [{"status": [201]}],
        }},
        {"request": {
            "name": "read", "url": "/items/{{ id }}", "headers": authorization,
            "expect": [{"status": [200]}, {"jsonPath": "$.name", "equals": "teapot"}],
        }},
    ])
}
