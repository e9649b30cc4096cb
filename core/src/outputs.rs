// SPDX-License-Identifier: Apache-2.0
//! How the servers fare that runners push figures to (`spec.outputs`): what a runner tells of them, and what the status
//! makes of that. Nothing in here has a say in the verdict.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{OutputResult, OutputSpec};

use crate::format::LONGEST_WORDS;

/// Most series that a runner pushes to a server; what comes beyond them is pushed as [`OTHER`].
pub const MOST_SERIES: usize = 2_000;
/// Name, in place of a request's, of what is not told apart.
pub const OTHER: &str = "other";

/// Longest time that a runner leaves its outputs to hand on what they have, after its load.
pub const FLUSH_TIME: Duration = Duration::from_secs(5);
/// Time beyond that until it has said so.
const TELLING: Duration = Duration::from_secs(5);

/// How much later the last word of a runner may come because of outputs that take nothing. No deadline may be missed by that:
/// it would change the verdict.
pub fn delay(outputs: &[OutputSpec]) -> Duration {
    if outputs.is_empty() { Duration::ZERO } else { FLUSH_TIME + TELLING }
}

/// How an output of a runner fares: counts since the start of the load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputReport {
    /// Samples that the server took.
    pub delivered: u64,
    /// Samples that it did not take in time.
    pub lost: u64,
    /// Series that are not told apart.
    pub others: u64,
    /// The first thing that went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl OutputReport {
    /// The same with words of bounded length.
    pub fn bounded(self) -> Self {
        let problem = self.problem.map(|words| words.chars().take(LONGEST_WORDS).collect());
        Self { problem, ..self }
    }
}

/// What the status says of each output, from what each runner has told last; nothing before a runner has told something.
/// `is_over` says that nothing more will come.
pub fn results(outputs: &[OutputSpec], runners: &[&[OutputReport]], is_over: bool) -> Vec<OutputResult> {
    if !is_over && runners.iter().all(|reports| reports.is_empty()) {
        return Vec::new();
    }
    outputs.iter().enumerate().map(|(index, output)| result(&output.name, index, runners, is_over)).collect()
}

fn result(name: &str, index: usize, runners: &[&[OutputReport]], is_over: bool) -> OutputResult {
    let reports = || runners.iter().filter_map(|reports| reports.get(index));
    let sum = |count: fn(&OutputReport) -> u64| {
        let sum = reports().map(count).fold(0, u64::saturating_add);
        i64::try_from(sum).unwrap_or(i64::MAX)
    };
    let others = sum(|report| report.others);
    OutputResult {
        name: name.to_owned(),
        delivered_samples: sum(|report| report.delivered),
        lost_samples: sum(|report| report.lost),
        other_series: (others > 0).then_some(others),
        message: message(index, runners, others, is_over),
    }
}

fn message(index: usize, runners: &[&[OutputReport]], others: i64, is_over: bool) -> Option<String> {
    let told = runners.iter().enumerate();
    let problems = told.filter_map(|(runner, reports)| Some((runner, reports.get(index)?.problem.as_ref()?)));
    let problems: Vec<_> = problems.collect();
    let first = problems.first().map(|(runner, problem)| match problems.len() - 1 {
        0 => format!("runner {runner}: {problem}"),
        1 => format!("runner {runner}: {problem}; 1 more runner had trouble with it"),
        more => format!("runner {runner}: {problem}; {more} more runners had trouble with it"),
    });
    let silent = runners.iter().filter(|reports| reports.get(index).is_none()).count();
    let silent = (is_over && silent > 0).then(|| {
        format!("{silent} of {} runners ended without telling what became of their figures", runners.len())
    });
    let crowded = (others > 0).then(|| {
        format!(
            "{others} series beyond the {MOST_SERIES} of a runner are not told apart: they are in the series {OTHER:?} of \
             their metric"
        )
    });
    let parts: Vec<String> = [first, silent, crowded].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outputs() -> Vec<OutputSpec> {
        serde_json::from_value(json!([
            {"name": "metrics", "prometheusRemoteWrite": {"url": "http://p:9090/api/v1/write"}},
            {"name": "telemetry", "otlp": {"endpoint": "http://otel:4318"}},
        ]))
        .unwrap()
    }

    fn report(delivered: u64, lost: u64, problem: Option<&str>) -> OutputReport {
        OutputReport { delivered, lost, others: 0, problem: problem.map(str::to_owned) }
    }

    #[test]
    fn counts_of_all_runners_add_up_and_the_first_trouble_is_told_with_its_runner() {
        let well = report(100, 0, None);
        let runners = [
            vec![well.clone(), report(90, 10, Some("it answered 503"))],
            vec![well.clone(), well.clone()],
            vec![OutputReport { others: 7, ..well.clone() }, report(0, 100, Some("refused"))],
        ];
        let runners: Vec<&[OutputReport]> = runners.iter().map(Vec::as_slice).collect();
        let results = results(&outputs(), &runners, true);
        assert_eq!((results[0].delivered_samples, results[0].lost_samples), (300, 0));
        assert_eq!(results[0].other_series, Some(7));
        assert!(results[0].message.as_ref().unwrap().starts_with("7 series beyond the 2000 of a runner"));
        assert_eq!((results[1].delivered_samples, results[1].lost_samples), (190, 110));
        assert_eq!(
            results[1].message.as_deref(),
            Some("runner 0: it answered 503; 1 more runner had trouble with it")
        );
    }

    #[test]
    fn who_ended_without_a_word_is_told_at_the_end_only() {
        let told = [report(5, 0, None), report(5, 0, None)];
        let runners: [&[OutputReport]; 2] = [&told, &[]];
        assert_eq!(results(&outputs(), &runners, false)[0].message, None);
        let ended = results(&outputs(), &runners, true);
        assert_eq!(
            ended[1].message.as_deref(),
            Some("1 of 2 runners ended without telling what became of their figures")
        );
        assert!(results(&outputs(), &[&[], &[]], false).is_empty());
        assert!(results(&[], &runners, true).is_empty());
    }

    #[test]
    fn counts_that_are_made_up_overflow_nothing() {
        let report = report(u64::MAX, u64::MAX, Some(&"x".repeat(5_000))).bounded();
        assert_eq!(report.problem.as_ref().unwrap().len(), LONGEST_WORDS);
        let reports = [report];
        let result = &results(&outputs()[..1], &[&reports, &reports], true)[0];
        assert_eq!((result.delivered_samples, result.lost_samples), (i64::MAX, i64::MAX));
    }
}
