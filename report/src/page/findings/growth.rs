// SPDX-License-Identifier: Apache-2.0
//! The picture of a test of scalability. What is drawn are the record's own figures, and the laws with them put in.

use upsurge_crds::v1alpha1::{CountResult, ScalabilityResult};

use crate::{
    markup::Markup,
    svg::{self, Law, Mean, Scaling},
};

/// Points of a curve.
const STEPS: u32 = 60;

/// Draws it, if there is more than one count to draw.
pub(super) fn write(found: &ScalabilityResult, html: &mut Markup) {
    let Some(drawn) = drawn(found) else { return };
    let finding = finding(found);
    html.tag("figure").with(|html| {
        html.tag("figcaption").text(&finding);
        let scroll = html.tag("div").class("scroll").set("role", "region").set("tabindex", 0);
        scroll.set("aria-label", "Curve of scalability").with(|html| {
            svg::scaling(html, &drawn, &format!("Throughput over replicas. {finding}"));
        });
    });
}

fn finding(found: &ScalabilityResult) -> String {
    let most = found.counts.iter().rev().find_map(|count| Some((count.replicas, count.speedup.as_ref()?)));
    let most = most
        .map(|(replicas, times)| format!("{replicas} replicas served {times} times what the fewest did. "));
    let doubts = match found.doubts.is_empty() {
        true => String::new(),
        false => format!(" The fits are to be read with care: {}.", found.doubts.join(", ")),
    };
    format!(
        "{}Lines through measured counts are 95 % intervals of their efficiency.{doubts}",
        most.unwrap_or_default()
    )
}

/// What is drawn; `None` of fewer than two counts.
fn drawn(found: &ScalabilityResult) -> Option<Scaling> {
    let counts = found.counts.iter().filter(|count| count.replicas > 0);
    let known: Vec<(f64, f64, &CountResult)> = counts.filter_map(known).collect();
    let [(fewest, least, _), .., (most, ..)] = known[..] else { return None };
    let of_one = least / fewest;
    let means = known.iter().map(|(replicas, throughput, count)| {
        let interval = count.efficiency_interval.as_ref().and_then(|interval| {
            let at = |end: &String| Some(number(Some(end))? * of_one * replicas);
            Some((at(&interval.low)?, at(&interval.high)?))
        });
        Mean { replicas: *replicas, throughput: *throughput, interval }
    });
    let mut laws = vec![Law {
        name: "linear",
        class: "asked",
        dashes: Some("7 4"),
        points: vec![(fewest, least), (most, of_one * most)],
    }];
    let along = |law: &dyn Fn(f64) -> f64| {
        let step = |step: u32| fewest + (most - fewest) * f64::from(step) / f64::from(STEPS);
        (0..=STEPS).map(step).map(|replicas| (replicas, law(replicas))).collect::<Vec<_>>()
    };
    if let Some((alpha, beta, gamma)) = usl(found) {
        let points = along(&|n| gamma * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0)));
        laws.push(Law { name: "USL", class: "ready", dashes: None, points });
    }
    if let Some((sigma, gamma)) = amdahl(found) {
        let points = along(&|n| gamma * n / (1.0 + sigma * (n - 1.0)));
        laws.push(Law { name: "Amdahl", class: "demand", dashes: Some("2 3"), points });
    }
    Some(Scaling { means: means.collect(), laws })
}

/// Replicas and throughput of a count that has both.
fn known(count: &CountResult) -> Option<(f64, f64, &CountResult)> {
    Some((f64::from(count.replicas), number(count.throughput.as_ref())?, count))
}

/// α, β and γ.
fn usl(found: &ScalabilityResult) -> Option<(f64, f64, f64)> {
    let fit = found.usl.as_ref()?;
    let [alpha, beta, gamma] =
        [&fit.contention, &fit.coherency, &fit.single].map(|figure| number(Some(&figure.estimate)));
    Some((alpha?, beta?, gamma?))
}

/// σ and γ.
fn amdahl(found: &ScalabilityResult) -> Option<(f64, f64)> {
    let fit = found.amdahl.as_ref()?;
    Some((number(Some(&fit.serial.estimate))?, number(Some(&fit.single.estimate))?))
}

/// A figure as a number. A record may come from anybody.
fn number(figure: Option<&String>) -> Option<f64> {
    figure?.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found() -> ScalabilityResult {
        let count = |replicas: i32, throughput: &str| {
            json!({"replicas": replicas, "users": 1, "passed": 3, "failed": 0, "inconclusive": 0, "throughput": throughput,
                "efficiencyInterval": {"low": "0.9", "high": "1"}})
        };
        let fitted = |estimate: &str| json!({"estimate": estimate, "low": "0", "high": "100"});
        serde_json::from_value(json!({
            "counts": [count(1, "20"), count(4, "60")],
            "usl": {"contention": fitted("0.1"), "coherency": fitted("0.01"), "single": fitted("20"), "linearUntil": 2,
                "rSquared": "0.99"},
            "doubts": ["FewPoints"],
        }))
        .unwrap()
    }

    #[test]
    fn points_are_the_records_and_lines_are_the_laws() {
        let drawn = drawn(&found()).unwrap();
        assert_eq!((drawn.means[1].replicas, drawn.means[1].throughput), (4.0, 60.0));
        let (low, high) = drawn.means[1].interval.unwrap();
        assert!((low - 72.0).abs() < 1e-9 && (high - 80.0).abs() < 1e-9);
        assert_eq!(drawn.laws.iter().map(|law| law.name).collect::<Vec<_>>(), ["linear", "USL"]);
        assert_eq!(drawn.laws[0].points, [(1.0, 20.0), (4.0, 80.0)]);
        let (replicas, throughput) = drawn.laws[1].points[60];
        assert!((replicas - 4.0).abs() < 1e-9 && (throughput - 80.0 / 1.42).abs() < 1e-9, "{throughput}");
        assert!(finding(&found()).contains("FewPoints"));
    }

    #[test]
    fn without_two_counts_there_is_nothing_to_draw() {
        let mut one = found();
        one.counts[1].throughput = None;
        assert!(drawn(&one).is_none());
        one.counts[1].throughput = Some("NaN".into());
        assert!(drawn(&one).is_none() && drawn(&ScalabilityResult::default()).is_none());
    }
}
