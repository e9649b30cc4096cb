// SPDX-License-Identifier: Apache-2.0
//! Series of a Prometheus server over a load: what was answered, the figures that are told of it, and whether one was full.
//!
//! Pure, and without a verdict: a series that nobody answered is a gap with a name, and nothing else.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use upsurge_crds::v1alpha1::{
    AutoscalingResult, PrometheusSeries, PrometheusSeriesResult, StressResult, Verdict,
};

use crate::{checks::number, outcome::Outcome};

/// Most values of a series.
pub const MOST_VALUES: usize = 250;
/// Longest time between two values, in seconds: more than a load of 30 days needs.
const LONGEST_STEP: i64 = 86_400;
/// So many values in a row at the limit are no chance.
const OFTEN: usize = 2;

/// What a Prometheus server said to one series, in the order of `spec.prometheus.series`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SeriesAnswer {
    /// The values over time.
    Course(Course),
    /// Why there are none.
    Problem(String),
}

/// Values over time, each as long after the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    /// Time of the first value, in seconds since the Unix epoch.
    pub start: i64,
    /// Seconds from a value to the next one.
    pub step: i64,
    /// The values, all finite, to six digits; `None` where the server had none.
    #[serde(deserialize_with = "few")]
    pub values: Vec<Option<f64>>,
}

impl Course {
    /// From the points that a server gave, each a time in seconds and a value: what is not at one of these times, or not a finite
    /// number, is left out.
    pub fn of([start, end]: [i64; 2], step: i64, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let step = step.max(1);
        let count = usize::try_from(end.saturating_sub(start) / step).unwrap_or_default();
        let mut values = vec![None; count.saturating_add(1).min(MOST_VALUES)];
        for (time, value) in points {
            let place = ((time - start as f64) / step as f64).round();
            if place < 0.0 || !value.is_finite() {
                continue;
            }
            if let Some(known) = values.get_mut(place as usize) {
                *known = rounded(value);
            }
        }
        Self { start, step, values }
    }

    /// The same within bounds, of somebody who may say anything.
    pub fn bounded(&self) -> Self {
        let values = self.values.iter().take(MOST_VALUES);
        Self {
            // A time of the calendar.
            start: self.start.clamp(0, 1 << 37),
            step: self.step.clamp(1, LONGEST_STEP),
            values: values.map(|value| value.filter(|value| value.is_finite())).collect(),
        }
    }
}

/// Reads no more than there may be: of some who send them, nobody knows how many they send.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Option<f64>>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<Option<f64>>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(formatter, "at most {MOST_VALUES} values")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = sequence.next_element()? {
                if values.len() == MOST_VALUES {
                    return Err(de::Error::invalid_length(MOST_VALUES + 1, &self));
                }
                values.push(value);
            }
            Ok(values)
        }
    }
    deserializer.deserialize_seq(Few)
}

/// Six digits, as the figures have: more would only make records larger.
fn rounded(value: f64) -> Option<f64> {
    format!("{value:.5e}").parse().ok()
}

/// The values of an answer; none, if there are none.
pub fn values(answer: &SeriesAnswer) -> &[Option<f64>] {
    match answer {
        SeriesAnswer::Course(course) => &course.values,
        SeriesAnswer::Problem(_) => &[],
    }
}

/// The figures of values, or that there are none.
pub fn figures(name: &str, unit: Option<&str>, values: &[Option<f64>]) -> PrometheusSeriesResult {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let told = |value: Option<f64>| value.map(number);
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    PrometheusSeriesResult {
        name: name.to_owned(),
        unit: unit.map(str::to_owned),
        min: told(known.iter().copied().reduce(f64::min)),
        mean: told(Some(mean).filter(|_| !known.is_empty())),
        max: told(known.iter().copied().reduce(f64::max)),
        last: told(known.last().copied()),
        message: known.is_empty().then(|| "the query gave no values in the time of the load".to_owned()),
    }
}

/// What is told of a series.
pub fn result(series: &PrometheusSeries, answer: &SeriesAnswer) -> PrometheusSeriesResult {
    let figures = figures(&series.name, series.unit.as_deref(), values(answer));
    match answer {
        SeriesAnswer::Course(_) => figures,
        SeriesAnswer::Problem(why) => PrometheusSeriesResult { message: Some(why.clone()), ..figures },
    }
}

/// The warning that nothing is known of a series.
pub fn gap(result: &PrometheusSeriesResult) -> Option<String> {
    let why = result.message.as_ref()?;
    Some(format!("nothing is known of series {:?} of spec.prometheus: {why}", result.name))
}

/// Whether the target was under more than it could serve: it failed what was asked of it, a staircase broke it, or something kept it
/// from growing. Only then is what was full a bottleneck.
pub fn is_strained(
    outcome: &Outcome,
    autoscaling: Option<&AutoscalingResult>,
    stress: Option<&StressResult>,
) -> bool {
    outcome.verdict == Verdict::Failed
        || autoscaling.is_some_and(|autoscaling| autoscaling.limited_by.is_some())
        || stress.is_some_and(|stress| stress.breaking_point.is_some())
}

/// How much of its time a series was full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Full {
    /// Values at the limit or above it.
    pub(crate) full: usize,
    /// All values.
    pub(crate) known: usize,
    /// The highest.
    pub(crate) most: f64,
}

impl Full {
    /// Of a series that stayed at its limit; `None` if it didn't.
    pub(crate) fn of(limit: f64, values: &[Option<f64>]) -> Option<Self> {
        let is_full = |value: &Option<f64>| value.is_some_and(|value| value >= limit);
        let longest = values.split(|value| !is_full(value)).map(<[_]>::len).max().unwrap_or_default();
        (longest >= OFTEN).then(|| Self {
            full: values.iter().filter(|value| is_full(value)).count(),
            known: values.iter().flatten().count(),
            most: values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// Its share of the time.
    pub(crate) fn share(&self) -> f64 {
        self.full as f64 / self.known.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn series() -> PrometheusSeries {
        serde_json::from_value(
            json!({"name": "connections", "query": "q", "unit": "open", "saturatedAt": 10}),
        )
        .unwrap()
    }

    #[test]
    fn points_find_their_places_and_what_is_no_number_is_a_gap() {
        let points = [
            (100.0, 1.0),
            (104.0, f64::NAN),
            (106.0, 1.0 / 3.0),
            (90.0, 7.0),
            (300.0, 7.0),
            (108.0, f64::INFINITY),
        ];
        let course = Course::of([100, 109], 2, points);
        assert_eq!(course.values, [Some(1.0), None, None, Some(0.333_333), None]);
        assert_eq!(Course::of([5, 4], 0, []).values, [None], "a load of no time");
        assert_eq!(Course::of([0, 1 << 40], 1, []).values.len(), MOST_VALUES);
    }

    #[test]
    fn figures_are_those_of_the_values_that_there_are() {
        let course = Course::of([0, 4], 1, [(0.0, 4.0), (1.0, 1.0), (3.0, 10.0)]);
        let told = result(&series(), &SeriesAnswer::Course(course));
        let figures = [&told.min, &told.mean, &told.max, &told.last].map(|figure| figure.as_deref());
        assert_eq!(figures, [Some("1"), Some("5"), Some("10"), Some("10")]);
        assert_eq!((told.unit.as_deref(), &told.message, gap(&told)), (Some("open"), &None, None));
    }

    #[rstest]
    #[case::problem(SeriesAnswer::Problem("the connection was refused".into()), "the connection was refused")]
    #[case::empty(SeriesAnswer::Course(Course::of([0, 9], 1, [])), "no values")]
    fn a_series_without_values_is_a_gap_with_a_name(#[case] answer: SeriesAnswer, #[case] why: &str) {
        let told = result(&series(), &answer);
        assert_eq!((&told.min, &told.mean, &told.max, &told.last), (&None, &None, &None, &None));
        let gap = gap(&told).unwrap();
        assert!(gap.contains("\"connections\"") && gap.contains(why), "{gap}");
    }

    #[test]
    fn what_a_runner_says_is_kept_within_bounds() {
        let wild = Course { start: i64::MIN, step: i64::MAX, values: vec![Some(f64::NAN); 10_000] };
        let Course { start, step, values } = wild.bounded();
        assert_eq!((start, step, values), (0, LONGEST_STEP, vec![None; MOST_VALUES]));
    }

    #[rstest]
    #[case::stays(&[Some(9.0), Some(10.0), Some(11.0), Some(3.0)], Some((2, 4, 11.0)))]
    #[case::touches(&[Some(9.0), Some(10.0), Some(9.0), Some(10.0)], None)]
    #[case::gap(&[Some(10.0), None, Some(10.0)], None)]
    #[case::below(&[Some(9.9), Some(9.9)], None)]
    #[case::nothing(&[], None)]
    fn a_series_is_full_if_it_stays_at_its_limit(
        #[case] values: &[Option<f64>],
        #[case] expected: Option<(usize, usize, f64)>,
    ) {
        let full = Full::of(10.0, values);
        assert_eq!(full.map(|full| (full.full, full.known, full.most)), expected);
    }

    #[test]
    fn an_answer_survives_json() {
        let answer = SeriesAnswer::Course(Course::of([0, 2], 1, [(0.0, 1.5)]));
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(text, r#"{"course":{"start":0,"step":1,"values":[1.5,null,null]}}"#);
        assert_eq!(serde_json::from_str::<SeriesAnswer>(&text).unwrap(), answer);
        let many = format!(r#"{{"course":{{"start":0,"step":1,"values":[{}1]}}}}"#, "1,".repeat(MOST_VALUES));
        assert!(serde_json::from_str::<SeriesAnswer>(&many).unwrap_err().to_string().contains("at most 250"));
    }
}
