// SPDX-License-Identifier: Apache-2.0
//! The story of a run as one chart: what load was asked for and what came of it, above the same time axis as latency, errors and
//! replicas. Of a search, all of its probes one after the other.

mod course;
mod limits;
mod load;
mod marks;
mod observed;
mod prometheus;
mod readings;
mod replicas;

use jiff::Timestamp;
use upsurge_record::model::Record;

use self::course::Course;
pub(crate) use self::{
    course::Start,
    readings::{PodCourse, usage},
};
use crate::chart::{Chart, Stage};

/// Most workloads that have panes of their own. The page says so where there are more.
pub(crate) const MOST_WORKLOADS: usize = 4;

/// The story of a run.
pub(crate) fn story(record: &Record) -> Chart {
    let start = Start::of(record);
    let course = Course::of(record, start);
    let mut panes = load::panes(record, &course);
    panes.extend(replicas::panes(record, start));
    panes.extend(readings::panes(record, start));
    panes.extend(prometheus::panes(record, start));
    panes.retain(|pane| !pane.is_empty());
    let stages = stages(record, start);
    let ends = stages.iter().map(|stage| stage.to).chain(course.end());
    let watched = record.workloads.iter().map(|workload| start.seconds(workload.until));
    let points = panes.iter().filter_map(|pane| pane.seconds.last().copied());
    let to = ends.chain(watched).chain(points).fold(1.0, f64::max);
    let mut chart = Chart { from: 0.0, to, panes, stages, marks: marks::marks(record, start) };
    for pane in &mut chart.panes {
        clip(pane, to);
    }
    chart
}

/// The stages of the load, or the probes of a search.
fn stages(record: &Record, start: Start) -> Vec<Stage> {
    if let [epoch] = record.epochs.as_slice() {
        let offset = start.seconds(epoch.start_time);
        let mut stages: Vec<Stage> = epoch
            .plan
            .stages
            .iter()
            .map(|stage| Stage {
                name: stage.name.clone(),
                from: offset + stage.start_seconds,
                to: offset + stage.end_seconds(),
            })
            .filter(|stage| stage.from < offset + epoch.elapsed_seconds)
            .collect();
        // Several loads may have the same stages.
        stages.sort_by(|one, other| one.from.total_cmp(&other.from).then_with(|| one.name.cmp(&other.name)));
        stages.dedup_by(|one, other| one.name == other.name && one.from == other.from);
        return stages;
    }
    let probe = |epoch: &upsurge_record::model::Epoch| {
        let from = start.seconds(epoch.start_time);
        let level = epoch.result.as_ref().map(|result| match (&result.size, result.pinned_replicas) {
            // Its level is in users.
            (Some(size), _) => format!(": {size}"),
            (None, Some(1)) if record.scalability.is_some() => ": 1 replica".to_owned(),
            (None, Some(replicas)) if record.scalability.is_some() => format!(": {replicas} replicas"),
            (None, _) => format!(": {}/s", result.level),
        });
        Stage {
            name: format!("{}{}", epoch.number, level.unwrap_or_default()),
            from,
            to: from + epoch.elapsed_seconds,
        }
    };
    record.epochs.iter().map(probe).collect()
}

/// What is before the load began stands at its begin, as steps hold; what is behind the end is left out.
fn clip(pane: &mut crate::chart::Pane, to: f64) {
    let begin = pane.seconds.iter().rposition(|second| *second <= 0.0).unwrap_or_default();
    let end = pane.seconds.iter().rposition(|second| *second <= to).map_or(0, |index| index + 1);
    let end = end.max(begin);
    let keep = begin..end;
    pane.seconds = pane.seconds.get(keep.clone()).unwrap_or_default().to_vec();
    for line in &mut pane.lines {
        line.values = line.values.get(keep.clone()).unwrap_or_default().to_vec();
    }
    if let Some(first) = pane.seconds.first_mut() {
        *first = first.max(0.0);
    }
    // Steps hold until the end.
    let is_stepped = pane.lines.iter().all(|line| line.is_stepped);
    if is_stepped && pane.seconds.last().is_some_and(|last| *last < to) {
        pane.seconds.push(to);
        for line in &mut pane.lines {
            line.values.push(line.values.last().copied().flatten());
        }
    }
}

/// Seconds of an instant of a run, as its charts count them.
pub(crate) fn seconds(record: &Record, at: Timestamp) -> f64 {
    Start::of(record).seconds(at)
}
