// SPDX-License-Identifier: Apache-2.0
//! Live figures of the tests whose load goes on. The only metrics that name objects: of at most 100 tests, and each gone when
//! its run ends.

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::collector::{Figures, TestKey};

/// Most tests whose figures are shown.
pub const MOST_TESTS: usize = 100;
/// Quantiles that are shown, as numbers and as labels.
const QUANTILES: [(f64, &str); 3] = [(50.0, "0.5"), (95.0, "0.95"), (99.0, "0.99")];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTest {
    namespace: String,
    test: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Quantile {
    namespace: String,
    test: String,
    quantile: &'static str,
}

type Amounts = Family<OfTest, Gauge<f64, AtomicU64>>;
type Counts = Family<OfTest, Counter<f64, AtomicU64>>;

/// The figures as metrics, made anew at each scrape.
#[derive(Clone, Debug, Default)]
pub struct Live {
    elapsed: Amounts,
    users: Amounts,
    requests: Counts,
    failed: Counts,
    iterations: Counts,
    dropped: Counts,
    durations: Family<Quantile, Gauge<f64, AtomicU64>>,
    left_out: Gauge,
}

impl Live {
    /// Makes them known.
    pub fn register(registry: &mut Registry) -> Self {
        let live = Self::default();
        registry.register_with_unit(
            "run_elapsed",
            "Time since the start of the load that the figures of a test under way cover",
            Unit::Seconds,
            live.elapsed.clone(),
        );
        registry.register("run_users", "Users at work in a test under way", live.users.clone());
        registry.register(
            "run_requests",
            "Requests that a test under way has finished",
            live.requests.clone(),
        );
        registry.register(
            "run_failed_requests",
            "Requests of a test under way that failed",
            live.failed.clone(),
        );
        registry.register(
            "run_iterations",
            "Iterations that a test under way has finished",
            live.iterations.clone(),
        );
        registry.register(
            "run_dropped_iterations",
            "Planned iterations of a test under way that found no free user",
            live.dropped.clone(),
        );
        registry.register_with_unit(
            "run_request_duration",
            "Percentiles of the service time of requests (http_req_duration) since the start of the load, all runners together",
            Unit::Seconds,
            live.durations.clone(),
        );
        registry.register(
            "run_tests_left_out",
            "Tests under way whose figures are not shown, because there are too many",
            live.left_out.clone(),
        );
        live
    }

    /// Shows these figures and nothing else.
    pub fn show(&self, figures: &BTreeMap<TestKey, Figures>, left_out: usize) {
        self.durations.clear();
        [&self.elapsed, &self.users].into_iter().for_each(Family::clear);
        [&self.requests, &self.failed, &self.iterations, &self.dropped].into_iter().for_each(Family::clear);
        self.left_out.set(i64::try_from(left_out).unwrap_or(i64::MAX));
        for ((namespace, test), figures) in figures {
            let of = OfTest { namespace: namespace.clone(), test: test.clone() };
            self.elapsed.get_or_create(&of).set(figures.elapsed_seconds);
            self.users.get_or_create(&of).set(figures.users);
            self.requests.get_or_create(&of).inc_by(figures.requests);
            self.failed.get_or_create(&of).inc_by(figures.failed as f64);
            self.iterations.get_or_create(&of).inc_by(figures.iterations);
            self.dropped.get_or_create(&of).inc_by(figures.dropped);
            if figures.durations.is_empty() {
                continue;
            }
            for (percent, quantile) in QUANTILES {
                let (namespace, test) = (namespace.clone(), test.clone());
                let of = Quantile { namespace, test, quantile };
                self.durations.get_or_create(&of).set(figures.durations.percentile(percent) / 1e3);
            }
        }
    }
}
