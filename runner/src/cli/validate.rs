//! `upsurge validate`.

use std::process::ExitCode;

use upsurge_crds::v1alpha1::TimeSpan;

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
    let unit = timeline.unit_name();
    let mut text = format!("LoadTest {} is valid.\n\n", manifest.name);
    text += &format!("target     {}\n", manifest.spec.target.base_url);
    text += &format!("load       {} over {}", peak(timeline.peak(), unit), TimeSpan(timeline.duration()));
    let planned: Vec<u64> =
        manifest.valid.loads.iter().filter_map(|load| Some(load.arrivals()?.total())).collect();
    if !planned.is_empty() {
        text += &format!(", {} iterations in all", planned.iter().sum::<u64>());
    }
    text += "\n";
    for stage in &timeline.stages {
        text += &format!(
            "  {:<16} {:>8} from {:>8}: {} → {} {unit}\n",
            stage.name,
            TimeSpan(stage.duration).to_string(),
            TimeSpan(stage.start).to_string(),
            stage.from,
            stage.to
        );
    }
    text += "scenarios\n";
    for scenario in &manifest.valid.scenarios.scenarios {
        let requests = upsurge_core::scenario::requests(&scenario.steps);
        text += &format!("  {} (weight {})\n", scenario.name, scenario.weight);
        requests.iter().for_each(|request| text += &format!("    {}\n", request.name));
    }
    for threshold in &manifest.spec.thresholds {
        text += &format!("threshold  {} {}\n", threshold.metric, threshold.condition);
    }
    text
}

fn peak(level: f64, unit: &str) -> String {
    format!("up to {level} {unit}")
}
