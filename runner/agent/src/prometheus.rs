// SPDX-License-Identifier: Apache-2.0
//! Asking the Prometheus server that the test names: done by runner 0 for all, once the load of all runners has ended.
//!
//! It is asked from here and not by the operator, so that a test reaches no more by it than by its requests. What it
//! says is worked out to one value for each check, and to a course for each series; the operator judges.

use std::{borrow::Cow, cell::Cell, sync::Arc};

use jiff::Timestamp;
use tokio::sync::Notify;
use upsurge_core::{checks, plan::Skip, protocol::CheckAnswer, series::SeriesAnswer};
use upsurge_prometheus::{Client, Server, SetupError, ask, ask_series};

use super::{config::AgentConfig, prepare::Prepared};

/// What a server said.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// To each check.
    pub(super) checks: Vec<CheckAnswer>,
    /// To each series.
    pub(super) series: Vec<SeriesAnswer>,
}

/// The server, until it has been asked.
pub(super) struct Asking {
    prepared: Prepared,
    client: Result<Client, SetupError>,
    /// Begin and end of the load, once it is time.
    span: Cell<Option<(i64, i64)>>,
    /// What was left out of the planned load.
    skip: Cell<Option<Skip>>,
    due: Notify,
    is_done: Cell<bool>,
}

impl Asking {
    /// What this runner has to ask; `None` when it is nothing.
    pub(super) fn of(config: &AgentConfig, prepared: &Prepared) -> Option<Self> {
        let spec = prepared.test.prometheus.as_ref().filter(|_| config.runner == 0)?;
        let url = spec.url.clone()?;
        let headers = spec.headers.iter().enumerate().map(|(index, header)| {
            (header.name.clone(), config.prometheus_headers.get(&index).cloned().unwrap_or_default())
        });
        let reach = Arc::new(prepared.valid.http.reach.clone());
        let client = Client::new(&Server { url, headers: headers.collect(), authorities: None, reach });
        Some(Self {
            prepared: prepared.clone(),
            client,
            span: Cell::default(),
            skip: Cell::default(),
            due: Notify::new(),
            is_done: Cell::default(),
        })
    }

    /// The load of all runners has ended; it lasted from one time to the other, in nanoseconds since the epoch.
    pub(super) fn begin(&self, start: i64, end: i64) {
        self.span.set(Some((start, end)));
        self.due.notify_one();
    }

    /// The load has turned back: stages that checks speak of come sooner.
    pub(super) fn turn(&self, skip: Skip) {
        self.skip.set(Some(skip));
    }

    /// Whether there is still something to ask.
    pub(super) fn is_awaited(&self) -> bool {
        !self.is_done.get()
    }

    /// Nothing is to be asked any more.
    pub(super) fn end(&self) {
        self.is_done.set(true);
    }

    /// Waits until it is time, and asks.
    pub(super) async fn run(&self) -> Answers {
        self.due.notified().await;
        let Some(spec) = &self.prepared.test.prometheus else { return Answers::default() };
        let (Ok(client), Some((start, end))) = (&self.client, self.span.get()) else {
            return self.unanswered(&match &self.client {
                Err(error) => error.to_string(),
                Ok(_) => "it was not told what to ask for".into(),
            });
        };
        tracing::info!(checks = spec.checks.len(), series = spec.series.len(), "asking Prometheus");
        let planned = &self.prepared.valid.timeline;
        let timeline =
            self.skip.get().map_or(Cow::Borrowed(planned), |skip| Cow::Owned(planned.without(skip)));
        let (start, end) = (instant(start), instant(end));
        let (checks, series) = tokio::join!(
            ask(client, &spec.checks, &timeline, start, end),
            ask_series(client, &spec.series, start, end)
        );
        let checks = checks.into_iter().zip(&spec.checks).map(|(answer, check)| {
            let value = answer.map_err(|error| told(&error.to_string()));
            match value.and_then(|values| checks::observe(check, &values)) {
                Ok(value) => CheckAnswer::Value(value.to_string()),
                Err(problem) => CheckAnswer::Problem(problem),
            }
        });
        let series = series.into_iter().map(|answer| match answer {
            Ok(course) => SeriesAnswer::Course(course),
            Err(error) => SeriesAnswer::Problem(told(&error.to_string())),
        });
        Answers { checks: checks.collect(), series: series.collect() }
    }

    /// One answer for each check and each series: that there is none.
    pub(super) fn unanswered(&self, why: &str) -> Answers {
        let Some(spec) = &self.prepared.test.prometheus else { return Answers::default() };
        Answers {
            checks: spec.checks.iter().map(|_| CheckAnswer::Problem(told(why))).collect(),
            series: spec.series.iter().map(|_| SeriesAnswer::Problem(told(why))).collect(),
        }
    }
}

fn told(why: &str) -> String {
    format!("Prometheus at spec.prometheus.url, asked by runner 0: {why}")
}

fn instant(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MAX)
}
