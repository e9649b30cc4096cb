// SPDX-License-Identifier: Apache-2.0
//! Replicas of each workload: what the autoscaler wanted, what existed, what served, and what the load asked for.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingResult, Quantity, ReplicaPoint, WorkloadResult};
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
        return record.autoscaling.iter().flat_map(of_status).collect();
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
    let finding = match &record.autoscaling {
        // Of one of which nothing was seen there are no events.
        Some(result) if result.workloads.len() > 1 => {
            result.workloads.iter().find(|own| own.name == workload.name).map(of_its_own).unwrap_or_default()
        }
        result => finding(result.as_ref()),
    };
    let title = format!("Replicas of {}/{}", workload.kind, workload.name);
    let mut pane = pane(index, title, seconds, lines, finding);
    pane.limits =
        most.map(|most| Limit { name: "maxReplicas".into(), value: f64::from(most) }).into_iter().collect();
    pane
}

/// Without events there still is the timeline that a status has: of one workload, or of each of several.
fn of_status(result: &AutoscalingResult) -> Vec<Pane> {
    if result.workloads.len() < 2 {
        return vec![of_points(0, "Replicas".to_owned(), &result.timeline, finding(Some(result)))];
    }
    let each = result.workloads.iter().take(MOST_WORKLOADS).enumerate();
    each.map(|(index, own)| {
        let title = format!("Replicas of {}/{}", own.kind, own.name);
        of_points(index, title, &own.timeline, of_its_own(own))
    })
    .collect()
}

fn of_points(index: usize, title: String, points: &[ReplicaPoint], finding: String) -> Pane {
    let line = |name: &str, role: Role, of: fn(&ReplicaPoint) -> i32| Line {
        name: name.to_owned(),
        role,
        is_stepped: true,
        values: points.iter().map(|point| Some(f64::from(of(point)))).collect(),
    };
    let lines = vec![
        line("desired", Role::Desired, |point| point.desired),
        line("existing", Role::Current, |point| point.current),
        line("ready", Role::Ready, |point| point.ready),
    ];
    let seconds = points.iter().map(|point| point.seconds).collect();
    pane(index, title, seconds, lines, finding)
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
    result.map(|result| in_words(&result.replicas, result.limited_by.as_ref())).unwrap_or_default()
}

/// The same of one of several workloads.
fn of_its_own(workload: &WorkloadResult) -> String {
    let limit = workload.limited_by.as_ref().filter(|limit| *limit != "None");
    workload.replicas.as_ref().map(|replicas| in_words(replicas, limit)).unwrap_or_default()
}

fn in_words(replicas: &str, limit: Option<&String>) -> String {
    let limited = limit.map(|limit| format!("; what held scaling back longest was {limit}"));
    format!("Ready replicas at start, peak and end: {replicas}{}.", limited.unwrap_or_default())
}

/// What a replica serves, as the test says.
fn capacity(record: &Record, name: &str) -> Option<f64> {
    let test = record.test.read().ok()?;
    let workload = test.target.workloads.iter().find(|workload| workload.name == name)?;
    workload.capacity_per_replica.map(Quantity::as_f64).filter(|capacity| *capacity > 0.0)
}
