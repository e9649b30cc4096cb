// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler read beside what it keeps that at, and what each pod used.

use std::collections::BTreeMap;

use serde_json::Value;
use upsurge_figures::observation::{Event, Reading, What};
use upsurge_record::model::{ObservedWorkload, Record};

use super::{MOST_WORKLOADS, Start};
use crate::{
    axis::Scale,
    chart::{Line, Pane, Role, Unit},
};

/// Most metrics of a workload that have a pane.
const MOST_METRICS: usize = 2;

/// A pane for each metric of each workload; of more than a few, the first ones.
pub(super) fn panes(record: &Record, start: Start) -> Vec<Pane> {
    let workloads = record.workloads.iter().take(MOST_WORKLOADS).enumerate();
    workloads
        .flat_map(|(index, workload)| {
            let metrics = metrics(workload).into_iter().take(MOST_METRICS).enumerate();
            metrics
                .map(|(number, metric)| {
                    pane(record, workload, &metric, format!("reading-{index}-{number}"), start)
                })
                .collect::<Vec<Pane>>()
        })
        .collect()
}

/// The metrics that an autoscaler has read, in its order.
fn metrics(workload: &ObservedWorkload) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for reading in workload.events.iter().flat_map(readings) {
        if !names.contains(&reading.metric) {
            names.push(reading.metric.clone());
        }
    }
    names
}

fn readings(event: &Event) -> &[Reading] {
    match &event.what {
        What::Scaling(scaling) => &scaling.readings,
        _ => &[],
    }
}

fn pane(record: &Record, workload: &ObservedWorkload, metric: &str, id: String, start: Start) -> Pane {
    let told: Vec<(f64, Option<&Reading>)> = workload
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Scaling(scaling) => {
                let own = scaling.readings.iter().find(|reading| reading.metric == metric);
                Some((start.seconds(event.seen), own))
            }
            What::AutoscalerGone => Some((start.seconds(event.seen), None)),
            _ => None,
        })
        .collect();
    let line = |name: &str, role: Role, of: fn(&Reading) -> Option<f64>| Line {
        name: name.to_owned(),
        role,
        is_stepped: true,
        values: told.iter().map(|(_, reading)| of((*reading)?)).collect(),
    };
    let lines = vec![
        line("read", Role::Used, |reading| reading.current),
        line("target", Role::Target, |reading| Some(reading.target)),
    ];
    let unit = if is_percent(record, &workload.name, metric) { Unit::Percent } else { Unit::Count };
    let highest =
        lines.iter().take(1).flat_map(|line| line.values.iter().flatten()).copied().reduce(f64::max);
    let target = told.iter().rev().find_map(|(_, reading)| Some((*reading)?.target));
    let finding = match (highest, target) {
        (Some(highest), Some(target)) => {
            format!("It read up to {}; its target is {}.", unit.value(highest), unit.value(target))
        }
        _ => String::new(),
    };
    Pane {
        id,
        title: format!("{metric}, as the autoscaler of {} read it", workload.name),
        unit,
        scale: Scale::Linear,
        finding,
        seconds: told.iter().map(|(second, _)| *second).collect(),
        lines,
        bands: Vec::new(),
        limits: Vec::new(),
        is_scaling: false,
    }
}

/// Whether the autoscaler keeps a resource at a share of what is asked for.
fn is_percent(record: &Record, workload: &str, metric: &str) -> bool {
    let known = record.environment.workloads.iter().find(|known| known.name == workload);
    let spec = known.and_then(|known| known.autoscaler.as_ref());
    let metrics = spec.and_then(|spec| spec.get("metrics")).and_then(Value::as_array);
    metrics.into_iter().flatten().any(|each| {
        ["resource", "containerResource"].into_iter().filter_map(|source| each.get(source)).any(|source| {
            let name = source.get("name").and_then(Value::as_str).unwrap_or_default();
            let type_ = source.pointer("/target/type").and_then(Value::as_str);
            metric.split(' ').next() == Some(name) && type_ == Some("Utilization")
        })
    })
}

/// What a pod used over time.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodCourse {
    /// Cores, by seconds.
    pub(crate) cpu: Vec<(f64, f64)>,
    /// Mebibytes, by seconds.
    pub(crate) memory: Vec<(f64, f64)>,
}

/// What each pod used, by the names of workload and pod.
pub(crate) fn usage(record: &Record) -> BTreeMap<(&str, &str), PodCourse> {
    let start = Start::of(record);
    let mut courses: BTreeMap<(&str, &str), PodCourse> = BTreeMap::new();
    for workload in &record.workloads {
        for event in &workload.events {
            let What::Usage { pods, .. } = &event.what else { continue };
            for pod in pods {
                let course = courses.entry((workload.name.as_str(), pod.pod.as_str())).or_default();
                let [cpu, memory] = pod.sum();
                let at = start.seconds(event.seen);
                course.cpu.push((at, cpu.used));
                course.memory.push((at, memory.used / f64::from(1 << 20)));
            }
        }
    }
    courses
}
