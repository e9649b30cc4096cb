// SPDX-License-Identifier: Apache-2.0
//! What Prometheus showed beside the load: a pane for each series, with the line from which on it is full. One that nobody answered has
//! none; that is among the warnings.

use upsurge_record::model::{ObservedSeries, Record};

use super::Start;
use crate::{
    axis::Scale,
    chart::{Limit, Line, Pane, Role, Unit},
};

/// The panes, in the order of the test.
pub(super) fn panes(record: &Record, start: Start) -> Vec<Pane> {
    let series = record.prometheus_series.iter().enumerate();
    series.map(|(index, one)| pane(one, format!("series-{index}"), start)).collect()
}

fn pane(series: &ObservedSeries, id: String, start: Start) -> Pane {
    let figures = &series.figures;
    let known =
        series.values.iter().enumerate().filter_map(|(index, value)| Some((series.at(index)?, *value)));
    let (seconds, values) = known.map(|(at, value)| (start.seconds(at), value)).unzip();
    let title = match &figures.unit {
        Some(unit) => format!("{} ({unit})", figures.name),
        None => figures.name.clone(),
    };
    Pane {
        id,
        title,
        unit: Unit::Count,
        scale: Scale::Linear,
        finding: finding(series),
        seconds,
        lines: vec![Line { name: figures.name.clone(), role: Role::Used, is_stepped: false, values }],
        bands: Vec::new(),
        limits: series.saturated_at.map(|value| Limit { name: "full".into(), value }).into_iter().collect(),
        is_scaling: false,
    }
}

fn finding(series: &ObservedSeries) -> String {
    let figures = &series.figures;
    let (Some(min), Some(mean), Some(max)) = (&figures.min, &figures.mean, &figures.max) else {
        return String::new();
    };
    let full = series.saturated_at.map(|limit| format!(" It is full at {}.", Unit::Count.value(limit)));
    format!("From {min} to {max}, {mean} on average.{}", full.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use upsurge_record::disk::decode;

    use super::*;
    use crate::story::story;

    #[test]
    fn each_series_that_was_answered_has_a_pane_with_its_limit_and_its_gaps() {
        let record = decode(include_bytes!("../../../record/tests/fixtures/record-1.1.json.gz")).unwrap();
        let chart = story(&record);
        let panes: Vec<&Pane> = chart.panes.iter().filter(|pane| pane.id.starts_with("series-")).collect();
        let [pane] = &panes[..] else { panic!("{panes:?}") };
        assert_eq!((pane.id.as_str(), pane.title.as_str()), ("series-0", "database connections (open)"));
        assert_eq!(pane.finding, "From 2 to 9.8, 6 on average. It is full at 9.5.");
        assert_eq!((pane.limits[0].value, pane.seconds.len()), (9.5, pane.lines[0].values.len()));
        assert!(pane.lines[0].values.contains(&Some(9.8)) && pane.lines[0].values.contains(&None));
    }
}
