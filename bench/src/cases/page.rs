// SPDX-License-Identifier: Apache-2.0
//! The page of a report in a real browser: how soon its charts are there beside a page of uPlot alone with the same points, how
//! long it keeps the browser busy at a time, and how much memory it takes. The test `speed` of `report` measures.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Bench, Name, records::script};
use crate::{
    number::{number, range},
    results::{Case, Goal},
    statistics::spread,
};

/// What the test writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    points: f64,
    page_bytes: f64,
    browser: String,
    rounds: Vec<Round>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Round {
    page_milliseconds: f64,
    bare_milliseconds: f64,
    longest_task_milliseconds: f64,
    heap_mebibytes: f64,
}

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let file = bench.directory.join("page.json");
    let status = Command::new(script())
        .args(["page", &bench.rounds.to_string()])
        .arg(&file)
        .status()
        .context("can't start bench/report")?;
    if !status.success() {
        bail!("the page could not be measured in a browser: see above");
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
    let figures: Figures = serde_json::from_str(&text)?;
    let how = format!(
        "The page of a played day with 64 pods ({} KiB, {} points in its charts) in headless Chromium, by its trace: from the start of the \
         navigation to the task behind the first frame with all charts; in each round a browser of its own, and another one for a page of \
         uPlot alone, with charts of the same size and the same points. Then a script moves the cursor over the whole run in 100 steps and \
         zooms 40 times, a step in each frame.",
        number((figures.page_bytes / 1024.0).round()),
        number(figures.points)
    );
    let mut case = bench.case(Name::Page, "The page of a report in a browser", how);
    case.notes.push(format!("The browser: {}.", figures.browser));
    fill(&mut case, &figures.rounds)?;
    Ok(case)
}

/// The table and the goals of some rounds.
fn fill(case: &mut Case, rounds: &[Round]) -> Result<()> {
    let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<f64>>();
    let (ours, bare) = (of(|round| round.page_milliseconds), of(|round| round.bare_milliseconds));
    let ratios: Vec<f64> = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    let (longest, heap) = (of(|round| round.longest_task_milliseconds), of(|round| round.heap_mebibytes));
    case.columns = ["figure", "value"].map(str::to_owned).into();
    for (what, values) in [
        ("all charts of the report drawn, ms", &ours),
        ("all charts of uPlot alone drawn, ms", &bare),
        ("longest task while cursor and zoom move, ms", &longest),
        ("JavaScript's heap, MiB", &heap),
    ] {
        let shown = spread(values).map_or_else(String::new, |values| range(&values));
        case.rows.push(vec![what.to_owned(), shown]);
    }
    case.goals.extend(Goal::new(
        "the page of a day: first complete chart, to uPlot alone",
        "×",
        3.0,
        &ratios,
    ));
    case.goals.extend(Goal::new("the page of a day: longest task", "ms", 200.0, &longest));
    case.goals.extend(Goal::new("the page of a day: JavaScript's heap", "MiB", 300.0, &heap));
    case.samples = serde_json::to_value(rounds)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Verdict;

    #[test]
    fn what_the_test_writes_is_compared_round_by_round() {
        let text = r#"{"points": 12000, "pageBytes": 900000, "browser": "HeadlessChrome/1", "rounds": [
            {"pageMilliseconds": 200, "bareMilliseconds": 100, "longestTaskMilliseconds": 250.5, "heapMebibytes": 20}]}"#;
        let figures: Figures = serde_json::from_str(text).unwrap();
        let mut case = Case::default();
        fill(&mut case, &figures.rounds).unwrap();
        let verdicts: Vec<Verdict> = case.goals.iter().map(|goal| case.verdict(goal)).collect();
        assert_eq!(verdicts, [Verdict::Met, Verdict::NotMet, Verdict::Met]);
        assert_eq!(case.goals[0].measured.median, 2.0);
        assert_eq!(case.rows.len(), 4);
    }
}
