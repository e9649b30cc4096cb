// SPDX-License-Identifier: Apache-2.0
//! k6: a JavaScript engine and a transport per user. Its scripts are made here, with the options that make it
//! as quick as it can be; where Upsurge reads no body, neither does k6 (`discardResponseBodies`).

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Job, Pace, Peer, Said, Task};
use crate::measure::Cost;

/// The file that the summary goes to.
const SUMMARY: &str = "k6-summary.json";
/// Users for a server that stands still for a second: more than arrive in it.
pub const USERS_IN_A_FREEZE: u32 = 1500;
/// Users for a rate at a server that answers at once: so many that none is dropped on a busy machine.
pub const USERS_OF_A_RATE: u32 = 500;

/// k6, a Go module.
pub struct K6;

impl Peer for K6 {
    fn name(&self) -> &'static str {
        "k6"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let script = job.file("script.js", &script(job))?;
        let mut command = Command::new(program);
        command.args([
            "run",
            "--quiet",
            "--no-usage-report",
            "--summary-trend-stats",
            "avg,max,p(99),p(99.9)",
        ]);
        command.arg("--summary-export").arg(job.directory.join(SUMMARY)).arg(script);
        Ok(Some(command))
    }

    fn said(&self, job: &Job<'_>, _: &Cost) -> Result<Said> {
        let text = std::fs::read_to_string(job.directory.join(SUMMARY)).context("no summary")?;
        said_by_summary(&serde_json::from_str(&text)?, "http_req_duration")
    }
}

/// The same figures from k6's `--summary-export`, and from Upsurge's summary, which is in the form that k6 hands
/// to `handleSummary`: there the values are one level deeper.
pub fn said_by_summary(summary: &Value, trend: &str) -> Result<Said> {
    let metrics = summary.get("metrics").context("no metrics")?;
    let value = |metric: &str, name: &str| {
        let metric = metrics.get(metric)?;
        metric.get("values").unwrap_or(metric).get(name)?.as_f64()
    };
    let count = |metric: &str, name: &str| value(metric, name).map(|count| count as u64);
    Ok(Said {
        requests: count("http_reqs", "count").unwrap_or(0),
        // A request that failed is one for which "failed" holds.
        failed: count("http_req_failed", "passes").unwrap_or(0),
        p99: value(trend, "p(99)").map(|time| time / 1e3),
        p999: value(trend, "p(99.9)").map(|time| time / 1e3),
        lag_p99: value("schedule_lag", "p(99)").map(|time| time / 1e3),
        iterations: Some(count("iterations", "count").unwrap_or(0)),
        dropped: Some(count("dropped_iterations", "count").unwrap_or(0)),
        users: count("vus", "max"),
        users_there: count("vus_max", "max"),
        checks_failed: count("checks", "fails"),
    })
}

fn script(job: &Job<'_>) -> String {
    let (options, body) = (options(job), body(job));
    format!(
        "import http from 'k6/http';\nimport {{ check, sleep }} from 'k6';\nexport const options = {options};\n\
         const json = {{ 'Content-Type': 'application/json' }};\nexport default function () {{\n{body}}}\n"
    )
}

fn body(job: &Job<'_>) -> String {
    let get = format!("  http.get('{}');\n", job.text_url());
    match &job.task {
        Task::Static { .. }
        | Task::Checked { .. }
        | Task::Unpinned { .. }
        | Task::Open { .. }
        | Task::Counted { .. }
        | Task::Page { read: false, .. }
        | Task::Freezing { .. }
        | Task::Paced { .. } => get,
        Task::Page { read: true, .. } => PAGE.replace("URL", &job.text_url()),
        Task::Idle { connected: true, .. } => format!("{get}  sleep(600);\n"),
        Task::Idle { connected: false, .. } => format!("  sleep(600);\n{get}"),
        Task::Executors { pause, .. } => format!("{get}  sleep({});\n", f64::from(*pause) / 1e3),
        Task::Shop { .. } => SHOP.replace("URL", job.url),
    }
}

fn options(job: &Job<'_>) -> Value {
    let duration = format!("{}s", job.seconds);
    let users = |count: u32| json!({"executor": "constant-vus", "vus": count, "duration": duration, "gracefulStop": "1s"});
    let rate = |rate: u32, users: u32| {
        json!({
            "executor": "constant-arrival-rate", "rate": rate, "duration": duration,
            "preAllocatedVUs": users, "maxVUs": users,
        })
    };
    let scenarios = match &job.task {
        Task::Static { connections } | Task::Checked { connections } | Task::Unpinned { connections } => {
            json!({"bench": users(*connections)})
        }
        Task::Open { rate: level, connections } => json!({"bench": rate(*level, *connections)}),
        Task::Page { users: count, .. } => json!({"bench": users(*count)}),
        Task::Counted { requests, .. } => {
            json!({"bench": {"executor": "per-vu-iterations", "vus": 1, "iterations": requests}})
        }
        Task::Idle { users: count, .. } => json!({"bench": users(*count)}),
        Task::Shop { pace: Pace::Users(count) } => json!({"bench": users(*count)}),
        Task::Shop { pace: Pace::Rate(level) } => json!({"bench": rate(*level, 1000)}),
        Task::Shop { pace: Pace::Once } => {
            json!({"bench": {"executor": "shared-iterations", "vus": 1, "iterations": 1}})
        }
        Task::Freezing { rate: level, .. } => json!({"bench": rate(*level, USERS_IN_A_FREEZE)}),
        Task::Paced { rate: level } => json!({"bench": rate(*level, USERS_OF_A_RATE)}),
        Task::Executors { scenarios, .. } => scenarios.clone(),
    };
    let bodies_matter = matches!(job.task, Task::Shop { .. } | Task::Page { read: true, .. });
    json!({"scenarios": scenarios, "discardResponseBodies": !bodies_matter})
}

/// Log in, create, read.
const SHOP: &str = "\
  const login = http.post('URL/login', JSON.stringify({ user: `user-${__VU}`, password: 'secret' }), { headers: json });
  check(login, { 'logged in': (r) => r.status === 200 });
  const authorization = { 'Content-Type': 'application/json', Authorization: `Bearer ${login.json('token')}` };
  const item = JSON.stringify({ name: 'teapot', price: 12.5 });
  const created = http.post('URL/items', item, { headers: authorization, tags: { name: 'create' } });
  check(created, { 'created': (r) => r.status === 201 });
  const read = http.get(`URL/items/${created.json('id')}`, { headers: authorization, tags: { name: 'read' } });
  check(read, { 'read': (r) => r.status === 200, 'is a teapot': (r) => r.json('name') === 'teapot' });
";

/// Takes a token and all links out of a page.
const PAGE: &str = "\
  const page = http.get('URL').html();
  check(page, {
    'token': (page) => page.find('form#search input[name=csrf]').attr('value') === 'a/b==',
    'links': (page) => page.find('ul.products > li > a').size() > 100,
  });
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_summary_are_understood() {
        let k6 = json!({"metrics": {
            "http_reqs": {"count": 300, "rate": 30.0}, "http_req_failed": {"passes": 2, "fails": 298, "value": 0.01},
            "iterations": {"count": 100, "rate": 10.0}, "dropped_iterations": {"count": 4, "rate": 0.4},
            "http_req_duration": {"avg": 1.0, "p(99)": 5.0, "p(99.9)": 9.0}, "vus": {"value": 1, "min": 1, "max": 7},
            "vus_max": {"value": 9, "min": 9, "max": 9}, "checks": {"passes": 100, "fails": 3, "value": 0.97}}});
        let said = said_by_summary(&k6, "http_req_duration").unwrap();
        let expected = Said {
            requests: 300,
            failed: 2,
            p99: Some(0.005),
            p999: Some(0.009),
            lag_p99: None,
            iterations: Some(100),
            dropped: Some(4),
            users: Some(7),
            users_there: Some(9),
            checks_failed: Some(3),
        };
        assert_eq!(said, expected);
        let metrics = k6["metrics"].as_object().unwrap();
        let deeper: serde_json::Map<String, Value> =
            metrics.iter().map(|(name, values)| (name.clone(), json!({"values": values}))).collect();
        assert_eq!(said_by_summary(&json!({"metrics": deeper}), "http_req_duration").unwrap(), expected);
    }

    #[test]
    fn what_was_never_counted_is_none_of_it() {
        let said = said_by_summary(&json!({"metrics": {}}), "http_req_duration").unwrap();
        assert_eq!((said.requests, said.dropped, said.users), (0, Some(0), None));
        assert!(said_by_summary(&json!({}), "http_req_duration").is_err());
    }
}
