// SPDX-License-Identifier: Apache-2.0
//! What the operator asks of the API server, by the API server's own audit log: only the operator's requests are in it, which
//! are told by its service account.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The audit log.
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
}

/// A place in the audit log, and when it was its end.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: Instant,
    bytes: u64,
}

/// Requests per second, by verb and resource, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates(pub Vec<(String, f64)>);

impl Rates {
    /// All of them.
    pub fn total(&self) -> f64 {
        self.0.iter().map(|(_, rate)| rate).sum()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    verb: String,
    #[serde(default)]
    object_ref: Option<Object>,
    #[serde(default, rename = "requestURI")]
    request_uri: String,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
}

impl AuditLog {
    /// The log in this file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its present end.
    pub fn mark(&self) -> Mark {
        // There is no file before the first request.
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        Mark { at: Instant::now(), bytes }
    }

    /// What was asked since then.
    pub fn since(&self, mark: Mark) -> Result<Rates> {
        let (now, seconds) = (self.mark(), mark.at.elapsed().as_secs_f64());
        let mut file = std::fs::File::open(&self.path)
            .with_context(|| format!("can't read the audit log {}", self.path.display()))?;
        anyhow::ensure!(now.bytes >= mark.bytes, "the audit log was begun anew");
        file.seek(SeekFrom::Start(mark.bytes))?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for line in BufReader::new(file).lines() {
            if let Some(what) = request(&line?) {
                *counts.entry(what).or_default() += 1;
            }
        }
        let mut rates: Vec<(String, f64)> =
            counts.into_iter().map(|(what, count)| (what, count as f64 / seconds)).collect();
        rates.sort_by(|one, other| other.1.total_cmp(&one.1));
        Ok(Rates(rates))
    }
}

/// What a line tells of; a watch counts when it begins, anything else when it has ended.
fn request(line: &str) -> Option<String> {
    // The last line may be written just now.
    let line: Line = serde_json::from_str(line).ok()?;
    let counts = if line.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
    if line.stage != counts {
        return None;
    }
    let what = match line.object_ref {
        Some(Object { resource, subresource }) if subresource.is_empty() => resource,
        Some(Object { resource, subresource }) => format!("{resource}/{subresource}"),
        None => line.request_uri,
    };
    Some(format!("{} {what}", line.verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stage: &str, verb: &str, subresource: &str) -> String {
        format!(
            r#"{{"stage":"{stage}","verb":"{verb}","objectRef":{{"resource":"loadtestruns","subresource":"{subresource}"}}}}"#
        )
    }

    #[test]
    fn each_request_counts_once() {
        assert_eq!(request(&line("ResponseComplete", "get", "")).as_deref(), Some("get loadtestruns"));
        assert_eq!(
            request(&line("ResponseComplete", "patch", "status")).as_deref(),
            Some("patch loadtestruns/status")
        );
        assert_eq!(request(&line("ResponseStarted", "watch", "")).as_deref(), Some("watch loadtestruns"));
        assert_eq!(request(&line("ResponseComplete", "watch", "")), None);
        assert_eq!(request(&line("ResponseStarted", "get", "")), None);
        let discovery = r#"{"stage":"ResponseComplete","verb":"get","requestURI":"/apis/upsurge.dev"}"#;
        assert_eq!(request(discovery).as_deref(), Some("get /apis/upsurge.dev"));
        assert_eq!(request(&line("ResponseComplete", "get", "")[..40]), None);
    }
}
