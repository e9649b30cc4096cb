// SPDX-License-Identifier: Apache-2.0
//! What pods used, and what was scarce.

use serde_json::{Value, json};
use upsurge_core::report::{Colours, Report, Told};
use upsurge_crds::v1alpha1::{
    Bottleneck, BottleneckResult, ExpectationResult, PrometheusSeriesResult, SoakResult, UsageFigures,
    UsageResult,
};

use super::with_report;

#[test]
fn what_pods_used_and_what_was_scarce_is_in_every_form() {
    let expectation = |name: &str, passed| ExpectationResult {
        name: name.into(),
        expected: "70% of the limit".into(),
        observed: "90%".into(),
        passed,
        undecided: false,
        message: (!passed).then(|| "pod checkout-1 used 90% of the CPU limit, and may use 70%".into()),
        basis: None,
    };
    let cpu = UsageFigures {
        mean: "0.5".into(),
        max: "0.9".into(),
        max_of_limit: Some("90%".into()),
        ..Default::default()
    };
    let whole = UsageResult {
        workload: "checkout".into(),
        pods: Some(1),
        cpu: Some(cpu.clone()),
        ..Default::default()
    };
    let one = UsageResult {
        pod: Some("checkout-1".into()),
        pods: None,
        restarts: 2,
        oom_kills: 1,
        ..whole.clone()
    };
    let soak = SoakResult {
        expectations: vec![expectation("maxLatencyGrowthPercentPerHour", true)],
        ..Default::default()
    };
    let bottleneck =
        BottleneckResult { name: Bottleneck::CPU, evidence: "pod checkout-1 used up to 90%".into() };
    let text = |text: &str| Some(text.to_owned());
    let connections = PrometheusSeriesResult {
        name: "database connections".into(),
        unit: text("open"),
        min: text("2"),
        mean: text("6"),
        max: text("9.8"),
        last: text("9"),
        message: None,
    };
    let lag = PrometheusSeriesResult { name: "lag".into(), message: text("no series"), ..Default::default() };
    let series = [connections, lag];
    with_report(|report| {
        let scarce = Told {
            usage: &[whole.clone(), one.clone()],
            expectations: &[expectation("CPU maxPercent", false)],
            soak: Some(&soak),
            bottleneck: Some(&bottleneck),
            series: &series,
        };
        let report = Report { scarce, ..*report };
        let text = report.text(Colours::Off);
        for line in [
            "  checkout, 1 pod: CPU 0.5 on average, 0.9 at most (90% of the limit)\n",
            "  pod checkout-1: CPU 0.5 on average, 0.9 at most (90% of the limit), 2 restarts (1 for lack of memory)\n",
            "  ✗ CPU maxPercent 70% of the limit: 90%: pod checkout-1 used 90% of the CPU limit, and may use 70%\n",
            "  ✓ maxLatencyGrowthPercentPerHour 70% of the limit: 90%\n",
            "  database connections: 2 to 9.8 open, 6 open on average, 9 open at the end\n",
            "  lag: not known\n",
            "  bottleneck: CPU (pod checkout-1 used up to 90%)\n",
        ] {
            assert!(text.contains(line), "{line:?} is missing in {text}");
        }
        let started = jiff::Timestamp::UNIX_EPOCH;
        let json: Value = serde_json::from_str(&report.json(started)).unwrap();
        assert_eq!(
            (&json["usage"][1]["pod"], &json["bottleneck"]["name"]),
            (&json!("checkout-1"), &json!("CPU"))
        );
        assert_eq!(json["usageExpectations"][0]["passed"], false);
        assert_eq!((&json["series"][0]["max"], &json["series"][1]["name"]), (&json!("9.8"), &json!("lag")));
        let junit = report.junit(started);
        assert!(
            junit.contains("CPU maxPercent") && junit.contains("maxLatencyGrowthPercentPerHour"),
            "{junit}"
        );
    });
    let text = with_report(|report| report.text(Colours::Off));
    assert!(!text.contains("\nusage\n"), "nobody watched: {text}");
}
