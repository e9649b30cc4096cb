// SPDX-License-Identifier: Apache-2.0
//! The report as Markdown.

use upsurge_report::markdown;

use crate::played;

#[test]
fn it_begins_with_the_verdict_and_has_the_figures_of_the_record() {
    let record = played::spike();
    let text = markdown(&record);
    assert!(text.starts_with("## ✗ Failed: `checkout-spike`\n"), "{text}");
    let summary = &record.epochs[0].figures.summary;
    let latency = &summary.latency;
    let row = format!(
        "| {} | {} | {} | {} | {} | {} | 1→4→1 |",
        summary.requests_per_second, summary.error_rate, latency.p50, latency.p95, latency.p99, latency.max
    );
    assert!(text.contains(&row), "{text}");
    assert!(text.contains("to change: let pods become ready sooner"), "{text}");
    let threshold = record.epochs[0].thresholds.iter().find(|one| !one.passed).unwrap();
    let row = format!("| ✗ | `http_req_duration{{stage:hold}}` | `p(95) < 250ms` | {} |", threshold.observed);
    assert!(text.contains(&row), "{text}");
    assert!(
        text.contains("| `checkout` | 1:34 | 2 → 4 | 29s | 0.6s | 0.5s | 3.9s | 27s | 0.4s | 4.6s | ready |"),
        "{text}"
    );
}

#[test]
fn a_test_of_scalability_has_a_table_of_its_counts_and_its_fits() {
    let text = markdown(&played::scalability());
    for told in [
        "| 1 | 20 | 40 | 1 | 1 | – | 3 | 0 |",
        "| 2 | 40 | 76 | 1.9 | 0.95 | 0.93 to 0.97 | 3 | 0 |",
        "- No Universal Scalability Law: a fit needs 3 different counts of replicas",
        "- Amdahl's law: serial share σ 0.053 (0.03 to 0.08), at most 18.9 times what one replica serves; R² 0.998",
        "- Read with care: FewPoints",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn a_test_of_sizes_has_a_table_of_them() {
    let text = markdown(&played::sizes());
    let row = "| large | 6 | 96 | 3.2 | 16 | 0.8 | 1 | 2 |";
    assert!(text.contains(row), "{text}");
    assert!(!text.contains("Universal"), "{text}");
}

#[test]
fn courses_are_rows_of_signs_of_equal_length() {
    let text = markdown(&played::spike());
    let block: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect();
    let courses: Vec<&str> = block
        .iter()
        .filter_map(|line| {
            let begin = line.find(|sign| ('▁'..='█').contains(&sign))?;
            line[begin..].split("  ").next()
        })
        .collect();
    assert!(courses.len() >= 5, "{block:?}");
    let replicas = block.iter().find(|line| line.starts_with("Replicas of Deployment/checkout")).unwrap();
    assert!(
        replicas.contains("▃▃") && replicas.contains("██") && replicas.ends_with("up to 4"),
        "{replicas}"
    );
}

#[test]
fn a_load_of_a_second_has_signs_from_its_begin_to_its_end() {
    let mut record = played::spike();
    let epoch = &mut record.epochs[0];
    (epoch.series.points, epoch.plan.stages) = (vec![epoch.series.points[0].clone()], Vec::new());
    epoch.elapsed_seconds = 1.0;
    (record.workloads, record.autoscaling) = (Vec::new(), None);
    let text = markdown(&record);
    let load = text.lines().find(|line| line.starts_with("load (started)")).unwrap();
    assert_eq!(load.matches('█').count(), 60, "{text}");
}
