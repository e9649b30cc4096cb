// SPDX-License-Identifier: Apache-2.0
//! Replicas of each workload: what the autoscaler wanted, what existed, what served, and what the load asked for.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingResult, Quantity};
use upsurge_figures::observation::Levels;
use upsurge_record::model::{ObservedWorkload, Record};

use super::{MOST_WORKLOADS, Start, observed};
use crate::{
    axis::Scale,
    chart::{Limit, Line, Pane, Role, Unit},
};

/// A pane for each workload; of more than a few, the first ones.
pub(super) fn panes(record: &Record, start: Start) -> Vec<Pane> {
    if record.workloads.is_empty() {
        return record.autoscaling.iter().map(of_status).collect();
    }
    let workloads = record.workloads.iter().take(MOST_WORKLOADS).enumerate();
    workloads.map(|(index, workload)| of_events(record, index, workload, start)).collect()
}

fn of_events(record: &Record, index: usize, workload: &ObservedWorkload, start: Start) -> Pane {
    let levels = observed::levels(workload);
    let capacity = capacity(record, &workload.name);
    let line = |name: &str, role: Role, of: &dyn Fn(&Levels) -> Option<f64>| Line {
        name: name.to_owned(),
        role,
        is_stepped: true,
        values: levels.iter().map(|(_, levels)| of(levels)).collect(),
    };
    let mut lines = vec![
        line("desired", Role::Desired, &|levels| levels.desired.or(levels.asked).map(f64::from)),
        line("existing", Role::Current, &|levels| levels.existing.map(f64::from)),
        line("ready", Role::Ready, &|levels| levels.serving.or(levels.ready).map(f64::from)),
    ];
    if let Some(capacity) = capacity {
        let needed =
            line("needed", Role::Demand, &|levels| Some((levels.load? / capacity - 1e-9).ceil().max(0.0)));
        if needed.values.iter().any(Option::is_some) {
            lines.push(needed);
        }
    }
    let most = levels.iter().rev().find_map(|(_, levels)| levels.bounds).map(|(_, most)| most);
    let seconds = levels.iter().map(|(at, _): &(Timestamp, Levels)| start.seconds(*at)).collect();
    let finding = finding(record.autoscaling.as_ref().filter(|_| record.workloads.len() == 1));
    let title = format!("Replicas of {}/{}", workload.kind, workload.name);
    let mut pane = pane(index, title, seconds, lines, finding);
    pane.limits =
        most.map(|most| Limit { name: "maxReplicas".into(), value: f64::from(most) }).into_iter().collect();
    pane
}

/// Without events there still is the timeline that a status has.
fn of_status(result: &AutoscalingResult) -> Pane {
    let line = |name: &str, role: Role, of: fn(&upsurge_crds::v1alpha1::ReplicaPoint) -> i32| Line {
        name: name.to_owned(),
        role,
        is_stepped: true,
        values: result.timeline.iter().map(|point| Some(f64::from(of(point)))).collect(),
    };
    let lines = vec![
        line("desired", Role::Desired, |point| point.desired),
        line("existing", Role::Current, |point| point.current),
        line("ready", Role::Ready, |point| point.ready),
    ];
    let seconds = result.timeline.iter().map(|point| point.seconds).collect();
    pane(0, "Replicas".to_owned(), seconds, lines, finding(Some(result)))
}

fn pane(index: usize, title: String, seconds: Vec<f64>, lines: Vec<Line>, finding: String) -> Pane {
    Pane {
        id: format!("replicas-{index}"),
        title,
        unit: Unit::Count,
        scale: Scale::Linear,
        finding,
        seconds,
        lines,
        bands: Vec::new(),
        limits: Vec::new(),
        is_scaling: true,
    }
}

fn finding(result: Option<&AutoscalingResult>) -> String {
    let Some(result) = result else { return String::new() };
    let limited =
        result.limited_by.as_ref().map(|limit| format!("; what held scaling back longest was {limit}"));
    format!("Ready replicas at start, peak and end: {}{}.", result.replicas, limited.unwrap_or_default())
}

/// What a replica serves, as the test says.
fn capacity(record: &Record, name: &str) -> Option<f64> {
    let test = record.test.read().ok()?;
    let workload = test.target.workloads.iter().find(|workload| workload.name == name)?;
    workload.capacity_per_replica.map(Quantity::as_f64).filter(|capacity| *capacity > 0.0)
}
