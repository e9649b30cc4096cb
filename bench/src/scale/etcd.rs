// SPDX-License-Identifier: Apache-2.0
//! What etcd holds, asked by its own metrics and its JSON gateway.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

const URL: &str = "http://127.0.0.1:2379";
const IN_USE: &str = "etcd_mvcc_db_total_size_in_use_in_bytes";

/// etcd of the control plane.
#[derive(Clone, Debug)]
pub struct Etcd {
    client: reqwest::Client,
}

impl Etcd {
    /// No request is sent yet.
    pub fn new() -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { client })
    }

    /// MiB in use once all old revisions are gone, which the API server has done every five minutes.
    pub async fn mebibytes_compacted(&self) -> Result<f64> {
        // A key that nobody has: the answer's header tells the revision.
        let head = self.post("kv/range", json!({"key": "AA=="})).await?;
        let revision = head["header"]["revision"].as_str().context("etcd tells no revision")?.to_owned();
        match self.post("kv/compaction", json!({"revision": revision, "physical": true})).await {
            // The API server was faster.
            Err(error) if format!("{error:#}").contains("compacted") => {}
            result => drop(result?),
        }
        let text = self.client.get(format!("{URL}/metrics")).send().await?.text().await?;
        let bytes = metric(&text, IN_USE).with_context(|| format!("etcd has no metric {IN_USE}"))?;
        Ok(bytes / 1_048_576.0)
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let answer = self.client.post(format!("{URL}/v3/{path}")).json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "etcd answers {status} to {path}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# HELP etcd_size Size.\n# TYPE etcd_size gauge\netcd_size_more 7\netcd_size 1.5e+06\n";
        assert_eq!(metric(text, "etcd_size"), Some(1.5e6));
        assert_eq!(metric(text, "etcd"), None);
    }
}
