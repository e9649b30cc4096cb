// SPDX-License-Identifier: Apache-2.0
//! A case as text.

use crate::{
    number::number,
    results::{Case, Verdict},
};

/// Prints a case: its table, then what was measured beside its goal.
pub fn print(case: &Case) {
    println!("\n{}", case.title);
    let widths: Vec<usize> = (0..case.columns.len())
        .map(|column| {
            let cells = case.rows.iter().filter_map(|row| row.get(column)).chain(case.columns.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in std::iter::once(&case.columns).chain(&case.rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(index, (cell, width))| match index {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("  {}", cells.join("  ").trim_end());
    }
    for goal in &case.goals {
        let verdict = match case.verdict(goal) {
            Verdict::Met => "met",
            Verdict::NotToldApart => "not told apart",
            Verdict::NotMet => "NOT MET",
            Verdict::NotTried => "not tried at this size",
        };
        let (measured, limit, unit) = (goal.shown(), number(goal.limit), &goal.unit);
        println!("  {}: {measured} {unit}, goal ≤ {limit} {unit}: {verdict}", goal.what);
    }
    let versions: Vec<String> =
        case.tools.iter().map(|(tool, version)| format!("{tool} {version}")).collect();
    println!("  {}", versions.join(", "));
    for note in &case.notes {
        println!("  {note}");
    }
    for (tool, reason) in &case.skipped {
        println!("  without {tool}: {reason}");
    }
}
