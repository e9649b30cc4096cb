// SPDX-License-Identifier: Apache-2.0
//! Sizes of what is left of a run: our record, k6's JSON and Gatling's log for the same load. Ours has a size that depends on
//! time and on what was watched, theirs one per request.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{Bench, Name};
use crate::{
    measure::{Core, Running},
    number::number,
    peers::{Installed, Job, Task},
    results::Case,
};

/// Requests per second of the load, and so many seconds of it are really made by k6.
const RATE: u32 = 100;
const SECONDS: u32 = 20;
/// The times of which records are compared: the name of the played record, and its seconds.
const TIMES: [(&str, u32); 2] = [("hour", 3_600), ("day", 86_400)];

/// Bytes that Gatling 3.15 writes to simulation.log for a request without an error and without groups: its kind (1), the count of
/// groups (4), the index of its name (4), start and end as milliseconds of the run (4 + 4), whether it was all right (1), and the
/// index of its message (4). Read in its `LogFileDataWriter.scala`, at commit 8bb193bdf of July 2026.
const GATLING_REQUEST: u32 = 1 + 4 + 4 + 4 + 4 + 1 + 4;
/// And for a user, once at its start and once at its end: kind (1), index of the scenario (4), which of both (1), and when (4).
const GATLING_USER: u32 = 2 * (1 + 4 + 1 + 4);

/// Measures them.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "{RATE} requests/s, each by a user of its own. Ours is a played record with a step of 1 s (1 h) or 30 s (24 h), 50 kinds of errors \
         and the usage of 64 pods each minute, packed as a run writes it. k6 makes this load for {SECONDS} s with `--out json`; its bytes per \
         request are multiplied by the requests of the whole time. Gatling's log is computed, not measured: {GATLING_REQUEST} bytes per request \
         and {GATLING_USER} per user, by the fields that its `LogFileDataWriter.scala` writes for each (commit 8bb193bdf of July 2026)."
    );
    let mut case = bench.case(Name::Records, "Size of what is kept of a run", how);
    case.rounds = 1;
    case.columns = ["record", "bytes per request", "1 h, MiB", "24 h, MiB"].map(str::to_owned).into();
    let mut ours = Vec::new();
    for (record, _) in TIMES {
        ours.push(played(record)? as f64);
    }
    let mut row = vec!["upsurge, packed".to_owned(), "none".to_owned()];
    row.extend(ours.iter().map(|bytes| mebibytes(*bytes)));
    case.rows.push(row);
    let mut samples = vec![json!({"tool": "upsurge", "bytes": ours})];
    if let Some(k6) = bench.tools(Name::Records).find(|tool| tool.peer.name() == "k6") {
        for (what, file) in [("k6, JSON", "k6.json"), ("k6, JSON packed by gzip", "k6.json.gz")] {
            let per_request = of_k6(bench, k6, file)?;
            case.rows.push(scaled(what, per_request));
            samples.push(json!({"tool": what, "bytesPerRequest": per_request}));
        }
    }
    case.rows.push(scaled("Gatling, log (computed)", f64::from(GATLING_REQUEST + GATLING_USER)));
    case.samples = samples.into();
    Ok(case)
}

/// How many bytes the played record of a time has.
fn played(record: &str) -> Result<usize> {
    let output = Command::new(script())
        .args(["record", record])
        .stderr(Stdio::inherit())
        .output()
        .context("can't start bench/report")?;
    if !output.status.success() || output.stdout.is_empty() {
        bail!("bench/report made no record of a {record}: see above");
    }
    Ok(output.stdout.len())
}

/// The script that makes what is compared.
pub fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("report")
}

/// Bytes per request that k6 writes to a file of that name.
fn of_k6(bench: &Bench, k6: &Installed, file: &str) -> Result<f64> {
    let path = bench.directory.join(file);
    let url = bench.server.url();
    let job =
        Job { url: &url, directory: &bench.directory, seconds: SECONDS, task: Task::Paced { rate: RATE } };
    let mut command = k6.command(&job)?;
    command.arg("--out").arg(format!("json={}", path.display()));
    bench.server.take()?;
    let running = Running::start("k6", &command, Core::Tool, &bench.directory)?;
    running.finish(Duration::from_secs(u64::from(SECONDS) + 90))?;
    let requests = bench.server.take()?.requests;
    let bytes = std::fs::metadata(&path).with_context(|| format!("k6 wrote no {}", path.display()))?.len();
    std::fs::remove_file(&path)?;
    if requests == 0 {
        bail!("k6 sent no request");
    }
    Ok(bytes as f64 / requests as f64)
}

/// A row of what grows with each request.
fn scaled(what: &str, per_request: f64) -> Vec<String> {
    let whole = TIMES.map(|(_, seconds)| mebibytes(per_request * f64::from(RATE) * f64::from(seconds)));
    [what.to_owned(), number(per_request)].into_iter().chain(whole).collect()
}

fn mebibytes(bytes: f64) -> String {
    number(bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_with_each_request_is_multiplied_by_them() {
        // 360,000 and 8,640,000 requests of 1 KiB.
        assert_eq!(scaled("log", 1024.0), ["log", "1,024", "352", "8,438"]);
    }

    #[test]
    fn the_log_of_gatling_has_the_bytes_of_its_fields() {
        assert_eq!((GATLING_REQUEST, GATLING_USER), (22, 20));
    }
}
