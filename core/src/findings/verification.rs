// SPDX-License-Identifier: Apache-2.0
//! `verify`: what its steps know of the run, and what came of them.

use serde_json::{Map, Number, Value};
use upsurge_crds::v1alpha1::{LoadTestSpec, VerificationResult};

use super::Recorded;
use crate::metrics::{
    Catalog, Metrics, Selector, Sink,
    names::{self, Kind},
};

/// The variable that steps of `verify` have beside those of `before`: the counters of the run.
pub const COUNTERS: &str = "run";

/// The counters of a run by their metric: of a counter its sum, of a rate how many of its events it happened in, such as failed
/// requests in `http_req_failed`. What did not happen is 0.
pub fn counters(test: &LoadTestSpec, metrics: &Metrics) -> Map<String, Value> {
    let catalog = Catalog::new(&test.metrics);
    let everything = Selector::default();
    let counted = catalog.names().filter(|name| *name != names::AVAILABILITY).filter_map(|name| {
        let count = match (catalog.get(name)?.kind, metrics.sum(name, &everything)) {
            (Kind::Counter, Some(Sink::Counter(count))) => number(count),
            (Kind::Rate, Some(Sink::Rate { passes, .. })) => passes.into(),
            (Kind::Counter | Kind::Rate, None) => Value::from(0),
            _ => return None,
        };
        Some((name.to_owned(), count))
    });
    counted.collect()
}

/// Whole numbers as such, so that they equal those of a response.
fn number(count: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if count.fract() == 0.0 && count.abs() < EXACT {
        return Value::from(count as i64);
    }
    Number::from_f64(count).map_or(Value::Null, Value::Number)
}

pub(super) fn found(recorded: &Recorded<'_>) -> Option<VerificationResult> {
    if recorded.test.verify.is_empty() {
        return None;
    }
    Some(match recorded.verified {
        Some(Ok(())) => VerificationResult { passed: true, ..VerificationResult::default() },
        Some(Err(message)) => VerificationResult { message: Some(message.clone()), ..VerificationResult::default() },
        None => VerificationResult {
            undecided: true,
            message: Some("nobody told what came of spec.verify: runner 0, which does its steps, was gone or did not end in time".into()),
            ..VerificationResult::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::{SeriesKey, Tags};

    #[test]
    fn counters_are_sums_over_all_series_and_what_did_not_happen_is_zero() {
        let test: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop"}, "scenarios": [],
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "metrics": [{"name": "confirmed", "type": "Counter"}, {"name": "refused", "type": "Counter"},
                {"name": "basket", "type": "Trend"}, {"name": "litres", "type": "Counter"}]
        }))
        .unwrap();
        let mut metrics = Metrics::default();
        for (stage, confirmed) in [("a", 3.0), ("b", 4.0)] {
            let key = |metric: &str| SeriesKey {
                metric: metric.into(),
                tags: Tags { stage: Some(stage.into()), ..Tags::default() },
            };
            metrics.add(key("confirmed"), &Sink::Counter(confirmed));
            metrics.add(key("litres"), &Sink::Counter(0.25));
            metrics.add(key(names::ITERATIONS), &Sink::Counter(10.0));
            metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: 2, total: 10 });
        }
        let counters = Value::Object(counters(&test, &metrics));
        let expected = [
            ("confirmed", json!(7)),
            ("refused", json!(0)),
            ("litres", json!(0.5)),
            ("iterations", json!(20)),
            ("http_req_failed", json!(4)),
            ("dropped_iterations", json!(0)),
            ("basket", Value::Null),
        ];
        for (name, value) in expected {
            assert_eq!(counters.get(name).cloned().unwrap_or_default(), value, "{name}");
        }
    }
}
