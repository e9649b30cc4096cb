// SPDX-License-Identifier: Apache-2.0
//! The outputs of one runner of a run in a cluster (`spec.outputs`): what it pushes can be added up with what the others do.
//!
//! Nothing in here fails: what can't be is told, with what was lost by it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::Url;
use upsurge_core::{http::Reach, metrics::Catalog, outputs::OutputReport};
use upsurge_crds::v1alpha1::{LoadTestSpec, OutputSpec};
use upsurge_engine::Interval;
use upsurge_prometheus::headers;

use super::{
    OutputError, Outputs, destination::complete, otlp::Otlp, push::Pusher, remote_write::parts::Parts,
    room::Room,
};

/// A runner, and what its outputs need.
#[derive(Clone, Debug)]
pub struct Runner<'a> {
    /// Namespace of the run.
    pub namespace: &'a str,
    /// Name of the run.
    pub run: &'a str,
    /// Name of the runner's pod.
    pub pod: &'a str,
    /// Index of the runner.
    pub index: u32,
    /// The test.
    pub test: &'a LoadTestSpec,
    /// Start of the load, by the operator's clock: it is the same for all runners.
    pub start: Timestamp,
    /// Values of headers, by the indices of output and header.
    pub headers: &'a BTreeMap<(usize, usize), String>,
    /// What may be reached.
    pub reach: Arc<Reach>,
}

/// Where a runner pushes its figures to.
pub struct RunnerOutputs {
    outputs: Outputs,
    room: Room,
    /// Those that could not even begin, by their place.
    broken: BTreeMap<usize, String>,
}

impl RunnerOutputs {
    /// Begins to push to all servers of a test; `None` if it has none.
    pub fn start(runner: &Runner<'_>) -> Option<Self> {
        if runner.test.outputs.is_empty() {
            return None;
        }
        let room = Room::of(Catalog::new(&runner.test.metrics));
        let mut all = Self { outputs: Outputs::default(), room, broken: BTreeMap::new() };
        for (place, output) in runner.test.outputs.iter().enumerate() {
            if let Err(error) = runner.add(place, output, &mut all.outputs) {
                tracing::warn!(output = output.name, %error, "nothing can be pushed");
                all.broken.insert(place, error.to_string());
            }
        }
        Some(all)
    }

    /// Hands on what was recorded, without waiting for anybody.
    pub fn post(&mut self, interval: &Interval) {
        let metrics = self.room.place(&interval.metrics);
        self.outputs.post(&Interval { metrics, from: interval.from, to: interval.to, ..Interval::default() });
    }

    /// How each output fares so far, in the order of the test.
    pub fn so_far(&self) -> Vec<OutputReport> {
        let running = self.outputs.so_far();
        self.room.others_of(in_order(&self.broken, running))
    }

    /// Lets all of them hand on what they have, for so long at most. Blocks.
    pub fn finish(self, within: Duration) -> Vec<OutputReport> {
        let ended = self.outputs.finish(within).into_iter().map(|outcome| OutputReport {
            delivered: outcome.delivered,
            lost: outcome.lost,
            others: 0,
            problem: outcome.error.map(|error| error.to_string()),
        });
        self.room.others_of(in_order(&self.broken, ended))
    }
}

/// Reports of those that run, with those of the broken ones in their places.
fn in_order(
    broken: &BTreeMap<usize, String>,
    running: impl IntoIterator<Item = OutputReport>,
) -> Vec<OutputReport> {
    let mut reports: Vec<OutputReport> = running.into_iter().collect();
    for (place, problem) in broken {
        let report = OutputReport { problem: Some(problem.clone()), ..OutputReport::default() };
        reports.insert((*place).min(reports.len()), report);
    }
    reports
}

impl Room {
    fn others_of(&self, mut reports: Vec<OutputReport>) -> Vec<OutputReport> {
        reports.iter_mut().for_each(|report| report.others = self.others());
        reports
    }
}

impl Runner<'_> {
    fn add(&self, place: usize, output: &OutputSpec, outputs: &mut Outputs) -> Result<(), OutputError> {
        let setup = |error: &dyn std::fmt::Display| OutputError::Setup(error.to_string());
        let Some((_, url, list)) = output.destination() else { return Ok(()) };
        let mut url: Url = url.parse().map_err(|error| setup(&error))?;
        let list: Vec<(String, String)> = list
            .iter()
            .enumerate()
            .map(|(index, header)| {
                let value = self.headers.get(&(place, index)).cloned().unwrap_or_default();
                (header.name.clone(), value)
            })
            .collect();
        let headers = headers(&list).map_err(|error| setup(&error))?;
        let (start, every, custom) = (self.start, output.interval.0, self.test.metrics.clone());
        let (name, reach) = (output.name.clone(), Some(Arc::clone(&self.reach)));
        if output.otlp.is_some() {
            complete(&mut url);
            let encoder = Otlp { attributes: self.resource(), part: Some(self.labels()), start, custom };
            outputs.add(name, Pusher::new(encoder, url, headers, start, every, reach)?)
        } else {
            let encoder = Parts { labels: self.labels(), custom };
            outputs.add(name, Pusher::new(encoder, url, headers, start, every, reach)?)
        }
    }

    /// What tells this runner's series from all others.
    fn labels(&self) -> BTreeMap<String, String> {
        let labels = [
            ("namespace", self.namespace.to_owned()),
            ("testid", self.run.to_owned()),
            ("runner", self.index.to_string()),
        ];
        labels.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// What OpenTelemetry wants to know of the sender.
    fn resource(&self) -> BTreeMap<String, String> {
        let attributes = [
            ("service.name", "upsurge".to_owned()),
            ("service.instance.id", format!("{}/{}/{}", self.namespace, self.run, self.index)),
            ("k8s.namespace.name", self.namespace.to_owned()),
            ("k8s.pod.name", self.pod.to_owned()),
        ];
        attributes.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
