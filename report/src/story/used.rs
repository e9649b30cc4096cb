// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of the pods of each workload over time: what they used on average, and the one that used most.

use upsurge_figures::observation::{Amount, Source, What};
use upsurge_record::model::{ObservedWorkload, Record};

use super::{MOST_WORKLOADS, Start};
use crate::{
    axis::Scale,
    chart::{Limit, Line, Pane, Role, Unit},
    words,
};

/// What a pod uses.
#[derive(Clone, Copy)]
struct Resource {
    /// Its name in the page.
    id: &'static str,
    /// What people call it.
    name: &'static str,
    /// In what it is counted here.
    unit: &'static str,
    /// How much of that is 1 of what was recorded.
    factor: f64,
    /// Its place in the sum of a pod.
    place: usize,
}

const RESOURCES: [Resource; 2] = [
    Resource { id: "cpu", name: "CPU", unit: "cores", factor: 1.0, place: 0 },
    Resource { id: "memory", name: "Memory", unit: "MiB", factor: 1.0 / 1_048_576.0, place: 1 },
];

/// Two panes for each workload of which something is known; of more than a few workloads, the first ones.
pub(super) fn panes(record: &Record, start: Start) -> Vec<Pane> {
    let workloads = record.workloads.iter().take(MOST_WORKLOADS).enumerate();
    workloads
        .flat_map(|(index, workload)| RESOURCES.map(|resource| pane(index, workload, resource, start)))
        .collect()
}

fn pane(index: usize, workload: &ObservedWorkload, resource: Resource, start: Start) -> Pane {
    let looks: Vec<(f64, Vec<Amount>)> = workload
        .events
        .iter()
        .filter_map(|event| {
            let amounts = match &event.what {
                What::Usage { pods, .. } => pods.iter().map(|pod| pod.sum()[resource.place]).collect(),
                // From here on nobody knows.
                What::Lost { source: Source::Usage, .. } => Vec::new(),
                _ => return None,
            };
            Some((start.seconds(event.seen), amounts))
        })
        .collect();
    let line = |name: &str, role: Role, of: &dyn Fn(&[Amount]) -> Option<f64>| Line {
        name: name.to_owned(),
        role,
        is_stepped: false,
        values: looks.iter().map(|(_, amounts)| Some(of(amounts)? * resource.factor)).collect(),
    };
    let used = |amounts: &[Amount]| amounts.iter().map(|amount| amount.used).collect::<Vec<f64>>();
    let lines = vec![
        line("mean of its pods", Role::Used, &|amounts| {
            let used = used(amounts);
            (!used.is_empty()).then(|| used.iter().sum::<f64>() / used.len() as f64)
        }),
        line("the pod with most", Role::Highest, &|amounts| used(amounts).into_iter().reduce(f64::max)),
    ];
    let limit = looks.iter().rev().flat_map(|(_, amounts)| amounts).find_map(|amount| amount.limit);
    let limit = limit.filter(|limit| *limit > 0.0).map(|limit| limit * resource.factor);
    let Resource { id, name, unit, .. } = resource;
    let most = lines[1].values.iter().flatten().copied().reduce(f64::max);
    let finding = most.map(|most| {
        let limit = limit.map(|limit| format!("; its limit is {}", words::significant(limit)));
        format!("A pod used up to {} {unit}{}.", words::significant(most), limit.unwrap_or_default())
    });
    Pane {
        id: format!("{id}-{index}"),
        title: format!("{name} of the pods of {}/{}, in {unit}", workload.kind, workload.name),
        unit: Unit::Count,
        scale: Scale::Linear,
        finding: finding.unwrap_or_default(),
        seconds: looks.iter().map(|(second, _)| *second).collect(),
        lines,
        bands: Vec::new(),
        limits: limit.map(|value| Limit { name: "limit of a pod".into(), value }).into_iter().collect(),
        is_scaling: false,
    }
}
