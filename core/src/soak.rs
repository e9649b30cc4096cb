// SPDX-License-Identifier: Apache-2.0
//! How latency went over a soak: by how much it grew, and whether that is more than it may.
//!
//! The figure is the 95th percentile of each second, thinned by their mean weighted with requests. It is
//! fitted like the memory of a pod: robustly, and with an interval that counts no more values than are independent. The
//! first tenth of the stage does not count, 30 minutes at most: connections and caches warm up then.

use std::time::Duration;

use upsurge_crds::{
    names::reasons,
    v1alpha1::{ExpectationResult, LoadTestSpec, SoakResult},
};
use upsurge_figures::growth::{Finding, Growth, Limit, Sample, growth};

use crate::{
    format::milliseconds,
    judged::{Judged, grown, growth_in_words, hours_in_words},
    plan::{SOAK, Timeline},
    usage::growth_result,
};

/// Name of the limit.
const FIELD: &str = "maxLatencyGrowthPercentPerHour";

/// Latency at a time: seconds from the start of the load, and milliseconds.
pub type Latency = (f64, f64);

/// How latency went, and how what is asked for came out; `None` without a soak, or if the load ended before it came to that.
pub fn soak(
    test: &LoadTestSpec,
    timeline: &Timeline,
    elapsed: Duration,
    latencies: &[Latency],
) -> Option<(SoakResult, Vec<Judged>)> {
    let asked = test.load.soak.as_ref()?.max_latency_growth_percent_per_hour;
    let stage = timeline.stage(SOAK)?;
    let [from, to] = [stage.start, stage.end().min(elapsed)].map(|at| at.as_secs_f64());
    if to <= from {
        return None;
    }
    let during = latencies.iter().filter(|(at, _)| *at >= from && *at <= to);
    let samples: Vec<Sample> =
        during.map(|(at, latency)| Sample { hours: (at - from) / 3_600.0, value: *latency }).collect();
    let limit = Limit::over(to - from, asked.map_or(Limit::ANY, f64::from));
    let found = growth(&samples, &[0.0], limit);
    let judged: Vec<Judged> = asked.map(|most| judge(&found, most)).into_iter().collect();
    let result = SoakResult {
        latency_growth_per_hour: found.percent_per_hour.map(growth_result),
        first_latency: found.percent_per_hour.map(|_| milliseconds(found.level)),
        expectations: judged.iter().map(|judged| judged.result.clone()).collect(),
    };
    Some((result, judged))
}

fn judge(found: &Growth, most: i32) -> Judged {
    let limit = grown(f64::from(most));
    let observed =
        found.percent_per_hour.map_or_else(|| "not known".into(), |percent| grown(percent.estimate));
    let grew = match found.percent_per_hour {
        Some(percent) => format!(
            "over the soak p95 latency grew by {} from {}",
            growth_in_words(percent),
            milliseconds(found.level)
        ),
        None => "there were too few seconds with requests to tell how latency grew over the soak".into(),
    };
    let (passed, undecided, message) = match found.finding {
        Finding::Below => (true, false, None),
        Finding::Above => (false, false, Some(format!("{grew}, and may grow by {limit}/h"))),
        Finding::Undecided { needed_hours } => {
            let advice = match (needed_hours, found.percent_per_hour) {
                (Some(hours), _) => format!(
                    "the soak is too short to tell that from {limit}/h: let it last at least {}",
                    hours_in_words(hours)
                ),
                (None, Some(_)) => format!("that is too close to {limit}/h to say which it is"),
                (None, None) => "the soak has to last longer".into(),
            };
            (false, true, Some(format!("{grew}, and {advice}")))
        }
    };
    let expected = limit.clone();
    let name = FIELD.into();
    let result = ExpectationResult { name, expected, observed, passed, undecided, message, basis: None };
    Judged { result, missed: reasons::LATENCY_GREW, unknown: reasons::LATENCY_GROWTH_UNKNOWN }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::plan::Plan;

    /// A soak of two hours after a ramp of ten minutes, with a latency in milliseconds by hours of the load.
    fn soaked(latency: impl Fn(f64) -> f64, seconds: u32, most: Option<i32>) -> (SoakResult, Vec<Judged>) {
        let mut load = json!({"soak": {"level": 50, "duration": "2h", "rampUp": "10m"}});
        if let Some(most) = most {
            load["soak"]["maxLatencyGrowthPercentPerHour"] = most.into();
        }
        let test: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop"},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": load
        }))
        .unwrap();
        let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
        // Even noise of 2 %, the same each time.
        let noise = |at: u32| 0.98 + 0.04 * ((f64::from(at) * 12.989_8).sin() * 43_758.545).rem_euclid(1.0);
        let latencies: Vec<Latency> = (0..seconds)
            .step_by(10)
            .map(|at| (f64::from(at), latency(f64::from(at) / 3_600.0) * noise(at)))
            .collect();
        soak(&test, &timeline, Duration::from_secs(seconds.into()), &latencies).unwrap()
    }

    #[rstest]
    #[case::grows(40.0, true, false)]
    #[case::steady(0.0, false, true)]
    fn growth_over_the_soak_is_told_and_held_against_the_limit(
        #[case] percent: f64,
        #[case] is_missed: bool,
        #[case] is_held: bool,
    ) {
        // The ramp is slow, and is no part of the soak.
        let latency = |hours: f64| {
            if hours < 1.0 / 6.0 { 900.0 } else { 100.0 * (1.0 + percent / 100.0 * (hours - 1.0 / 6.0)) }
        };
        let (result, judged) = soaked(latency, 7_800, Some(10));
        let told = result.latency_growth_per_hour.unwrap();
        let estimate: f64 = told.estimate.trim_end_matches('%').parse().unwrap();
        assert!((estimate - percent).abs() < 1.5, "{told:?}");
        let first: f64 = result.first_latency.unwrap().trim_end_matches("ms").parse().unwrap();
        assert!((first - 100.0).abs() < 1.5, "{first}");
        let line = &judged[0].result;
        assert_eq!((!line.passed && !line.undecided, line.passed), (is_missed, is_held), "{line:?}");
        if is_missed {
            let said = judged[0].sentence();
            assert!(
                said.contains("p95 latency grew by") && said.ends_with("and may grow by 10%/h"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_soak_that_is_too_short_says_how_long_it_must_be() {
        // A wave as tall as what is to be told.
        let (_, judged) = soaked(|hours| 100.0 + 20.0 * (hours * 40.0).sin(), 1_500, Some(5));
        let line = &judged[0].result;
        assert!(line.undecided && !line.passed, "{line:?}");
        let said = judged[0].sentence();
        assert!(said.contains("let it last at least") && said.contains("h"), "{said}");
    }

    #[test]
    fn without_a_limit_growth_is_only_told() {
        let (result, judged) = soaked(|_| 100.0, 7_800, None);
        assert!(
            judged.is_empty() && result.expectations.is_empty() && result.latency_growth_per_hour.is_some()
        );
    }
}
