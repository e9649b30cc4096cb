// SPDX-License-Identifier: Apache-2.0
//! The operator's own metrics, in the OpenMetrics form. Labels are from fixed sets and never names of objects, except for the
//! live figures of tests under way.

mod live;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use self::live::{Live, MOST_TESTS};
use crate::collector::{Figures, TestKey};

/// Controller of load tests, as a label.
pub const LOAD_TEST: &str = "loadtest";
/// Controller of runs, as a label.
pub const LOAD_TEST_RUN: &str = "loadtestrun";

/// How a reconciliation ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    controller: &'static str,
    outcome: &'static str,
}

/// Kind of error.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    controller: &'static str,
    category: &'static str,
}

/// Phase of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InPhase {
    phase: String,
}

/// Counts something at the moment of a scrape: runs by phase.
type CountRuns = dyn Fn() -> BTreeMap<String, i64> + Send + Sync;

/// Gives the figures of so many tests under way at most, at the moment of a scrape, and how many are left out.
type ListFigures = dyn Fn(usize) -> (BTreeMap<TestKey, Figures>, usize) + Send + Sync;

/// Gives the time between two messages of a runner, at the moment of a scrape.
type GiveInterval = dyn Fn() -> Duration + Send + Sync;

/// All metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<Outcome, Counter>,
    durations: Family<Outcome, Histogram, fn() -> Histogram>,
    errors: Family<Failure, Counter>,
    runs: Family<InPhase, Gauge>,
    leader: Gauge,
    policy_valid: Gauge,
    certificate_valid: Gauge,
    certificate_expiry: Gauge,
    report_interval: Gauge,
    intervals: Arc<Mutex<Option<Box<GiveInterval>>>>,
    counters: Arc<Mutex<Vec<Box<CountRuns>>>>,
    live: Live,
    figures: Arc<Mutex<Option<Box<ListFigures>>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("upsurge");
        let reconciles = Family::<Outcome, Counter>::default();
        let durations = Family::<Outcome, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let errors = Family::<Failure, Counter>::default();
        let runs = Family::<InPhase, Gauge>::default();
        let leader = Gauge::default();
        let policy_valid = Gauge::default();
        // Until a file says otherwise.
        policy_valid.set(1);
        registry.register("reconciles", "Reconciliations by outcome", reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time that reconciliations took",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("reconcile_errors", "Failed reconciliations by kind of error", errors.clone());
        registry.register("runs", "Runs by phase", runs.clone());
        registry.register("leader", "Whether this operator holds the lease", leader.clone());
        registry.register(
            "policy_valid",
            "Whether the policy file is in force as it is now; 0 when an older one still holds",
            policy_valid.clone(),
        );
        let (certificate_valid, certificate_expiry) = (Gauge::default(), Gauge::default());
        registry.register(
            "collector_certificate_valid",
            "Whether the collector shows what its Secret or files say; 0 when they can't be read or used",
            certificate_valid.clone(),
        );
        registry.register_with_unit(
            "collector_certificate_expiry_timestamp",
            "Until when the certificate that the collector shows is valid; 0 when it shows none",
            Unit::Seconds,
            certificate_expiry.clone(),
        );
        let report_interval = Gauge::default();
        registry.register_with_unit(
            "collector_report_interval",
            "How often runners are told to report: every second, and less often the more series they have in all",
            Unit::Seconds,
            report_interval.clone(),
        );
        registry.register(
            "build",
            "Build of the operator",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let live = Live::register(&mut registry);
        Self {
            registry: Arc::new(registry),
            reconciles,
            durations,
            errors,
            runs,
            leader,
            policy_valid,
            certificate_valid,
            certificate_expiry,
            report_interval,
            intervals: Arc::default(),
            counters: Arc::default(),
            live,
            figures: Arc::default(),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// From a no-op of a millisecond to one that waited for a slow API server or Prometheus.
fn histogram() -> Histogram {
    Histogram::new([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0])
}

impl Metrics {
    /// Counts a reconciliation that began at an instant.
    pub fn reconciled(&self, controller: &'static str, outcome: &'static str, began: Instant) {
        let labels = Outcome { controller, outcome };
        self.reconciles.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
    }

    /// Counts an error.
    pub fn failed(&self, controller: &'static str, category: &'static str) {
        self.errors.get_or_create(&Failure { controller, category }).inc();
    }

    /// Says whether this operator leads.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Says whether the policy file is in force as it is now.
    pub fn set_policy_valid(&self, valid: bool) {
        self.policy_valid.set(i64::from(valid));
    }

    /// Says whether the collector's certificate is as it should be, and, if it is a new one, until when it is valid.
    pub fn set_certificate(&self, valid: bool, expires: Option<Timestamp>) {
        self.certificate_valid.set(i64::from(valid));
        if let Some(expires) = expires {
            self.certificate_expiry.set(expires.as_second());
        }
    }

    /// Adds a source of runs by phase, asked at each scrape.
    pub fn count_runs(&self, count: impl Fn() -> BTreeMap<String, i64> + Send + Sync + 'static) {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(count));
    }

    /// Sets the source of the figures of tests under way, asked at each scrape.
    pub fn show_figures(
        &self,
        figures: impl Fn(usize) -> (BTreeMap<TestKey, Figures>, usize) + Send + Sync + 'static,
    ) {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(figures));
    }

    /// Sets the source of the time between two messages of a runner, asked at each scrape.
    pub fn show_interval(&self, interval: impl Fn() -> Duration + Send + Sync + 'static) {
        *self.intervals.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interval));
    }

    /// All metrics as text. Takes a while where much goes on.
    pub fn encode(&self) -> String {
        // Held to the end: what is made anew at each scrape is that of one only.
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = &*self.figures.lock().unwrap_or_else(PoisonError::into_inner) {
            let (figures, left_out) = figures(MOST_TESTS);
            self.live.show(&figures, left_out);
        }
        if let Some(interval) = &*self.intervals.lock().unwrap_or_else(PoisonError::into_inner) {
            self.report_interval.set(interval().as_secs().cast_signed());
        }
        self.runs.clear();
        for count in counters.iter() {
            for (phase, number) in count() {
                self.runs.get_or_create(&InPhase { phase }).inc_by(number);
            }
        }
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The chart's alerts.
    const ALERTS: &str = include_str!("../../charts/upsurge/templates/monitoring/_alerts.tpl");

    #[test]
    fn alerts_are_about_metrics_that_there_are() {
        let metrics = Metrics::default();
        metrics.failed(LOAD_TEST, "Api");
        let text = metrics.encode();
        let mut asked: Vec<&str> = ALERTS
            .split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .filter(|word| word.starts_with("upsurge_"))
            .collect();
        asked.sort_unstable();
        asked.dedup();
        assert!(asked.len() >= 5, "{asked:?}");
        for name in asked {
            let shown = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
            assert!(text.lines().any(shown), "{name} is not in\n{text}");
        }
    }

    /// The list of the documentation, made of what is served.
    fn page(text: &str) -> String {
        let mut page = String::from(
            "<!-- Made by a test of operator/src/metrics.rs. Do not edit: UPDATE_DOCS=1 cargo test -p upsurge-operator documented -->\n\
             # Metrics of the operator\n\n\
             The Service `upsurge-metrics` serves them on port 9090, as `/metrics`. [Prometheus and Grafana](../how-to/prometheus-grafana.md) \
             says how to read them, and [Install and upgrade](../how-to/install.md#alerts) which alerts there are. Labels are from fixed sets, \
             never names of objects, except for the [figures of tests under way](metrics.md#live-figures-at-the-operator) (`upsurge_run_…`), which are \
             not listed here. The [metrics of a run](metric-list.md) are others.\n\n\
             | metric | kind | labels | what it is |\n|---|---|---|---|\n",
        );
        for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
            let (name, help) = line.split_once(' ').unwrap();
            let kind = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
            let shown = match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            };
            let sample = text.lines().find(|line| line.starts_with(name)).unwrap();
            let labels = sample.split_once('{').map_or("", |(_, rest)| rest.split('}').next().unwrap());
            let labels = labels.split(',').filter_map(|pair| pair.split_once('=')).map(|(label, _)| label);
            let labels: Vec<_> =
                labels.filter(|label| *label != "le").map(|label| format!("`{label}`")).collect();
            page += &format!("| `{shown}` | {kind} | {} | {help} |\n", labels.join(", "));
        }
        page
    }

    #[test]
    fn the_documented_metrics_are_those_that_there_are() {
        let metrics = Metrics::default();
        metrics.reconciled(LOAD_TEST_RUN, "Applied", Instant::now());
        metrics.failed(LOAD_TEST, "Api");
        metrics.count_runs(|| BTreeMap::from([("Running".to_owned(), 2)]));
        let page = page(&metrics.encode());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/reference/operator-metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, &page).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(file).unwrap(),
            page,
            "run: UPDATE_DOCS=1 cargo test -p upsurge-operator documented"
        );
    }

    #[test]
    fn what_happened_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.reconciled(LOAD_TEST_RUN, "Applied", Instant::now());
        metrics.failed(LOAD_TEST, "Api");
        metrics.set_leader(true);
        metrics.show_interval(|| Duration::from_secs(7));
        for _ in 0..2 {
            metrics.count_runs(|| BTreeMap::from([("Running".to_owned(), 2)]));
        }
        metrics.encode();
        let text = metrics.encode();
        for line in [
            r#"upsurge_reconciles_total{controller="loadtestrun",outcome="Applied"} 1"#,
            r#"upsurge_reconcile_errors_total{controller="loadtest",category="Api"} 1"#,
            r#"upsurge_runs{phase="Running"} 4"#,
            "upsurge_leader 1",
            "upsurge_collector_report_interval_seconds 7",
            "upsurge_reconcile_duration_seconds_count",
            "upsurge_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    /// The page that tells of live figures.
    const PAGE: &str = include_str!("../../docs/src/reference/metrics.md");

    /// Names of live figures in the lines that begin so.
    fn live<'a>(text: &'a str, begin: &str) -> BTreeSet<&'a str> {
        let told = text.lines().filter(|line| line.starts_with(begin));
        let words =
            told.flat_map(|line| line.split(|sign: char| !(sign.is_ascii_lowercase() || sign == '_')));
        words.filter(|word| word.starts_with("upsurge_run_")).collect()
    }

    #[test]
    fn figures_of_tests_under_way_are_shown_and_gone_with_them() {
        let (metrics, under_way) = (Metrics::default(), Arc::<Mutex<BTreeMap<TestKey, Figures>>>::default());
        let shown = Arc::clone(&under_way);
        metrics.show_figures(move |most| {
            let all = shown.lock().unwrap().clone();
            let left_out = all.len().saturating_sub(most);
            (all.into_iter().take(most).collect(), left_out)
        });
        let mut figures = Figures { users: 7.0, requests: 120.0, failed: 3, ..Figures::default() };
        figures.durations.record(std::time::Duration::from_millis(250));
        under_way.lock().unwrap().insert(("shop".into(), "checkout".into()), figures.clone());
        metrics.encode();
        let text = metrics.encode();
        for line in [
            r#"upsurge_run_users{namespace="shop",test="checkout"} 7.0"#,
            r#"upsurge_run_requests_total{namespace="shop",test="checkout"} 120.0"#,
            r#"upsurge_run_failed_requests_total{namespace="shop",test="checkout"} 3.0"#,
            r#"upsurge_run_request_duration_seconds{namespace="shop",test="checkout",quantile="0.99"} 0.25"#,
            "upsurge_run_tests_left_out 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(live(&text, "upsurge_run_"), live(PAGE, "| `upsurge_run_"));
        for number in 0..150 {
            under_way.lock().unwrap().insert(("shop".into(), format!("test-{number}")), figures.clone());
        }
        let text = metrics.encode();
        let shown = text.lines().filter(|line| line.starts_with("upsurge_run_users{")).count();
        assert!(shown == 100 && text.contains("upsurge_run_tests_left_out 51"), "{shown}");
        under_way.lock().unwrap().clear();
        let text = metrics.encode();
        assert!(!text.contains(r#"namespace="shop""#), "{text}");
    }
}
