// SPDX-License-Identifier: Apache-2.0
//! Servers that figures can be pushed to.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use upsurge_crds::v1alpha1::CustomMetric;

use super::{
    OutputError, Outputs,
    otlp::Otlp,
    push::Pusher,
    remote_write::{RemoteWrite, wire::label_name},
    statistic::{Statistic, TrendWindow},
};

/// Where an OTLP receiver takes metrics, unless the URL says otherwise.
const OTLP_PATH: &str = "/v1/metrics";

/// The protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Prometheus,
    Otlp,
}

/// A server and how it is spoken to, written as `prometheus=URL` or `otlp=URL`.
#[derive(Clone, Debug)]
pub struct Destination {
    kind: Kind,
    url: Url,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write prometheus=URL or otlp=URL";
        let (kind, url) = text.split_once('=').ok_or(form)?;
        let kind = match kind {
            "prometheus" => Kind::Prometheus,
            "otlp" => Kind::Otlp,
            other => return Err(format!("there is no output {other:?}: {form}")),
        };
        let mut url: Url = url.parse().map_err(|error| {
            format!("what follows {} is no URL: {error}", text.split('=').next().unwrap_or_default())
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{:?} can't be spoken to: {form} with http:// or https://", url.scheme()));
        }
        if kind == Kind::Otlp {
            complete(&mut url);
        }
        Ok(Self { kind, url })
    }
}

/// Gives the URL of an OTLP receiver the usual path, if it has none.
pub(super) fn complete(url: &mut Url) {
    if url.path() == "/" {
        url.set_path(OTLP_PATH);
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Prometheus => "prometheus",
            Kind::Otlp => "otlp",
        };
        write!(formatter, "--out {kind}")
    }
}

/// A header of every message, written as `Name: value`.
#[derive(Clone, Debug)]
pub struct Header(HeaderName, HeaderValue);

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("write it as \"Name: value\"")?;
        let name =
            name.trim().parse().map_err(|_| format!("{:?} can't be the name of a header", name.trim()))?;
        let mut value: HeaderValue =
            value.trim().parse().map_err(|_| "the value has characters that no header may have")?;
        value.set_sensitive(true);
        Ok(Self(name, value))
    }
}

/// A tag of all that is pushed, written as `NAME=VALUE`.
#[derive(Clone, Debug)]
pub struct Tag(String, String);

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Self(name.trim().into(), value.trim().into()))
            }
            _ => Err("write it as NAME=VALUE".into()),
        }
    }
}

/// How everything is pushed.
#[derive(Clone, Copy, Debug)]
pub struct Pushing<'a> {
    /// Headers of every message.
    pub headers: &'a [Header],
    /// Tags of all that is pushed.
    pub tags: &'a [Tag],
    /// Tells the runs of a test apart.
    pub test_id: &'a str,
    /// Time between two pushes.
    pub every: Duration,
    /// What is told of distributions.
    pub statistics: &'a [Statistic],
    /// What gauges of trends speak of.
    pub window: TrendWindow,
    /// Metrics of the test's own.
    pub custom: &'a [CustomMetric],
    /// Start of the load.
    pub start: Timestamp,
}

impl Destination {
    /// Starts pushing to this server.
    ///
    /// # Errors
    /// When there is no thread, or no HTTP client.
    pub fn start(&self, pushing: &Pushing<'_>, outputs: &mut Outputs) -> Result<(), OutputError> {
        let headers: HeaderMap =
            pushing.headers.iter().map(|Header(name, value)| (name.clone(), value.clone())).collect();
        let mut tags: BTreeMap<String, String> =
            pushing.tags.iter().map(|Tag(name, value)| (name.clone(), value.clone())).collect();
        tags.insert("testid".into(), pushing.test_id.into());
        let (url, custom) = (self.url.clone(), pushing.custom.to_vec());
        let (start, every) = (pushing.start, pushing.every);
        match self.kind {
            Kind::Prometheus => {
                let labels = tags.into_iter().map(|(name, value)| (label_name(&name), value)).collect();
                let statistics = pushing.statistics.to_vec();
                let encoder = RemoteWrite { labels, statistics, window: pushing.window, custom };
                outputs.add(self.to_string(), Pusher::new(encoder, url, headers, start, every, None)?)
            }
            Kind::Otlp => {
                tags.entry("service.name".into()).or_insert_with(|| "upsurge".into());
                let encoder = Otlp { attributes: tags, part: None, start, custom };
                outputs.add(self.to_string(), Pusher::new(encoder, url, headers, start, every, None)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_a_protocol_and_a_url() {
        let url = |text: &str| text.parse::<Destination>().map(|destination| destination.url.to_string());
        assert_eq!(
            url("prometheus=http://u:p@prom:9090/api/v1/write").unwrap(),
            "http://u:p@prom:9090/api/v1/write"
        );
        assert_eq!(url("otlp=http://collector:4318").unwrap(), "http://collector:4318/v1/metrics");
        assert_eq!(url("otlp=http://collector:4318/otlp").unwrap(), "http://collector:4318/otlp");
        for wrong in ["http://prom", "influx=http://x", "otlp=collector:4318", "prometheus=nowhere"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
