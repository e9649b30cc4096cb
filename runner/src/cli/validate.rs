//! `upsurge validate`.

use std::process::ExitCode;

use upsurge_core::{
    plan::{LoadPlan, Work},
    results::decimal,
    scenario::ScenarioSet,
    thresholds::display_name,
};
use upsurge_crds::v1alpha1::{LoadUnit, TimeSpan};

use super::{
    arguments::ManifestArguments,
    exit,
    manifest::{self, Manifest},
};

/// Checks a manifest and prints what it will do.
pub(super) fn run(arguments: &ManifestArguments) -> ExitCode {
    match manifest::read(arguments, None) {
        Ok(manifest) => {
            manifest.notes.iter().for_each(|note| eprintln!("note: {note}"));
            print!("{}", describe(&manifest));
            ExitCode::SUCCESS
        }
        Err(error) => exit::error(error),
    }
}

fn describe(manifest: &Manifest) -> String {
    let timeline = &manifest.valid.timeline;
    let mut text = format!("LoadTest {} is valid.\n\n", manifest.name);
    text += &format!("target     {}\n", manifest.spec.target.base_url);
    text += &format!(
        "load       up to {} {} over {}",
        decimal(timeline.peak(), 3),
        timeline.unit_name(),
        TimeSpan(timeline.duration())
    );
    let planned: Vec<u64> = manifest.valid.loads.iter().filter_map(iterations).collect();
    if !planned.is_empty() {
        text += &format!(", {} iterations in all", planned.iter().sum::<u64>());
    }
    text += "\n";
    let several = manifest.valid.loads.len() > 1;
    for load in &manifest.valid.loads {
        describe_load(load, several, &manifest.valid.scenarios, &mut text);
    }
    text += "scenarios\n";
    for scenario in &manifest.valid.scenarios.scenarios {
        let requests = upsurge_core::scenario::requests(&scenario.steps);
        text += &format!("  {} (weight {})\n", scenario.name, scenario.weight);
        requests.iter().for_each(|request| text += &format!("    {}\n", request.name));
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

/// The stages of a load, below its name if there are several.
fn describe_load(load: &LoadPlan, several: bool, scenarios: &ScenarioSet, text: &mut String) {
    if several {
        let scenario = load.scenario.and_then(|index| scenarios.scenarios.get(index));
        let scenario = scenario.map(|scenario| format!(", does {}", scenario.name)).unwrap_or_default();
        *text += &format!("  {}: up to {} users{scenario}\n", load.name, load.most_users());
    }
    for stage in &load.stages {
        let unit = match stage.unit {
            LoadUnit::Users => "users",
            LoadUnit::IterationsPerSecond => "iterations/s",
        };
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

/// Iterations of a load whose number is known before.
fn iterations(load: &LoadPlan) -> Option<u64> {
    match load.work {
        Work::SharedIterations { iterations, .. } => Some(iterations),
        Work::IterationsPerUser { users, iterations } => Some(users.saturating_mul(iterations)),
        _ => Some(load.arrivals()?.total()),
    }
}
