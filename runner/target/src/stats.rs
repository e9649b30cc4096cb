// SPDX-License-Identifier: Apache-2.0
//! What the target saw: for Prometheus, and exact counts for tests.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use serde::Serialize;

/// Bounds of the latency histogram, in seconds.
const BOUNDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    route: String,
    status: String,
}

/// Counts of all that was received and answered.
#[derive(Debug)]
pub(super) struct Stats {
    registry: Registry,
    requests: Family<Labels, Counter>,
    in_flight: Gauge,
    durations: Histogram,
    /// Exact counts by route.
    routes: Vec<RouteStats>,
    connections: AtomicU64,
    abandoned: AtomicU64,
    working: AtomicI64,
    most_working: AtomicI64,
}

#[derive(Debug)]
struct RouteStats {
    name: String,
    received: AtomicU64,
    statuses: Mutex<BTreeMap<u16, u64>>,
}

/// Answer of `/__stats`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// Requests whose head was read.
    received: u64,
    /// Answers that were made.
    answered: u64,
    /// Requests whose client went away before the answer.
    abandoned: u64,
    /// Requests in work.
    in_flight: i64,
    /// Most requests in work at the same time.
    most_in_flight: i64,
    /// Connections accepted.
    connections: u64,
    /// Answers by status.
    statuses: BTreeMap<u16, u64>,
    routes: Vec<RouteReport<'a>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct RouteReport<'a> {
    route: &'a str,
    received: u64,
    statuses: BTreeMap<u16, u64>,
}

impl Stats {
    /// Counts by route, and what is known of peers.
    pub(super) fn new(routes: Vec<String>, (peers, failed_lookups): (Gauge, Counter)) -> Self {
        let mut registry = Registry::default();
        registry.register("target_peers", "Replicas that were found at the last look", peers);
        let help = "Looks for replicas that found none or failed";
        registry.register("target_peer_lookups_failed", help, failed_lookups);
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let in_flight = Gauge::default();
        registry.register("http_requests_in_flight", "Requests in work", in_flight.clone());
        let durations = Histogram::new(BOUNDS);
        let help = "Time from a request received to its answer written";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, durations.clone());
        let route =
            |name| RouteStats { name, received: AtomicU64::new(0), statuses: Mutex::new(BTreeMap::new()) };
        Self {
            registry,
            requests,
            in_flight,
            durations,
            routes: routes.into_iter().map(route).collect(),
            connections: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            working: AtomicI64::new(0),
            most_working: AtomicI64::new(0),
        }
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request; the guard is to be told its answer.
    pub(super) fn received(&self, route: usize) -> InFlight<'_> {
        self.routes[route].received.fetch_add(1, Ordering::Relaxed);
        self.in_flight.inc();
        let working = self.working.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_working.fetch_max(working, Ordering::Relaxed);
        InFlight { stats: self, route, answered: false }
    }

    /// Text in Prometheus' format.
    pub(super) fn prometheus(&self) -> String {
        let mut text = String::new();
        // Writing to a text can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// Counts as JSON.
    pub(super) fn json(&self) -> String {
        let reports = self.routes.iter().map(|route| RouteReport {
            route: &route.name,
            received: route.received.load(Ordering::Relaxed),
            statuses: route.statuses.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone(),
        });
        let routes: Vec<_> = reports.collect();
        let mut statuses = BTreeMap::new();
        for (status, count) in routes.iter().flat_map(|route| &route.statuses) {
            *statuses.entry(*status).or_default() += count;
        }
        let report = Report {
            received: routes.iter().map(|route| route.received).sum(),
            answered: statuses.values().sum(),
            abandoned: self.abandoned.load(Ordering::Relaxed),
            in_flight: self.working.load(Ordering::Relaxed),
            most_in_flight: self.most_working.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            statuses,
            routes,
        };
        serde_json::to_string(&report).unwrap_or_default()
    }
}

/// A request in work. Dropped without an answer, its client went away.
#[derive(Debug)]
pub(super) struct InFlight<'a> {
    stats: &'a Stats,
    route: usize,
    answered: bool,
}

impl InFlight<'_> {
    pub(super) fn answered(mut self, status: u16, took: Duration) {
        self.answered = true;
        let route = &self.stats.routes[self.route];
        *route.statuses.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).entry(status).or_default() +=
            1;
        let labels = Labels { route: route.name.clone(), status: status.to_string() };
        self.stats.requests.get_or_create(&labels).inc();
        self.stats.durations.observe(took.as_secs_f64());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.stats.in_flight.dec();
        self.stats.working.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.stats.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}
