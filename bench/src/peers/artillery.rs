// SPDX-License-Identifier: Apache-2.0
//! Artillery: one thread of Node.js. It knows arrivals only, so it gets a rate that it can carry.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Job, Pace, Peer, Said, Task};
use crate::measure::Cost;

/// The file that the report goes to.
const REPORT: &str = "artillery.json";

/// Artillery, from npm.
pub struct Artillery;

impl Peer for Artillery {
    fn name(&self) -> &'static str {
        "artillery"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let Task::Shop { pace } = job.task else { return Ok(None) };
        let script = job.file("artillery-script.json", &script(job, pace).to_string())?;
        let mut command = Command::new(program);
        command.args(["run", "--quiet", "--output"]).arg(job.directory.join(REPORT)).arg(script);
        command.env("ARTILLERY_DISABLE_TELEMETRY", "true").current_dir(job.directory);
        Ok(Some(command))
    }

    fn said(&self, job: &Job<'_>, _: &Cost) -> Result<Said> {
        let text = std::fs::read_to_string(job.directory.join(REPORT)).context("no report")?;
        parse(&serde_json::from_str(&text)?)
    }
}

fn parse(report: &Value) -> Result<Said> {
    let aggregate = report.get("aggregate").context("no aggregate")?;
    let counters = aggregate.get("counters").and_then(Value::as_object).context("no counters")?;
    let count = |name: &str| counters.get(name).and_then(Value::as_u64).unwrap_or(0);
    let starting = |prefix: &str| -> u64 {
        let some = counters.iter().filter(|(name, _)| name.starts_with(prefix));
        some.filter_map(|(_, count)| count.as_u64()).sum()
    };
    let codes = starting("http.codes.");
    let good = starting("http.codes.2") + starting("http.codes.3");
    Ok(Said {
        requests: count("http.requests"),
        failed: codes - good + starting("errors."),
        iterations: Some(count("vusers.completed")),
        checks_failed: Some(count("plugins.expect.failed")),
        p99: aggregate
            .pointer("/summaries/http.response_time/p99")
            .and_then(Value::as_f64)
            .map(|time| time / 1e3),
        ..Said::default()
    })
}

fn script(job: &Job<'_>, pace: Pace) -> Value {
    let phase = match pace {
        Pace::Once => json!({"duration": 1, "arrivalCount": 1}),
        Pace::Users(rate) | Pace::Rate(rate) => json!({"duration": job.seconds, "arrivalRate": rate}),
    };
    let headers = json!({"authorization": "Bearer {{ token }}"});
    json!({
        "config": {"target": job.url, "phases": [phase], "plugins": {"expect": {"reportFailuresAsErrors": true}}},
        "scenarios": [{"flow": [
            {"post": {
                "url": "/login", "json": {"user": "user", "password": "secret"},
                "capture": {"json": "$.token", "as": "token"}, "expect": [{"statusCode": 200}],
            }},
            {"post": {
                "url": "/items", "headers": headers, "json": {"name": "teapot", "price": 12.5},
                "capture": {"json": "$.id", "as": "id"}, "expect": [{"statusCode": 201}],
            }},
            {"get": {
                "url": "/items/{{ id }}", "headers": headers,
                "capture": {"json": "$.name", "as": "name"}, "expect": [{"statusCode": 200}, {"equals": ["{{ name }}", "teapot"]}],
            }},
        ]}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_report_is_understood() {
        let report = json!({"aggregate": {
            "counters": {"http.requests": 90, "http.codes.200": 60, "http.codes.201": 25, "http.codes.404": 3,
                "errors.ECONNREFUSED": 2, "vusers.completed": 28, "plugins.expect.failed": 1},
            "summaries": {"http.response_time": {"p99": 12.0}}}});
        let said = parse(&report).unwrap();
        assert_eq!((said.requests, said.failed, said.iterations), (90, 5, Some(28)));
        assert_eq!((said.p99, said.checks_failed), (Some(0.012), Some(1)));
        assert!(parse(&json!({})).is_err());
    }
}
