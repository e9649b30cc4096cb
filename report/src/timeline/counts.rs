// SPDX-License-Identifier: Apache-2.0
//! What more replicas have brought, as a table for a terminal with both laws below it.

use upsurge_crds::v1alpha1::{CountResult, ScalabilityResult};

use crate::laws;

/// An empty line, the table, and a line for each law, each doubt and each reason.
pub(super) fn of(found: &ScalabilityResult) -> String {
    let head = ["replicas", "requests/s", "efficiency", "95 % interval"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(found.counts.iter().map(row)).collect();
    let mut text = String::from("\n");
    for [replicas, throughput, efficiency, interval] in &rows {
        let line = format!("{replicas:>8}  {throughput:>10}  {efficiency:>10}  {interval}");
        text += &format!("{}\n", line.trim_end());
    }
    for sentence in laws::fits(found) {
        text += &format!("{sentence}\n");
    }
    text
}

fn row(count: &CountResult) -> [String; 4] {
    let told = |figure: Option<&String>| figure.map_or_else(|| "–".to_owned(), String::clone);
    let interval = count.efficiency_interval.as_ref();
    let interval = interval.map(|interval| format!("{} to {}", interval.low, interval.high));
    [
        count.replicas.to_string(),
        told(count.throughput.as_ref()),
        told(count.efficiency.as_ref()),
        interval.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_rows_and_laws_are_sentences() {
        let found: ScalabilityResult = serde_json::from_value(json!({
            "counts": [
                {"replicas": 1, "users": 20, "passed": 2, "failed": 0, "inconclusive": 0, "throughput": "20.01", "efficiency": "1"},
                {"replicas": 12, "users": 240, "passed": 2, "failed": 0, "inconclusive": 0, "throughput": "180",
                    "efficiency": "0.7496", "efficiencyInterval": {"low": "0.74", "high": "0.76"}},
                {"replicas": 20, "users": 400, "passed": 0, "failed": 2, "inconclusive": 0},
            ],
            "unfitted": "there are too few counts",
            "doubts": ["FewPoints"],
        }))
        .unwrap();
        let expected = [
            "",
            "replicas  requests/s  efficiency  95 % interval",
            "       1       20.01           1",
            "      12         180      0.7496  0.74 to 0.76",
            "      20           –           –",
            "No Universal Scalability Law: there are too few counts",
            "Read with care: FewPoints",
        ];
        assert_eq!(of(&found).lines().collect::<Vec<_>>(), expected);
    }
}
