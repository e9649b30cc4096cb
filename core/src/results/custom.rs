// SPDX-License-Identifier: Apache-2.0
//! The figures of a test's own metrics.

use std::{collections::BTreeMap, time::Duration};

use upsurge_crds::v1alpha1::{CustomMetric, MetricResult};

use super::{decimal, milliseconds, per_second, percent, rate_of, whole};
use crate::{
    metrics::{Metrics, Selector, Sink},
    plan::Timeline,
};

/// What was recorded of each of a test's own metrics; those without any values are left out.
pub fn custom(
    metrics: &Metrics,
    own: &[CustomMetric],
    timeline: &Timeline,
    elapsed: Duration,
) -> Vec<MetricResult> {
    let results = own.iter().filter_map(|metric| {
        let sink = metrics.sum(&metric.name, &Selector::default())?;
        let values = values(&sink, metric.time, whole(timeline, elapsed));
        let values: BTreeMap<String, String> =
            values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Some(MetricResult { name: metric.name.clone(), type_: metric.type_, values })
    });
    results.collect()
}

fn values(sink: &Sink, time: bool, elapsed: Duration) -> Vec<(&'static str, String)> {
    let number = |value| if time { milliseconds(value) } else { decimal(value, 3) };
    match sink {
        Sink::Counter(count) => {
            vec![("count", decimal(*count, 3)), ("rate", per_second(rate_of(*count, elapsed)))]
        }
        Sink::Rate { passes, total } => {
            let share = if *total == 0 { 0.0 } else { *passes as f64 / *total as f64 };
            vec![("rate", percent(share)), ("passes", passes.to_string()), ("total", total.to_string())]
        }
        Sink::Gauge { value, min, max } | Sink::Latest { value, min, max, .. } => {
            vec![("value", decimal(*value, 3)), ("min", decimal(*min, 3)), ("max", decimal(*max, 3))]
        }
        Sink::Trend(trend) => vec![
            ("count", trend.count().to_string()),
            ("min", number(trend.min())),
            ("avg", number(trend.mean())),
            ("p50", number(trend.percentile(50.0))),
            ("p95", number(trend.percentile(95.0))),
            ("p99", number(trend.percentile(99.0))),
            ("max", number(trend.max())),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{SeriesKey, Tags, Trend};

    #[test]
    fn each_kind_shows_what_it_makes_of_the_values() {
        let own: Vec<CustomMetric> = serde_json::from_value(serde_json::json!([
            {"name": "orders", "type": "Counter"}, {"name": "stock", "type": "Gauge"}, {"name": "paid", "type": "Rate"},
            {"name": "value", "type": "Trend"}, {"name": "render", "type": "Trend", "time": true},
            {"name": "never", "type": "Trend"}
        ]))
        .unwrap();
        let mut trend = Trend::default();
        [1.5, 2.0, 20.5].into_iter().for_each(|value| trend.record_value(value));
        let mut metrics = Metrics::default();
        for (name, sink) in [
            ("orders", Sink::Counter(30.0)),
            ("stock", Sink::Latest { at: 1, value: 4.0, min: 2.0, max: 9.5 }),
            ("paid", Sink::Rate { passes: 3, total: 4 }),
            ("value", Sink::Trend(trend.clone())),
            ("render", Sink::Trend(trend)),
        ] {
            metrics.add(SeriesKey { metric: name.into(), tags: Tags::default() }, &sink);
        }
        let load = serde_json::from_value(
            serde_json::json!({"constant": {"level": 1, "duration": "10s"}, "unit": "Users"}),
        );
        let timeline = crate::plan::Plan::compile(&load.unwrap(), &[]).unwrap().timeline;
        let results = custom(&metrics, &own, &timeline, Duration::from_secs(10));
        let shown = |name: &str, value: &str| {
            results
                .iter()
                .find(|result| result.name == name)
                .and_then(|result| result.values.get(value).cloned())
        };
        assert_eq!(results.len(), 5);
        assert_eq!(
            (shown("orders", "count"), shown("orders", "rate")),
            (Some("30".into()), Some("3".into()))
        );
        assert_eq!((shown("stock", "value"), shown("stock", "max")), (Some("4".into()), Some("9.5".into())));
        assert_eq!(shown("paid", "rate").as_deref(), Some("75%"));
        assert_eq!((shown("value", "avg"), shown("value", "p50")), (Some("8".into()), Some("2".into())));
        assert_eq!(shown("render", "max").as_deref(), Some("20.5ms"));
    }

    #[test]
    fn values_below_zero_count_as_zero_in_all_figures_of_a_trend() {
        let mut trend = Trend::default();
        [-3.0, 1.0].into_iter().for_each(|value| trend.record_value(value));
        assert_eq!((trend.min(), trend.mean(), trend.max(), trend.sum()), (0.0, 0.5, 1.0, 1.0));
    }
}
