// SPDX-License-Identifier: Apache-2.0
//! What a test will do, in words.

mod surroundings;
mod target;

use std::borrow::Cow;

use upsurge_core::{
    epochs::{Epochs, Next},
    http::without_login,
    plan::{LoadPlan, Plan, Timeline, Work, unit_name},
    results::decimal,
    scenario::ScenarioSet,
    thresholds::display_name,
};
use upsurge_crds::v1alpha1::{SizesLoad, TimeSpan};

use crate::cli::manifest::Manifest;

/// What a test will do, in full.
pub(super) fn whole(manifest: &Manifest) -> String {
    let loads = loads(manifest);
    let mut text = format!("LoadTest {} is valid.\n\n", manifest.name);
    text += &format!("target     {}\n", without_login(&manifest.spec.target.base_url));
    text += &target::workloads(&manifest.spec);
    text += &format!("load       {}", load(manifest));
    // A sum of only some loads would say nothing, and how many a search takes nobody knows.
    let compares = manifest.spec.load.scalability.is_some();
    let has_sizes = sizes(manifest).is_some();
    let is_search = manifest.spec.load.capacity.is_some() || compares;
    let planned = loads.iter().map(iterations).sum::<Option<u64>>();
    if let Some(planned) = planned.filter(|_| !is_search) {
        text += &format!(", {planned} iterations in all");
    }
    text += "\n";
    let several = loads.len() > 1;
    if has_sizes {
        text += "  the first measurement; the others have other sizes of pods, and the same users:\n";
    } else if compares {
        text += "  the first measurement; the others have other counts of replicas, and as many users for each of them:\n";
    } else if is_search {
        text += "  the first probe; how it ends decides on the level of the next one:\n";
    }
    for load in &*loads {
        describe_load(load, several, &manifest.valid.scenarios, &mut text);
    }
    text += &surroundings::around(manifest);
    text += "scenarios\n";
    for scenario in &manifest.valid.scenarios.scenarios {
        text += &format!("  {} (weight {})\n", scenario.name, scenario.weight);
        for (steps, when) in scenario.phases().into_iter().zip(["    on start: ", "    ", "    on stop: "]) {
            let requests = upsurge_core::scenario::requests(steps);
            requests.iter().for_each(|request| text += &format!("{when}{}\n", request.name));
        }
    }
    for metric in &manifest.spec.metrics {
        let description = metric.description.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        text += &format!("metric     {} ({:?}){description}\n", metric.name, metric.type_);
    }
    for threshold in &manifest.spec.thresholds {
        let aborts = if threshold.abort_on_fail { ", or the run stops" } else { "" };
        text += &format!("threshold  {} {}{aborts}\n", display_name(threshold), threshold.condition);
    }
    text
}

/// The loads that are shown: of a search or a test of scalability those of its first probe, as its spec has no levels but the bounds.
fn loads(manifest: &Manifest) -> Cow<'_, [LoadPlan]> {
    first_probe(manifest).map_or(Cow::Borrowed(&manifest.valid.loads[..]), Cow::Owned)
}

fn first_probe(manifest: &Manifest) -> Option<Vec<LoadPlan>> {
    let epochs = Epochs::of(&manifest.spec.load).ok().filter(Epochs::are_several)?;
    let Next::Epoch(first) = epochs.decide(&[]) else { return None };
    let scenarios = manifest.valid.scenarios.scenarios.iter();
    let names: Vec<&str> = scenarios.map(|scenario| scenario.name.as_str()).collect();
    Plan::compile(&epochs.test(&manifest.spec, &first).load, &names).ok().map(|plan| plan.loads)
}

/// The sizes of pods that are compared.
fn sizes(manifest: &Manifest) -> Option<&SizesLoad> {
    manifest.spec.load.scalability.as_ref()?.sizes.as_ref()
}

/// The whole load in a few words.
pub(super) fn load(manifest: &Manifest) -> String {
    let timeline = &manifest.valid.timeline;
    if let Some(counts) = manifest.spec.load.scalability.as_ref().and_then(|asked| asked.replicas.as_ref()) {
        let (users, repeats, each) =
            (counts.level_per_replica, counts.repeats(), TimeSpan(timeline.duration()));
        let listed: Vec<String> = counts.counts.iter().map(ToString::to_string).collect();
        return format!(
            "{} replicas with {users} users each, {repeats} measurements of each count by {each}; the operator sets the replicas",
            listed.join(", ")
        );
    }
    if let Some(asked) = sizes(manifest) {
        let (users, repeats, each) = (asked.level, asked.repeats(), TimeSpan(timeline.duration()));
        let names: Vec<&str> = asked.sizes.iter().map(|size| size.name.as_str()).collect();
        return format!(
            "{} with {users} users, {repeats} measurements of each size by {each}; the operator sets the size of pods",
            names.join(", ")
        );
    }
    if let Some(capacity) = &manifest.spec.load.capacity {
        let (from, to, within) = (capacity.from, capacity.to, capacity.within());
        let each = TimeSpan(timeline.duration());
        if let Some(rate) = capacity.rate {
            return format!(
                "a search from {from} to {to} replicas at {rate} iterations/s, by probes of {each} each; the operator sets the replicas"
            );
        }
        return format!("a search from {from} to {to} iterations/s to {within} %, by probes of {each} each");
    }
    format!("up to {} over {}", timeline.in_words(Timeline::peak, 3), TimeSpan(timeline.duration()))
}

/// The stages of a load, below its name if there are several.
fn describe_load(load: &LoadPlan, several: bool, scenarios: &ScenarioSet, text: &mut String) {
    if several {
        let scenario = load.scenario.and_then(|index| scenarios.scenarios.get(index));
        let scenario = scenario.map(|scenario| format!(", does {}", scenario.name)).unwrap_or_default();
        let iterations = iterations(load).map(|count| format!(", {count} iterations")).unwrap_or_default();
        *text += &format!("  {}: {}{iterations}{scenario}\n", load.name, most(load));
    }
    for stage in &load.stages {
        let unit = unit_name(stage.unit);
        *text += &format!(
            "  {:<16} {:>8} from {:>8}: ",
            stage.name,
            TimeSpan(stage.duration).to_string(),
            TimeSpan(stage.start).to_string()
        );
        *text += &match load.work {
            Work::SharedIterations { users, iterations } => {
                format!("{iterations} iterations shared by {users} users, at the longest\n")
            }
            Work::IterationsPerUser { users, iterations } => {
                format!("{iterations} iterations by each of {users} users, at the longest\n")
            }
            _ => format!("{} → {} {unit}\n", decimal(stage.from, 3), decimal(stage.to, 3)),
        };
    }
}

/// The highest level of a load, in its own unit.
fn most(load: &LoadPlan) -> String {
    let users = load.most_users();
    match load.work {
        Work::Arrivals { .. } => {
            let stages = load.stages.clone();
            let peak = Timeline { stages, graceful_stop: load.graceful_stop }.in_words(Timeline::peak, 3);
            format!("up to {peak} by up to {users} users")
        }
        _ => format!("up to {users} users"),
    }
}

/// Iterations of a load whose number is known before.
fn iterations(load: &LoadPlan) -> Option<u64> {
    match load.work {
        Work::SharedIterations { iterations, .. } => Some(iterations),
        Work::IterationsPerUser { users, iterations } => Some(users.saturating_mul(iterations)),
        _ => Some(load.arrivals()?.total()),
    }
}
