// SPDX-License-Identifier: Apache-2.0
//! Courses as rows of signs above one time axis, for where there are no pictures: a terminal, and summaries on GitHub and GitLab.

mod counts;
mod signs;

use std::{fmt::Write as _, time::Duration};

use upsurge_core::{
    plan::{Plan, Stage},
    report::printable,
    verdict::headline,
};
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{LoadUnit, ReplicaPoint},
};
use upsurge_record::model::Record;

use crate::{
    chart::{Chart, Pane, Unit},
    speedup, story, words,
};

/// Instants at which the load of a plan is looked at.
const INSTANTS: u32 = 1_200;

/// A course in a line: its name, its signs, and its highest value.
struct Row {
    name: String,
    signs: String,
    most: String,
}

/// The verdict of a run and its course as text for a terminal.
pub fn timeline(record: &Record) -> String {
    let outcome = &record.outcome;
    let verdict = headline(outcome.verdict, &outcome.reason, &outcome.message);
    let mut text = format!("{verdict}\n\n{}", of_chart(&story::story(record)));
    for sentence in speedup::sentences(record) {
        text += &format!("\n{sentence}\n");
    }
    if let Some(found) = &record.scalability {
        text += &counts::of(found);
    }
    printable(text)
}

/// The same of a run in a cluster, by its status: the load that was planned above the replicas that were wanted and served. `None` before it
/// has a verdict.
pub fn timeline_of_run(run: &LoadTestRun) -> Option<String> {
    let status = run.status.as_ref()?;
    let reason = status.reason.as_deref().unwrap_or_default();
    let verdict = headline(status.verdict?, reason, status.message.as_deref().unwrap_or_default());
    let stages = planned(run);
    let courses: Vec<(String, &[ReplicaPoint])> = match status.autoscaling.as_deref() {
        None => Vec::new(),
        Some(result) if result.workloads.len() > 1 => {
            let each = result.workloads.iter();
            each.map(|workload| (format!("{} ", workload.name), &workload.timeline[..])).collect()
        }
        Some(result) => vec![(String::new(), &result.timeline[..])],
    };
    let ends = stages.iter().map(|stage| stage.end().as_secs_f64());
    let lasts = courses.iter().filter_map(|(_, points)| Some(points.last()?.seconds));
    let to = ends.chain(lasts).fold(1.0, f64::max);
    let replicas = |name: String, points: &[ReplicaPoint], of: fn(&ReplicaPoint) -> i32| {
        let values: Vec<Option<f64>> = points.iter().map(|point| Some(f64::from(of(point)))).collect();
        let seconds: Vec<f64> = points.iter().map(|point| point.seconds.max(0.0)).collect();
        written_row(name, &seconds, &values, Unit::Count, to)
    };
    let of_courses = courses.iter().flat_map(|(whose, points)| {
        [
            replicas(format!("{whose}replicas (desired)"), points, |point| point.desired),
            replicas(format!("{whose}replicas (ready)"), points, |point| point.ready),
        ]
    });
    let rows: Vec<Row> = std::iter::once(load(&stages, to)).chain(of_courses).flatten().collect();
    let counts = status.scalability.as_deref().map(counts::of).unwrap_or_default();
    Some(printable(format!("{verdict}\n\n{}{counts}", written(&rows, to))))
}

/// The stages of a run's load that count the same as its first one.
fn planned(run: &LoadTestRun) -> Vec<Stage> {
    let Some(test) = run.spec.test.as_ref().and_then(|test| test.read().ok()) else { return Vec::new() };
    let scenarios: Vec<&str> =
        test.scenarios.iter().flatten().map(|scenario| scenario.name.as_str()).collect();
    let mut stages =
        Plan::compile(&test.load, &scenarios).map(|plan| plan.timeline.stages).unwrap_or_default();
    let unit = stages.first().map(|stage| stage.unit);
    stages.retain(|stage| Some(stage.unit) == unit);
    stages
}

fn load(stages: &[Stage], to: f64) -> Option<Row> {
    let (name, unit) = match stages.first()?.unit {
        LoadUnit::IterationsPerSecond => ("load (asked for)", Unit::PerSecond),
        LoadUnit::Users => ("users (asked for)", Unit::Count),
    };
    let seconds: Vec<f64> =
        (0..INSTANTS).map(|instant| to * f64::from(instant) / f64::from(INSTANTS)).collect();
    let level = |second: &f64| {
        let at = Duration::try_from_secs_f64(*second).unwrap_or_default();
        let mut under_way = stages.iter().filter(|stage| stage.start <= at && at < stage.end()).peekable();
        under_way.peek()?;
        Some(under_way.map(|stage| stage.level_at(at)).sum::<f64>())
    };
    let values: Vec<Option<f64>> = seconds.iter().map(level).collect();
    written_row(name.to_owned(), &seconds, &values, unit, to)
}

/// Each pane of a chart as a line of signs, with the time below; empty without any.
pub(crate) fn of_chart(chart: &Chart) -> String {
    let rows: Vec<Row> = chart.panes.iter().filter_map(|pane| of_pane(pane, chart.to)).collect();
    written(&rows, chart.to - chart.from)
}

/// The line of a pane that tells most: its last but those of what was asked for.
fn of_pane(pane: &Pane, to: f64) -> Option<Row> {
    let index = match pane.id.as_str() {
        "latency" => 1,
        id if id.starts_with("replicas") => 2,
        _ => pane.lines.iter().position(|line| line.name != "asked for")?,
    };
    let line = pane.lines.get(index)?;
    let name = match pane.id.as_str() {
        "load" | "users" | "throughput" | "latency" | "errors" => format!("{} ({})", pane.id, line.name),
        // Nothing in it may end a block of Markdown.
        _ => words::printable(&words::beginning(&pane.title, 40).unwrap_or_else(|| pane.title.clone()))
            .replace('`', "'"),
    };
    written_row(name, &starts(line.is_stepped, &pane.seconds), &line.values, pane.unit, to)
}

/// From when on each value holds. Those of a course stand in the middle of their times, so the first of them has begun earlier: a load of
/// a second would else be told of in its second half alone.
fn starts(is_stepped: bool, seconds: &[f64]) -> Vec<f64> {
    let mut starts = seconds.to_vec();
    if !is_stepped && let Some(first) = starts.first_mut() {
        let half = seconds.get(1).map_or(*first, |next| (next - *first) / 2.0);
        *first = (*first - half).max(0.0);
    }
    starts
}

fn written_row(name: String, seconds: &[f64], values: &[Option<f64>], unit: Unit, to: f64) -> Option<Row> {
    let highest = values.iter().flatten().copied().reduce(f64::max)?;
    let signs = signs::signs(seconds, values, to);
    Some(Row { name, signs, most: format!("up to {}", unit.value(highest)) })
}

fn written(rows: &[Row], length: f64) -> String {
    let mut text = String::new();
    let Some(widest) = rows.iter().map(|row| row.name.chars().count()).max() else { return text };
    // Writing to a text can't fail.
    for Row { name, signs, most } in rows {
        let _ = writeln!(text, "{name:<widest$}  {signs}  {most}");
    }
    let _ = writeln!(text, "{:<widest$}  {}", "", signs::ends("0:00", &words::duration(length)));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_crds::v1alpha1::WorkloadResult;

    use super::*;

    #[test]
    fn a_course_begins_where_its_first_second_does() {
        assert_eq!(starts(false, &[0.5, 1.5, 2.5]), [0.0, 1.5, 2.5]);
        assert_eq!(starts(false, &[8.5, 9.5]), [8.0, 9.5]);
        assert_eq!((starts(false, &[0.5]), starts(false, &[])), (vec![0.0], vec![]));
        assert_eq!(starts(true, &[4.0, 9.0]), [4.0, 9.0], "a step begins where it is told of");
    }

    #[test]
    fn the_load_of_a_run_in_a_cluster_stands_above_its_replicas() {
        let point = |seconds: f64, desired: i32, ready: i32| json!({"at": "2030-01-01T00:00:00Z", "seconds": seconds, "desired": desired, "current": ready, "ready": ready});
        let run: LoadTestRun = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "shop-g1"},
            "spec": {"loadTestRef": {"name": "shop"}, "test": {
                "target": {"baseURL": "http://shop:8080"},
                "scenarios": [{"name": "browse", "steps": [{"request": {"name": "item", "url": "/"}}]}],
                "load": {"unit": "IterationsPerSecond", "stages": [
                    {"name": "low", "duration": "30s", "target": 10, "jump": true}, {"name": "high", "duration": "30s", "target": 40, "jump": true},
                ]},
            }},
            "status": {
                "verdict": "Passed", "reason": "ThresholdsMet", "message": "all is well",
                "autoscaling": {
                    "replicas": "1→4→4", "startReplicas": 1, "peakReplicas": 4, "endReplicas": 4,
                    "timeline": [point(-3.0, 1, 1), point(30.0, 4, 1), point(45.0, 4, 4)],
                },
            },
        }))
        .unwrap();
        let text = timeline_of_run(&run).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [low, high] = ["▃".repeat(30), "█".repeat(30)];
        assert_eq!(lines[0], "Passed (ThresholdsMet): all is well");
        assert_eq!(lines[2], format!("load (asked for)    {low}{high}  up to 40/s"));
        assert_eq!(lines[3], format!("replicas (desired)  {low}{high}  up to 4"));
        let (before, after) = ("▃".repeat(45), "█".repeat(15));
        assert_eq!(lines[4], format!("replicas (ready)    {before}{after}  up to 4"));
        assert!(lines[5].ends_with("1 min") && lines.len() == 6, "{text}");
        let mut several = run.clone();
        let result = several.status.as_mut().unwrap().autoscaling.as_mut().unwrap();
        let timeline = std::mem::take(&mut result.timeline);
        result.workloads = ["gateway", "cart"]
            .map(|name| WorkloadResult {
                name: name.into(),
                timeline: timeline.clone(),
                ..WorkloadResult::default()
            })
            .into();
        let text = timeline_of_run(&several).unwrap();
        let names = [
            "gateway replicas (desired)",
            "gateway replicas (ready)",
            "cart replicas (desired)",
            "cart replicas (ready)",
        ];
        let rows: Vec<&str> = text.lines().skip(3).take(4).collect();
        assert!(rows.iter().zip(names).all(|(row, name)| row.starts_with(name)), "{text}");
        let mut unfinished = run;
        unfinished.status.as_mut().unwrap().verdict = None;
        assert_eq!(timeline_of_run(&unfinished), None);
    }
}
