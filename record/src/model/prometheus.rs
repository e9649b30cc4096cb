// SPDX-License-Identifier: Apache-2.0
//! Series of Prometheus over a load, as they are kept.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use upsurge_core::series::{Course, SeriesAnswer, result};
use upsurge_crds::{LoadTestSpec, v1alpha1::PrometheusSeriesResult};

use super::stand_in;

/// A series of Prometheus over the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedSeries {
    /// Its name, its unit and its figures, or why there are none, as the status of a run has them.
    pub figures: PrometheusSeriesResult,
    /// Value from which on it is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated_at: Option<f64>,
    /// Time of the first value; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<stand_in::Instant>")]
    pub start: Option<Timestamp>,
    /// Seconds from a value to the next one; 0 if there are none.
    #[serde(default)]
    pub step_seconds: i64,
    /// The values, to six digits; `null` where the server had none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<f64>>,
}

impl ObservedSeries {
    /// Time of a value, by its place.
    pub fn at(&self, index: usize) -> Option<Timestamp> {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let second = self.start?.as_second().saturating_add(self.step_seconds.saturating_mul(index));
        Timestamp::from_second(second).ok()
    }
}

/// The series of a test, with what was answered to each.
pub fn prometheus_series(test: &LoadTestSpec, answers: &[SeriesAnswer]) -> Vec<ObservedSeries> {
    let asked = test.prometheus.iter().flat_map(|prometheus| &prometheus.series);
    let observed = asked.zip(answers).map(|(series, answer)| {
        let (start, step_seconds, values) = match answer {
            SeriesAnswer::Course(Course { start, step, values }) => {
                (Timestamp::from_second(*start).ok(), *step, values.clone())
            }
            SeriesAnswer::Problem(_) => (None, 0, Vec::new()),
        };
        let saturated_at = series.saturated_at.map(|limit| limit.as_f64());
        ObservedSeries { figures: result(series, answer), saturated_at, start, step_seconds, values }
    });
    observed.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_series_of_a_test_is_kept_with_its_answer() {
        let test: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop"},
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "prometheus": {"server": "main", "series": [
                {"name": "connections", "query": "q", "unit": "open", "saturatedAt": 10},
                {"name": "lag", "query": "q"},
            ]},
        }))
        .unwrap();
        let course = Course::of([100, 104], 2, [(100.0, 4.0), (104.0, 6.0)]);
        let answers = [SeriesAnswer::Course(course), SeriesAnswer::Problem("no series".into())];
        let kept = prometheus_series(&test, &answers);
        let [connections, lag] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(connections.values, [Some(4.0), None, Some(6.0)]);
        assert_eq!(connections.at(2).map(Timestamp::as_second), Some(104));
        assert_eq!((connections.saturated_at, connections.figures.mean.as_deref()), (Some(10.0), Some("5")));
        assert_eq!((lag.start, lag.values.len(), lag.at(0)), (None, 0, None));
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Vec<ObservedSeries>>(&text).unwrap(), kept);
    }
}
