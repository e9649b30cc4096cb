// SPDX-License-Identifier: Apache-2.0
//! The outcome as JUnit XML, which CI systems read and show.
//!
//! Thresholds, expectations on the autoscaler, Prometheus checks and the verdict pass or fail. Checks of responses
//! decide nothing by themselves, so one that did not always hold is told as skipped: the file has a failure or an
//! error exactly when the run did not pass.

mod cases;

use std::time::Duration;

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use quick_junit::{Property, TestSuite};
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{
        AutoscalingResult, CheckCount, ExpectationResult, PrometheusCheckResult, RunSummary, ThresholdResult,
    },
};

use super::{
    Report,
    counted::{began, lasted},
    printable,
};
use crate::{findings::Findings, http::without_login, verdict::Outcome};

/// What is told of a judged run, wherever that is known from: a run that has just ended, a status, or a record.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// Name of the test or the run.
    pub name: &'a str,
    /// Base URL of the target. A login in it is not written.
    pub target: &'a str,
    /// When the load started.
    pub started: Timestamp,
    /// How long it lasted.
    pub elapsed: Duration,
    /// The verdict.
    pub outcome: Outcome,
    /// Figures of the whole load, if there are any.
    pub summary: Option<&'a RunSummary>,
    /// Thresholds with what was observed.
    pub thresholds: &'a [ThresholdResult],
    /// What came of what only some tests ask for.
    pub findings: &'a Findings,
    /// What the autoscaler did, if somebody observed it.
    pub autoscaling: Option<&'a AutoscalingResult>,
    /// What is asked of usage.
    pub usage: &'a [ExpectationResult],
    /// What is asked of a soak.
    pub soak: &'a [ExpectationResult],
    /// Prometheus checks.
    pub prometheus: &'a [PrometheusCheckResult],
    /// Checks of responses.
    pub checks: &'a [CheckCount],
    /// Parts of the test that could not be judged, each with the reason.
    pub not_judged: &'a [String],
    /// What went wrong beside the load.
    pub warnings: &'a [String],
    /// What somebody has noted about the run.
    pub notes: &'a [String],
}

impl Judged<'_> {
    /// All of it as XML.
    pub fn render(&self) -> String {
        render(self)
    }
}

/// A run that was made from a process of its own.
pub(super) fn of_report(report: &Report<'_>, started: Timestamp) -> String {
    render(&Judged {
        name: report.name,
        target: &report.test.target.base_url,
        started: began(report, started),
        elapsed: lasted(report),
        outcome: report.outcome.clone(),
        summary: Some(&report.figures.summary),
        thresholds: report.thresholds,
        findings: report.findings,
        autoscaling: report.autoscaling,
        usage: report.scarce.expectations,
        soak: report.scarce.soak.map_or(&[], |soak| soak.expectations.as_slice()),
        prometheus: &[],
        checks: &report.figures.expectations,
        not_judged: report.not_judged,
        warnings: report.warnings,
        notes: &[],
    })
}

/// A run in a cluster, from its status; `None` before it has a verdict.
pub(super) fn of_run(run: &LoadTestRun) -> Option<String> {
    let status = run.status.as_ref()?;
    let outcome = Outcome {
        verdict: status.verdict?,
        reason: status.reason.clone().unwrap_or_default(),
        message: status.message.clone().unwrap_or_default(),
    };
    let instant = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    let created = instant(&run.metadata.creation_timestamp).unwrap_or_default();
    let started = instant(&status.start_time).unwrap_or(created);
    let ended = instant(&status.completion_time).unwrap_or(started);
    let test = run.spec.test.as_ref().and_then(|test| test.read().ok());
    let findings = Findings {
        stress: status.stress.as_deref().cloned(),
        spikes: status.spikes.clone(),
        verification: status.verification.clone(),
    };
    Some(render(&Judged {
        name: run.metadata.name.as_deref().unwrap_or(&run.spec.load_test_ref.name),
        target: test.as_ref().map_or("", |test| test.target.base_url.as_str()),
        started,
        elapsed: Duration::try_from(ended.duration_since(started)).unwrap_or_default(),
        outcome,
        summary: status.summary.as_deref(),
        thresholds: &status.thresholds,
        findings: &findings,
        autoscaling: status.autoscaling.as_deref(),
        usage: &status.usage_expectations,
        soak: status.soak.as_ref().map_or(&[], |soak| &soak.expectations),
        prometheus: &status.checks,
        checks: &status.expectations,
        not_judged: &[],
        warnings: &status.warnings,
        notes: &[],
    }))
}

fn render(judged: &Judged<'_>) -> String {
    let mut suite = TestSuite::new(judged.name);
    suite.set_time(judged.elapsed);
    // ISO 8601 without a zone, as the schema wants it; the crate's own would have one.
    let started = judged.started.to_zoned(TimeZone::UTC);
    let started = strtime::format("%Y-%m-%dT%H:%M:%S", &started).unwrap_or_default();
    suite.extra.insert("timestamp".into(), started.into());
    suite.add_properties(properties(judged).into_iter().map(|(name, value)| Property::new(name, value)));
    suite.add_test_cases(cases::of(judged));
    let mut report = quick_junit::Report::new(judged.name);
    report.set_time(judged.elapsed);
    report.add_test_suite(suite);
    let text = report.to_string();
    let text = text.unwrap_or_else(|error| unreachable!("writing to a text can't fail: {error}"));
    printable(text)
}

fn properties(judged: &Judged<'_>) -> Vec<(&'static str, String)> {
    let mut properties = vec![("target", without_login(judged.target).into_owned())];
    if let Some(summary) = judged.summary {
        properties.extend([
            ("requests", summary.requests.to_string()),
            ("requestsPerSecond", summary.requests_per_second.clone()),
            ("errorRate", summary.error_rate.clone()),
            ("iterations", summary.iterations.unwrap_or_default().to_string()),
            ("droppedIterations", summary.dropped_iterations.unwrap_or_default().to_string()),
            ("latencyP50", summary.latency.p50.clone()),
            ("latencyP95", summary.latency.p95.clone()),
            ("latencyP99", summary.latency.p99.clone()),
        ]);
    }
    properties.extend(judged.autoscaling.map(|autoscaling| ("replicas", autoscaling.replicas.clone())));
    let limit = judged.autoscaling.and_then(|autoscaling| autoscaling.limited_by.clone());
    properties.extend(limit.map(|limit| ("limitedBy", limit)));
    properties.extend(judged.notes.iter().map(|note| ("note", note.clone())));
    properties
}

#[cfg(test)]
mod tests {
    use upsurge_crds::v1alpha1::Verdict;

    use super::*;
    use crate::findings::NO_FINDINGS;

    #[test]
    fn whatever_a_name_holds_the_document_stays_whole() {
        let name = "a<b> & \"c\" 'd'\n\u{1b}[31m\u{1}e\u{ffff}\u{fffe}";
        let text = render(&Judged {
            name,
            target: name,
            started: Timestamp::UNIX_EPOCH,
            elapsed: Duration::from_millis(1_500),
            outcome: Outcome { verdict: Verdict::Failed, reason: "Because".into(), message: name.into() },
            summary: None,
            thresholds: &[],
            findings: &NO_FINDINGS,
            autoscaling: None,
            usage: &[],
            soak: &[],
            prometheus: &[],
            checks: &[],
            not_judged: &[],
            warnings: &[name.to_owned()],
            notes: &[],
        });
        let document = roxmltree::Document::parse(&text).unwrap();
        // What XML has no way to write is left out, and a line's end is read as a space in attributes.
        let kept = "a<b> & \"c\" 'd' e\u{fffd}\u{fffd}";
        let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        let attributes = ["name", "tests", "failures", "errors", "skipped", "time", "timestamp"];
        assert_eq!(
            attributes.map(|name| suite.attribute(name).unwrap()),
            [kept, "2", "1", "0", "1", "1.500", "1970-01-01T00:00:00"]
        );
        let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
        assert_eq!(
            (failure.attribute("message"), failure.attribute("type"), failure.text()),
            (Some(kept), Some("Because"), Some("a<b> & \"c\" 'd'\ne\u{fffd}\u{fffd}"))
        );
        let property = document.descendants().find(|node| node.has_tag_name("property")).unwrap();
        assert_eq!((property.attribute("name"), property.attribute("value")), (Some("target"), Some(kept)));
    }
}
