// SPDX-License-Identifier: Apache-2.0
//! Series of Prometheus, put into the status of a run: their figures, and a warning for each of which nothing is known. They decide no
//! verdict.

use upsurge_core::series::{SeriesAnswer, gap, result};
use upsurge_crds::{LoadTestSpec, v1alpha1::LoadTestRunStatus};

/// Puts them there. Of a load that was cut short nobody asked, and nothing is told.
pub(super) fn tell(status: &mut LoadTestRunStatus, test: &LoadTestSpec, answers: &[SeriesAnswer]) {
    let asked = test.prometheus.iter().flat_map(|prometheus| &prometheus.series);
    status.series = asked.zip(answers).map(|(series, answer)| result(series, answer)).collect();
    status.warnings.extend(status.series.iter().filter_map(gap));
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_core::series::Course;

    use super::*;

    #[test]
    fn figures_are_told_and_what_nobody_answered_is_a_warning() {
        let test: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://checkout"},
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "prometheus": {"server": "main", "series": [
                {"name": "connections", "query": "q"}, {"name": "lag", "query": "q", "unit": "s"},
            ]},
        }))
        .unwrap();
        let course = Course::of([0, 2], 1, [(0.0, 4.0), (1.0, 6.0)]);
        let answers = [SeriesAnswer::Course(course), SeriesAnswer::Problem("no series".into())];
        let mut status = LoadTestRunStatus::default();
        tell(&mut status, &test, &answers);
        let [connections, lag] = &status.series[..] else { panic!("{:?}", status.series) };
        assert_eq!((connections.mean.as_deref(), connections.last.as_deref()), (Some("5"), Some("6")));
        assert_eq!((lag.mean.as_deref(), lag.message.as_deref()), (None, Some("no series")));
        assert!(matches!(&status.warnings[..], [one] if one.contains("\"lag\"")), "{:?}", status.warnings);
        tell(&mut status, &test, &[]);
        assert_eq!((status.series.len(), status.warnings.len()), (0, 1), "of a load that was cut short");
    }
}
