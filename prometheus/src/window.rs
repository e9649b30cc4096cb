// SPDX-License-Identifier: Apache-2.0
//! The time that a check or a series is about.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use upsurge_core::{plan::Timeline, series};
use upsurge_crds::v1alpha1::PrometheusCheck;

use crate::AskError;

/// Most values that are asked of one query.
const MOST_VALUES: i64 = 500;

/// Seconds since the Unix epoch, both included, and the seconds between values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

/// The window of a check of a load that lasted from `start` to `end`.
pub(crate) fn of(
    check: &PrometheusCheck,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
) -> Result<Window, AskError> {
    let (from, to) = match &check.stage {
        None => (start, end),
        Some(name) => {
            let stage = timeline.stage(name).ok_or_else(|| AskError::NoStage(name.clone()))?;
            // A time that is out of the calendar is after the end of the load in any case.
            let after = |time: Duration| {
                let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
                start.checked_add(time).unwrap_or(Timestamp::MAX)
            };
            (after(stage.start), after(stage.end()).min(end))
        }
    };
    if from > to {
        return Err(AskError::StageNotReached(check.stage.clone().unwrap_or_default()));
    }
    Ok(between(from, to, MOST_VALUES))
}

/// The window of a series: all of a load that lasted from `start` to `end`.
pub(crate) fn whole(start: Timestamp, end: Timestamp) -> Window {
    between(start, end.max(start), series::MOST_VALUES as i64)
}

/// A time in so wide steps that it has no more than so many values.
fn between(from: Timestamp, to: Timestamp, most: i64) -> Window {
    // Prometheus counts in whole seconds here: stay within the time.
    let first = from.as_second() + i64::from(from.subsec_nanosecond() > 0);
    let last = to.as_second().max(first);
    let step = (last - first) / most + 1;
    // The last value is of the end: how a load ended says more than its first seconds.
    Window { start: first + (last - first) % step, end: last, step }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_core::plan::Plan;
    use upsurge_crds::v1alpha1::Load;

    use super::*;

    fn timeline() -> Timeline {
        let load: Load = serde_json::from_value(json!({
            "unit": "Users",
            "spike": {"baseline": 1, "peak": 5, "warmUp": "10s", "hold": "20s", "recovery": "10s"},
        }))
        .unwrap();
        Plan::compile(&load, &[]).unwrap().timeline
    }

    fn check(stage: Option<&str>) -> PrometheusCheck {
        PrometheusCheck {
            name: "db p95".into(),
            query: "up".into(),
            stage: stage.map(Into::into),
            aggregate: "avg".into(),
            condition: "< 1".into(),
            tells: None,
        }
    }

    fn at(seconds: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds)
    }

    #[test]
    fn a_check_is_about_the_whole_load_or_its_stage_in_whole_seconds_within_it() {
        let window = |stage, end| of(&check(stage), &timeline(), at(1_000.5), at(end));
        assert_eq!(window(None, 1_041.2).unwrap(), Window { start: 1_001, end: 1_041, step: 1 });
        assert_eq!(window(Some("hold"), 1_041.2).unwrap(), Window { start: 1_011, end: 1_030, step: 1 });
        assert_eq!(window(Some("hold"), 1_015.9).unwrap(), Window { start: 1_011, end: 1_015, step: 1 });
        assert!(window(Some("recovery"), 1_015.9).unwrap_err().to_string().contains("ended before stage"));
        assert!(window(Some("no such"), 1_041.2).is_err());
    }

    #[test]
    fn long_loads_are_asked_for_in_wider_steps() {
        let window = of(&check(None), &timeline(), at(0.0), at(86_400.0)).unwrap();
        assert!((window.end - window.start) / window.step <= MOST_VALUES);
    }

    #[test]
    fn a_series_is_about_the_whole_load_in_at_most_250_values() {
        assert_eq!(whole(at(1_000.5), at(1_041.2)), Window { start: 1_001, end: 1_041, step: 1 });
        for seconds in [0, 1, 248, 249, 250, 251, 3_600, 2_592_000] {
            let Window { start, end, step } = whole(at(0.0), at(f64::from(seconds)));
            assert!((end - start) / step < series::MOST_VALUES as i64, "{seconds}");
        }
        assert_eq!(whole(at(9.0), at(5.0)), Window { start: 9, end: 9, step: 1 });
    }

    #[test]
    fn times_at_the_end_of_the_calendar_break_nothing() {
        assert!(of(&check(Some("hold")), &timeline(), Timestamp::MAX, Timestamp::MAX).is_ok());
        assert!(of(&check(None), &timeline(), Timestamp::MAX, Timestamp::MIN).is_err());
    }
}
