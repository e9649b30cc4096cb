// SPDX-License-Identifier: Apache-2.0
//! The configuration of the target, as its YAML file has it.

mod check;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use upsurge_crds::v1alpha1::TimeSpan;

/// How the target behaves. Everything has a default: an empty file answers every request at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TargetConfig {
    /// Address and port to listen at; port 0 takes a free one.
    pub listen: String,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Routes; the first that fits a request answers it.
    pub routes: Vec<RouteConfig>,
    /// Answers what no route fits; its method and path are not looked at.
    pub default_route: RouteConfig,
    /// Latency of routes that have none of their own.
    pub latency: Latency,
    /// Share of requests, 0 to 1, that fail: one in 100 with 0.01, at even distances.
    pub error_rate: f64,
    /// Status of requests that fail.
    pub error_status: u16,
    /// CPU time that each request uses.
    pub cpu_per_request: TimeSpan,
    /// Memory that each request leaves behind.
    pub memory_per_request: Bytes,
    /// Most requests in work at the same time.
    pub concurrency_limit: Option<ConcurrencyLimit>,
    /// Stretches of time in which no response leaves.
    pub freezes: Vec<Freeze>,
    /// Time to go on serving after SIGTERM, with `/readyz` failing, until no new requests come.
    pub drain: TimeSpan,
    /// Drops connections at SIGTERM, with what is in work on them, and accepts nothing new.
    pub drop_on_stop: bool,
    /// Share of requests, 0 to 1, whose connection is dropped instead of an answer, at even distances.
    pub reset_rate: f64,
    /// Name whose addresses are those of all replicas, this one among them: that of a headless Service.
    pub peers: Option<String>,
    /// Scripted contention α: latency grows by this share of itself with each peer beyond the first.
    pub contention: f64,
    /// Scripted coherency β: latency grows by this share of itself with each ordered pair of peers.
    pub coherency: f64,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            seed: 1,
            routes: Vec::new(),
            default_route: RouteConfig::default(),
            latency: Latency::default(),
            error_rate: 0.0,
            error_status: 503,
            cpu_per_request: TimeSpan::default(),
            memory_per_request: Bytes::default(),
            concurrency_limit: None,
            freezes: Vec::new(),
            drain: TimeSpan::from_secs(5),
            drop_on_stop: false,
            reset_rate: 0.0,
            peers: None,
            contention: 0.0,
            coherency: 0.0,
        }
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteConfig {
    /// Method; any if absent.
    pub method: Option<String>,
    /// Path; a segment as `{id}` takes any value and names it.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Headers; values may hold templates.
    pub headers: BTreeMap<String, String>,
    /// JSON body; strings in it may hold templates.
    pub json: Option<Value>,
    /// Text body; may hold templates.
    pub body: Option<String>,
    /// Latency instead of the service's.
    pub latency: Option<Latency>,
    /// Error rate instead of the service's.
    pub error_rate: Option<f64>,
    /// CPU time per request instead of the service's.
    pub cpu_per_request: Option<TimeSpan>,
    /// Memory per request instead of the service's.
    pub memory_per_request: Option<Bytes>,
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self {
            method: None,
            path: "/".into(),
            status: 200,
            headers: BTreeMap::new(),
            json: None,
            body: None,
            latency: None,
            error_rate: None,
            cpu_per_request: None,
            memory_per_request: None,
        }
    }
}

/// How long answers take, from the request received to the response written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Latency {
    /// Always the same.
    Fixed(TimeSpan),
    /// Evenly distributed.
    Uniform {
        /// Shortest.
        min: TimeSpan,
        /// Longest.
        max: TimeSpan,
    },
    /// Percentiles with their latencies, in straight lines between them: `[[0, 10ms], [95, 80ms], [100, 200ms]]`.
    Percentiles(Vec<(f64, TimeSpan)>),
    /// Exponentially distributed, as of a service with random work.
    Exponential {
        /// Mean.
        mean: TimeSpan,
    },
}

impl Default for Latency {
    fn default() -> Self {
        Self::Fixed(TimeSpan::default())
    }
}

/// A limit on requests in work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConcurrencyLimit {
    /// Most requests in work at the same time.
    pub max: usize,
    /// What becomes of those beyond it.
    #[serde(default)]
    pub overflow: Overflow,
}

/// What becomes of requests beyond the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Overflow {
    /// They wait in line; their latency begins when their turn comes.
    #[default]
    Queue,
    /// They are answered with 503 at once.
    Reject,
}

/// A stretch of time in which no response leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Freeze {
    /// Begin, from the start of the service.
    pub at: TimeSpan,
    /// Length.
    #[serde(rename = "for")]
    pub lasts: TimeSpan,
    /// Time from one begin to the next; once if absent.
    #[serde(default)]
    pub every: Option<TimeSpan>,
}

/// An amount of memory: `512`, `1KiB`, `4MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub usize);

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let unit = match text[digits..].trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => return Err(format!("{text:?} is no amount of memory: write for example 512, 1KiB or 4MiB")),
        };
        let number = text[..digits].parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
        number
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no amount of memory: write for example 512, 1KiB or 4MiB"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}B", self.0)
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum NumberOrText {
            Number(usize),
            Text(String),
        }
        match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(bytes) => Ok(Self(bytes)),
            NumberOrText::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}
